/** Options of Layers, and what can be changed while they run. */
import { availableParallelism } from "node:os"
import { join } from "node:path"
import { expect } from "@effect/vitest"
import { Duration, Effect, Layer, type Scope } from "effect"
import { Aio, AioBlocking, AioFile, IoUring, KernelAio, PosixAio, ThreadPool } from "effect-aio"
import { IOCB } from "effect-aio/internal/native/kernelAio"
import { glibc } from "effect-aio/internal/native/posixAio"
import { vi } from "vitest"
import { currentEngine } from "../../../src/internal/effect/service.ts"
import { backends } from "../../support/backends.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { nativePipe } from "../../support/waitable.ts"
import { type Line, type Lines, shownBy } from "./line.ts"

type Use = Effect.Effect<unknown, unknown, Aio.Aio | Scope.Scope>

const modules: Record<string, any> = { IoUring, KernelAio, PosixAio, ThreadPool }
const mechanisms: Record<string, string> = {
  IoUring: "io_uring",
  KernelAio: "kernel",
  PosixAio: "posix",
  ThreadPool: "threads"
}

/** What is not here cannot be seen; the support says so when it finds none. */
const isHere = (module: string) =>
  module === "Aio" || backends.some(({ mechanism }) => mechanism === mechanisms[module])

/** Both ways to build a service, or the one of `Aio`. */
const ways = (module: string): Record<string, (options: object) => Layer.Layer<Aio.Aio, unknown>> =>
  module === "Aio"
    ? { "Aio.layer": Aio.layer }
    : {
        [`${module}.layer`]: (options) => modules[module].layer(options),
        [`${module}.make`]: (options) => Layer.scoped(Aio.Aio, modules[module].make(options))
      }

/** What is seen of the Layer's own `Aio` without the option, and with it. */
const layers = (module: string, option: string, options: object, without: Use, withIt: Use): Lines =>
  Object.fromEntries(
    Object.entries(ways(module)).map(([way, layer]): [string, Line] => {
      const seen = Effect.zipRight(
        Effect.scoped(Effect.provide(without, layer({}))),
        Effect.scoped(Effect.provide(withIt, layer(options)))
      )
      return [`${way}.${option}`, { alone: Effect.when(seen, () => isHere(module)) }]
    })
  )

const limits = (expected: Partial<Record<keyof Aio.Limits, unknown>>): Use =>
  Effect.map(Aio.limits, (limits) => {
    const plain = { ...limits, maxPollTime: Duration.toMillis(limits.maxPollTime) }
    expect(plain).toMatchObject(expected)
  })

/** A page that was just written is in the cache: whether reading it was finished on the spot. */
const readsOnTheSpot = (yes: boolean): Use =>
  Effect.gen(function* () {
    const path = join(yield* temporaryDirectory, "page")
    yield* AioFile.withFile(path, { flag: "wx" }, (file) => file.writeAll(new Uint8Array(4096)))
    yield* AioFile.withFile(path, (file) =>
      Effect.gen(function* () {
        const before = (yield* Aio.stats).inline
        for (let i = 0; i < 4; i++) yield* file.read(new Uint8Array(4096), { offset: 0 })
        const counted = (yield* Aio.stats).inline - before
        if (yes) expect(counted).toBeGreaterThan(0)
        else expect(counted).toBe(0)
      })
    )
  })

const engine = (module: string): Lines => ({
  ...layers(
    module,
    "maxPollRequests",
    { maxPollRequests: 7 },
    limits({ maxPollRequests: 1024 }),
    limits({ maxPollRequests: 7 })
  ),
  ...layers(
    module,
    "maxPollTime",
    { maxPollTime: "7 seconds" },
    limits({ maxPollTime: Number.POSITIVE_INFINITY }),
    limits({ maxPollTime: 7000 })
  ),
  ...layers(module, "maxOutstanding", { maxOutstanding: 7 }, limits({}), limits({ maxOutstanding: 7 })),
  ...layers(module, "inline", { inline: false }, readsOnTheSpot(true), readsOnTheSpot(false)),
  ...layers(module, "inline.requests", { inline: { requests: 0 } }, readsOnTheSpot(true), readsOnTheSpot(false)),
  ...layers(module, "inline.bytes", { inline: { bytes: 0 } }, readsOnTheSpot(true), readsOnTheSpot(false))
})

const ringLimit = (limit: number): Use =>
  Effect.map(currentEngine, (engine) => {
    const { ring } = engine.backend as unknown as { readonly ring: { readonly entries: number } }
    expect(ring.entries).toBe(limit)
  })

/** Of the blocks that its context has. */
const blocksOf = (entries: number): Use =>
  Effect.map(currentEngine, (engine) => {
    const { context } = engine.backend as unknown as { readonly context: { readonly blocks: Uint32Array } }
    expect(context.blocks.length).toBe(entries * IOCB.words)
  })

const controls = (expected: object): Use =>
  Effect.map(ThreadPool.controls, (controls) => expect(controls).toMatchObject(expected))

