/** After an interrupted transfer's fiber has ended, nobody reads or writes its buffer any more, and nothing is left behind. */
import { closeSync, constants, openSync, readFileSync, readSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, type Scope } from "effect"
import { Aio, AioBuffer, AioFile } from "effect-aio"
import { realBackends } from "../../support/backends.ts"
import { makeFifos } from "../../support/fifo.ts"
import { someTime } from "../../support/moments.ts"
import { descriptors, descriptorsIn, residentMebibytes, settled } from "../../support/processState.ts"
import { random, seed } from "../../support/random.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const OPERATIONS = 4_000
const WORKERS = 50
const LENGTH = 4096
const FILE_LENGTH = LENGTH * 64
/** What reads may find, what writes may write, and what the owner of a buffer puts there once it is his again. */
const FED = 0x11
const WRITTEN = 0x22
const SENTINEL = 0xa5
const MEBIBYTES = 80

const openAll = (paths: ReadonlyArray<string>, flags: number): Effect.Effect<Array<number>, never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => paths.map((path) => openSync(path, flags))),
    (fds) => Effect.sync(() => fds.forEach((fd) => void closeSync(fd)))
  )

/** Runs `body` every turn of the event loop until the Scope closes. */
const everyTurn = (body: () => void): Effect.Effect<void, never, Scope.Scope> =>
  Effect.asVoid(
    Effect.acquireRelease(
      Effect.sync(() => {
        const state = { on: true }
        const turn = () => {
          if (!state.on) return
          body()
          setTimeout(turn, 0)
        }
        turn()
        return state
      }),
      (state) =>
        Effect.sync(() => {
          state.on = false
        })
    )
  )

const unlessFull = (transfer: () => unknown): void => {
  try {
    transfer()
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error
  }
}

const program = Effect.gen(function* () {
  const directory = yield* temporaryDirectory
  const numbers = random()
  const names = makeFifos(directory, 12)
  const pipes = yield* openAll(names, constants.O_RDWR)
  const ends = yield* openAll(names, constants.O_RDWR | constants.O_NONBLOCK)
  const path = join(directory, "file")
  writeFileSync(path, new Uint8Array(FILE_LENGTH).fill(FED))
  const cached = yield* AioFile.open(path, { flag: "r+" })
  const direct = yield* AioFile.open(path, { flag: "r+", direct: true })

  // The first half of the pipes is fed all the time, so that a late read would show; the second half is emptied, so that writes go on.
  const feed = new Uint8Array(LENGTH).fill(FED)
  const drained = new Uint8Array(65536)
  let late = 0
  yield* everyTurn(() => {
    for (const fd of ends.slice(0, 6)) unlessFull(() => writeSync(fd, feed))
    for (const fd of ends.slice(6)) {
      unlessFull(() => {
        const count = readSync(fd, drained)
        if (drained.subarray(0, count).includes(SENTINEL)) late++
      })
    }
  })

  const operations: ReadonlyArray<(buffer: Uint8Array, offset: number) => Effect.Effect<number, unknown, Aio.Aio>> = [
    (buffer) => Aio.read(numbers.pick(pipes.slice(0, 6)), buffer),
    (buffer) => Aio.readv(numbers.pick(pipes.slice(0, 6)), [buffer.subarray(0, 100), buffer.subarray(100)]),
    (buffer) => Aio.write(numbers.pick(pipes.slice(6)), buffer.fill(WRITTEN)),
    (buffer, offset) => cached.read(buffer, { offset }),
    (buffer, offset) => cached.write(buffer.fill(WRITTEN), { offset }),
    (buffer, offset) => direct.read(buffer, { offset }),
    (buffer, offset) => direct.write(buffer.fill(WRITTEN), { offset })
  ]

  let mine: Array<Uint8Array> = []
  let interrupted = 0
  const one = Effect.gen(function* () {
    const buffer = AioBuffer.aligned(LENGTH)
    const offset = numbers.integer(FILE_LENGTH / LENGTH) * LENGTH
    const fiber = yield* Effect.fork(numbers.pick(operations)(buffer, offset))
    yield* someTime(numbers)
    const exit = yield* Fiber.interrupt(fiber)
    buffer.fill(SENTINEL)
    mine.push(buffer)
    if (Exit.isFailure(exit)) {
      expect(Cause.pretty(exit.cause)).toBe(
        Cause.isInterruptedOnly(exit.cause) ? Cause.pretty(exit.cause) : "interrupt"
      )
      interrupted++
    }
  })
  const untouched = (buffer: Uint8Array): boolean => buffer.every((byte) => byte === SENTINEL)

  const batch = (count: number) =>
    Effect.gen(function* () {
      yield* Effect.forEach(Array.from({ length: WORKERS }), () => Effect.repeatN(one, count / WORKERS - 1), {
        concurrency: WORKERS,
        discard: true
      })
      yield* Effect.sleep(20)
      expect(mine.filter((buffer) => !untouched(buffer)).length).toBe(0)
      mine = []
    })

  yield* batch(1000)
  const openBefore = descriptorsIn(directory)
  const allBefore = descriptors().size
  const memoryBefore = residentMebibytes()
  for (let done = 1000; done < OPERATIONS; done += 1000) yield* batch(1000)
  expect(yield* settled(() => descriptorsIn(directory), openBefore)).toBe(openBefore)
  // Threads may have started meanwhile, each with descriptors of its own. What transfers lost would be hundreds.
  expect(descriptors().size - allBefore).toBeLessThan(50)
  expect(residentMebibytes() - memoryBefore).toBeLessThan(MEBIBYTES)

  expect((yield* Aio.stats).outstanding).toBe(0)
  expect(late).toBe(0)
  expect(readFileSync(path).includes(SENTINEL)).toBe(false)
  // Otherwise this tested nothing.
  expect(interrupted).toBeGreaterThan(OPERATIONS / 10)
})

describe.each(realBackends)("$name", ({ layer }) => {
  it.scopedLive(`${OPERATIONS} transfers interrupted at random moments (SEED=${seed})`, () =>
    Effect.provide(program, layer)
  )
})
