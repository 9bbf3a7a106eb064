/** Rates: by Effect's Clock, so that a test need not wait. */
import { describe, expect, it } from "@effect/vitest"
import { type Clock, type Duration, Effect, Fiber, Option, TestClock } from "effect"
import { Aio, AioGroup, AioOperation, MockAio } from "effect-aio"
import { realBackends } from "../support/backends.ts"
import { nextTurn } from "../support/moments.ts"

/** Until nothing changes any more in real time; the Clock stands still. */
const untilQuiet = (group: AioGroup.AioGroup) =>
  Effect.gen(function* () {
    for (let quiet = 0, last = -1; quiet < 20; ) {
      yield* nextTurn
      const { ended } = yield* group.stats
      quiet = ended === last && (yield* Aio.stats).outstanding === 0 ? quiet + 1 : 0
      last = ended
    }
    return (yield* group.stats).ended
  })

const nops = (count: number) => Array.from({ length: count }, () => AioOperation.nop())

const opened = (path: string) =>
  Effect.acquireRelease(Aio.open(path, { flag: "w+" }), (fd) => Effect.ignore(Aio.close(fd)))

const writes = (fd: number, count: number, bytes: number) =>
  Array.from({ length: count }, () => AioOperation.write(fd, new Uint8Array(bytes), { offset: 0 }))

