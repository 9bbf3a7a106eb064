/**
 * NodeContext with the FileSystem of this library.
 *
 * The one module that needs `@effect/platform-node`, an optional peer dependency. `effect-aio` itself does not import it:
 * import it as `effect-aio/AioContext`.
 *
 * @since 0.1.0
 */
import type * as CommandExecutor from "@effect/platform/CommandExecutor"
import type * as FileSystem from "@effect/platform/FileSystem"
import type * as Path from "@effect/platform/Path"
import type * as Terminal from "@effect/platform/Terminal"
import type * as Worker from "@effect/platform/Worker"
import * as NodeCommandExecutor from "@effect/platform-node/NodeCommandExecutor"
import * as NodePath from "@effect/platform-node/NodePath"
import * as NodeTerminal from "@effect/platform-node/NodeTerminal"
import * as NodeWorker from "@effect/platform-node/NodeWorker"
import * as Layer from "effect/Layer"
import * as Aio from "./Aio.ts"
import type { AioUnavailable } from "./AioError.ts"
import * as AioFileSystem from "./AioFileSystem.ts"

/**
 * The same services as NodeContext's.
 *
 * @since 0.1.0
 * @category models
 */
export type AioContext =
  | CommandExecutor.CommandExecutor
  | FileSystem.FileSystem
  | Path.Path
  | Terminal.Terminal
  | Worker.WorkerManager

/**
 * In the place of `NodeContext.layer`, on the `Aio` at hand.
 *
 * @since 0.1.0
 * @category layers
 */
export const layer: Layer.Layer<AioContext, never, Aio.Aio> = Layer.provideMerge(
  Layer.mergeAll(NodePath.layer, NodeCommandExecutor.layer, NodeTerminal.layer, NodeWorker.layerManager),
  AioFileSystem.layer
)

/**
 * In the place of `NodeContext.layer`, on the best backend of this machine, see `Aio.layer`.
 *
 * @since 0.1.0
 * @category layers
 */
export const layerAuto: Layer.Layer<AioContext, AioUnavailable> = Layer.provide(layer, Aio.layer())
