/** Memory that a request uses stays where it is until the request has ended, whoever else has forgotten it. */
import { randomFillSync } from "node:crypto"
import { closeSync, constants, openSync, readSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, type Scope } from "effect"
import { Aio, AioFile } from "effect-aio"
import { realBackends } from "../../support/backends.ts"
import { idlePipes, makeFifos } from "../../support/fifo.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

/** For one half the request still waits for its turn, for the other it is in flight. */
const nextStep = (fd: number): Effect.Effect<void> => (fd % 2 === 0 ? Effect.yieldNow() : Effect.sleep(20))

/** Collects again and again, and fills what was freed with other bytes, until the Scope closes. */
const collecting: Effect.Effect<void, never, Scope.Scope> = Effect.asVoid(
  Effect.acquireRelease(
    Effect.sync(() => {
      const state: { timer?: NodeJS.Timeout } = {}
      const collect = () => {
        const start = performance.now()
        globalThis.gc!()
        const churn: Array<Uint8Array> = []
        for (let i = 0; i < 200; i++) {
          for (const length of [8, 16, 64, 512, 4096]) churn.push(new Uint8Array(length).fill(0xee))
        }
        // The slower the machine, the longer it takes: as much time is left to what is tested.
        state.timer = setTimeout(collect, Math.max(30, performance.now() - start))
      }
      state.timer = setTimeout(collect, 30)
      return state
    }),
    (state) => Effect.sync(() => clearTimeout(state.timer))
  )
)

const patterned = (length: number, first: number): Uint8Array =>
  Uint8Array.from({ length }, (_, i) => (first + i) & 0xff)

