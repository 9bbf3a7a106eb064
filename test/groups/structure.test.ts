/** Random structures of groups, batches, chains and streams, failing and interrupted at random: nothing outlives its owner. */
import { closeSync, openSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, type Scope, Stream, TestClock } from "effect"
import { Aio, AioGroup, AioOperation, MockAio } from "effect-aio"
import { realBackends } from "../support/backends.ts"
import { idlePipes } from "../support/fifo.ts"
import { nextTurn, someTime } from "../support/moments.ts"
import { descriptorsIn } from "../support/processState.ts"
import { type Random, random, seed } from "../support/random.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const PAGE = 4096

interface Ground {
  readonly random: Random
  readonly path: string
  readonly fd: number
  readonly pipes: ReadonlyArray<number>
  /** Every buffer that was handed to a request. */
  readonly buffers: Array<Uint8Array>
}

const operation = ({ buffers, fd, path, pipes, random }: Ground, safe: boolean): AioOperation.AioOperation<unknown> => {
  const buffer = (length: number): Uint8Array => {
    const made = new Uint8Array(length)
    buffers.push(made)
    return made
  }
  switch (random.integer(safe ? 6 : 12)) {
    case 0:
    case 1:
      return AioOperation.nop()
    case 2:
      return AioOperation.read(fd, buffer(PAGE), { offset: random.integer(4) * PAGE })
    case 3:
      return AioOperation.stat(path)
    case 4:
      return AioOperation.write(fd, Buffer.alloc(10), { offset: random.integer(100) })
    case 5:
      return AioOperation.fdatasync(fd)
    case 6:
      return AioOperation.open(path)
    case 7:
    case 8:
      return AioOperation.read(random.pick(pipes), buffer(8))
    case 9:
      return AioOperation.stat(`${path}-missing`)
    case 10:
      return AioOperation.read(fd, buffer(8), { offset: -1 })
    default:
      return AioOperation.pollFd(random.pick(pipes), { readable: true })
  }
}

const operations = (ground: Ground, most: number, safe = false): ReadonlyArray<AioOperation.AioOperation<unknown>> =>
  Array.from({ length: ground.random.integer(most) }, () => operation(ground, safe))

/** Something that may succeed, fail, or go on for ever. Descriptors are left to their owners: exits are thrown away only of safe ones. */
const work = (ground: Ground, depth: number): Effect.Effect<unknown, unknown, Aio.Aio | Scope.Scope> => {
  const { random } = ground
  switch (random.integer(depth === 0 ? 4 : 7)) {
    case 0:
      return AioOperation.submitAll(operations(ground, 40, true), { mode: "exits" })
    case 1:
      return failing(AioOperation.submitAll([...operations(ground, 20), AioOperation.stat("/does/not/exist")]))
    case 2:
      return AioOperation.linked(operations(ground, 10, true), { mode: "exits" })
    case 3:
      return Stream.runDrain(
        AioOperation.asCompleted(operations(ground, 30, true), { concurrency: 1 + random.integer(6) })
      )
    default:
      return group(ground, depth)
  }
}

/** What can only fail: nobody gets its descriptors. */
const failing = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.flatMap(Effect.exit(effect), (exit) => (Exit.isFailure(exit) ? exit : Effect.die("it has succeeded")))

const group = (ground: Ground, depth: number) =>
  Effect.gen(function* () {
    const { random } = ground
    const options = (): AioGroup.Options => ({
      limit: random.pick([1, 3, 10, Number.POSITIVE_INFINITY]),
      onFailure: random.pick(["cancel", "continue"] as const)
    })
    const outer = yield* AioGroup.make(options())
    const populate = (into: AioGroup.AioGroup, levels: number): Effect.Effect<void, unknown, Aio.Aio | Scope.Scope> =>
      Effect.gen(function* () {
        for (let i = random.integer(4); i >= 0; i--) {
          switch (random.integer(levels === 0 ? 5 : 7)) {
            case 0:
              yield* into.addAll(operations(ground, 12))
              break
            case 1: {
              const handle = yield* into.add(AioOperation.nop())
              yield* Effect.forkScoped(handle.result)
              break
            }
            case 2:
              yield* Effect.forkScoped(into.feed(operations(ground, 50)))
              break
            case 3:
              yield* Effect.forkScoped(into.feed(Stream.fromIterable(operations(ground, 50)).pipe(Stream.rechunk(7))))
              break
            case 4:
              if (random.integer(3) === 0) yield* into.cancel
              else yield* into.setLimit(1 + random.integer(5))
              break
            default: {
              const child = yield* into.group(options())
              yield* populate(child, levels - 1)
              if (random.integer(2) === 0) yield* child.seal
            }
          }
          yield* someTime(random)
        }
      })
    yield* populate(outer, depth)
    if (random.integer(3) === 0) yield* outer.cancel
    if (random.integer(3) > 0) yield* outer.seal
    if (random.integer(3) === 0) yield* Effect.timeout(outer.done, 5)
  })

