/**
 * Tests for `@effect/vitest`: the same test on the mock and on every backend of this machine, and tests of the mock's own (a test's
 * clock, faults, loss of power) over many seeds. `docs/testing.md` shows both.
 *
 * Imported as `effect-aio/testing`. Needs `@effect/vitest`, which this package does not bring along.
 *
 * @since 0.1.0
 */
import { mkdtemp, rm } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import * as V from "@effect/vitest"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as TestContext from "effect/TestContext"
import type * as TestServices from "effect/TestServices"
import type { AioUnavailable } from "./AioError.ts"
import * as IoUring from "./IoUring.ts"
import { SEEDS } from "./internal/backend/mock/random.ts"
import type { Aio } from "./internal/effect/service.ts"
import * as KernelAio from "./KernelAio.ts"
import * as MockAio from "./MockAio.ts"
import * as PosixAio from "./PosixAio.ts"
import * as ThreadPool from "./ThreadPool.ts"

type AnyLayer = Layer.Layer<Aio, AioUnavailable>

/** The backends that a test of `it.aio` runs on: one line each. */
const layers = {
  mock: (options: MockAio.Options): AnyLayer => MockAio.layer(options),
  io_uring: (): AnyLayer => IoUring.layer(),
  kernel: (): AnyLayer => KernelAio.layer(),
  posix: (): AnyLayer => PosixAio.layer(),
  threads: (): AnyLayer => ThreadPool.layer()
}

/**
 * The name of a backend that tests run on.
 *
 * @since 0.1.0
 * @category models
 */
export type BackendName = keyof typeof layers

/**
 * Where a test runs.
 *
 * @since 0.1.0
 * @category models
 */
export interface Place {
  readonly backend: BackendName
  /** An empty directory of the test's own. On the mock it is the mock's. */
  readonly directory: string
}

/**
 * Where a test runs, and how long.
 *
 * @since 0.1.0
 * @category models
 */
export interface AioOptions extends V.TestOptions {
  /** Default: all that this machine has. */
  readonly backends?: ReadonlyArray<BackendName> | undefined
  /** Of the mock's Layer. */
  readonly mock?: MockAio.Options | undefined
}

/**
 * A test that runs on every backend.
 *
 * @since 0.1.0
 * @category models
 */
export type AioTest = <A, E>(
  name: string,
  self: (place: Place) => Effect.Effect<A, E, Aio | Scope.Scope>,
  options?: number | AioOptions
) => void

/**
 * Where a test of the mock runs.
 *
 * @since 0.1.0
 * @category models
 */
export interface MockPlace {
  /** An empty directory of the mock. */
  readonly directory: string
  readonly seed: number
}

/**
 * How often a test runs on the mock, and on what machine.
 *
 * @since 0.1.0
 * @category models
 */
export interface MockOptions extends V.TestOptions {
  /** How often the test runs, each time with another seed. Default 1. */
  readonly seeds?: number | undefined
  /** Of the mock's Layer. */
  readonly mock?: MockAio.Options | undefined
}

/**
 * A test that runs on the mock, with one seed or with several.
 *
 * @since 0.1.0
 * @category models
 */
export type MockTest = <A, E>(
  name: string,
  self: (place: MockPlace) => Effect.Effect<A, E, Aio | MockAio.MockAio | Scope.Scope | TestServices.TestServices>,
  options?: number | MockOptions
) => void

const MOCK_DIRECTORY = "/tmp/test"

/** The first seed, from the environment to repeat what has been seen. */
const firstSeed = (): number => {
  const { AIO_SEED } = process.env
  return (AIO_SEED === undefined ? Math.floor(Math.random() * SEEDS) : Number(AIO_SEED)) >>> 0
}

const printSeed = (context: V.TestContext, seed: () => number): void => {
  context.onTestFailed(() =>
    console.error(`${context.task.name}: the mock's seed was ${seed()}; AIO_SEED=${seed()} repeats it`)
  )
}

const temporaryDirectory: Effect.Effect<string, never, Scope.Scope> = Effect.acquireRelease(
  Effect.promise(() => mkdtemp(join(tmpdir(), "effect-aio-"))),
  (path) => Effect.promise(() => rm(path, { recursive: true, force: true }))
)

const optionsOf = <A extends V.TestOptions>(options: number | A | undefined): Partial<A> =>
  typeof options === "number" ? ({ timeout: options } as Partial<A>) : (options ?? {})

/** What vitest knows. */
const vitestOptions = ({ backends: _, mock: __, seeds: ___, ...rest }: any): V.TestOptions => rest

const mockOptions = (options: MockAio.Options | undefined, seed: number): MockAio.Options => ({
  ...options,
  seed: options?.seed ?? seed,
  files: { [MOCK_DIRECTORY]: null, ...options?.files }
})

