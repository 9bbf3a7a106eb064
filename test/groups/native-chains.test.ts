/** Chains that the kernel runs by itself: that it does, and what happens to one that is torn. */
import { closeSync, openSync, readFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { Aio, AioOperation } from "effect-aio"
import { currentEngine } from "../../src/internal/effect/service.ts"
import type { Engine } from "../../src/internal/engine/engine.ts"
import { ioUringBackends } from "../support/backends.ts"
import { idlePipe } from "../support/fifo.ts"
import { settled } from "../support/processState.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const ECANCELED = 125
const EINTR = 4

const file = Effect.gen(function* () {
  const path = join(yield* temporaryDirectory, "file")
  const fd = yield* Effect.acquireRelease(
    Effect.sync(() => openSync(path, "w+")),
    (fd) => Effect.sync(() => closeSync(fd))
  )
  return { fd, text: () => readFileSync(path, "utf8") }
})

/** One behind the other, from an offset on: only such writes are for the ring. */
const writes = (fd: number, count: number, from = 0) => {
  let offset = from
  return Array.from({ length: count }, (_, i) => {
    const bytes = Buffer.from(`${i},`)
    offset += bytes.length
    return AioOperation.write(fd, bytes, { offset: offset - bytes.length })
  })
}

const numbers = (count: number): string => Array.from({ length: count }, (_, i) => `${i},`).join("")

/** Counts the chains that the backend takes over, and their followers. */
const watched = (engine: Engine) => {
  const seen = { chains: 0, followers: 0 }
  const { takeLinked } = engine
  engine.takeLinked = (leader) => {
    seen.chains++
    seen.followers += leader.followers!.length
    return takeLinked.call(engine, leader)
  }
  return seen
}

/** The parts of a ring that a test reaches into. */
interface RingInside {
  tail: number
  readonly submitted: number
  readonly unsubmitted: number
  enter(): number
}

describe.each(ioUringBackends)("$name", ({ layer, layerWith }) => {
  it.scopedLive("one chain, up to what would not end it by failing", () =>
    Effect.gen(function* () {
      const engine = yield* currentEngine
      const { fd, text } = yield* file
      const seen = watched(engine)
      yield* AioOperation.linked(writes(fd, 10))
      expect(seen).toEqual({ chains: 1, followers: 9 })
      yield* AioOperation.linked([...writes(fd, 3, 20), AioOperation.fdatasync(fd), ...writes(fd, 2, 26)])
      expect(seen).toEqual({ chains: 3, followers: 13 })
      expect(text()).toBe(numbers(10) + numbers(3) + numbers(2))
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("one that is longer than the ring is run in parts of it", () =>
    Effect.gen(function* () {
      const engine = yield* currentEngine
      const { fd, text } = yield* file
      const seen = watched(engine)
      let offered = 0
      const { submit } = engine
      engine.submit = (request) => {
        offered += request.followers?.length ?? 0
        submit.call(engine, request)
      }
      yield* AioOperation.linked(writes(fd, 1000))
      expect(text()).toBe(numbers(1000))
      expect(seen.followers).toBeGreaterThan(500)
      expect(offered).toBeLessThan(5000)
    }).pipe(Effect.provide(layerWith({ entries: 8 })))
  )

  for (const taken of [1, 2, 5]) {
    it.scopedLive(`the kernel takes ${taken} of 6: each is done once, in order`, () =>
      Effect.gen(function* () {
        const engine = yield* currentEngine
        const { fd, text } = yield* file
        const { ring } = engine.backend as unknown as { readonly ring: RingInside }
        const enter = ring.enter.bind(ring)
        let cut = 0
        ring.enter = () => {
          if (ring.unsubmitted !== 6) return enter()
          cut++
          const { tail } = ring
          ring.tail = ring.submitted + taken
          const result = enter()
          ring.tail = tail
          return result
        }
        expect(yield* AioOperation.linked(writes(fd, 6))).toEqual([2, 2, 2, 2, 2, 2])
        expect(cut).toBe(1)
        expect(text()).toBe(numbers(6))
        const { completed, submitted } = yield* Aio.stats
        expect(completed).toBe(submitted)
      }).pipe(Effect.timeout("45 seconds"), Effect.provide(layer))
    )
  }

  it.scopedLive("a member comes back with EINTR: it is repeated, and what follows is run behind it", () =>
    Effect.gen(function* () {
      const engine = yield* currentEngine
      const { fd } = yield* file
      const pipe = yield* idlePipe
      const { ring } = engine.backend as unknown as {
        readonly ring: RingInside & { reap(limit: number, deliver: (...cqe: Array<number>) => void): number }
      }
      const reap = ring.reap.bind(ring)
      // What the kernel says of a read that a signal interrupted, and of all that was linked behind it.
      let interrupted = 0
      ring.reap = (limit, deliver) =>
        reap(limit, (slot, owner, result) => {
          if (owner === 0 && result === -ECANCELED && interrupted++ === 0) deliver(slot, owner, -EINTR)
          else deliver(slot, owner, result)
        })
      const buffer = new Uint8Array(3)
      const chain = yield* Effect.fork(
        AioOperation.linked([AioOperation.read(pipe, buffer), ...writes(fd, 2), AioOperation.fdatasync(fd)])
      )
      expect(yield* settled(() => inFlight(engine).length > 0 && ring.unsubmitted === 0, true)).toBe(true)
      // Cancelled behind the engine's back.
      const [request] = inFlight(engine)
      ;(engine.backend as unknown as { writeCancel(request: unknown): void }).writeCancel(request)
      engine.wake()
      while (interrupted === 0) yield* Effect.sleep(1)
      writeSync(pipe, "abc")
      expect(yield* Fiber.join(chain)).toEqual([3, 2, 2, undefined])
      expect(Buffer.from(buffer).toString()).toBe("abc")
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.timeout("45 seconds"), Effect.provide(layer))
  )
})

const inFlight = (engine: Engine): ReadonlyArray<unknown> => {
  const requests: Array<unknown> = []
  engine.backend.forEachInFlight((request) => void requests.push(request))
  return requests
}