/** The numbers are in force; what they do is shown in test/backends/threads. */
const control = (option: keyof ThreadPool.Controls, value: number, byDefault: number): Lines => ({
  ...layers(
    "ThreadPool",
    option,
    { [option]: value },
    controls({ [option]: byDefault }),
    controls({ [option]: value })
  ),
  [`ThreadPool.setControls.${option}`]: {
    alone: Effect.gen(function* () {
      yield* controls({ [option]: byDefault })
      yield* ThreadPool.setControls({ [option]: value })
      yield* controls({ [option]: value })
    }).pipe(Effect.provide(ThreadPool.layer()))
  }
})

/** What aio_init(3) was given last: it is for the whole process, and only the first call of all has an effect. */
const initialized = (expected: ReadonlyArray<unknown>): Use =>
  Effect.sync(() => expect(vi.mocked(glibc.aioInit).mock.lastCall).toEqual(expected))

/** What `Aio.layer` hands on to the backend that it was told to take. */
const own = (backend: Aio.BackendName, option: string, value: unknown, module: string, withIt: Use): Lines => ({
  [`Aio.layer.${backend}.${option}`]: {
    alone: Effect.when(
      Effect.scoped(Effect.provide(withIt, Aio.layer({ backend, [backend]: { [option]: value } }))),
      () => isHere(module)
    )
  },
  [`Aio.layer.${backend}`]: {
    alone: Effect.map(
      Effect.flip(Effect.scoped(Layer.build(Aio.layer({ backend, [backend]: { [option]: Symbol("none") } })))),
      ({ message }) => expect(message).toContain(option)
    )
  }
})

export const layerOptions: Lines = {
  "Aio.layer.backend": {
    alone: Effect.gen(function* () {
      const { backend } = yield* Aio.Aio
      expect(backend).toBe("threads")
      const other = yield* Effect.flip(Effect.scoped(Layer.build(Aio.layer({ backend: "none" as "threads" }))))
      expect(other.backend).toBe("none")
    }).pipe(Effect.provide(Aio.layer({ backend: "threads" })))
  },
  "Aio.setLimits.maxPollRequests": shownBy(
    "conformance/scheduling/poll-limits.test.ts",
    "maxPollRequests: so many, turn by turn"
  ),
  "Aio.setLimits.maxPollTime": shownBy("conformance/scheduling/poll-limits.test.ts", "maxPollTime: a turn ends early"),
  "Aio.setLimits.maxOutstanding": {
    on: ({ world }) =>
      Effect.gen(function* () {
        const [reader] = yield* world.pipe
        yield* Aio.setLimits({ maxOutstanding: 1 })
        for (let i = 0; i < 3; i++) yield* Effect.forkScoped(Aio.read(reader, new Uint8Array(1)))
        yield* Effect.yieldNow()
        expect((yield* Aio.stats).held).toBe(2)
      })
  },
  "AioBlocking.wait.timeout": {
    // Without it, an hour.
    alone: Effect.gen(function* () {
      const [reader] = yield* nativePipe
      yield* Effect.forkScoped(Aio.read(reader, new Uint8Array(1)))
      yield* Effect.yieldNow()
      yield* AioBlocking.wait({ timeout: 1 })
      expect((yield* Aio.stats).outstanding).toBe(1)
    }).pipe(Effect.provide(Aio.layer()))
  },
  ...engine("Aio"),
  ...own("io_uring", "entries", 8, "IoUring", ringLimit(8)),
  ...own("kernel", "entries", 8, "KernelAio", blocksOf(8)),
  ...own("posix", "requests", 9, "PosixAio", initialized([20, 9, 0])),
  ...own("posix", "threads", 4, "PosixAio", initialized([4, 256, 0])),
  ...own("posix", "idleTimeout", "8 seconds", "PosixAio", initialized([20, 256, 8])),
  ...own("threads", "minParallel", 2, "ThreadPool", controls({ minParallel: 2 })),
  ...own("threads", "maxParallel", 3, "ThreadPool", controls({ maxParallel: 3 })),
  ...own("threads", "maxIdle", 1, "ThreadPool", controls({ maxIdle: 1 })),
  ...own("threads", "idleTimeout", 77, "ThreadPool", controls({ idleTimeout: 77 })),
  ...engine("IoUring"),
  ...engine("KernelAio"),
  ...engine("PosixAio"),
  ...engine("ThreadPool"),
  ...layers("IoUring", "entries", { entries: 8 }, ringLimit(4096), ringLimit(8)),
  ...layers("KernelAio", "entries", { entries: 8 }, blocksOf(256), blocksOf(8)),
  ...layers("PosixAio", "requests", { requests: 8 }, Effect.void, initialized([20, 8, 0])),
  ...layers("PosixAio", "threads", { threads: 3 }, Effect.void, initialized([3, 256, 0])),
  ...layers("PosixAio", "idleTimeout", { idleTimeout: "7 seconds" }, Effect.void, initialized([20, 256, 7])),
  ...control("minParallel", 2, 0),
  ...control("maxParallel", 3, Math.max(4, availableParallelism())),
  ...control("maxIdle", 1, Math.max(4, availableParallelism())),
  ...control("idleTimeout", 77, 10_000)
}
