/** Groups: members start as there is room and end together. */
import { writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Chunk, Effect, Exit, Fiber, Option, Scope, Stream } from "effect"
import { Aio, AioGroup, AioOperation, MockAio } from "effect-aio"
import { realBackends } from "../support/backends.ts"
import { byHand } from "../support/engine.ts"
import { idlePipes } from "../support/fifo.ts"
import { givingWayAt, nextTurn } from "../support/moments.ts"
import { descriptorsIn } from "../support/processState.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const idle = Effect.map(Aio.stats, ({ outstanding }) => outstanding)

const codeOf = (exit: Exit.Exit<unknown, unknown>): unknown =>
  Exit.isSuccess(exit) ? exit.value : (Cause.squash(exit.cause) as { code?: string }).code

const reads = (fds: ReadonlyArray<number>) => fds.map((fd) => AioOperation.read(fd, new Uint8Array(8)))

describe.each(realBackends)("$name", ({ layer }) => {
  it.scopedLive("handles give results, in any order, any number of times", () =>
    Effect.gen(function* () {
      const pipes = yield* idlePipes(2)
      const group = yield* AioGroup.make()
      const [first, second] = yield* group.addAll(reads(pipes))
      const nop = yield* group.add(AioOperation.nop())
      yield* nop.result
      expect(yield* first.poll).toEqual(Option.none())
      const both = yield* Effect.fork(Effect.all([first.result, first.result], { concurrency: 2 }))
      writeSync(pipes[1], "abc")
      expect(yield* second.result).toBe(3)
      writeSync(pipes[0], "ab")
      expect(yield* Fiber.join(both)).toEqual([2, 2])
      expect(yield* first.poll).toEqual(Option.some(Exit.succeed(2)))
      expect(yield* group.stats).toEqual({ waiting: 0, inFlight: 0, ended: 3, failed: 0 })
      yield* group.seal
      expect(yield* group.done).toEqual({ requests: 3, failed: 0 })
      expect(yield* Effect.flip(group.add(AioOperation.nop()))).toMatchObject({ argument: "group" })
    }).pipe(Effect.timeout("45 seconds"), Effect.provide(layer))
  )

  it.scopedLive("operations of several kinds, each with the type of its own", () =>
    Effect.gen(function* () {
      const group = yield* AioGroup.make()
      const { stat, statvfs } = AioOperation
      const [first, second] = yield* group.addAll([stat("/"), statvfs("/")])
      expect((yield* first.result).type).toBe("Directory")
      expect((yield* second.result).blockSize).toBeGreaterThan(0)
      for (const handle of yield* group.addAll(new Set([stat("/"), statvfs("/")]))) {
        const either: Aio.Stat | Aio.StatVfs = yield* handle.result
        expect("ino" in either ? either.type : either.blockSize).toBeTruthy()
      }
      const fed: Array<Exit.Exit<Aio.Stat | Aio.StatVfs, unknown>> = []
      yield* group.feed([stat("/"), statvfs("/")], { onExit: ({ exit }) => void fed.push(exit) })
      const ends: Chunk.Chunk<AioOperation.OperationExit<Aio.Stat | Aio.StatVfs>> = yield* Stream.runCollect(
        AioOperation.asCompleted([stat("/"), statvfs("/")])
      )
      expect([...fed, ...Chunk.map(ends, ({ exit }) => exit)].filter((exit) => Exit.isSuccess(exit)).length).toBe(4)
      // Also where their type is not known yet.
      const count = <A>(operations: ReadonlyArray<AioOperation.AioOperation<A>>, onValue: (value: A) => void) =>
        group.feed(operations, { onExit: ({ exit }) => Exit.isSuccess(exit) && onValue(exit.value) })
      expect(yield* count([stat("/")], ({ type }) => expect(type).toBe("Directory"))).toEqual({
        requests: 1,
        failed: 0
      })
    }).pipe(Effect.timeout("45 seconds"), Effect.provide(layer))
  )

  it.scopedLive("closing its Scope ends every member before it returns", () =>
    Effect.gen(function* () {
      const pipes = yield* idlePipes(6)
      const buffers = pipes.map(() => new Uint8Array(8))
      const scope = yield* Scope.make()
      const group = yield* Scope.extend(AioGroup.make({ limit: 4 }), scope)
      const inner = yield* group.group()
      const handles = yield* inner.addAll(pipes.map((fd, i) => AioOperation.read(fd, buffers[i])))
      yield* Effect.sleep(20)
      yield* Effect.timeout(Scope.close(scope, Exit.void), "30 seconds")
      expect(yield* idle).toBe(0)
      pipes.forEach((fd) => void writeSync(fd, "late"))
      yield* Effect.sleep(5)
      for (const buffer of buffers) expect(buffer.every((byte) => byte === 0)).toBe(true)
      for (const { result } of handles) expect(codeOf(yield* Effect.exit(result))).toBe("ECANCELED")
      expect(codeOf(yield* Effect.exit(group.done))).toBe("ECANCELED")
      expect(yield* Effect.flip(inner.add(AioOperation.nop()))).toMatchObject({ _tag: "AioBadArgument" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("the first failure cancels the rest, groups within and around included", () =>
    Effect.gen(function* () {
      const pipes = yield* idlePipes(3)
      const group = yield* AioGroup.make()
      const sibling = yield* group.group()
      const child = yield* group.group()
      const waiting = yield* sibling.addAll(reads(pipes))
      const own = yield* group.add(AioOperation.read(pipes[0], new Uint8Array(8)))
      yield* child.add(AioOperation.stat("/does/not/exist"))
      expect(codeOf(yield* Effect.exit(group.done))).toBe("ENOENT")
      for (const { result } of [...waiting, own]) expect(codeOf(yield* Effect.exit(result))).toBe("ECANCELED")
      expect(codeOf(yield* Effect.exit(sibling.done))).toBe("ENOENT")
      const late = yield* group.add(AioOperation.nop())
      expect(codeOf(yield* Effect.exit(late.result))).toBe("ECANCELED")
      expect(yield* idle).toBe(0)
    }).pipe(Effect.timeout("45 seconds"), Effect.provide(layer))
  )

  it.scopedLive("onFailure continue: each failure is its own", () =>
    Effect.gen(function* () {
      const group = yield* AioGroup.make({ onFailure: "continue" })
      const child = yield* group.group()
      const missing = yield* group.add(AioOperation.stat("/does/not/exist"))
      const bad = yield* group.add(AioOperation.mkdir("a\0b"))
      const fine = yield* group.add(AioOperation.nop())
      expect(codeOf(yield* Effect.exit(missing.result))).toBe("ENOENT")
      expect(yield* Effect.flip(bad.result)).toMatchObject({ _tag: "AioBadArgument" })
      yield* fine.result
      yield* child.add(AioOperation.rmdir("/does/not/exist"))
      yield* child.seal
      expect(codeOf(yield* Effect.exit(child.done))).toBe("ENOENT")
      yield* group.seal
      expect(yield* group.done).toEqual({ requests: 3, failed: 2 })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("cancel empties it, and it goes on; one member can be cancelled alone", () =>
    Effect.gen(function* () {
      const pipes = yield* idlePipes(4)
      const group = yield* AioGroup.make({ limit: 2 })
      const [one, two, three, four] = yield* group.addAll(reads(pipes))
      while ((yield* group.stats).inFlight < 2) yield* Effect.sleep(1)
      expect(yield* group.stats).toMatchObject({ inFlight: 2, waiting: 2 })
      yield* Effect.timeout(three.cancel, "30 seconds")
      yield* Effect.timeout(one.cancel, "30 seconds")
      expect(codeOf(yield* Effect.exit(one.result))).toBe("ECANCELED")
      writeSync(pipes[3], "abcd")
      expect(yield* four.result).toBe(4)
      yield* Effect.timeout(group.cancel, "30 seconds")
      expect(codeOf(yield* Effect.exit(two.result))).toBe("ECANCELED")
      expect(yield* idle).toBe(0)
      yield* Effect.flatMap(group.add(AioOperation.nop()), ({ result }) => result)
      yield* group.seal
      yield* group.done
    }).pipe(Effect.timeout("45 seconds"), Effect.provide(layer))
  )

  it.scopedLive("never more than the limit, also when it changes, also within", () =>
    Effect.gen(function* () {
      const { stats } = yield* byHand
      const group = yield* AioGroup.make({ limit: 4 })
      const inner = yield* group.group({ limit: 3 })
      let most = 0
      const source = function* () {
        for (let i = 0; i < 3000; i++) {
          most = Math.max(most, stats().outstanding + 1)
          yield AioOperation.nop()
        }
      }
      yield* inner.feed(source())
      expect(most).toBeLessThanOrEqual(3)
      most = 0
      yield* Effect.all([group.feed(source()), inner.feed(source()), inner.feed(source())], { concurrency: 3 })
      expect(most).toBeLessThanOrEqual(4)
      expect(most).toBeGreaterThan(3)
      yield* group.setLimit(0)
      const held = yield* Effect.fork(inner.feed(source()))
      yield* Effect.sleep(10)
      expect(yield* idle).toBe(0)
      most = 0
      yield* group.setLimit(2)
      expect(yield* Fiber.join(held)).toEqual({ requests: 3000, failed: 0 })
      expect(most).toBeLessThanOrEqual(2)
      expect(yield* group.limit).toBe(2)
      expect(yield* Effect.flip(group.setLimit(-1))).toMatchObject({ _tag: "AioBadArgument" })
    }).pipe(Effect.timeout("45 seconds"), Effect.provide(layer))
  )

  it.scopedLive("feeds: of iterables and of Streams; failures, throws, interruption", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const path = join(directory, "file")
      writeFileSync(path, "x")
      const group = yield* AioGroup.make({ limit: 8, onFailure: "continue" })
      const seen: Array<number> = []
      const operations = [AioOperation.stat(path), AioOperation.stat("/does/not/exist"), AioOperation.stat(path)]
      expect(yield* group.feed(operations, { onExit: ({ index }) => seen.push(index) })).toEqual({
        requests: 3,
        failed: 1
      })
      expect(seen.sort()).toEqual([0, 1, 2])
      const streamed = Stream.range(1, 1000).pipe(
        Stream.rechunk(37),
        Stream.map(() => AioOperation.nop())
      )
      expect(yield* group.feed(streamed)).toEqual({ requests: 1000, failed: 0 })
      expect(yield* Effect.flip(group.feed(Stream.fail("mine" as const)))).toBe("mine")
      expect(yield* group.feed(Stream.empty)).toEqual({ requests: 0, failed: 0 })
      const dying = yield* Effect.exit(
        group.feed([AioOperation.nop(), AioOperation.nop()], {
          onExit: () => {
            throw new Error("mine")
          }
        })
      )
      expect(Exit.isFailure(dying) && Cause.pretty(dying.cause)).toContain("mine")
      // Nobody takes these: they are closed.
      yield* group.feed(Array.from({ length: 20 }, () => AioOperation.open(path)))
      yield* group.seal
      yield* group.done
      expect(descriptorsIn(directory)).toBe(0)
      expect(yield* idle).toBe(0)
    }).pipe(Effect.timeout("45 seconds"), Effect.provide(layer))
  )

  it.scopedLive("a feed that is interrupted, or whose group fails or is cancelled, ends", () =>
    Effect.gen(function* () {
      const [pipe] = yield* idlePipes(1)
      const endless = function* () {
        for (;;) yield AioOperation.read(pipe, new Uint8Array(8))
      }
      for (const source of [endless, () => Stream.fromIterable(endless()), () => Stream.never]) {
        const group = yield* AioGroup.make({ limit: 3 })
        const interrupted = yield* Effect.fork(group.feed(source()))
        yield* Effect.sleep(10)
        yield* Effect.timeout(Fiber.interrupt(interrupted), "30 seconds")
        expect(yield* idle).toBe(0)
        const cancelled = yield* Effect.fork(group.feed(source()))
        yield* Effect.sleep(10)
        yield* Effect.timeout(group.cancel, "30 seconds")
        expect(codeOf(yield* Fiber.await(cancelled))).toBe("ECANCELED")
        const failing = yield* Effect.fork(group.feed(source()))
        yield* Effect.sleep(10)
        // What was added goes before what is fed.
        yield* group.add(AioOperation.stat("/does/not/exist"))
        yield* group.setLimit(4)
        expect(codeOf(yield* Fiber.await(failing))).toBe("ENOENT")
        expect(yield* idle).toBe(0)
      }
    }).pipe(Effect.timeout("45 seconds"), Effect.provide(layer))
  )

  it.scopedLive("descriptors whose handle nobody asked are closed with the group, the others are not", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const path = join(directory, "file")
      writeFileSync(path, "x")
      const fd = yield* Effect.scoped(
        Effect.gen(function* () {
          const group = yield* AioGroup.make()
          const inner = yield* group.group()
          const [taken] = yield* group.addAll(Array.from({ length: 5 }, () => AioOperation.open(path)))
          yield* inner.addAll(Array.from({ length: 5 }, () => AioOperation.open(path)))
          yield* inner.seal
          yield* inner.done
          return yield* taken.result
        })
      )
      expect(descriptorsIn(directory)).toBe(1)
      yield* Aio.close(fd)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("results: what ends, as it ends, until it is done", () =>
    Effect.gen(function* () {
      const group = yield* AioGroup.make({ limit: 16 })
      const collecting = yield* Effect.fork(Stream.runCollect(group.results))
      yield* Effect.yieldNow()
      yield* group.feed(Array.from({ length: 5000 }, () => AioOperation.nop()))
      yield* group.add(AioOperation.nop())
      yield* group.seal
      yield* group.done
      expect(Chunk.size(yield* Fiber.join(collecting))).toBe(5001)
      expect(Chunk.size(yield* Stream.runCollect(group.results))).toBe(0)
      // A consumer that takes nothing holds it back.
      const slow = yield* AioGroup.make({ limit: 16 })
      const stuck = yield* Effect.fork(Stream.runForEachChunk(slow.results, () => Effect.never))
      yield* Effect.yieldNow()
      const feeding = yield* Effect.fork(slow.feed(Array.from({ length: 100_000 }, () => AioOperation.nop())))
      yield* Effect.sleep(200)
      expect((yield* slow.stats).ended).toBeLessThan(1024 + 2 * 1024)
      yield* Fiber.interrupt(stuck)
      expect(yield* Fiber.join(feeding)).toEqual({ requests: 100_000, failed: 0 })
    }).pipe(Effect.timeout("45 seconds"), Effect.provide(layer))
  )
})

const mockPipes = (count: number) =>
  Effect.forEach(Array.from({ length: count }), () => Effect.map(MockAio.pipe, ({ read }) => read))

it.scopedLive("a feed whose iterator or onExit throws cancels what is under way of it, and nothing else", () =>
  Effect.gen(function* () {
    const pipes = yield* mockPipes(3)
    const group = yield* AioGroup.make()
    const other = yield* group.add(AioOperation.read(pipes[0], new Uint8Array(8)))
    const source = function* () {
      yield* reads(pipes.slice(1))
      throw new Error("mine")
    }
    const onExit = () => {
      throw new Error("mine")
    }
    for (const feed of [
      group.feed(source()),
      group.feed([...reads(pipes.slice(1)), AioOperation.nop()], { onExit }),
      group.feed(Stream.concat(Stream.make(...reads(pipes), AioOperation.nop()), Stream.never), { onExit })
    ]) {
      const exit = yield* Effect.timeout(Effect.exit(feed), "30 seconds")
      expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain("mine")
      expect(yield* idle).toBe(1)
      expect(yield* other.poll).toEqual(Option.none())
    }
  }).pipe(Effect.provide(MockAio.layer()))
)

it.scopedLive("what onExit adds to a group that is being cancelled starts afterwards", () =>
  Effect.gen(function* () {
    const [pipe] = yield* mockPipes(1)
    const group = yield* AioGroup.make()
    const added: Array<AioGroup.Handle<void>> = []
    const feeding = yield* Effect.fork(
      group.feed(reads([pipe]), { onExit: () => void added.push(Effect.runSync(group.add(AioOperation.nop()))) })
    )
    while ((yield* group.stats).inFlight === 0) yield* Effect.yieldNow()
    yield* group.cancel
    expect(codeOf(yield* Fiber.await(feeding))).toBe("ECANCELED")
    yield* Effect.timeout(added[0].result, "30 seconds")
  }).pipe(Effect.provide(MockAio.layer()))
)

it.scopedLive("results are taken also where they came between the look and the wait", () =>
  Effect.gen(function* () {
    for (let step = 1, last = 1; step <= last; step++) {
      const group = yield* AioGroup.make()
      const end = Effect.zipRight(Effect.ignore(group.add(AioOperation.nop())), Effect.zipRight(group.seal, group.done))
      const { place, scheduler } = givingWayAt(step, end)
      const counting = yield* Effect.fork(Effect.withScheduler(Stream.runCount(group.results), scheduler))
      yield* Effect.zipRight(nextTurn, end)
      yield* Effect.timeout(Fiber.join(counting), "30 seconds")
      last = place.steps
    }
  }).pipe(Effect.provide(MockAio.layer()))
)
