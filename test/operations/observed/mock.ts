/** Options of the mock: its Layer, its controls, its faults; and of `effect-aio/testing`, which hands them on. */
import { expect } from "@effect/vitest"
import { Context, Duration, Effect, Fiber, Layer, type Scope, TestClock, TestContext } from "effect"
import { Aio, MockAio } from "effect-aio"
import { each, type Line, type Lines, shownBy } from "./line.ts"

type Service = Aio.Aio | MockAio.MockAio
type Use = Effect.Effect<unknown, unknown, Service | Scope.Scope>

const alone = (use: Use, layer: Layer.Layer<Service, unknown> = MockAio.layer()): Line => ({
  alone: Effect.scoped(Effect.provide(Effect.provide(use, layer), TestContext.TestContext))
})

const made = (options: MockAio.Options): Layer.Layer<Service, unknown> =>
  Layer.scopedContext(
    Effect.map(MockAio.make(options), ({ aio, mock }) => Context.add(Context.make(Aio.Aio, aio), MockAio.MockAio, mock))
  )

/** An option of the Layer, both ways to build it. */
const building = (option: string, options: MockAio.Options, use: Use): Lines => ({
  [`MockAio.layer.${option}`]: alone(use, MockAio.layer(options)),
  [`MockAio.make.${option}`]: alone(use, made(options))
})

/** One that can be changed, too. `use` fails where it is as it was made. */
const setting = (option: string, settings: MockAio.Settings, use: Use): Lines => ({
  ...building(option, settings, use),
  [`MockAio.configure.${option}`]: alone(Effect.zipRight(MockAio.configure(settings), use))
})

const code = <A, R>(effect: Effect.Effect<A, unknown, R>) =>
  Effect.match(effect, { onFailure: (error: any) => error.code, onSuccess: () => undefined })

/** What is written to a new file of so many bytes. */
const writing = (bytes: number) =>
  Effect.gen(function* () {
    const fd = yield* Aio.open("/tmp/file", { flag: "w" })
    return yield* code(Aio.write(fd, new Uint8Array(bytes), { offset: 4096 }))
  })

/** Lets whatever can go on do so: the event loop, and fibers. */
const turn = Effect.promise(() => new Promise((resolve) => setImmediate(resolve)))

/** How a request that takes a minute ends that is cancelled in its first second. */
const interrupted = Effect.gen(function* () {
  yield* MockAio.clearJournal
  const fiber = yield* Effect.fork(Aio.stat("/tmp"))
  const end = yield* Effect.fork(Fiber.interrupt(fiber))
  while (!(yield* MockAio.journal).some(({ cancelled }) => cancelled)) yield* turn
  yield* TestClock.adjust("1 minute")
  yield* Fiber.join(end)
  return (yield* MockAio.journal)[0]
})

const user = { uid: 1000, gid: 1001 }

/** What somebody makes, and what a group may do. */
const owner = Effect.gen(function* () {
  yield* MockAio.mkfifo("/tmp/fifo")
  return yield* Aio.lstat("/tmp/fifo")
})