describe.each(realBackends)("$name", ({ layer }) => {
  it.scopedLive("reads that wait, into buffers that only the request knows", () =>
    Effect.gen(function* () {
      yield* collecting
      const pipes = yield* idlePipes(40)
      for (let round = 0; round < 2; round++) {
        const fibers = yield* Effect.forEach(pipes, (fd, index) =>
          Effect.fork(
            Effect.flatMap(AioFile.fromDescriptor(fd), (file) => file.readAlloc([16, 100, 1000, 4096][index % 4]))
          )
        )
        yield* Effect.sleep(100)
        // Small ones are stored in V8's own heap, from which they must have moved out before their address was taken.
        pipes.forEach((fd, index) => void writeSync(fd, patterned(16, index)))
        const received = yield* Effect.forEach(fibers, (fiber) => Effect.timeout(Fiber.join(fiber), "30 seconds"))
        received.forEach((bytes, index) => expect(Array.from(bytes)).toEqual(Array.from(patterned(16, index))))
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("vectored reads, whose array the caller empties", () =>
    Effect.gen(function* () {
      yield* collecting
      const pipes = yield* idlePipes(20)
      const fibers = yield* Effect.forEach(pipes, (fd) => {
        const views = [new Uint8Array(8), new Uint8Array(8)]
        const [first] = views
        const reading = Effect.fork(Effect.as(Aio.readv(fd, views), first))
        // As soon as the call has begun, and long after: the request has its own list of them.
        const emptied = Effect.sync(() => void views.splice(0))
        return Effect.tap(reading, () => Effect.zipRight(nextStep(fd), emptied))
      })
      yield* Effect.sleep(50)
      pipes.forEach((fd, index) => void writeSync(fd, patterned(16, index)))
      const received = yield* Effect.forEach(fibers, (fiber) => Effect.timeout(Fiber.join(fiber), "30 seconds"))
      received.forEach((bytes, index) => expect(Array.from(bytes)).toEqual(Array.from(patterned(8, index))))
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("writes that wait for room, from buffers that only the request knows", () =>
    Effect.gen(function* () {
      yield* collecting
      const [name] = makeFifos(yield* temporaryDirectory, 1)
      const fd = yield* Effect.acquireRelease(
        Effect.sync(() => openSync(name, constants.O_RDWR)),
        (open) => Effect.sync(() => closeSync(open))
      )
      writeSync(fd, new Uint8Array(65536))
      const fibers = yield* Effect.forEach(Array.from({ length: 4 }), (_, index) =>
        Effect.fork(Effect.suspend(() => Aio.write(fd, patterned(4096, index * 50))))
      )
      yield* Effect.sleep(100)
      const filler = new Uint8Array(65536)
      let drained = 0
      while (drained < 65536) drained += readSync(fd, filler, 0, 65536 - drained, null)
      for (const fiber of fibers) expect(yield* Effect.timeout(Fiber.join(fiber), "30 seconds")).toBe(4096)
      const seen = new Set<number>()
      for (let i = 0; i < 4; i++) {
        const page = new Uint8Array(4096)
        expect(readSync(fd, page)).toBe(4096)
        expect(Buffer.compare(page, patterned(4096, page[0]))).toBe(0)
        seen.add(page[0])
      }
      expect(seen).toEqual(new Set([0, 50, 100, 150]))
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("files, paths and structures, under collection all the time", () =>
    Effect.gen(function* () {
      yield* collecting
      const directory = yield* temporaryDirectory
      const bytes = randomFillSync(Buffer.alloc(1 << 18))
      const one = (index: number) =>
        Effect.gen(function* () {
          // Longer than a request's own room for paths, every other time.
          const path = join(directory, `${index}-${"n".repeat((index % 2) * 200)}`)
          const written = yield* AioFile.open(path, { flag: "w+" })
          const offset = (index * 997) % (bytes.length - 5000)
          yield* written.writeAll(bytes.slice(offset, offset + 5000), { offset: 0 })
          expect(
            Buffer.compare(yield* written.readExactly(5000, { offset: 0 }), bytes.subarray(offset, offset + 5000))
          ).toBe(0)
          expect((yield* Aio.stat(path)).size).toBe(5000n)
          // Name, path and value of which nobody else knows.
          const value = () => patterned(1000, index)
          yield* Aio.setxattr(`${path}`, `user.${"n".repeat(1 + index)}`, value())
          expect(yield* Aio.listxattr(`${path}`)).toContain(`user.${"n".repeat(1 + index)}`)
          expect(Buffer.compare(yield* Aio.fgetxattr(written, `user.${"n".repeat(1 + index)}`), value())).toBe(0)
        })
      yield* Effect.forEach(
        Array.from({ length: 150 }, (_, i) => i),
        (index) => Effect.scoped(one(index)),
        {
          concurrency: 20,
          discard: true
        }
      )
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("refused arguments leave nothing behind and reach no kernel", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      writeFileSync(path, "data")
      const file = yield* AioFile.open(path)
      const bad: ReadonlyArray<Effect.Effect<unknown, unknown, Aio.Aio>> = [
        Aio.open("a\0b"),
        Aio.read(-1, new Uint8Array(1)),
        Aio.read(0.5, new Uint8Array(1)),
        file.read(new Uint8Array(1), { offset: -1 }),
        file.read(new Uint8Array(1), { offset: 1n << 63n }),
        file.read("text" as never),
        file.readAlloc(-1),
        file.readAlloc(1.5),
        file.readv([new Uint8Array(1), undefined as never]),
        file.truncate(-1),
        Aio.rename(path, "c\0d"),
        Aio.close(Number.NaN)
      ]
      for (let round = 0; round < 20; round++) {
        const exits = yield* Effect.forEach(bad, (effect) => Effect.exit(effect), { concurrency: 4 })
        for (const exit of exits) {
          const failure = Exit.isFailure(exit) ? Cause.failureOption(exit.cause) : undefined
          expect(failure?._tag === "Some" && (failure.value as { _tag: string })._tag).toBe("AioBadArgument")
        }
      }
      expect((yield* Aio.stats).outstanding).toBe(0)
      expect(Buffer.from(yield* file.readAlloc(4, { offset: 0 })).toString()).toBe("data")
    }).pipe(Effect.provide(layer))
  )
})
