/** A batch: results in order, one failure ends it, nothing is left of it. */
import { closeSync, openSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Scope } from "effect"
import { Aio, AioFile, AioOperation } from "effect-aio"
import { realBackends } from "../support/backends.ts"
import { idlePipes } from "../support/fifo.ts"
import { someTime } from "../support/moments.ts"
import { descriptorsIn, settled } from "../support/processState.ts"
import { random, seed } from "../support/random.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const PAGE = 4096

/** A file whose page i is filled with i. */
const pages = (count: number) =>
  Effect.gen(function* () {
    const directory = yield* temporaryDirectory
    const path = join(directory, "pages")
    writeFileSync(path, Buffer.concat(Array.from({ length: count }, (_, i) => Buffer.alloc(PAGE, i & 0xff))))
    const fd = yield* Effect.acquireRelease(
      Effect.sync(() => openSync(path, "r+")),
      (fd) => Effect.sync(() => closeSync(fd))
    )
    return { directory, fd, path }
  })

const idle = Effect.map(Aio.stats, ({ outstanding }) => outstanding)

describe.each(realBackends)("$name", ({ layer, layerWith }) => {
  it.scopedLive("results in order, many more than a turn's budget and than a ring", () =>
    Effect.gen(function* () {
      const { fd } = yield* pages(64)
      const buffers = Array.from({ length: 3000 }, () => new Uint8Array(PAGE))
      const counts = yield* AioOperation.submitAll(
        buffers.map((buffer, i) => AioOperation.read(fd, buffer, { offset: (i % 64) * PAGE }))
      )
      expect(counts).toEqual(buffers.map(() => PAGE))
      buffers.forEach((buffer, i) => expect(buffer.every((byte) => byte === i % 64)).toBe(true))
      expect(yield* idle).toBe(0)
    }).pipe(Effect.provide(layerWith({ entries: 8 })))
  )

  it.scopedLive("a tuple gives a tuple; nothing gives nothing", () =>
    Effect.gen(function* () {
      const { fd, path } = yield* pages(2)
      const [stat, count, nothing] = yield* AioOperation.submitAll([
        AioOperation.stat(path),
        AioOperation.read(fd, new Uint8Array(10), { offset: 2 * PAGE - 4 }),
        AioOperation.nop()
      ])
      expect([Number(stat.size), count, nothing]).toEqual([2 * PAGE, 4, undefined])
      expect(yield* AioOperation.submitAll([])).toEqual([])
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a close is done, whatever fails beside it", () =>
    Effect.gen(function* () {
      const { directory, path } = yield* pages(1)
      const before = descriptorsIn(directory)
      const wrong = AioOperation.read(0, new Uint8Array(1), { offset: -1 })
      for (const failing of [wrong, AioOperation.stat(`${path}/below`)]) {
        const fd = openSync(path, "r")
        yield* Effect.flip(AioOperation.submitAll([failing, AioOperation.close(fd), AioOperation.nop()]))
        expect(descriptorsIn(directory)).toBe(before)
      }
      expect(yield* idle).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("the first failure cancels the others, and descriptors are closed", () =>
    Effect.gen(function* () {
      const { directory, path } = yield* pages(1)
      const pipes = yield* idlePipes(3)
      const error = yield* Effect.flip(
        AioOperation.submitAll([
          ...pipes.map((fd) => AioOperation.read(fd, new Uint8Array(8))),
          AioOperation.open(path),
          AioOperation.open(path),
          AioOperation.open(join(directory, "missing"))
        ])
      ).pipe(Effect.timeout("30 seconds"))
      expect(error).toMatchObject({ _tag: "AioError", code: "ENOENT", operation: "open" })
      expect(descriptorsIn(directory)).toBe(1)
      expect(yield* idle).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a lock that was taken is given up with a batch or chain that fails", () =>
    Effect.gen(function* () {
      const { fd, path } = yield* pages(1)
      const other = yield* Effect.acquireRelease(
        Effect.sync(() => openSync(path, "r")),
        (fd) => Effect.sync(() => closeSync(fd))
      )
      const lock = AioOperation.flock(fd, "exclusive")
      yield* Effect.flip(AioOperation.submitAll([lock, AioOperation.stat("/does/not/exist"), AioOperation.nop()]))
      yield* Aio.flock(other, "exclusive", { wait: false })
      yield* Aio.flock(other, "unlock")
      yield* Effect.flip(AioOperation.linked([lock, AioOperation.stat("/does/not/exist")]))
      yield* Aio.flock(other, "exclusive", { wait: false })
      yield* Aio.flock(other, "unlock")
      yield* AioOperation.linked([lock, AioOperation.nop()])
      expect(yield* Effect.flip(Aio.flock(other, "exclusive", { wait: false }))).toMatchObject({ code: "EAGAIN" })
    }).pipe(Effect.timeout("45 seconds"), Effect.provide(layer))
  )

  it.scopedLive("exits: all run, each its own end", () =>
    Effect.gen(function* () {
      const { fd } = yield* pages(1)
      const exits = yield* AioOperation.submitAll(
        [
          AioOperation.read(fd, new Uint8Array(10), { offset: 0 }),
          AioOperation.read(fd, new Uint8Array(10), { offset: -1 }),
          AioOperation.stat("/does/not/exist"),
          AioOperation.nop()
        ],
        { mode: "exits" }
      )
      const ends: ReadonlyArray<Exit.Exit<unknown, unknown>> = exits
      expect(ends[0]).toEqual(Exit.succeed(10))
      expect(ends.map(Exit.isSuccess)).toEqual([true, false, false, true])
      const codes = ends.map((exit) => (Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined))
      expect(codes[1]).toMatchObject({ _tag: "AioBadArgument", argument: "offset" })
      expect(codes[2]).toMatchObject({ _tag: "AioError", code: "ENOENT" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("one bad argument: the batch fails with it, nothing is left", () =>
    Effect.gen(function* () {
      const { directory, fd, path } = yield* pages(1)
      const [pipe] = yield* idlePipes(1)
      for (const bad of [
        AioOperation.read(fd, new Uint8Array(10), { offset: -1 }),
        AioOperation.write(fd, new Uint8Array(10), { offset: 0.5 }),
        AioOperation.mkdir("a\0b")
      ]) {
        const error = yield* Effect.flip(
          AioOperation.submitAll([
            AioOperation.open(path),
            AioOperation.read(pipe, new Uint8Array(8)),
            bad,
            AioOperation.nop()
          ])
        ).pipe(Effect.timeout("30 seconds"))
        expect(error).toMatchObject({ _tag: "AioBadArgument" })
        expect(yield* idle).toBe(0)
        expect(descriptorsIn(directory)).toBe(1)
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("interrupted at any moment: no descriptor is lost, no buffer is written afterwards", () =>
    Effect.gen(function* () {
      const { directory, fd, path } = yield* pages(8)
      const pipes = yield* idlePipes(2)
      const { integer, ...rest } = random()
      for (let round = 0; round < 60; round++) {
        const buffers = Array.from({ length: 40 }, () => new Uint8Array(PAGE))
        const waiting = pipes.map(() => new Uint8Array(8))
        const batch = AioOperation.submitAll([
          ...buffers.map((buffer, i) => AioOperation.read(fd, buffer, { offset: (i % 8) * PAGE })),
          AioOperation.open(path),
          AioOperation.open(path),
          ...(integer(2) === 0 ? pipes.map((fd, i) => AioOperation.read(fd, waiting[i])) : [])
        ])
        const fiber = yield* Effect.fork(
          Effect.uninterruptibleMask((restore) =>
            Effect.flatMap(restore(batch), (results) =>
              Effect.forEach([results[40], results[41]] as Array<number>, (fd) => Aio.close(fd))
            )
          )
        )
        yield* someTime({ integer, ...rest })
        if (integer(4) === 0) yield* Effect.sleep(15)
        yield* Fiber.interrupt(fiber)
        for (const buffer of [...buffers, ...waiting]) buffer.fill(0xee)
        pipes.forEach((fd) => void writeSync(fd, "late"))
        yield* Effect.sleep(1)
        for (const buffer of [...buffers, ...waiting]) expect(buffer.every((byte) => byte === 0xee)).toBe(true)
        for (const fd of pipes) yield* Aio.read(fd, new Uint8Array(4))
        expect(yield* idle, `SEED=${seed}`).toBe(0)
        expect(descriptorsIn(directory), `SEED=${seed}`).toBe(1)
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a file's Scope waits for the members that use it", () =>
    Effect.gen(function* () {
      const [pipe] = yield* idlePipes(1)
      const scope = yield* Scope.make()
      const file = yield* Scope.extend(AioFile.open(`/proc/self/fd/${pipe}`), scope)
      const { state } = file as unknown as { readonly state: { readonly users: number } }
      const fiber = yield* Effect.fork(
        AioOperation.submitAll([AioOperation.read(file, new Uint8Array(8)), AioOperation.nop()])
      )
      expect(yield* settled(() => state.users, 1)).toBe(1)
      yield* Effect.timeout(Scope.close(scope, Exit.void), "30 seconds")
      expect(state.users).toBe(0)
      const exit = yield* Fiber.await(fiber)
      expect(Exit.isFailure(exit) && Cause.squash(exit.cause)).toMatchObject({ code: "ECANCELED" })
      const late = yield* Effect.flip(
        AioOperation.submitAll([AioOperation.write(file, new Uint8Array(8)), AioOperation.nop()])
      )
      expect(late).toMatchObject({ _tag: "AioBadArgument", argument: "file" })
    }).pipe(Effect.provide(layer))
  )
})