const settings: Lines = {
  ...setting(
    "latency",
    { latency: "1 hour" },
    Effect.gen(function* () {
      const fiber = yield* Effect.fork(Aio.stat("/tmp"))
      while ((yield* MockAio.journal).length === 0) yield* turn
      yield* TestClock.adjust("1 hour")
      yield* Fiber.join(fiber)
      expect(yield* MockAio.journal).toMatchObject([{ startNs: 0n, endNs: 3_600_000_000_000n }])
    })
  ),
  ...setting(
    "cancellation",
    { latency: "1 minute", cancellation: "completion" },
    Effect.gen(function* () {
      expect(yield* interrupted).toMatchObject({ result: 0, cancelled: true })
      yield* MockAio.configure({ cancellation: "immediate" })
      expect(yield* interrupted).toMatchObject({ error: "ECANCELED", cancelled: true })
    })
  ),
  ...setting(
    "capacity",
    { capacity: 0 },
    Effect.map(writing(1), (code) => expect(code).toBe("ENOSPC"))
  ),
  ...setting(
    "maxDescriptors",
    { maxDescriptors: 3 },
    Effect.map(code(Aio.open("/tmp")), (code) => expect(code).toBe("EMFILE"))
  ),
  ...setting(
    "maxFileSize",
    { maxFileSize: 4096 },
    Effect.map(writing(1), (code) => expect(code).toBe("EFBIG"))
  ),
  ...setting(
    "umask",
    { umask: 0o077 },
    Effect.gen(function* () {
      yield* Aio.mkdir("/tmp/made")
      expect((yield* Aio.stat("/tmp/made")).mode & 0o777).toBe(0o700)
    })
  ),
  ...setting(
    "user",
    { user },
    Effect.gen(function* () {
      expect(yield* code(Aio.chown("/tmp", { uid: 0 }))).toBe("EPERM")
    })
  ),
  ...setting(
    "user.uid",
    { user },
    Effect.map(owner, ({ uid }) => expect(uid).toBe(1000))
  ),
  ...setting(
    "user.gid",
    { user },
    Effect.map(owner, ({ gid }) => expect(gid).toBe(1001))
  ),
  ...setting(
    "user.groups",
    { user: { ...user, groups: [77] } },
    Effect.gen(function* () {
      yield* MockAio.configure({ user: { uid: 0, gid: 0 } })
      yield* MockAio.put("/tmp/file", "content")
      yield* Aio.chown("/tmp/file", { gid: 77 })
      yield* Aio.chmod("/tmp/file", 0o040)
      yield* MockAio.configure({ user })
      expect(yield* code(Aio.open("/tmp/file"))).toBe("EACCES")
    })
  )
}

const layer: Lines = {
  ...building(
    "seed",
    { seed: 77 },
    Effect.map(MockAio.seed, (seed) => expect(seed).toBe(77))
  ),
  ...building(
    "files",
    { files: { "/tmp/file": "content" } },
    Effect.map(MockAio.tree("/tmp"), (tree) => expect(tree).toEqual({ file: "content" }))
  ),
  ...building(
    "faults",
    { faults: [{ error: "EIO" }] },
    Effect.map(code(Aio.stat("/tmp")), (code) => expect(code).toBe("EIO"))
  ),
  ...building(
    "journal",
    { journal: 2 },
    Effect.gen(function* () {
      for (let i = 0; i < 4; i++) yield* Aio.stat("/tmp")
      expect((yield* MockAio.journal).length).toBe(2)
    })
  ),
  ...building(
    "maxPollRequests",
    { maxPollRequests: 7 },
    Effect.map(Aio.limits, ({ maxPollRequests }) => expect(maxPollRequests).toBe(7))
  ),
  ...building(
    "maxPollTime",
    { maxPollTime: "7 seconds" },
    Effect.map(Aio.limits, ({ maxPollTime }) => expect(Duration.toMillis(maxPollTime)).toBe(7000))
  ),
  ...building(
    "maxOutstanding",
    { maxOutstanding: 7 },
    Effect.map(Aio.limits, ({ maxOutstanding }) => expect(maxOutstanding).toBe(7))
  )
}

/** Which of six reads met the rule: three of one file, then three of another. Each way to add one has its own signs. */
const met = (add: (condition: MockAio.Fault) => Effect.Effect<void, unknown, MockAio.MockAio>, rule: MockAio.Fault) =>
  Effect.gen(function* () {
    const fds: Array<number> = []
    for (const path of ["/tmp/a", "/tmp/b"]) {
      yield* MockAio.put(path, "content")
      fds.push(yield* Aio.open(path))
    }
    yield* add(rule)
    const fibers = yield* Effect.forEach([0, 0, 0, 1, 1, 1], (file) =>
      Effect.forkScoped(Effect.either(Aio.read(fds[file], new Uint8Array(7), { offset: 0 })))
    )
    // What hangs is still under way when something that came later is over.
    yield* Effect.yieldNow()
    yield* Aio.fsync(fds[0])
    yield* Effect.yieldNow()
    return yield* Effect.forEach(fibers, (fiber) =>
      Effect.map(fiber.poll, (exit) => {
        const whole = exit._tag === "Some" && exit.value._tag === "Success" && exit.value.value._tag === "Right"
        return whole && (exit.value as any).value.right === 7 ? "." : "x"
      })
    )
  }).pipe(Effect.map((signs) => signs.join("")))

