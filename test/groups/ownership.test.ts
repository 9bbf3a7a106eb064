/** Who owns a descriptor that a group or a stream produced, when its end and the end of whoever waits for it meet. */
import { expect, it } from "@effect/vitest"
import { Cause, Chunk, Deferred, Effect, Exit, Fiber, FiberId, Option, Scope, Stream, TestClock } from "effect"
import { Aio, AioGroup, AioOperation, MockAio } from "effect-aio"
import { nextTurn } from "../support/moments.ts"

const layer = MockAio.layer({ files: { "/file": "" } })

const opens = (count: number) => Array.from({ length: count }, () => AioOperation.open("/file"))

const openNow = Effect.map(MockAio.descriptors, ({ size }) => size)

const codeOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isSuccess(exit) ? exit.value : (Cause.squash(exit.cause) as { code?: string }).code

const turns = Effect.all([nextTurn, nextTurn, nextTurn], { discard: true })

it.scoped("a handle never gives a descriptor that was closed with its group", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const group = yield* Scope.extend(AioGroup.make(), scope)
    const [taken, left] = yield* group.addAll(opens(2))
    const fd = yield* taken.result
    yield* turns
    yield* Scope.close(scope, Exit.void)
    expect(codeOf(yield* Effect.exit(left.result))).toBe("ECANCELED")
    expect(Option.map(yield* left.poll, codeOf)).toEqual(Option.some("ECANCELED"))
    expect(yield* taken.result).toBe(fd)
    expect([...(yield* MockAio.descriptors).keys()]).toEqual([fd])
    yield* Aio.close(fd)
  }).pipe(Effect.provide(layer))
)

it.scoped("nor one that arrives while the group is being closed", () =>
  Effect.gen(function* () {
    yield* MockAio.configure({ latency: "1 second", cancellation: "completion" })
    const scope = yield* Scope.make()
    const group = yield* Scope.extend(AioGroup.make(), scope)
    const handle = yield* group.add(AioOperation.open("/file"))
    const waiting = yield* Effect.fork(handle.result)
    yield* turns
    const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
    yield* turns
    yield* TestClock.adjust("1 second")
    yield* turns
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(closing)
    expect(codeOf(yield* Fiber.await(waiting))).toBe("ECANCELED")
    expect(yield* openNow).toBe(0)
  }).pipe(Effect.provide(layer))
)

it.scoped("descriptors that `results` had, and its consumer had not taken, are closed with the group", () =>
  Effect.gen(function* () {
    yield* Effect.scoped(
      Effect.gen(function* () {
        const group = yield* AioGroup.make()
        const taken = yield* Deferred.make<number>()
        const consumer = yield* Effect.fork(
          Stream.runForEach(group.results, ({ exit }) =>
            Effect.zipRight(
              Effect.flatMap(exit as Exit.Exit<number>, (fd) => Deferred.succeed(taken, fd)),
              Effect.never
            )
          )
        )
        yield* turns
        yield* group.add(AioOperation.open("/file"))
        const fd = yield* Deferred.await(taken)
        yield* group.feed(opens(3))
        const [kept] = yield* group.addAll(opens(2))
        yield* kept.result
        yield* Fiber.interrupt(consumer)
        yield* group.seal
        yield* group.done
        yield* Aio.close(fd)
        expect(yield* openNow).toBe(5)
      })
    )
    expect(yield* openNow).toBe(1)
  }).pipe(Effect.provide(layer))
)

it.scoped("a consumer of `results` that comes when the group is closed gets no number that is closed", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const group = yield* Scope.extend(AioGroup.make(), scope)
    const pull = yield* Stream.toPull(group.results)
    const first = yield* Effect.fork(pull)
    yield* turns
    yield* group.add(AioOperation.nop())
    yield* Fiber.join(first)
    yield* group.addAll(opens(2))
    yield* turns
    yield* Scope.close(scope, Exit.void)
    const ends = [...(yield* pull), ...(yield* pull)]
    expect(ends.map(({ exit }) => codeOf(exit))).toEqual(["ECANCELED", "ECANCELED"])
    expect(yield* openNow).toBe(0)
  }).pipe(Effect.provide(layer))
)

/** Interrupts `use` where its fiber yields, as one does after 2048 steps, so many steps from its beginning. */
const interruptedAtYield = <E, R>(steps: number, use: Effect.Effect<void, E, R>) =>
  Effect.gen(function* () {
    yield* nextTurn
    yield* Effect.withFiberRuntime<void>((fiber) => {
      // As soon as it does not run.
      queueMicrotask(() => fiber.unsafeInterruptAsFork(FiberId.none))
      return Effect.void
    })
    for (let i = 0; i < 2048 - steps; i++) yield* Effect.sync(() => {})
    yield* use
  }).pipe(Effect.fork, Effect.flatMap(Fiber.await))

const yieldingAnywhere = Array.from({ length: 60 }, (_, steps) => steps)

