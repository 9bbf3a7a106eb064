/** A span of Effect's tracer for each request, where a program asks for it. */
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"
import * as Runtime from "effect/Runtime"
import type * as Tracer from "effect/Tracer"
import type { Path } from "../engine/arguments.ts"
import type { OpenDescriptor } from "../engine/openDescriptor.ts"
import { textOfPath } from "../engine/pathNames.ts"
import { clockOf, runtimeOf } from "./fiber.ts"

const wanted: FiberRef.FiberRef<boolean> = globalValue("effect-aio/spans", () => FiberRef.unsafeMake(false))

/** How many regions ask for spans now. While there is none, a request costs one look at this number. */
let regions = 0

export const wantsSpan = (fiber: Fiber.RuntimeFiber<any, any>): boolean => regions > 0 && fiber.getFiberRef(wanted)

/** The name and the input of a request, or of several that are one to the program. */
interface Named {
  readonly entry: { readonly name: string }
  readonly input: {
    readonly fd?: number | undefined
    readonly path?: Path | undefined
    readonly file?: OpenDescriptor | undefined
  }
}

const spanName = ({ entry }: Named): string => `aio.${entry.name}`

const spanOptions = ({ entry, input }: Named): Tracer.SpanOptions => {
  const path = input.path ?? input.file?.path
  return {
    kind: "client",
    captureStackTrace: false,
    attributes: {
      "aio.operation": entry.name,
      ...(input.fd === undefined ? {} : { "aio.fd": input.fd }),
      ...(path === undefined ? {} : { "aio.path": textOfPath(path) })
    }
  }
}

/** No span within: the span is the request's. */
export const inSpan = <A, E>(named: Named, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.locally(effect, wanted, false).pipe(Effect.withSpan(spanName(named), spanOptions(named)))

/** Starts a span. Returns the function that ends it. */
export type StartSpan = (named: Named) => EndSpan
export type EndSpan = (exit: Exit.Exit<unknown, unknown>) => void

/** Tracers belong to the program. What they throw is caught: the engine has no fiber that could die of it. */
const ignoringDefects = (use: () => void): void => {
  try {
    use()
  } catch {}
}

/** For requests without a fiber, made for a fiber that has asked for spans. */
export const spansOf = (fiber: Fiber.RuntimeFiber<any, any>): StartSpan | undefined => {
  if (!wantsSpan(fiber)) return undefined
  const clock = clockOf(fiber)
  const run = Runtime.runSync(runtimeOf(fiber))
  return (named) => {
    try {
      const span = run(Effect.makeSpan(spanName(named), spanOptions(named)))
      return (exit) => ignoringDefects(() => span.end(clock.unsafeCurrentTimeNanos(), exit))
    } catch {
      return () => {}
    }
  }
}

/**
 * Runs an effect in which every request is a span of Effect's tracer, named `aio.read`, `aio.open` and so on. Several requests that are one
 * method to the program (`AioFile.readFile`, `FileSystem.copyFile`) are one span.
 *
 * @since 0.1.0
 * @category spans
 */
export const withSpans = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      regions++
    }),
    () => Effect.locally(effect, wanted, true),
    () =>
      Effect.sync(() => {
        regions--
      })
  )
