/** A fiber may yield between any two of its steps; here it does so after each or every other, and the world goes on meanwhile. */
import { expect, it } from "@effect/vitest"
import { Chunk, Effect, Exit, Fiber, Scope, Stream } from "effect"
import { Aio, AioGroup, AioOperation, MockAio } from "effect-aio"
import { nextTurn } from "../support/moments.ts"

const layer = MockAio.layer({ files: { "/file": "" } })

/** Yields after each step or two: the smallest number with which a fiber gets on at all, since a yield has steps of its own. */
const yielding = Effect.withMaxOpsBeforeYield(10)

const yields = (count: number) => Effect.repeatN(Effect.yieldNow(), count)

/** Whether it ends. */
const within = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(effect)
    for (let i = 0; i < 50; i++) yield* nextTurn
    const exit = yield* Fiber.poll(fiber)
    yield* Fiber.interrupt(fiber)
    return exit._tag
  })

it.scoped("a result that comes between the look and the wait is seen", () =>
  Effect.gen(function* () {
    const { read, write } = yield* MockAio.pipe
    const group = yield* AioGroup.make()
    for (let moment = 0; moment < 30; moment++) {
      const handle = yield* group.add(AioOperation.read(read, new Uint8Array(1)))
      const cancelling = yield* Effect.fork(Effect.zipRight(yields(moment), handle.cancel))
      expect(yield* within(yielding(Effect.exit(handle.result))), `${moment}`).toBe("Some")
      yield* Fiber.join(cancelling)
    }
    yield* Aio.close(write)
  }).pipe(Effect.provide(layer))
)

it.scoped("`results` misses no end", () =>
  Effect.gen(function* () {
    for (let moment = 0; moment < 60; moment++) {
      const { read } = yield* MockAio.pipe
      const group = yield* AioGroup.make()
      const pull = yield* Stream.toPull(group.results)
      const first = yield* Effect.fork(pull)
      yield* yields(50)
      yield* group.add(AioOperation.nop())
      expect(Chunk.size(yield* Fiber.join(first))).toBe(1)
      const handle = yield* group.add(AioOperation.read(read, new Uint8Array(1)))
      const cancelling = yield* Effect.fork(Effect.zipRight(yields(moment), handle.cancel))
      expect(yield* within(yielding(pull)), `${moment}`).toBe("Some")
      yield* Fiber.join(cancelling)
    }
  }).pipe(Effect.provide(layer))
)

it.scoped("nothing is added to a group that is closed meanwhile", () =>
  Effect.gen(function* () {
    const { read } = yield* MockAio.pipe
    for (let moment = 0; moment < 40; moment++) {
      for (const add of [
        (group: AioGroup.AioGroup) => group.feed([AioOperation.read(read, new Uint8Array(1))]),
        (group: AioGroup.AioGroup) =>
          Effect.flatMap(group.group(), (child) => child.add(AioOperation.read(read, new Uint8Array(1))))
      ]) {
        const scope = yield* Scope.make()
        const group = yield* Scope.extend(AioGroup.make(), scope)
        const adding = yield* Effect.fork(yielding<unknown, unknown, never>(add(group)))
        yield* yields(moment)
        yield* Scope.close(scope, Exit.void)
        for (let i = 0; i < 20; i++) yield* nextTurn
        expect((yield* Aio.stats).outstanding, `${moment}`).toBe(0)
        yield* Fiber.interrupt(adding)
      }
    }
  }).pipe(Effect.provide(layer))
)
