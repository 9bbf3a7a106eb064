/** For other event loops: a descriptor that is readable while completions wait, and calls that process them. */
import { readFileSync, readlinkSync, writeSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Aio, AioBlocking } from "effect-aio"
import { block, busy, busyNative, executing } from "../../backends/threads/fixtures/pool.ts"
import { realBackends as backends } from "../../support/backends.ts"
import { byHand } from "../../support/engine.ts"
import { descriptors, settled } from "../../support/processState.ts"
import { isReadable as readable } from "../../support/systemCalls.ts"

/**
 * Makes reads of pipes complete without the event loop's knowing, and waits until the threads that made them sleep: each tells of its
 * completion after that is there to be taken.
 */
const completeUnseen = (pipes: ReadonlyArray<number>) =>
  Effect.flatMap(byHand, ({ stats }) =>
    Effect.sync(() => {
      const awake = ({ idleThreads, threads }: Aio.Stats) => threads - idleThreads
      const before = stats()
      const awakeAtEnd = Math.max(awake(before) - pipes.length, 0)
      for (const fd of pipes) writeSync(fd, "x")
      const end = performance.now() + 20_000
      const isDone = (now: Aio.Stats) =>
        now.pending >= pipes.length && now.executing <= before.executing - pipes.length && awake(now) <= awakeAtEnd
      while (!isDone(stats()) && performance.now() < end) block(1)
    })
  )

/** Far more than a machine stands still, and far less than a wait of `LONG` that nothing ends. */
const SOON = 15_000
const LONG = 30_000

/** What an epoll descriptor watches, those of epoll descriptors in it instead of them. */
const watchedBy = (fd: number): ReadonlyArray<string> =>
  [...readFileSync(`/proc/self/fdinfo/${fd}`, "utf8").matchAll(/^tfd:\s*(\d+) events:\s*(\w+)/gm)].flatMap(
    ([, target]) => {
      const what = readlinkSync(`/proc/self/fd/${target}`)
      return what === "anon_inode:[eventpoll]" ? watchedBy(Number(target)) : [what]
    }
  )

describe.each(backends)("$name", ({ layer, mechanism }) => {
  // Reads of pipes: what io_uring does itself, and others in threads.
  const occupy = mechanism === "io_uring" ? busyNative : busy
  const watched: Record<string, ReadonlyArray<string>> = {
    io_uring: ["anon_inode:[eventfd]", "anon_inode:[io_uring]"],
    kernel: ["anon_inode:[eventfd]", "anon_inode:[eventfd]"],
    posix: ["anon_inode:[eventfd]", "anon_inode:[eventfd]"],
    threads: ["anon_inode:[eventfd]"]
  }

  it.scopedLive("the descriptor belongs to the Layer and watches all it waits for", () =>
    Effect.gen(function* () {
      const fd = yield* AioBlocking.pollDescriptor
      expect(yield* AioBlocking.pollDescriptor).toBe(fd)
      expect(readlinkSync(`/proc/self/fd/${fd}`)).toBe("anon_inode:[eventpoll]")
      expect([...watchedBy(fd)].sort()).toEqual(watched[mechanism])
    }).pipe(Effect.provide(layer))
  )

  it.live("it is closed with the Layer", () =>
    Effect.gen(function* () {
      const before = descriptors().size
      yield* Effect.provide(Effect.zipRight(AioBlocking.pollDescriptor, Aio.statvfs("/")), layer)
      // Others of this process may have come and gone meanwhile.
      expect(yield* settled(() => descriptors().size, before)).toBe(before)
    })
  )

  it.scopedLive("readable while completions wait, and only then; poll says how many ended", () =>
    Effect.gen(function* () {
      const fd = yield* AioBlocking.pollDescriptor
      expect(readable(fd)).toBe(false)
      const { fibers, pipes } = yield* occupy(3)
      yield* executing(3)
      expect([readable(fd), yield* AioBlocking.poll]).toEqual([false, 0])
      yield* completeUnseen(pipes)
      expect(readable(fd)).toBe(true)
      expect([yield* AioBlocking.poll, readable(fd)]).toEqual([3, false])
      yield* Fiber.joinAll(fibers)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("readable until the last completion is processed", () =>
    Effect.gen(function* () {
      yield* Aio.setLimits({ maxPollRequests: 1 })
      const fd = yield* AioBlocking.pollDescriptor
      const { fibers, pipes } = yield* occupy(4)
      yield* executing(4)
      yield* completeUnseen(pipes)
      const seen: Array<readonly [number, boolean]> = []
      for (let i = 0; i < 4; i++) seen.push([yield* AioBlocking.poll, readable(fd)])
      expect(seen).toEqual([
        [1, true],
        [1, true],
        [1, true],
        [1, false]
      ])
      yield* Fiber.joinAll(fibers)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("wait: until a completion is there, nothing is outstanding, or the time is over", () =>
    Effect.gen(function* () {
      const timed = (timeout: number) =>
        Effect.gen(function* () {
          const start = performance.now()
          yield* AioBlocking.wait({ timeout })
          return performance.now() - start
        })
      expect(yield* timed(LONG)).toBeLessThan(SOON)
      const { fibers, pipes } = yield* occupy(2)
      yield* executing(2)
      const whole = yield* timed(60)
      expect(whole).toBeGreaterThanOrEqual(55)
      expect(whole).toBeLessThan(SOON)
      // A completion that is there already, though another request goes on waiting.
      yield* completeUnseen([pipes[0]])
      expect(yield* timed(LONG)).toBeLessThan(SOON)
      yield* AioBlocking.poll
      expect((yield* Aio.stats).outstanding).toBe(1)
      yield* completeUnseen([pipes[1]])
      yield* Fiber.joinAll(fibers)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("wait and poll alone bring data to reads that wait for it", () =>
    Effect.gen(function* () {
      const hand = yield* byHand
      const fd = yield* AioBlocking.pollDescriptor
      const { fibers, pipes } = yield* busyNative(3)
      yield* executing(3)
      expect(readable(fd)).toBe(false)
      const lasted = yield* Effect.sync(() => {
        const start = performance.now()
        for (const pipe of pipes) writeSync(pipe, "x")
        while (hand.stats().outstanding > 0 && performance.now() < start + LONG) {
          hand.wait(LONG)
          hand.poll()
        }
        return performance.now() - start
      })
      expect(lasted).toBeLessThan(SOON)
      expect(hand.stats().outstanding).toBe(0)
      yield* Fiber.joinAll(fibers)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("wait and poll alone run a program: no turn of Node's event loop", () =>
    Effect.gen(function* () {
      const hand = yield* byHand
      yield* Effect.forEach(Array.from({ length: 300 }), () => Effect.fork(Aio.statvfs("/")))
      yield* Effect.yieldNow()
      const turns = yield* Effect.sync(() => {
        let seen = 0
        const immediate = setImmediate(() => seen++)
        const end = performance.now() + LONG
        while (hand.stats().outstanding > 0 && performance.now() < end) {
          hand.wait(1000)
          hand.poll()
        }
        clearImmediate(immediate)
        return seen
      })
      expect([turns, hand.stats().outstanding]).toEqual([0, 0])
    }).pipe(Effect.provide(layer))
  )
})