const unavailable = (layer: AnyLayer): Promise<boolean> =>
  Effect.runPromise(Effect.match(Effect.scoped(Layer.build(layer)), { onFailure: () => true, onSuccess: () => false }))

const names = Object.keys(layers) as Array<BackendName>

/** Those that a machine lacks are skipped. */
const missing = new Set<BackendName>()
for (const name of names) if (await unavailable(layers[name]({}))) missing.add(name)

const onBackend = <A, E>(
  backend: BackendName,
  context: V.TestContext,
  self: (place: Place) => Effect.Effect<A, E, Aio | Scope.Scope>,
  options: MockAio.Options | undefined
): Effect.Effect<A, E | AioUnavailable, Scope.Scope> => {
  const settings = mockOptions(options, firstSeed())
  if (backend === "mock") printSeed(context, () => settings.seed!)
  return Effect.flatMap(backend === "mock" ? Effect.succeed(MOCK_DIRECTORY) : temporaryDirectory, (directory) =>
    // A Scope within: whatever the test opened is closed before the Layer, and before its directory is removed.
    Effect.provide(Effect.scoped(self({ backend, directory })), layers[backend](settings))
  )
}

type Live = V.Vitest.Test<Scope.Scope>

const aioWith =
  (test: Live, skip: Live): AioTest =>
  (name, self, given) => {
    const options = optionsOf(given) as AioOptions
    for (const backend of options.backends ?? names) {
      const run = missing.has(backend) ? skip : test
      run(`${name} [${backend}]`, (context) => onBackend(backend, context, self, options.mock), vitestOptions(options))
    }
  }

const mockWith =
  (test: Live): MockTest =>
  (name, self, given) => {
    const options = optionsOf(given) as MockOptions
    const run = (context: V.TestContext) => {
      const first = options.mock?.seed ?? firstSeed()
      let seed = first
      printSeed(context, () => seed)
      const once = (step: number) =>
        Effect.suspend(() => {
          seed = (first + step) >>> 0
          const layer = MockAio.layer(mockOptions({ ...options.mock, seed }, seed))
          return Effect.provide(
            Effect.scoped(self({ directory: MOCK_DIRECTORY, seed })),
            // A clock of its own for each: what time it is decides nothing.
            Layer.provideMerge(layer, TestContext.TestContext)
          )
        })
      const steps = Array.from({ length: options.seeds ?? 1 }, (_, step) => step)
      return Effect.forEach(steps, once, { discard: true })
    }
    test(name, run, vitestOptions(options))
  }

const { scopedLive } = V.it

/**
 * A test that runs on the mock and on every backend (`backends` chooses): one test each, named after the backend, in an empty
 * directory of its own. Time is real. Backends that the machine lacks are skipped.
 *
 * @since 0.1.0
 * @category tests
 * @example
 * import { expect } from "@effect/vitest"
 * import { Effect } from "effect"
 * import { AioFile } from "effect-aio"
 * import { it } from "effect-aio/testing"
 *
 * it.aio("reads what it wrote", ({ directory }) =>
 *   Effect.gen(function*() {
 *     const file = yield* AioFile.open(`${directory}/page`, { flag: "w+" })
 *     yield* file.writeAll(Buffer.from("hello"), { offset: 0 })
 *     expect(Buffer.from(yield* file.readExactly(5, { offset: 0 })).toString()).toBe("hello")
 *   }))
 */
export const aio: AioTest & { readonly only: AioTest; readonly skip: AioTest } = Object.assign(
  aioWith(scopedLive, scopedLive.skip),
  { only: aioWith(scopedLive.only, scopedLive.skip), skip: aioWith(scopedLive.skip, scopedLive.skip) }
)

/**
 * A test that runs on the mock under `TestClock`, once or over many seeds. Where it fails, the seed is printed, and the environment
 * variable `AIO_SEED` repeats it.
 *
 * @since 0.1.0
 * @category tests
 * @example
 * import { Effect } from "effect"
 * import { MockAio } from "effect-aio"
 * import { it } from "effect-aio/testing"
 *
 * it.mock("survives a loss of power", ({ directory }) =>
 *   Effect.gen(function*() {
 *     // write
 *     yield* MockAio.crash()
 *     // read, and compare
 *   }), { seeds: 300 })
 */
export const mock: MockTest & { readonly only: MockTest; readonly skip: MockTest } = Object.assign(
  mockWith(scopedLive),
  { only: mockWith(scopedLive.only), skip: mockWith(scopedLive.skip) }
)

/**
 * `@effect/vitest`'s `it`, with `it.aio` and `it.mock`.
 *
 * @since 0.1.0
 * @category tests
 */
export const it: V.Vitest.Methods & { readonly aio: typeof aio; readonly mock: typeof mock } = Object.assign(V.it, {
  aio,
  mock
})
