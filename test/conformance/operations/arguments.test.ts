import { join } from "node:path"
import { setTimeout as delay } from "node:timers/promises"
import { describe, expect, it } from "@effect/vitest"
import { Effect, ManagedRuntime } from "effect"
import { Aio, AioDirectory, AioFile } from "effect-aio"
import { backends } from "../../support/backends.ts"

const bytes = new Uint8Array(8)
/** For what TypeScript would refuse: JavaScript does not. */
const any = (value: unknown): never => value as never

type Bad = readonly [what: string, argument: string, operation: Effect.Effect<unknown, unknown, Aio.Aio>]

const badDescriptors: ReadonlyArray<unknown> = [
  -1,
  1.5,
  Number.NaN,
  Infinity,
  2 ** 31,
  2 ** 53,
  "3",
  3n,
  null,
  undefined,
  {}
]
const badOffsets: ReadonlyArray<unknown> = [
  -1,
  0.5,
  Number.NaN,
  Infinity,
  -Infinity,
  2 ** 53,
  2 ** 63,
  1e300,
  -1n,
  2n ** 63n,
  "0",
  null,
  true
]
const badPaths: ReadonlyArray<unknown> = [
  "with\0NUL",
  "\0",
  "lone \ud800 surrogate",
  "\udc00",
  Uint8Array.from([0x61, 0, 0x62]),
  5,
  null,
  undefined,
  {},
  new ArrayBuffer(3),
  ["path"]
]
const badBuffers: ReadonlyArray<unknown> = [null, undefined, "text", 5, [1, 2], {}, new ArrayBuffer(4)]

const ofDescriptors = badDescriptors.flatMap(
  (fd): ReadonlyArray<Bad> => [
    [`read ${String(fd)}`, "fd", Aio.read(any(fd), bytes)],
    [`write ${String(fd)}`, "fd", Aio.write(any(fd), bytes)],
    [`readv ${String(fd)}`, "fd", Aio.readv(any(fd), [bytes])],
    [`writev ${String(fd)}`, "fd", Aio.writev(any(fd), [bytes])],
    [`close ${String(fd)}`, "fd", Aio.close(any(fd))],
    [`fsync ${String(fd)}`, "fd", Aio.fsync(any(fd))],
    [`fdatasync ${String(fd)}`, "fd", Aio.fdatasync(any(fd))],
    [`fstat ${String(fd)}`, "fd", Aio.fstat(any(fd))],
    [`ftruncate ${String(fd)}`, "fd", Aio.ftruncate(any(fd))],
    [`fallocate ${String(fd)}`, "fd", Aio.fallocate(any(fd), { length: 1 })],
    [`fadvise ${String(fd)}`, "fd", Aio.fadvise(any(fd), "normal")],
    [`readahead ${String(fd)}`, "fd", Aio.readahead(any(fd), { length: 1 })],
    [`readdir ${String(fd)}`, "fd", Aio.readdir(any(fd))],
    [`copyFileRange from ${String(fd)}`, "fd", Aio.copyFileRange(any(fd), 1, { length: 1 })],
    [`copyFileRange to ${String(fd)}`, "to", Aio.copyFileRange(0, any(fd), { length: 1 })],
    [`pollFd ${String(fd)}`, "fd", Aio.pollFd(any(fd), { readable: true })],
    [`flock ${String(fd)}`, "fd", Aio.flock(any(fd), "shared", { wait: false })],
    [`lockRange ${String(fd)}`, "fd", Aio.lockRange(any(fd), "shared", { wait: false })],
    [`lockHolder ${String(fd)}`, "fd", Aio.lockHolder(any(fd), "shared")]
  ]
)

const ofOffsets = badOffsets.flatMap(
  (offset): ReadonlyArray<Bad> => [
    [`read at ${String(offset)}`, "offset", Aio.read(0, bytes, { offset: any(offset) })],
    [`write at ${String(offset)}`, "offset", Aio.write(1, bytes, { offset: any(offset) })],
    [`readv at ${String(offset)}`, "offset", Aio.readv(0, [bytes], { offset: any(offset) })],
    [`writev at ${String(offset)}`, "offset", Aio.writev(1, [bytes], { offset: any(offset) })],
    [`ftruncate to ${String(offset)}`, "length", Aio.ftruncate(0, any(offset))],
    [`truncate to ${String(offset)}`, "length", Aio.truncate("x", any(offset))],
    [`fallocate at ${String(offset)}`, "offset", Aio.fallocate(0, { offset: any(offset), length: 1 })],
    [`fallocate of ${String(offset)}`, "length", Aio.fallocate(0, { length: any(offset) })],
    [`fadvise at ${String(offset)}`, "offset", Aio.fadvise(0, "normal", { offset: any(offset) })],
    [`fadvise of ${String(offset)}`, "length", Aio.fadvise(0, "normal", { length: any(offset) })],
    [`readahead at ${String(offset)}`, "offset", Aio.readahead(0, { offset: any(offset), length: 1 })],
    [`copyFileRange from ${String(offset)}`, "offset", Aio.copyFileRange(0, 1, { offset: any(offset), length: 1 })],
    [`copyFileRange to ${String(offset)}`, "toOffset", Aio.copyFileRange(0, 1, { toOffset: any(offset), length: 1 })],
    [`copyFileRange of ${String(offset)}`, "length", Aio.copyFileRange(0, 1, { length: any(offset) })]
  ]
)

