/**
 * The engine under the public API, from the built package: what is measured is what is published, and there is one copy of it.
 *
 * Imported by computed URLs, so that types are checked without a build.
 */
import type { AioOperation } from "effect-aio"
import type * as EngineModule from "../src/internal/engine/engine.ts"
import type * as LimitsModule from "../src/internal/engine/limits.ts"
import type { Operation } from "../src/internal/engine/operation.ts"
import type * as RequestModule from "../src/internal/engine/request.ts"

const load = <Module>(path: string): Promise<Module> =>
  import(new URL(`../dist/internal/${path}.js`, import.meta.url).href)

export const { Engine } = await load<typeof EngineModule>("engine/engine")
export const { defaultLimits } = await load<typeof LimitsModule>("engine/limits")
export const { Request } = await load<typeof RequestModule>("engine/request")
export const { Submission } = await load<typeof import("../src/internal/engine/submission.ts")>("engine/submission")
export const { Ring } = await load<typeof import("../src/internal/backend/io_uring/ring.ts")>("backend/io_uring/ring")
export const { IoUringBackend } =
  await load<typeof import("../src/internal/backend/io_uring/backend.ts")>("backend/io_uring/backend")
export const { ThreadsBackend } =
  await load<typeof import("../src/internal/backend/threads/backend.ts")>("backend/threads/backend")
export const { IORING_SETUP } = await load<typeof import("../src/internal/native/uring.ts")>("native/uring")
export const { LATER } = await load<typeof import("../src/internal/engine/failed.ts")>("engine/failed")

export const { engineOf } = await load<typeof import("../src/internal/effect/service.ts")>("effect/service")

/** What is behind an operation's opaque type. */
export const describedBy = <A>(operation: AioOperation.AioOperation<A>): Operation<A> => operation as never

export type Engine = EngineModule.Engine
export type Limits = LimitsModule.Limits
