/** What is a failure of a group, and what is not. */
import { expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber, Scope } from "effect"
import { AioFile, AioGroup, AioOperation, MockAio } from "effect-aio"
import { nextTurn } from "../support/moments.ts"

const layer = MockAio.layer({ files: { "/file": "" }, latency: { read: "1 second" } })

const codeOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isSuccess(exit) ? exit.value : (Cause.squash(exit.cause) as { code?: string }).code

const turns = Effect.all([nextTurn, nextTurn, nextTurn], { discard: true })

it.scoped("a request that ends because its file is closed is one: nobody asked the group to cancel it", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const file = yield* Scope.extend(AioFile.open("/file"), scope)
    const { read } = yield* MockAio.pipe
    const group = yield* AioGroup.make()
    yield* group.addAll([AioOperation.read(file, new Uint8Array(1)), AioOperation.read(read, new Uint8Array(1))])
    yield* group.seal
    yield* turns
    yield* Scope.close(scope, Exit.void)
    expect(codeOf(yield* Effect.exit(group.done))).toBe("ECANCELED")
  }).pipe(Effect.provide(layer))
)

it.scoped("one that its handle, its feed's end or the group cancels is none", () =>
  Effect.gen(function* () {
    const { read } = yield* MockAio.pipe
    const reads = () => [AioOperation.read(read, new Uint8Array(1)), AioOperation.read(read, new Uint8Array(1))]
    const group = yield* AioGroup.make({ limit: 5 })
    const [started, waiting] = yield* group.addAll(reads())
    const feeding = yield* Effect.fork(group.feed(reads()))
    yield* turns
    yield* waiting.cancel
    yield* started.cancel
    yield* Fiber.interrupt(feeding)
    yield* group.addAll(reads())
    yield* turns
    yield* group.cancel
    yield* group.seal
    expect(yield* group.done).toEqual({ requests: 6, failed: 6 })
  }).pipe(Effect.provide(layer))
)

it.scoped("whoever stops waiting leaves nothing behind", () =>
  Effect.gen(function* () {
    const { read } = yield* MockAio.pipe
    const group = yield* AioGroup.make()
    const handle = yield* group.add(AioOperation.read(read, new Uint8Array(1)))
    for (const wait of [handle.result, group.done] as ReadonlyArray<Effect.Effect<unknown, unknown>>) {
      for (let i = 0; i < 10; i++) {
        const waiting = yield* Effect.fork(wait)
        yield* nextTurn
        yield* Fiber.interrupt(waiting)
      }
    }
    const { core } = group as unknown as { readonly core: { readonly watchers: ReadonlySet<unknown> } }
    const { member } = handle as unknown as { readonly member: { readonly watchers: ReadonlyArray<unknown> } }
    expect([core.watchers.size, member.watchers.length]).toEqual([0, 0])
  }).pipe(Effect.provide(layer))
)
