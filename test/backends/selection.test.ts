/** Which backend `Aio.layer()` takes, and what it says about it. */
import { rmSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Config, ConfigError, ConfigProvider, Duration, Effect, Layer, Logger, LogLevel } from "effect"
import { Aio, type AioError, ThreadPool } from "effect-aio"
import { hasCommand, runFixture } from "../fixtures/child.ts"
import { runWithFailing } from "../fixtures/strace.ts"
import { ioUringBackends } from "../support/backends.ts"

const here = ioUringBackends.length > 0 ? "io_uring" : "threads"

/** Builds the Layer in an environment, and uses it twice: the backend, and all that was logged. */
const choose = (
  environment: Record<string, string>,
  options?: Parameters<typeof Aio.layer>[0],
  level = LogLevel.Debug
) => {
  const logged: Array<string> = []
  const logger = Logger.make<unknown, void>(({ logLevel, message }) => {
    logged.push(`${logLevel.label} ${String(message)}`)
  })
  return Effect.gen(function* () {
    yield* Aio.nop()
    yield* Aio.nop()
    return { backend: (yield* Aio.stats).backend, logged }
  }).pipe(
    Effect.provide(Aio.layer(options)),
    Effect.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(environment))))),
    Effect.provide(Logger.replace(Logger.defaultLogger, logger)),
    Logger.withMinimumLogLevel(level)
  )
}

describe("Aio.layer", () => {
  it.live("takes the best, and says so once", () =>
    Effect.gen(function* () {
      const { backend, logged } = yield* choose({})
      expect(backend).toBe(here)
      expect(logged.length).toBe(1)
      expect(logged[0]).toMatch(new RegExp(`^DEBUG .*${here}: .+`))
    })
  )

  it.live("says nothing above debug level", () =>
    Effect.gen(function* () {
      expect((yield* choose({}, undefined, LogLevel.Info)).logged).toEqual([])
    })
  )

  it.live("AIO_BACKEND forces, an option forces more", () =>
    Effect.gen(function* () {
      const { backend, logged } = yield* choose({ AIO_BACKEND: "threads" })
      expect([backend, logged.length]).toEqual(["threads", 1])
      expect(logged[0]).toMatch(/^DEBUG .*threads: .*AIO_BACKEND/)
      expect((yield* choose({ AIO_BACKEND: here })).backend).toBe(here)
      const optional = yield* choose({ AIO_BACKEND: "io_uring" }, { backend: "threads" })
      expect([optional.backend, optional.logged.length]).toEqual(["threads", 1])
      expect(optional.logged[0]).toMatch(/^DEBUG .*threads: .*option/)
    })
  )

  it.live("an option that names no backend is refused with what there is", () =>
    Effect.gen(function* () {
      for (const name of ["uring", "", "toString"]) {
        const error = yield* Effect.flip(choose({}, { backend: name as Aio.BackendName }))
        expect(error._tag).toBe("AioUnavailable")
        expect(error.message).toMatch(/option backend.*io_uring.*threads/)
      }
    })
  )

  for (const value of ["iouring", "", "THREADS"]) {
    it.live(`AIO_BACKEND=${JSON.stringify(value)} is refused with what there is`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(choose({ AIO_BACKEND: value }))
        expect(error._tag).toBe("AioUnavailable")
        expect(error.message).toMatch(/AIO_BACKEND.*io_uring.*threads/)
      })
    )
  }
})