const show = (path: unknown): string => (typeof path === "string" ? JSON.stringify(path) : String(path))

const ofPaths = badPaths.flatMap(
  (path): ReadonlyArray<Bad> => [
    [`open ${show(path)}`, "path", Aio.open(any(path))],
    [`stat ${show(path)}`, "path", Aio.stat(any(path))],
    [`lstat ${show(path)}`, "path", Aio.lstat(any(path))],
    [`truncate ${show(path)}`, "path", Aio.truncate(any(path))],
    [`unlink ${show(path)}`, "path", Aio.unlink(any(path))],
    [`rmdir ${show(path)}`, "path", Aio.rmdir(any(path))],
    [`mkdir ${show(path)}`, "path", Aio.mkdir(any(path))],
    [`rename ${show(path)}`, "path", Aio.rename(any(path), "to")],
    [`rename to ${show(path)}`, "to", Aio.rename("/absent", any(path))],
    [`link ${show(path)}`, "path", Aio.link(any(path), "to")],
    [`link to ${show(path)}`, "to", Aio.link("/absent", any(path))],
    [`symlink ${show(path)}`, "path", Aio.symlink("target", any(path))],
    [`symlink to ${show(path)}`, "target", Aio.symlink(any(path), "/absent/link")],
    [`readlink ${show(path)}`, "path", Aio.readlink(any(path))],
    [`statvfs ${show(path)}`, "path", Aio.statvfs(any(path))],
    [`access ${show(path)}`, "path", Aio.access(any(path))],
    [`chmod ${show(path)}`, "path", Aio.chmod(any(path), 0o600)],
    [`chown ${show(path)}`, "path", Aio.chown(any(path), {})],
    [`utimes ${show(path)}`, "path", Aio.utimes(any(path), { mtimeNs: 0n })],
    [`AioFile.readFile ${show(path)}`, "path", AioFile.readFile(any(path))],
    [`AioFile.withFile ${show(path)}`, "path", AioFile.withFile(any(path), {}, () => Effect.void)],
    [`AioFile.open ${show(path)}`, "path", Effect.scoped(AioFile.open(any(path)))],
    [`AioDirectory.read ${show(path)}`, "path", AioDirectory.read(any(path))]
  ]
)

const ofBuffers = badBuffers.flatMap(
  (buffer): ReadonlyArray<Bad> => [
    [`read into ${String(buffer)}`, "buffer", Aio.read(0, any(buffer))],
    [`write from ${String(buffer)}`, "buffer", Aio.write(1, any(buffer))],
    [`readv into [${String(buffer)}]`, "buffers", Aio.readv(0, [bytes, any(buffer)])],
    [`writev from [${String(buffer)}]`, "buffers", Aio.writev(1, [any(buffer)])]
  ]
)

/** What is no unsigned integer of 32 bits. */
const badNumbers: ReadonlyArray<unknown> = [-1, 0.5, Number.NaN, Infinity, 2 ** 32, "7", 7n, null, {}]

const ofNumbers = badNumbers.flatMap(
  (number): ReadonlyArray<Bad> => [
    [`chmod to ${String(number)}`, "mode", Aio.chmod("/absent", any(number))],
    [`chown to user ${String(number)}`, "uid", Aio.chown("/absent", { uid: any(number) })],
    [`chown to group ${String(number)}`, "gid", Aio.chown("/absent", { gid: any(number) })]
  ]
)

const badTimes: ReadonlyArray<unknown> = [
  0,
  1.5,
  "yesterday",
  null,
  true,
  new Date(0),
  2n ** 63n * 10n ** 9n,
  -(2n ** 94n)
]

const ofTimes = badTimes.flatMap(
  (time): ReadonlyArray<Bad> => [
    [`utimes accessed ${String(time)}`, "atimeNs", Aio.utimes("/absent", { atimeNs: any(time) })],
    [`utimes modified ${String(time)}`, "mtimeNs", Aio.utimes("/absent", { mtimeNs: any(time), atimeNs: 1n })]
  ]
)

