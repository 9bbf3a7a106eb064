/** A span of Effect's tracer for each request, where a program asks for it. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as FiberRef from "effect/FiberRef"
import { globalValue } from "effect/GlobalValue"
import type { Path } from "../operation/arguments.ts"

const wanted: FiberRef.FiberRef<boolean> = globalValue("effect-aio/spans", () => FiberRef.unsafeMake(false))

/** How many regions ask for spans now: as long as none does, a request costs one look at this. */
let regions = 0

export const wantsSpan = (fiber: Fiber.RuntimeFiber<any, any>): boolean => regions > 0 && fiber.getFiberRef(wanted)

/** A request, or several of them that are one to the program. */
interface Named {
  readonly entry: { readonly name: string }
  readonly input: { readonly fd?: number | undefined; readonly path?: Path | undefined }
}

/** Without one for what is within: it is the request's. */
export const inSpan = <A, E>({ entry, input }: Named, effect: Effect.Effect<A, E>): Effect.Effect<A, E> =>
  Effect.locally(effect, wanted, false).pipe(
    Effect.withSpan(`aio.${entry.name}`, {
      kind: "client",
      captureStackTrace: false,
      attributes: {
        "aio.operation": entry.name,
        ...(input.fd === undefined ? {} : { "aio.fd": input.fd }),
        ...(input.path === undefined ? {} : { "aio.path": String(input.path) })
      }
    })
  )

/**
 * Runs an effect in which every request is a span of Effect's tracer, named `aio.read`, `aio.open` and so on. For single requests and
 * what files make of them; the members of a batch, a chain or a group have none of their own.
 *
 * @since 0.1.0
 * @category introspection
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