describe.each(realBackends)("$name", ({ layer }) => {
  it.scopedLive("random nesting, failures and interrupts", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const path = join(directory, "file")
      writeFileSync(path, Buffer.alloc(4 * PAGE, 1))
      const fd = yield* Effect.acquireRelease(
        Effect.sync(() => openSync(path, "r+")),
        (fd) => Effect.sync(() => closeSync(fd))
      )
      const pipes = yield* idlePipes(4)
      const source = random()
      const message = `SEED=${seed}`
      yield* AioOperation.submitAll(pipes.map(() => AioOperation.nop()))
      for (let round = 0; round < 40; round++) {
        const ground: Ground = { random: source, path, fd, pipes, buffers: [] }
        const fiber = yield* Effect.fork(Effect.scoped(work(ground, 2)))
        for (let i = source.integer(4); i >= 0; i--) yield* someTime(source)
        if (source.integer(3) === 0) yield* Effect.sleep(source.integer(30))
        yield* Effect.timeout(Fiber.interrupt(fiber), "30 seconds")
        const { completed, outstanding, submitted } = yield* Aio.stats
        expect([outstanding, submitted], message).toEqual([0, completed])
        // Canaries: nobody writes into a buffer whose owner has ended.
        for (const buffer of ground.buffers) buffer.fill(0xee)
        for (const pipe of pipes) writeSync(pipe, "late")
        yield* Effect.sleep(1)
        for (const buffer of ground.buffers)
          expect(
            buffer.every((byte) => byte === 0xee),
            message
          ).toBe(true)
        for (const pipe of pipes) expect(yield* Aio.read(pipe, new Uint8Array(8)), message).toBe(4)
        expect(descriptorsIn(directory), message).toBe(1)
      }
    }).pipe(Effect.provide(layer))
  )
})

it.scoped("descriptors that nobody took are closed with the outermost group, however deep they are", () =>
  Effect.gen(function* () {
    yield* MockAio.put("/file", "")
    yield* Effect.scoped(
      Effect.gen(function* () {
        const outer = yield* AioGroup.make()
        const middle = yield* outer.group()
        const inner = yield* middle.group()
        yield* inner.add(AioOperation.open("/file"))
        // Both are done before the outermost is closed; the one in the middle has no descriptors of its own.
        yield* inner.seal
        yield* inner.done
        yield* middle.seal
        yield* middle.done
        expect((yield* MockAio.descriptors).size).toBe(1)
      })
    )
    expect((yield* MockAio.descriptors).size).toBe(0)
  }).pipe(Effect.provide(MockAio.layer()))
)

it.scoped("on the mock, by its clock: random nesting, failures, faults and interrupts", () =>
  Effect.gen(function* () {
    const message = `SEED=${seed}`
    const source = random()
    const path = "/file"
    yield* MockAio.put(path, Buffer.alloc(4 * PAGE, 1))
    const fd = yield* Aio.open(path, { flag: "r+" })
    const pipes = yield* Effect.forEach([1, 2, 3, 4], () => Effect.map(MockAio.pipe, ({ read }) => read))
    const open = (yield* MockAio.descriptors).size
    // Time passes as fast as the event loop turns.
    yield* Effect.forkScoped(Effect.forever(Effect.zipRight(nextTurn, TestClock.adjust("1 millis"))))
    yield* MockAio.configure({ latency: { read: "3 millis", write: "2 millis", stat: "1 millis", open: "5 millis" } })
    for (let round = 0; round < 60; round++) {
      if (round % 3 === 0) yield* MockAio.fail("read", "EIO", { after: source.integer(10) })
      const ground: Ground = { random: source, path, fd, pipes, buffers: [] }
      const fiber = yield* Effect.fork(Effect.scoped(work(ground, 2)))
      for (let i = source.integer(12); i >= 0; i--) yield* someTime(source)
      yield* Fiber.interrupt(fiber)
      yield* MockAio.heal
      const { completed, outstanding, submitted } = yield* Aio.stats
      expect([outstanding, submitted], message).toEqual([0, completed])
      for (const buffer of ground.buffers) buffer.fill(0xee)
      yield* Effect.all([nextTurn, nextTurn])
      expect(
        ground.buffers.every((buffer) => buffer.every((byte) => byte === 0xee)),
        message
      ).toBe(true)
      expect((yield* MockAio.descriptors).size, message).toBe(open)
    }
  }).pipe(Effect.provide(MockAio.layer({ seed })))
)
