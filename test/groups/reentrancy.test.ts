/** What user code that a group runs, iterators and observers, may do to the group; and what ends while it is started. */
import { expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Runtime, Scope, TestClock } from "effect"
import { Aio, AioBlocking, AioFile, AioGroup, AioOperation, MockAio } from "effect-aio"
import { nextTurn } from "../support/moments.ts"

const layer = MockAio.layer({ files: { "/file": "" } })

const codeOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isSuccess(exit) ? exit.value : (Cause.squash(exit.cause) as { code?: string }).code

const turns = Effect.all([nextTurn, nextTurn, nextTurn], { discard: true })

/** Whether it ends while the event loop turns. */
const ends = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const fiber = yield* Effect.fork(effect)
    yield* turns
    return (yield* Fiber.poll(fiber))._tag === "Some"
  })

it.scoped("what a fed iterable adds before it ends is started", () =>
  Effect.gen(function* () {
    const group = yield* AioGroup.make()
    let added: AioGroup.Handle<void> | undefined
    yield* group.feed({
      *[Symbol.iterator]() {
        added = Effect.runSync(group.add(AioOperation.nop()))
      }
    })
    expect(yield* ends(added!.result)).toBe(true)
  }).pipe(Effect.provide(layer))
)

it.scoped("what is added by whoever is told of a cancelled request is started", () =>
  Effect.gen(function* () {
    const { read } = yield* MockAio.pipe
    const group = yield* AioGroup.make()
    let added: AioGroup.Handle<void> | undefined
    const feeding = yield* Effect.fork(
      group.feed([AioOperation.read(read, new Uint8Array(1))], {
        onExit: () => {
          added = Effect.runSync(group.add(AioOperation.nop()))
        }
      })
    )
    yield* turns
    yield* group.cancel
    yield* Fiber.await(feeding)
    expect(yield* ends(added!.result)).toBe(true)
  }).pipe(Effect.provide(layer))
)

it.scoped("an iterable that throws adds nothing; one that seals the group neither", () =>
  Effect.gen(function* () {
    const group = yield* AioGroup.make()
    const throwing = function* () {
      yield AioOperation.nop()
      throw new Error("mine")
    }
    const exit = yield* Effect.exit(group.addAll(throwing()))
    expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("mine")
    const sealing = function* () {
      yield AioOperation.nop()
      Effect.runSync(group.seal)
      yield AioOperation.nop()
    }
    expect(yield* Effect.flip(group.addAll(sealing()))).toMatchObject({ _tag: "AioBadArgument", argument: "group" })
    expect(yield* ends(group.done)).toBe(true)
    expect(yield* group.done).toEqual({ requests: 0, failed: 0 })
  }).pipe(Effect.provide(layer))
)

it.scoped("an endless feed of what ends at once leaves the event loop to others", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const file = yield* Scope.extend(AioFile.open("/file"), scope)
    yield* Scope.close(scope, Exit.void)
    const group = yield* AioGroup.make({ onFailure: "continue" })
    let pulled = 0
    const endless = function* () {
      for (;;) {
        if (++pulled === 1_000_000) throw new Error("it never ends")
        yield AioOperation.read(file, new Uint8Array(1))
      }
    }
    const feeding = yield* Effect.fork(group.feed(endless()))
    yield* turns
    yield* Fiber.interrupt(feeding)
    expect(pulled).toBeLessThan(100_000)
    // The same behind many: all of them end.
    const handles = yield* group.addAll(Array.from({ length: 5000 }, () => AioOperation.read(file, new Uint8Array(1))))
    yield* group.seal
    yield* group.done
    expect(yield* Effect.flip(handles[4999].result)).toMatchObject({ _tag: "AioBadArgument", argument: "file" })
  }).pipe(Effect.provide(layer))
)

it.scoped("a group within one that is failing is not waited for", () =>
  Effect.gen(function* () {
    yield* MockAio.configure({ latency: { stat: "1 second", read: "2 seconds" }, cancellation: "completion" })
    const group = yield* AioGroup.make()
    const fd = yield* Aio.open("/file")
    yield* group.addAll([AioOperation.stat("/missing"), AioOperation.read(fd, new Uint8Array(1))])
    yield* turns
    yield* TestClock.adjust("1 second")
    yield* turns
    expect(yield* group.stats).toMatchObject({ inFlight: 1, failed: 1 })
    const within = yield* group.group()
    yield* TestClock.adjust("1 second")
    yield* turns
    expect(yield* ends(group.done)).toBe(true)
    expect(codeOf(yield* Effect.exit(within.done))).toBe("ENOENT")
    expect(
      codeOf(yield* Effect.exit(Effect.flatten(Effect.map(within.add(AioOperation.nop()), (h) => h.result))))
    ).toBe("ECANCELED")
  }).pipe(Effect.provide(layer))
)

