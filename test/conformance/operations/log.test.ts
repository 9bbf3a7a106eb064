/** AioLog: records are on the disk when they are acknowledged, in order, and many share a datasync. */
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Scope } from "effect"
import { Aio, AioLog, MockAio } from "effect-aio"
import { backends } from "../../support/backends.ts"
import { statsReach } from "../../support/engine.ts"
import { someTime } from "../../support/moments.ts"
import { seed as firstSeed, random } from "../../support/random.ts"

const recordOf = (i: number): string => `record ${i} ${"x".repeat((i * 37) % 300)}\n`

describe.each(backends)("$name: a log", ({ layer, real, world }) => {
  it.scopedLive("gives each record its place, in order, and keeps its own copy of the bytes", () =>
    Effect.gen(function* () {
      const path = join(yield* world.directory, "log")
      const scope = yield* Scope.make()
      const log = yield* Scope.extend(AioLog.open(path, { mode: 0o600 }), scope)
      expect((yield* world.facts(path)).mode & 0o777).toBe(0o600)
      const bytes = Buffer.from("mine\n")
      const first = yield* Effect.fork(log.append(bytes))
      yield* Effect.yieldNow()
      bytes.fill(0)
      expect(yield* Fiber.join(first)).toBe(0)
      const texts = Array.from({ length: 50 }, (_, i) => recordOf(i))
      const large = "y".repeat(200_000)
      const { submitted } = yield* Aio.stats
      const offsets = yield* Effect.forEach([...texts, large, ""], (text) => log.append(text), {
        concurrency: "unbounded"
      })
      // One group: its write and its datasync are one request where there are threads.
      expect((yield* Aio.stats).submitted - submitted).toBe(real ? 1 : 2)
      const content = (yield* world.readFile(path)).toString()
      expect(content).toBe(`mine\n${texts.join("")}${large}`)
      texts.forEach((text, i) => expect(content.slice(offsets[i], offsets[i] + text.length)).toBe(text))
      expect([offsets[51], yield* log.size]).toEqual([content.length, content.length])
      // The Scope closes while some are under way: they are written.
      const last = yield* Effect.fork(log.append("last\n"))
      yield* Effect.yieldNow()
      yield* Scope.close(scope, Exit.void)
      expect(yield* Fiber.join(last)).toBe(content.length)
      expect(yield* Effect.flip(log.append("late"))).toMatchObject({ _tag: "AioBadArgument", argument: "log" })
      // Opened again, behind what is there; or behind what is good of it.
      for (const [end, before] of [
        [undefined, `${content}last\n`],
        [5n, "mine\n"]
      ] as const) {
        yield* Effect.scoped(
          Effect.flatMap(AioLog.open(path, { end }), (again) =>
            Effect.map(again.append("again\n"), (offset) => expect(offset).toBe(before.length))
          )
        )
        expect((yield* world.readFile(path)).toString()).toBe(`${before}again\n`)
      }
      for (const end of [100_000, -1, 2n ** 60n]) {
        expect(yield* Effect.flip(AioLog.open(path, { end }))).toMatchObject({
          _tag: "AioBadArgument",
          argument: "end"
        })
      }
      expect(yield* Effect.flip(AioLog.open(join(path, "..")))).toMatchObject({ code: "EISDIR" })
      expect((yield* Aio.stats).outstanding).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive(`interrupted appends leave the records of others where they are (SEED=${firstSeed})`, () =>
    Effect.gen(function* () {
      const path = join(yield* world.directory, "log")
      const draw = random()
      const log = yield* AioLog.open(path)
      const fibers: Array<readonly [string, Fiber.RuntimeFiber<number, unknown>]> = []
      for (let i = 0; i < 120; i++) {
        fibers.push([recordOf(i), yield* Effect.fork(log.append(recordOf(i)))])
        if (i % 4 === 0) yield* someTime(draw)
        if (i % 3 === 0) yield* Fiber.interruptFork(draw.pick(fibers)[1])
      }
      const exits = yield* Effect.forEach(fibers, ([, fiber]) => Fiber.await(fiber))
      yield* log.append("")
      const content = (yield* world.readFile(path)).toString()
      exits.forEach((exit, i) => {
        if (Exit.isFailure(exit)) return
        const text = fibers[i][0]
        expect(content.slice(exit.value, exit.value + text.length)).toBe(text)
      })
      // Whole records and nothing else, in order.
      const found = content
        .trimEnd()
        .split("\n")
        .map((line) => Number(line.split(" ")[1]))
      expect(found).toEqual([...found].sort((a, b) => a - b))
      expect(content).toBe(found.map(recordOf).join(""))
    }).pipe(Effect.provide(layer))
  )
})

const PATH = "/tmp/log/log"

const onMock = <A, E>(
  program: (log: AioLog.AioLog) => Effect.Effect<A, E, Aio.Aio | MockAio.MockAio>,
  options?: MockAio.Options
) =>
  Effect.scoped(Effect.flatMap(AioLog.open(PATH), program)).pipe(
    Effect.provide(MockAio.layer({ files: { "/tmp/log": null }, ...options }))
  )

const countOf = (name: string) =>
  Effect.map(MockAio.journal, (entries) => entries.filter(({ operation }) => operation === name).length)

describe("mock: a log", () => {
  it.live("many fibers share a datasync", () =>
    onMock(
      (log) =>
        Effect.gen(function* () {
          const before = yield* countOf("fdatasync")
          const appends = Effect.forEach(Array.from({ length: 20 }), (_, i) => log.append(recordOf(i)))
          yield* Effect.all(
            Array.from({ length: 64 }, () => appends),
            { concurrency: "unbounded" }
          )
          const syncs = (yield* countOf("fdatasync")) - before
          expect(syncs).toBeGreaterThanOrEqual(20)
          expect(syncs).toBeLessThanOrEqual(30)
          expect(yield* countOf("write")).toBe(syncs)
        }),
      { latency: 1 }
    )
  )

  it.live("goes on after short writes", () =>
    onMock((log) =>
      Effect.gen(function* () {
        yield* MockAio.short("write", 7)
        yield* Effect.forEach([0, 1, 2], (i) => log.append(recordOf(i)), { concurrency: "unbounded" })
        const written = Buffer.from(yield* MockAio.contentOf(PATH)).toString()
        expect(written).toBe([0, 1, 2].map(recordOf).join(""))
      })
    )
  )

  const failures = [
    ["write", MockAio.fail("write", "EIO", { times: 1 }), "EIO"],
    ["datasync", MockAio.fail("fdatasync", "EIO", { times: 1 }), "EIO"],
    ["write that takes nothing", MockAio.short("write", 0), "EIO"],
    ["full disk", MockAio.fail("write", "ENOSPC", { after: 1, times: 1 }), "ENOSPC"]
  ] as const

  for (const [name, inject, code] of failures) {
    it.live(`${name}: its group fails, and all that come after`, () =>
      onMock((log) =>
        Effect.gen(function* () {
          yield* log.append("good\n")
          yield* inject
          // A full disk takes the first of two pieces.
          if (code === "ENOSPC") yield* MockAio.short("write", 3, { times: 1 })
          const ends = yield* Effect.forEach([1, 2, 3], (i) => Effect.flip(log.append(recordOf(i))), {
            concurrency: "unbounded"
          })
          for (const end of ends) expect(end).toMatchObject({ _tag: "AioLogFailed", durable: 5, cause: { code } })
          yield* MockAio.heal
          const { length } = yield* MockAio.journal
          expect(yield* Effect.flip(log.append("late"))).toMatchObject({ _tag: "AioLogFailed", path: PATH, durable: 5 })
          expect([yield* log.size, (yield* MockAio.journal).length]).toEqual([5, length])
        })
      )
    )
  }

  it.live("what waits behind a group that fails, fails with it", () =>
    onMock((log) =>
      Effect.gen(function* () {
        yield* MockAio.inject({ operation: "fdatasync", error: "EIO", hang: true, times: 1 })
        const first = yield* Effect.fork(Effect.flip(log.append("one\n")))
        yield* statsReach(({ executing }) => executing === 1)
        const second = yield* Effect.fork(Effect.flip(log.append("two\n")))
        yield* Effect.yieldNow()
        yield* MockAio.resume
        const ends = [yield* Fiber.join(first), yield* Fiber.join(second)]
        expect(ends.map(({ _tag }) => _tag)).toEqual(["AioLogFailed", "AioLogFailed"])
      })
    )
  )

  it.effect("loses nothing that it has acknowledged when power is lost", () =>
    Effect.gen(function* () {
      let torn = 0
      for (let i = 0; i < 300; i++) {
        const seed = (firstSeed + i) >>> 0
        yield* Effect.gen(function* () {
          const acknowledged = new Map<number, string>()
          yield* MockAio.inject({ after: i % 30, times: 1, powerLoss: true })
          const appending = (log: AioLog.AioLog, fiber: number) =>
            Effect.forEach([0, 1, 2, 3], (round) => {
              const text = recordOf(fiber * 4 + round)
              return Effect.map(log.append(text), (offset) => acknowledged.set(offset, text))
            })
          const program = Effect.flatMap(AioLog.open(PATH), (log) =>
            Effect.forEach([0, 1, 2], (fiber) => appending(log, fiber), { concurrency: "unbounded" })
          )
          yield* Effect.exit(Effect.scoped(program))
          yield* MockAio.crash()
          const { log = "" } = yield* MockAio.tree("/tmp/log")
          for (const [offset, text] of acknowledged) {
            expect([seed, log.slice(offset, offset + text.length)]).toEqual([seed, text])
          }
          const good = Math.max(0, ...[...acknowledged].map(([offset, text]) => offset + text.length))
          if (log.length > good) torn++
          // The program goes on behind what was acknowledged.
          const again = Effect.flatMap(AioLog.open(PATH, { end: good }), (next) => next.append("again"))
          expect(yield* Effect.scoped(again)).toBe(good)
          yield* MockAio.crash()
          expect((yield* MockAio.tree("/tmp/log")).log).toBe(`${log.slice(0, good)}again`)
        }).pipe(Effect.provide(MockAio.layer({ seed, files: { "/tmp/log": null } })))
      }
      expect(torn).toBeGreaterThan(0)
    })
  )
})
