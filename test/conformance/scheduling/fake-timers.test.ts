/** Tests that replace the timers (`vi.useFakeTimers()`): requests end as if nothing had been replaced, and time that is seen is theirs. */
import { readdirSync, readFileSync } from "node:fs"
import { Effect, Exit, Fiber } from "effect"
import { Aio, AioFile, AioOperation } from "effect-aio"
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest"
import { backends } from "../../support/backends.ts"

const realImmediate = globalThis.setImmediate

const turns = (count: number) =>
  Effect.promise(async () => {
    for (let i = 0; i < count; i++) await new Promise((resolve) => realImmediate(resolve))
  })

/** Until a request is under way, without a timer. */
const underWay = Effect.repeat(Effect.zipRight(turns(1), Aio.stats), { until: ({ executing }) => executing > 0 })

beforeEach(() => {
  vi.useFakeTimers({
    toFake: [
      ...(["setImmediate", "clearImmediate", "setTimeout", "clearTimeout", "setInterval", "clearInterval"] as const),
      ...(["queueMicrotask", "Date", "performance"] as const)
    ]
  })
})

afterEach(() => {
  vi.useRealTimers()
})

describe.each(backends)("$name", ({ layer, world }) => {
  it("requests end, waiting ones too, and can be given up; a deadline is that of the timers", () =>
    Effect.runPromise(
      Effect.gen(function* () {
        expect((yield* Aio.stat("/")).type).toBe("Directory")
        expect(yield* Effect.flip(AioFile.readFile("/none"))).toMatchObject({ code: "ENOENT" })
        const [reader, writer] = yield* world.pipe
        const buffer = new Uint8Array(4)
        const reading = yield* Effect.fork(Aio.read(reader, buffer))
        yield* underWay
        yield* Aio.write(writer, Buffer.from("abcd"))
        expect(yield* Fiber.join(reading)).toBe(4)
        // Interrupted while it waits, which needs the clock of patience.
        const given = yield* Effect.fork(Aio.read(reader, buffer))
        yield* underWay
        expect(Exit.isInterrupted(yield* Fiber.interrupt(given))).toBe(true)
        const late = yield* Effect.fork(AioOperation.withDeadline(AioOperation.read(reader, buffer), "1 hour"))
        yield* underWay
        yield* turns(10)
        expect(late.unsafePoll()).toBeNull()
        vi.advanceTimersByTime(3_600_000)
        expect((yield* Effect.flip(Fiber.join(late))).toString()).toContain("ETIMEDOUT")
      }).pipe(Effect.scoped, Effect.provide(layer))
    ))
})

it("only one module of the package takes functions of the event loop", () => {
  const used: Array<string> = []
  for (const name of readdirSync("src", { recursive: true, encoding: "utf8" })) {
    if (!/\.(ts|js)$/.test(name)) continue
    const code = readFileSync(`src/${name}`, "utf8").replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, "")
    const imported = /import \{([^}]*)\} from "[^"]*\/loop\.ts"/.exec(code)?.[1] ?? ""
    const call = /(?<![.\w])(set(?:Immediate|Timeout|Interval)|clear(?:Immediate|Timeout|Interval)|queueMicrotask)\(/g
    for (const [, taken] of code.matchAll(call)) if (!imported.includes(taken)) used.push(`${name}: ${taken}`)
    if (/\bperformance\.|nextTick|node:timers|timers\/promises|perf_hooks/.test(code)) used.push(name)
  }
  expect(used).toEqual(["internal/native/loop.ts"])
})
