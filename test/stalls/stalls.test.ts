/** No operation holds the event loop while a disk or a server takes its time. */
import { closeSync, constants, mkdirSync, openSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, Layer, Option, type Scope } from "effect"
import { Aio, AioDirectory, AioFileSystem } from "effect-aio"
import { realBackends } from "../support/backends.ts"
import { type SlowFiles, slowDisk, slowDiskKinds, slowOverlay } from "../support/slowDisk.ts"
import { stallsOf } from "../support/stalls.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"
import { hasUserFileSystems, type ServedOperation, userFileSystem } from "../support/userFileSystem.ts"
import { exercise, prepare } from "./exercise.ts"

/** Milliseconds that each read of the disk, or each answer of the server, takes. */
const DELAY = 30
/** Milliseconds of sleep in one go that are too long. */
const LIMIT = 20
/** Directories for each backend: one for each attempt, at most. */
const ATTEMPTS = 3

const operations = (
  "getattr readdir readlink opendir releasedir statfs open create read write flush fsync release truncate " +
  "mknod mkdir rmdir unlink symlink rename link chmod chown utimens"
).split(" ") as ReadonlyArray<ServedOperation>

/** A file system in user space, all of whose answers are slow. */
const slowServer = Effect.map(
  userFileSystem(),
  ({ path, when }): SlowFiles => ({
    path,
    forget: Effect.forEach(operations, (operation) => when(operation), { discard: true }),
    slow: (delay) => Effect.forEach(operations, (operation) => when(operation, { delay }), { discard: true })
  })
)

const kinds: Record<string, Effect.Effect<SlowFiles, never, Scope.Scope>> = {
  ...Object.fromEntries(slowDiskKinds.map((kind) => [kind, slowDisk(kind)])),
  ...(slowDiskKinds.includes("ext4")
    ? {
        overlay: Effect.flatMap(slowDisk("ext4"), (disk) => slowOverlay(disk, disk.path)),
        "an overlay on fuse": Effect.flatMap(Effect.all([slowServer, temporaryDirectory]), ([served, directory]) =>
          slowOverlay(served, directory)
        )
      }
    : {}),
  ...(hasUserFileSystems ? { fuse: slowServer } : {})
}

const backends = realBackends.filter(({ mechanism, name }) => name === mechanism)

const stallsIn = (directory: string, layer: (typeof backends)[number]["layer"]) =>
  stallsOf(LIMIT, (watch) => Effect.provide(exercise(directory, watch), Layer.provideMerge(AioFileSystem.layer, layer)))

describe.runIf(Object.keys(kinds).length > 0)("slow disks and servers", () => {
  it.scopedLive(
    "no operation holds the event loop, on any file system and backend",
    () =>
      Effect.gen(function* () {
        const all = yield* Effect.all(kinds)
        for (const { path } of Object.values(all)) {
          for (const { name } of backends) {
            for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
              const directory = join(path, `${name}-${attempt}`)
              mkdirSync(directory)
              prepare(directory)
            }
          }
        }
        const names = Object.keys(kinds)
        /** From cold: a run of each on each, all at once. They wait most of the time, and what holds the loop is seen by all of them. */
        const run = (those: typeof backends, attempt: number) =>
          Effect.gen(function* () {
            for (const kind of names) yield* all[kind].forget
            for (const kind of names) yield* all[kind].slow(DELAY)
            const runs = those.flatMap((backend) => names.map((kind) => ({ ...backend, kind })))
            const seen = yield* Effect.forEach(
              runs,
              ({ kind, layer, name }) => stallsIn(join(all[kind].path, `${name}-${attempt}`), layer),
              { concurrency: "unbounded" }
            )
            return seen.flatMap((stalls, index) =>
              stalls.map(({ during, slept }) => ({
                backend: runs[index].name,
                place: `${runs[index].kind} on ${runs[index].name}, ${during}`,
                slept
              }))
            )
          })
        // What stalls by itself does so in each attempt, at the same place.
        let stalls = yield* run(backends, 0)
        for (let attempt = 1; attempt < ATTEMPTS && stalls.length > 0; attempt++) {
          const suspected = backends.filter(({ name }) => stalls.some(({ backend }) => backend === name))
          const again = yield* run(suspected, attempt)
          stalls = again.filter(({ place }) => stalls.some((before) => before.place === place))
        }
        // Each place once.
        expect([...new Map(stalls.map(({ place, slept }) => [place, `${place}: ${slept} ms`])).values()]).toEqual([])
      }),
    300_000
  )
})

/** When a fiber has ended, or all that the engine has been asked for is under way. */
const begun = (fiber: Fiber.Fiber<unknown, unknown>) =>
  Effect.gen(function* () {
    do yield* Effect.sleep(1)
    while (Option.isNone(yield* Fiber.poll(fiber)) && (yield* Aio.stats).ready > 0)
  })

describe.runIf(hasUserFileSystems).each(backends)("a server that does not answer, on $name", ({ layer }) => {
  it.scopedLive("pollFd of one of its files waits for it, and nothing else does", () =>
    Effect.gen(function* () {
      const served = yield* userFileSystem()
      const path = join(served.path, "file")
      writeFileSync(join(served.source, "file"), "")
      const fd = yield* Effect.acquireRelease(
        Effect.sync(() => openSync(path, "r")),
        (fd) => Effect.sync(() => closeSync(fd))
      )
      yield* served.when("poll", { silent: true })
      const polling = yield* Effect.fork(Aio.pollFd(fd, { readable: true }))
      // Only a loop that goes round sees that it is being held: the silence has an end.
      while (((yield* served.done).calls.poll ?? 0) === 0) yield* Effect.sleep(1)
      expect((yield* served.done).held.poll).toBe(1)
      yield* served.when("poll")
      expect(yield* Fiber.join(polling)).toMatchObject({ readable: true })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what ends at the root of its mount is done without it, or waits elsewhere", () =>
    Effect.gen(function* () {
      const served = yield* userFileSystem({ attr_timeout: 0, entry_timeout: 0 })
      const { path } = served
      const fs = yield* AioFileSystem.make
      const silent = ["getattr", "opendir", "readdir", "statfs"] as const
      const operations: ReadonlyArray<Effect.Effect<unknown, unknown, Aio.Aio>> = [
        Aio.stat(path),
        Aio.stat(`${path}/`),
        Aio.stat(`${path}/.`),
        Aio.lstat(path),
        Aio.access(path),
        Aio.access(path, { read: true }),
        Aio.statvfs(path),
        Effect.flatMap(Aio.open(path), Aio.close),
        Effect.flatMap(Aio.open(`${path}/.`, { flag: constants.O_DIRECTORY }), Aio.close),
        AioDirectory.read(path),
        fs.readDirectory(path),
        fs.exists(path)
      ]
      const stalls = yield* stallsOf(LIMIT, (watch) =>
        Effect.gen(function* () {
          for (const [index, operation] of operations.entries()) {
            for (const each of silent) yield* served.when(each, { silent: true })
            const fiber = yield* Effect.fork(operation)
            yield* watch.watch(`operation ${index}`, begun(fiber))
            for (const each of silent) yield* served.when(each)
            yield* Fiber.join(fiber)
          }
        })
      )
      expect(stalls).toEqual([])
    }).pipe(Effect.provide(layer))
  )
})
