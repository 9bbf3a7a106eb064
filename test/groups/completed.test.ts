/** Many operations as a Stream of their ends. */
import { writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Chunk, Effect, Exit, Fiber, Stream } from "effect"
import { Aio, AioGroup, AioOperation } from "effect-aio"
import { realBackends } from "../support/backends.ts"
import { byHand } from "../support/engine.ts"
import { idlePipes } from "../support/fifo.ts"
import { someTime } from "../support/moments.ts"
import { descriptorsIn } from "../support/processState.ts"
import { random, seed } from "../support/random.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const idle = Effect.map(Aio.stats, ({ outstanding }) => outstanding)

describe.each(realBackends)("$name", ({ layer, mechanism }) => {
  it.scopedLive("in the order of their ends", () =>
    Effect.gen(function* () {
      const pipes = yield* idlePipes(3)
      const seen: Array<number> = []
      const fiber = yield* AioOperation.asCompleted(pipes.map((fd) => AioOperation.read(fd, new Uint8Array(8)))).pipe(
        Stream.runForEach(({ exit, index }) =>
          Effect.sync(() => {
            expect(exit).toEqual(Exit.succeed(5))
            seen.push(index)
          })
        ),
        Effect.fork
      )
      for (const index of [2, 0, 1]) {
        yield* Effect.sleep(20)
        writeSync(pipes[index], "hello")
        while (!seen.includes(index)) yield* Effect.sleep(1)
      }
      yield* Fiber.join(fiber)
      expect(seen).toEqual([2, 0, 1])
    }).pipe(Effect.timeout("45 seconds"), Effect.provide(layer))
  )

  it.scopedLive("pulled lazily, never more than `concurrency` in flight, one chunk a turn", () =>
    Effect.gen(function* () {
      const { stats } = yield* byHand
      let pulled = 0
      let most = 0
      function* operations() {
        for (;;) {
          pulled++
          // And the one that is given out here.
          most = Math.max(most, stats().outstanding + 1)
          yield AioOperation.nop()
        }
      }
      const chunks = yield* AioOperation.asCompleted(operations(), { concurrency: 8 }).pipe(
        Stream.chunks,
        Stream.takeUntil(() => pulled > 4000),
        Stream.runCollect
      )
      expect(most).toBeLessThanOrEqual(8)
      const lengths = Chunk.toReadonlyArray(chunks).map(Chunk.size)
      // As many again may have ended while the consumer was busy.
      expect(Math.max(...lengths)).toBeLessThanOrEqual(16)
      if (mechanism === "io_uring") expect(Math.max(...lengths)).toBeGreaterThan(1)
      const total = lengths.reduce((a, b) => a + b, 0)
      expect(pulled - total).toBeLessThanOrEqual(16)
      expect(yield* idle).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a consumer that takes nothing stops it", () =>
    Effect.gen(function* () {
      let pulled = 0
      function* operations() {
        for (;;) {
          pulled++
          yield AioOperation.nop()
        }
      }
      const fiber = yield* Effect.fork(
        Stream.runForEachChunk(AioOperation.asCompleted(operations(), { concurrency: 8 }), () => Effect.never)
      )
      yield* Effect.sleep(100)
      expect(pulled).toBeLessThanOrEqual(32)
      yield* Fiber.interrupt(fiber)
      expect(yield* idle).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("an iterable whose iterator is none, or gives nothing, is AioBadArgument", () =>
    Effect.gen(function* () {
      const group = yield* AioGroup.make()
      for (const iterator of [undefined, 7, {}, { next: 7 }, { next: () => undefined }, { next: () => 7 }]) {
        const broken: any = { [Symbol.iterator]: () => iterator }
        for (const use of [
          Stream.runDrain(AioOperation.asCompleted(broken)),
          group.addAll(broken),
          group.feed(broken)
        ]) {
          expect(yield* Effect.flip<unknown, unknown, Aio.Aio>(use)).toMatchObject({
            _tag: "AioBadArgument",
            argument: "operations"
          })
        }
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("failures are ends; what the iterable throws is a defect; `return` is called", () =>
    Effect.gen(function* () {
      const ends = yield* AioOperation.asCompleted([
        AioOperation.stat("/does/not/exist"),
        AioOperation.mkdir("a\0b")
      ] as ReadonlyArray<AioOperation.AioOperation<unknown>>).pipe(Stream.runCollect)
      const errors = [...ends]
        .sort((a, b) => a.index - b.index)
        .map(({ exit }) => Exit.isFailure(exit) && Cause.squash(exit.cause))
      expect(errors).toMatchObject([{ code: "ENOENT" }, { _tag: "AioBadArgument" }])
      let returned = false
      function* throwing() {
        try {
          yield AioOperation.nop()
          throw new Error("mine")
        } finally {
          returned = true
        }
      }
      const exit = yield* Effect.exit(Stream.runDrain(AioOperation.asCompleted(throwing(), { concurrency: 1 })))
      expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("mine")
      expect(returned).toBe(true)
      returned = false
      function* endless() {
        try {
          for (;;) yield AioOperation.nop()
        } finally {
          returned = true
        }
      }
      yield* Stream.runDrain(Stream.take(AioOperation.asCompleted(endless()), 3))
      expect(returned).toBe(true)
      expect(yield* Effect.flip(Stream.runDrain(AioOperation.asCompleted([], { concurrency: 0 })))).toMatchObject({
        _tag: "AioBadArgument"
      })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("interrupted at any moment: descriptors that nobody got are closed", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const path = join(directory, "file")
      writeFileSync(path, "x")
      const [pipe] = yield* idlePipes(1)
      const source = random()
      for (let round = 0; round < 40; round++) {
        const buffer = new Uint8Array(8)
        const fiber = yield* AioOperation.asCompleted([
          ...Array.from({ length: 30 }, () => AioOperation.open(path)),
          AioOperation.read(pipe, buffer)
        ]).pipe(
          Stream.runForEachChunk((chunk) =>
            Effect.uninterruptible(
              Effect.forEach(chunk, ({ exit }) => Effect.flatMap(exit, (fd) => Aio.close(fd)), { discard: true })
            )
          ),
          Effect.fork
        )
        yield* someTime(source)
        yield* Fiber.interrupt(fiber)
        buffer.fill(0xee)
        writeSync(pipe, "late")
        expect(yield* Aio.read(pipe, new Uint8Array(8))).toBe(4)
        expect(buffer.every((byte) => byte === 0xee)).toBe(true)
        expect(descriptorsIn(directory), `SEED=${seed}`).toBe(0)
        expect(yield* idle, `SEED=${seed}`).toBe(0)
      }
    }).pipe(Effect.provide(layer))
  )
})