const others: ReadonlyArray<Bad> = [
  ["chmod without a mode", "mode", Aio.chmod("/absent", any(undefined))],
  ["copyFileRange without options", "length", Aio.copyFileRange(0, 1, any(undefined))],
  ["pollFd of no interest", "interest", Aio.pollFd(0, {})],
  ["pollFd of an interest that says no", "interest", Aio.pollFd(0, { readable: false })],
  ["pollFd without an interest", "interest", Aio.pollFd(0, any(undefined))],
  ["pollFd of null", "interest", Aio.pollFd(0, any(null))],
  ["flock with a lock that is none", "lock", Aio.flock(0, any("mandatory"))],
  ["flock with a name of Object.prototype", "lock", Aio.flock(0, any("toString"))],
  ["flock without a lock", "lock", Aio.flock(0, any(undefined))],
  ["readv of no array", "buffers", Aio.readv(0, any(bytes))],
  [
    "readv of 1025 buffers",
    "buffers",
    Aio.readv(
      0,
      Array.from({ length: 1025 }, () => bytes)
    )
  ],
  ["open with a letter that is none", "flag", Aio.open("/", { flag: any("rw") })],
  ["open with flags that are no integer", "flag", Aio.open("/", { flag: 0.5 })],
  ["open with flags below 0", "flag", Aio.open("/", { flag: -1 })],
  ["open with a name of Object.prototype", "flag", Aio.open("/", { flag: any("toString") })],
  ["AioFile.open with a letter that is none", "flag", Effect.scoped(AioFile.open("/", { flag: any("rw") }))],
  ["open with a mode beyond 32 bits", "mode", Aio.open("/", { mode: 2 ** 32 })],
  ["mkdir with a fractional mode", "mode", Aio.mkdir("/absent/x", { mode: 7.5 })],
  ["fallocate with a mode that is none", "mode", Aio.fallocate(0, { length: 1, mode: any("shrink") })],
  ["fadvise with an advice that is none", "advice", Aio.fadvise(0, any("good"))],
  ["rename with an `existing` that is none", "existing", Aio.rename("/absent", "/absent2", { existing: any("keep") })],
  ["readahead of a negative length", "length", Aio.readahead(0, { length: -1 })],
  ["readahead of more than 32 bits", "length", Aio.readahead(0, { length: 2 ** 32 })],
  ["readdir with too small a buffer", "bufferSize", Aio.readdir(0, { bufferSize: 287 })],
  ["readdir with a fractional buffer", "bufferSize", Aio.readdir(0, { bufferSize: 1000.5 })]
]

describe.each(backends)("$name: bad arguments are AioBadArgument", ({ layer, world }) => {
  for (const [group, cases] of Object.entries({
    ofDescriptors,
    ofOffsets,
    ofPaths,
    ofBuffers,
    ofNumbers,
    ofTimes,
    others
  })) {
    it.scopedLive(`${group.replace("of", "").toLowerCase()}, each named as the user wrote it`, () =>
      Effect.gen(function* () {
        for (const [what, argument, operation] of cases) {
          const exit = yield* Effect.exit(Effect.flip(operation))
          const found = exit._tag === "Success" ? exit.value : exit.cause
          expect([what, found]).toMatchObject([what, { _tag: "AioBadArgument", argument }])
          expect((found as Error).message).toMatch(new RegExp(`^\\w+: ${argument}: .{5,}`))
        }
        // None of them is still under way.
        expect((yield* Aio.stats).outstanding).toBe(0)
      }).pipe(Effect.provide(layer))
    )
  }

  it("a flag of the wrong type does not stop the engine", async () => {
    const runtime = ManagedRuntime.make(layer)
    const uses = Effect.all([
      Effect.flip(Aio.open("/", { flag: any(1n) })),
      Effect.flip(Effect.scoped(AioFile.open("/", { flag: any(1n) })))
    ])
    const found = await Promise.race([runtime.runPromise(uses), delay(30_000, "no answer", { ref: false })])
    expect(found).toMatchObject([
      { _tag: "AioBadArgument", argument: "flag" },
      { _tag: "AioBadArgument", argument: "flag" }
    ])
    // Not in a `finally`: an engine that gives no answer does not close either.
    await runtime.dispose()
  })

  it.scopedLive("lengths of AioFile's own methods", () =>
    Effect.gen(function* () {
      const file = yield* AioFile.open(join(yield* world.directory, "file"), { flag: "w+" })
      for (const length of [-1, 0.5, Number.NaN, Infinity, 2 ** 53, any("5"), any(5n), any(null)]) {
        expect(yield* Effect.flip(file.readAlloc(length))).toMatchObject({
          _tag: "AioBadArgument",
          operation: "readAlloc",
          argument: "length"
        })
      }
      for (const into of [-1, 0.5, Number.NaN, any("text"), any(null), any({}), any([1])]) {
        const exit = yield* Effect.exit(Effect.flip(file.readExactly(into)))
        expect([into, exit]).toMatchObject([into, { _tag: "Success", value: { _tag: "AioBadArgument" } }])
      }
      for (const buffer of badBuffers) {
        const exit = yield* Effect.exit(Effect.flip(file.writeAll(any(buffer))))
        expect([buffer, exit]).toMatchObject([buffer, { _tag: "Success", value: { _tag: "AioBadArgument" } }])
      }
    }).pipe(Effect.provide(layer))
  )
})