for (const how of ["cancel", "failure", "close"] as const) {
  it.scoped(`what ends by ${how} makes no room for others that end by it`, () =>
    Effect.gen(function* () {
      yield* MockAio.configure({ latency: { stat: "1 second" } })
      const { read } = yield* MockAio.pipe
      const scope = yield* Scope.make()
      const outer = yield* Scope.extend(AioGroup.make({ limit: 2 }), scope)
      const [first, second] = [yield* outer.group(), yield* outer.group()]
      yield* first.addAll([AioOperation.stat("/missing"), AioOperation.read(read, new Uint8Array(1))])
      const waiting = yield* second.add(AioOperation.nop())
      yield* turns
      const { submitted } = yield* Aio.stats
      if (how === "cancel") yield* outer.cancel
      else if (how === "close") yield* Scope.close(scope, Exit.void)
      else yield* TestClock.adjust("1 second")
      yield* turns
      expect(codeOf(yield* Effect.exit(waiting.result))).toBe("ECANCELED")
      expect((yield* Aio.stats).submitted).toBe(submitted)
    }).pipe(Effect.provide(layer))
  )
}

it.scoped("groups whose descriptors were taken leave the one around", () =>
  Effect.gen(function* () {
    const outer = yield* AioGroup.make()
    const { core } = outer as unknown as { readonly core: { readonly children: ReadonlySet<unknown> } }
    for (let i = 0; i < 3; i++) {
      const middle = yield* outer.group()
      const inner = yield* middle.group()
      const { result } = yield* inner.add(AioOperation.open("/file"))
      yield* inner.seal
      yield* middle.seal
      yield* middle.done
      yield* Aio.close(yield* result)
    }
    expect(core.children.size).toBe(0)
  }).pipe(Effect.provide(layer))
)

it.scoped("waiting: what was not started and not cancelled", () =>
  Effect.gen(function* () {
    const group = yield* AioGroup.make({ limit: 0, requestsPerSecond: 1 })
    const handles = yield* group.addAll(Array.from({ length: 4 }, () => AioOperation.nop()))
    yield* handles[1].cancel
    expect(yield* group.stats).toMatchObject({ waiting: 3, ended: 1 })
    yield* group.setLimit(1)
    yield* turns
    // One has ended, the next is held back by the rate.
    expect(yield* group.stats).toMatchObject({ waiting: 2, ended: 2 })
  }).pipe(Effect.provide(layer))
)

it.scoped("an iterable that uses up the room in another group waits for it with what it gives", () =>
  Effect.gen(function* () {
    const { read } = yield* MockAio.pipe
    const reading = AioOperation.read(read, new Uint8Array(1))
    const outer = yield* AioGroup.make({ limit: 1 })
    const [first, second] = [yield* outer.group(), yield* outer.group()]
    let other: AioGroup.Handle<number> | undefined
    yield* Effect.fork(
      first.feed({
        *[Symbol.iterator]() {
          other = Effect.runSync(second.add(reading))
          yield reading
        }
      })
    )
    yield* turns
    expect(yield* Effect.all([first.stats, second.stats])).toMatchObject([{ inFlight: 0 }, { inFlight: 1 }])
    yield* other!.cancel
    yield* turns
    expect(yield* Effect.all([first.stats, second.stats])).toMatchObject([{ inFlight: 1 }, { inFlight: 0 }])
  }).pipe(Effect.provide(layer))
)

it.scoped("a feed fails with its group, whatever its observer does when it is told of that", () =>
  Effect.gen(function* () {
    yield* MockAio.configure({ latency: { stat: "1 second" } })
    const group = yield* AioGroup.make()
    const feeding = yield* Effect.fork(
      group.feed([AioOperation.stat("/missing")], {
        onExit: () => void Effect.runSync(group.add(AioOperation.nop()))
      })
    )
    yield* turns
    yield* TestClock.adjust("1 second")
    yield* turns
    expect(codeOf(yield* Fiber.await(feeding))).toBe("ENOENT")
  }).pipe(Effect.provide(layer))
)

it.scoped("who would wait for the turn that it is called in is told so", () =>
  Effect.gen(function* () {
    const group = yield* AioGroup.make()
    const runtime = yield* Effect.runtime<Aio.Aio>()
    const told: Array<unknown> = []
    const ask = () => {
      for (const blocking of [AioBlocking.flush, AioBlocking.wait()]) {
        told.push(codeOf(Runtime.runSyncExit(runtime)(blocking)))
      }
    }
    yield* group.feed([AioOperation.nop()], { onExit: ask })
    expect(told).toEqual(["EDEADLK", "EDEADLK"])
  }).pipe(Effect.provide(layer))
)