describe("Aio.layerConfig", () => {
  const built = (
    environment: Record<string, string>,
    layer: Layer.Layer<Aio.Aio, AioError.AioUnavailable | ConfigError.ConfigError> = Aio.layerConfig()
  ) =>
    Effect.all({
      backend: Effect.map(Aio.Aio, ({ backend }) => backend),
      limits: Aio.limits,
      controls: ThreadPool.controls
    }).pipe(
      Effect.provide(layer),
      Effect.provide(Layer.setConfigProvider(ConfigProvider.fromMap(new Map(Object.entries(environment)))))
    )

  it.live("reads the environment", () =>
    Effect.gen(function* () {
      expect((yield* built({})).backend).toBe(here)
      const { backend, controls, limits } = yield* built({
        AIO_BACKEND: "threads",
        AIO_MAX_POLL_REQUESTS: "7",
        AIO_MAX_POLL_TIME: "8 millis",
        AIO_MAX_OUTSTANDING: "9",
        AIO_INLINE: "false",
        AIO_ENTRIES: "64",
        AIO_MIN_PARALLEL: "1",
        AIO_MAX_PARALLEL: "2",
        AIO_MAX_IDLE: "1",
        AIO_IDLE_TIMEOUT: "3 seconds"
      })
      expect(backend).toBe("threads")
      expect(limits).toEqual({ maxPollRequests: 7, maxPollTime: Duration.millis(8), maxOutstanding: 9 })
      expect(controls).toEqual({ minParallel: 1, maxParallel: 2, maxIdle: 1, idleTimeout: 3000 })
    })
  )

  it.live("reads what it is given", () =>
    Effect.gen(function* () {
      const layer = Aio.layerConfig({
        backend: Config.succeed("threads" as const),
        threads: { maxParallel: Config.integer("WORKERS") }
      })
      const { backend, controls } = yield* built({ WORKERS: "3" }, layer)
      expect([backend, controls.maxParallel]).toEqual(["threads", 3])
    })
  )

  it.live("what has no Configs in it is refused", () =>
    Effect.gen(function* () {
      for (const options of [null, 702, "threads", { backend: "threads" }, new Proxy({}, { ownKeys: () => ["a"] })]) {
        const error = yield* Effect.flip(built({}, Aio.layerConfig(options as never)))
        expect(error).toMatchObject({ _tag: "AioUnavailable", backend: "Aio.layerConfig" })
      }
    })
  )

  for (const [name, value] of [
    ["AIO_BACKEND", "threds"],
    ["AIO_MAX_OUTSTANDING", "-1"],
    ["AIO_MAX_POLL_TIME", "soon"],
    ["AIO_INLINE", "perhaps"],
    ["AIO_ENTRIES", "0"],
    ["AIO_MAX_PARALLEL", "many"],
    ["AIO_IDLE_TIMEOUT", "x"]
  ] as const) {
    it.live(`${name}=${value} is a ConfigError`, () =>
      Effect.gen(function* () {
        const error = yield* Effect.flip(built({ AIO_BACKEND: "threads", [name]: value }))
        expect(ConfigError.isConfigError(error)).toBe(true)
        expect(String(error)).toContain(name)
      })
    )
  }
})

describe.skipIf(!hasCommand("strace"))("where io_uring is forbidden", () => {
  const run = (env: Record<string, string>) =>
    Effect.map(
      Effect.promise(() => runWithFailing(["io_uring_setup:error=EPERM"], "select.ts", { env, timeout: 60_000 })),
      ({ code, stderr, stdout }) => {
        expect([code, stderr]).toEqual([0, ""])
        return JSON.parse(stdout)
      }
    )

  it.scopedLive.each([
    { forbidden: ["io_uring_setup:error=EPERM"], contexts: 1 },
    { forbidden: ["io_uring_setup:error=EPERM", "io_setup:error=EAGAIN"], contexts: 0 }
  ])("direct files: kernel AIO from the first one on, if there is room for it ($contexts)", ({ contexts, forbidden }) =>
    Effect.gen(function* () {
      // Not in memory, where there is nothing to bypass.
      const path = join(process.cwd(), `.direct-${contexts}-${process.pid}`)
      yield* Effect.addFinalizer(() => Effect.sync(() => rmSync(path, { force: true })))
      const { code, stderr, stdout } = yield* Effect.promise(() =>
        runWithFailing(forbidden, "selectForDirect.ts", { args: [path], timeout: 60_000 })
      )
      expect([code, stderr]).toEqual([0, ""])
      expect(JSON.parse(stdout)).toEqual({ backend: "threads", before: 0, after: contexts, right: true })
    })
  )

  it.live("takes threads, and says why", () =>
    Effect.gen(function* () {
      const { chosen, logged } = yield* run({})
      expect([chosen, logged.length]).toEqual(["threads", 1])
      expect(logged[0]).toMatch(/^DEBUG .*threads: .*io_uring.*EPERM/)
    })
  )

  it.live("AIO_BACKEND=io_uring fails, with the reason and what to do", () =>
    Effect.gen(function* () {
      const answer = yield* run({ AIO_BACKEND: "io_uring" })
      expect(answer).toMatchObject({ tag: "AioUnavailable", backend: "io_uring", errno: 1 })
      expect(answer.message).toMatch(/EPERM.*AIO_BACKEND=threads/)
    })
  )
})

describe("the environment of a process", () => {
  it.live("AIO_BACKEND=threads", () =>
    Effect.gen(function* () {
      const { stdout } = yield* Effect.promise(() => runFixture("select.ts", { env: { AIO_BACKEND: "threads" } }))
      expect(JSON.parse(stdout)).toMatchObject({ chosen: "threads" })
    })
  )
})