it.scoped("a result that is there already is not lost by a fiber that yields while it takes it", () =>
  Effect.gen(function* () {
    for (const steps of yieldingAnywhere) {
      yield* Effect.scoped(
        Effect.gen(function* () {
          const group = yield* AioGroup.make()
          const handle = yield* group.add(AioOperation.open("/file"))
          yield* turns
          yield* interruptedAtYield(
            steps,
            Effect.uninterruptibleMask((restore) =>
              Effect.flatMap(restore(handle.result), (fd) => Effect.orDie(Aio.close(fd)))
            )
          )
        })
      )
      expect(yield* openNow, `${steps} steps`).toBe(0)
    }
  }).pipe(Effect.provide(layer))
)

const closeAll = (chunk: Iterable<AioOperation.OperationExit<unknown>>) =>
  Effect.uninterruptible(
    Effect.forEach(chunk, ({ exit }) => Effect.orDie(Effect.flatMap(exit as Exit.Exit<number>, Aio.close)), {
      discard: true
    })
  )

type Make = (
  group: AioGroup.AioGroup,
  concurrency: number
) => Stream.Stream<AioOperation.OperationExit<unknown>, unknown, Aio.Aio>

const streams: ReadonlyArray<readonly [string, Make]> = [
  ["results", (group) => group.results],
  ["completed", (_, concurrency) => AioOperation.asCompleted([AioOperation.nop(), ...opens(3)], { concurrency })]
]

it.scoped.each(streams)("nor what a Stream has ready: %s", ([, make]) =>
  Effect.gen(function* () {
    for (const steps of yieldingAnywhere) {
      yield* Effect.scoped(
        Effect.gen(function* () {
          const group = yield* AioGroup.make()
          const pull = yield* Stream.toPull(make(group, 1))
          const first = yield* Effect.fork(pull)
          yield* turns
          yield* group.add(AioOperation.nop())
          yield* turns
          yield* closeAll(Chunk.drop(yield* Fiber.join(first), 1))
          yield* group.addAll(opens(3))
          yield* turns
          yield* interruptedAtYield(steps * 3, Effect.ignore(Effect.flatMap(pull, closeAll)))
        })
      )
      expect(yield* openNow, `${steps} steps`).toBe(0)
    }
  }).pipe(Effect.provide(layer))
)

it.scoped.each(streams)(
  "of a Stream that ends early: those that its consumer did not take are closed: %s",
  ([, make]) =>
    Effect.gen(function* () {
      const taken: Array<unknown> = []
      yield* Effect.scoped(
        Effect.gen(function* () {
          const group = yield* AioGroup.make()
          const taking = make(group, 4).pipe(
            Stream.take(3),
            Stream.runForEach(({ exit }) => Effect.sync(() => taken.push(codeOf(exit))))
          )
          const fiber = yield* Effect.fork(taking)
          yield* turns
          yield* group.addAll([AioOperation.nop(), ...opens(3)])
          yield* Fiber.join(fiber)
        })
      )
      const open = [...(yield* MockAio.descriptors).keys()]
      expect(taken).toEqual([undefined, ...open])
      expect(open.length).toBe(2)
    }).pipe(Effect.provide(layer))
)

/** Two descriptors of a file whose lock the first one holds, and whether a third could have it. */
const locked = Effect.gen(function* () {
  const [holder, waiter, other] = yield* Effect.all([Aio.open("/file"), Aio.open("/file"), Aio.open("/file")])
  yield* Aio.flock(holder, "exclusive")
  const isFree = Effect.isSuccess(Aio.flock(other, "exclusive", { wait: false }))
  return { holder, waiter, isFree }
})

const slowToCancel = MockAio.configure({ cancellation: "completion" })

it.scoped("a lock that arrives while its group is being closed is given back", () =>
  Effect.gen(function* () {
    const { holder, isFree, waiter } = yield* locked
    yield* slowToCancel
    const scope = yield* Scope.make()
    const group = yield* Scope.extend(AioGroup.make(), scope)
    yield* group.add(AioOperation.flock(waiter, "exclusive"))
    yield* turns
    const closing = yield* Effect.fork(Scope.close(scope, Exit.void))
    yield* turns
    yield* Aio.flock(holder, "unlock")
    yield* Fiber.join(closing)
    expect(yield* isFree).toBe(true)
  }).pipe(Effect.provide(layer))
)

it.scoped("nor is one lost with a Stream of ends that is given up; a group that ends well keeps its locks", () =>
  Effect.gen(function* () {
    const { holder, isFree, waiter } = yield* locked
    yield* slowToCancel
    const ends = AioOperation.asCompleted([AioOperation.flock(waiter, "exclusive")], { concurrency: 1 })
    const consumer = yield* Effect.fork(Stream.runDrain(ends))
    yield* turns
    const ending = yield* Effect.fork(Fiber.interrupt(consumer))
    yield* turns
    yield* Aio.flock(holder, "unlock")
    yield* Fiber.join(ending)
    yield* Effect.scoped(
      Effect.gen(function* () {
        const group = yield* AioGroup.make()
        yield* group.add(AioOperation.flock(waiter, "exclusive"))
        yield* group.seal
        yield* group.done
      })
    )
    expect(yield* isFree).toBe(false)
    yield* Aio.flock(waiter, "unlock")
    expect(yield* isFree).toBe(true)
  }).pipe(Effect.provide(layer))
)