describe.each(realBackends)("$name", ({ layer }) => {
  it.scoped("requests in a second", () =>
    Effect.gen(function* () {
      const group = yield* AioGroup.make({ requestsPerSecond: 100 })
      const feeding = yield* Effect.fork(group.feed(nops(60)))
      // A tenth of a second's worth at once.
      expect(yield* untilQuiet(group)).toBe(10)
      yield* TestClock.adjust("100 millis")
      expect(yield* untilQuiet(group)).toBe(20)
      for (let i = 0; i < 10; i++) {
        yield* TestClock.adjust("10 millis")
        yield* untilQuiet(group)
      }
      expect(yield* untilQuiet(group)).toBe(30)
      // After a pause no more than the bucket holds.
      yield* TestClock.adjust("10 seconds")
      yield* untilQuiet(group)
      expect(yield* untilQuiet(group)).toBeLessThanOrEqual(60)
      for (let i = 0; i < 40; i++) {
        yield* TestClock.adjust("10 millis")
        yield* untilQuiet(group)
      }
      expect(yield* Fiber.join(feeding)).toEqual({ requests: 60, failed: 0 })
    }).pipe(Effect.provide(layer))
  )

  it.scoped("bytes in a second, whatever their sizes; held by the group around, too", () =>
    Effect.gen(function* () {
      const outer = yield* AioGroup.make({ bytesPerSecond: 1000, onFailure: "continue" })
      const group = yield* outer.group({ requestsPerSecond: 1_000_000, onFailure: "continue" })
      // Larger than a bucket: each is made up for.
      const feeding = yield* Effect.fork(group.feed(writes(yield* opened("/dev/null"), 5, 500)))
      const ends: Array<number> = []
      for (let i = 0; i < 25; i++) {
        ends.push(yield* untilQuiet(group))
        yield* TestClock.adjust("100 millis")
      }
      // 500 bytes are half a second.
      expect(ends[0]).toBe(1)
      expect(ends[4]).toBe(1)
      expect(ends[6]).toBe(2)
      expect(ends[11]).toBe(3)
      expect(ends[24]).toBe(5)
      expect((yield* Fiber.join(feeding)).requests).toBe(5)
    }).pipe(Effect.provide(layer))
  )

  it.scoped("a group that waits for its rate can be cancelled, and closed", () =>
    Effect.gen(function* () {
      yield* Effect.scoped(
        Effect.gen(function* () {
          const group = yield* AioGroup.make({ requestsPerSecond: 1 })
          const feeding = yield* Effect.fork(group.feed(nops(10)))
          expect(yield* untilQuiet(group)).toBe(1)
          yield* group.cancel
          expect((yield* Fiber.await(feeding))._tag).toBe("Failure")
          yield* group.addAll(nops(3))
        })
      )
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scoped("rates that are none", () =>
    Effect.gen(function* () {
      const none = [0, -1, Number.NaN].flatMap((rate) => [{ requestsPerSecond: rate }, { bytesPerSecond: rate }])
      for (const options of [...none, { limit: 0.5 }]) {
        expect(yield* Effect.flip(AioGroup.make(options))).toMatchObject({ _tag: "AioBadArgument" })
      }
    }).pipe(Effect.provide(layer))
  )
})

const aSecond = (group: AioGroup.AioGroup) =>
  Effect.forEach(Array.from({ length: 100 }), () => Effect.zipRight(TestClock.adjust("10 millis"), untilQuiet(group)))

it.scoped("an infinite rate is none", () =>
  Effect.gen(function* () {
    const group = yield* AioGroup.make({
      requestsPerSecond: Number.POSITIVE_INFINITY,
      bytesPerSecond: Number.POSITIVE_INFINITY
    })
    expect(yield* group.feed(nops(2000))).toEqual({ requests: 2000, failed: 0 })
  }).pipe(Effect.provide(MockAio.layer()))
)

it.scoped("groups that share a rate take turns", () =>
  Effect.gen(function* () {
    const outer = yield* AioGroup.make({ requestsPerSecond: 100 })
    const groups = yield* Effect.all([outer.group(), outer.group(), outer.group({ requestsPerSecond: 10 })])
    for (const group of groups) yield* Effect.fork(group.feed(nops(1000)))
    yield* aSecond(groups[0])
    const ended = yield* Effect.forEach(groups, ({ stats }) => Effect.map(stats, ({ ended }) => ended))
    // 110 in all, the last not more than its own rate, the first having found the rate unused.
    expect(ended.reduce((sum, count) => sum + count)).toBe(110)
    expect(ended[2]).toBeGreaterThanOrEqual(9)
    expect(ended[2]).toBeLessThanOrEqual(11)
    expect(ended[1]).toBeGreaterThanOrEqual(40)
  }).pipe(Effect.provide(MockAio.layer()))
)

it.scoped("small transfers of one group do not keep large ones of another waiting for ever", () =>
  Effect.gen(function* () {
    const outer = yield* AioGroup.make({ bytesPerSecond: 1000, onFailure: "continue" })
    const small = yield* outer.group({ onFailure: "continue" })
    const large = yield* outer.group({ onFailure: "continue" })
    const fd = yield* opened("/file")
    yield* Effect.fork(small.feed(writes(fd, 1000, 10)))
    yield* Effect.fork(large.feed(writes(fd, 10, 200)))
    yield* aSecond(small)
    // In turn: 10 bytes and 200, about five times.
    expect((yield* large.stats).ended).toBeGreaterThanOrEqual(4)
    expect((yield* small.stats).ended).toBeGreaterThanOrEqual(12)
    // What moves nothing does not wait for bytes of others.
    const idle = yield* outer.group()
    expect(yield* idle.feed(nops(50))).toEqual({ requests: 50, failed: 0 })
  }).pipe(Effect.provide(MockAio.layer()))
)

it.scoped("bytes that were not moved are not counted", () =>
  Effect.gen(function* () {
    yield* MockAio.put("/short", "ten bytes!")
    const fd = yield* Aio.open("/short")
    const group = yield* AioGroup.make({ bytesPerSecond: 1000, onFailure: "continue" })
    const failing = AioOperation.read(1_000_000, new Uint8Array(100), { offset: 0 })
    // Each is as large as a bucket, and moves a tenth of it, or nothing.
    const reads = Array.from({ length: 500 }, (_, i) =>
      i % 2 === 0 ? failing : AioOperation.read(fd, new Uint8Array(100), { offset: 0 })
    )
    yield* Effect.fork(group.feed(reads))
    yield* aSecond(group)
    const { ended, failed } = yield* group.stats
    expect(ended - failed).toBeGreaterThanOrEqual(95)
    expect(ended - failed).toBeLessThanOrEqual(102)
  }).pipe(Effect.provide(MockAio.layer()))
)

it.scoped("who waits for a rate without room in its group lets others pass", () =>
  Effect.gen(function* () {
    const outer = yield* AioGroup.make({ requestsPerSecond: 10 })
    const stopped = yield* outer.group()
    const group = yield* outer.group()
    yield* stopped.addAll(nops(3))
    yield* stopped.setLimit(0)
    const feeding = yield* Effect.fork(group.feed(nops(5)))
    yield* aSecond(group)
    expect((yield* Fiber.join(feeding)).requests).toBe(5)
    expect(yield* stopped.stats).toMatchObject({ ended: 1, waiting: 2 })
    yield* stopped.setLimit(1)
    yield* aSecond(stopped)
    expect(yield* stopped.stats).toMatchObject({ ended: 3, waiting: 0 })
  }).pipe(Effect.provide(MockAio.layer()))
)

it.scoped("nobody waits behind what was cancelled while it waited for a rate", () =>
  Effect.gen(function* () {
    const outer = yield* AioGroup.make({ bytesPerSecond: 1000, onFailure: "continue" })
    const fd = yield* opened("/file")
    const [, second] = yield* outer.addAll(writes(fd, 2, 100_000))
    const nop = yield* outer.add(AioOperation.nop())
    yield* untilQuiet(outer)
    expect(yield* outer.stats).toMatchObject({ waiting: 2, ended: 1 })
    yield* second.cancel
    yield* untilQuiet(outer)
    expect(Option.isSome(yield* nop.poll)).toBe(true)
    // The same for what was fed, and for groups behind it.
    const inner = yield* outer.group({ requestsPerSecond: 1 })
    const feeding = yield* Effect.fork(outer.feed(writes(fd, 2, 100_000)))
    yield* untilQuiet(outer)
    const late = yield* outer.add(AioOperation.nop())
    yield* Fiber.interrupt(feeding)
    yield* untilQuiet(outer)
    expect(Option.isSome(yield* late.poll)).toBe(true)
    expect(yield* inner.feed(nops(1))).toEqual({ requests: 1, failed: 0 })
  }).pipe(Effect.provide(MockAio.layer()))
)

it.scoped("no timer is left when nothing waits for a rate", () =>
  Effect.gen(function* () {
    const clock = yield* Effect.clock
    let sleeping = 0
    const counting: Clock.Clock = Object.assign(Object.create(clock), {
      sleep: (duration: Duration.Duration) =>
        Effect.acquireUseRelease(
          Effect.sync(() => sleeping++),
          () => clock.sleep(duration),
          () => Effect.sync(() => sleeping--)
        )
    })
    yield* Effect.scoped(
      Effect.gen(function* () {
        const outer = yield* AioGroup.make()
        const inner = yield* outer.group({ requestsPerSecond: 1 })
        const [, second] = yield* inner.addAll(nops(2))
        yield* untilQuiet(inner)
        expect(sleeping).toBe(1)
        yield* second.cancel
        yield* inner.seal
        yield* inner.done
      })
    ).pipe(Effect.withClock(counting))
    yield* nextTurn
    expect(sleeping).toBe(0)
  }).pipe(Effect.provide(MockAio.layer()))
)

it.scoped("what a feed held back when its observer threw is not started", () =>
  Effect.gen(function* () {
    const { read, write } = yield* MockAio.pipe
    const group = yield* AioGroup.make({ requestsPerSecond: 1 })
    const feeding = yield* Effect.fork(
      group.feed([AioOperation.read(read, new Uint8Array(1)), ...nops(2)], {
        onExit: () => {
          throw new Error("mine")
        }
      })
    )
    yield* nextTurn
    yield* nextTurn
    yield* Aio.write(write, new Uint8Array(1))
    expect((yield* Fiber.await(feeding))._tag).toBe("Failure")
    const { submitted } = yield* Aio.stats
    yield* TestClock.adjust("10 seconds")
    yield* untilQuiet(group)
    expect((yield* Aio.stats).submitted).toBe(submitted)
  }).pipe(Effect.provide(MockAio.layer()))
)