type Add = (rule: MockAio.Fault) => Effect.Effect<void, unknown, MockAio.MockAio>

const adders: Record<string, Add> = {
  inject: (rule) => MockAio.inject({ operation: "read", error: "EIO", ...rule }),
  fail: (rule) => MockAio.fail("read", "EIO", rule),
  short: (rule) => MockAio.short("read", 1, rule),
  hang: (rule) => MockAio.hang("read", rule)
}

const conditions: ReadonlyArray<readonly [option: string, rule: MockAio.Fault, signs: string]> = [
  ["path", { path: "/tmp/b" }, "...xxx"],
  ["after", { after: 2 }, "..xxxx"],
  ["times", { times: 2 }, "xx...."],
  ["probability", { probability: 0 }, "......"]
]

const faults: Lines = {
  ...Object.fromEntries(
    Object.entries(adders).flatMap(([name, add]) =>
      conditions.map(([option, rule, signs]): [string, Line] => [
        `MockAio.${name}.${option}`,
        alone(
          Effect.gen(function* () {
            expect(yield* met(add, rule)).toBe(signs)
            yield* MockAio.heal
            expect(yield* met(add, {})).toBe("xxxxxx")
          })
        )
      ])
    )
  ),
  "MockAio.inject.operation": alone(
    Effect.gen(function* () {
      yield* MockAio.inject({ operation: "lstat", error: "EIO" })
      expect([yield* code(Aio.stat("/tmp")), yield* code(Aio.lstat("/tmp"))]).toEqual([undefined, "EIO"])
    })
  ),
  ...each(["MockAio.inject.error", "MockAio.inject.powerLoss"], (name) =>
    alone(
      Effect.gen(function* () {
        yield* MockAio.inject(
          name === "MockAio.inject.error" ? { error: "ENOMEM", times: 1 } : { powerLoss: true, times: 1 }
        )
        const isError = name === "MockAio.inject.error"
        const codes = [yield* code(Aio.stat("/tmp")), yield* code(Aio.stat("/tmp"))]
        expect(codes).toEqual(isError ? ["ENOMEM", undefined] : ["EIO", "EIO"])
      })
    )
  ),
  "MockAio.inject.short": alone(
    Effect.map(
      met((rule) => MockAio.inject({ operation: "read", ...rule }), { short: 1 }),
      (signs) => expect(signs).toBe("xxxxxx")
    )
  ),
  "MockAio.inject.hang": alone(
    Effect.map(
      met((rule) => MockAio.inject({ operation: "read", ...rule }), { hang: true }),
      (signs) => expect(signs).toBe("xxxxxx")
    )
  ),
  "MockAio.crash.seed": alone(Effect.map(MockAio.crash({ seed: 77 }), ({ seed }) => expect(seed).toBe(77))),
  "MockAio.mkfifo.mode": alone(
    Effect.gen(function* () {
      yield* MockAio.mkfifo("/tmp/fifo", { mode: 0o600 })
      yield* MockAio.mkfifo("/tmp/other")
      expect((yield* Aio.lstat("/tmp/fifo")).mode & 0o777).toBe(0o600)
      expect((yield* Aio.lstat("/tmp/other")).mode & 0o777).toBe(0o644)
    })
  )
}

const testing: Lines = {
  "testing.aio.backends": shownBy("backends/mock/testing.test.ts", "only on those that are named"),
  "testing.aio.mock": shownBy("backends/mock/testing.test.ts", "only on those that are named"),
  "testing.mock.seeds": shownBy("backends/mock/testing.test.ts", "ran as often as it was told to"),
  "testing.mock.mock": shownBy("backends/mock/testing.test.ts", "has a clock of its own, and a seed for every run")
}

export const mock: Lines = { ...settings, ...layer, ...faults, ...testing }
