/** Batches and chains as Effects. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { AioFailure, AioShortTransfer } from "../../AioError.ts"
import type { Engine } from "../engine/engine.ts"
import type { Failed } from "../engine/failed.ts"
import type { Operation } from "../engine/operation.ts"
import { Batch, type Mode, type Results } from "../task/batch.ts"
import { Chain } from "../task/chain.ts"
import { ForEach, type ForEachOptions } from "../task/forEach.ts"
import { obtains } from "../task/member.ts"
import { exitOf, exitOfChain } from "./exits.ts"
import { runAndHandOver, runMasked } from "./run.ts"
import { submitContextOf } from "./submitContext.ts"

type Ends = ReadonlyArray<unknown>

/** In exits mode, each end becomes an Exit. */
const inMode =
  (engine: Engine, mode: Mode) =>
  (results: Results): Ends =>
    mode === "values" ? results : results.map((end) => exitOf(engine, end))

/** Runs all operations at once. The results are in the operations' order. */
export const submitAll = (
  engine: Engine,
  operations: ReadonlyArray<Operation<any>>,
  mode: Mode
): Effect.Effect<Ends, AioFailure> =>
  Effect.withFiberRuntime((fiber): Effect.Effect<Ends, AioFailure> => {
    const batch = new Batch(engine, mode, operations.length)
    const toExit = (end: Results | Failed): Exit.Exit<Ends, AioFailure> =>
      Exit.map(exitOf(engine, end), inMode(engine, mode))
    if (!batch.attempt(operations, submitContextOf(engine, fiber))) return toExit(batch.attempted)
    const run = batch.mayObtain ? runAndHandOver : runMasked
    return Effect.uninterruptibleMask((restore) => run(batch, restore, toExit))
  })

/** Runs the operations in order, up to the first failure or short transfer. The list belongs to the chain: no other code changes it. */
export const linked = (
  engine: Engine,
  operations: ReadonlyArray<Operation<any>>,
  mode: Mode
): Effect.Effect<Ends, AioFailure | AioShortTransfer> =>
  Effect.withFiberRuntime((fiber) => {
    const chain = new Chain(engine, operations, mode, submitContextOf(engine, fiber))
    const run = operations.some(obtains) ? runAndHandOver : runMasked
    return Effect.uninterruptibleMask((restore) =>
      run(chain, restore, (end: Results | Failed) => Exit.map(exitOfChain(engine, end), inMode(engine, mode)))
    )
  })

/** Runs many operations, a window of them at a time. */
export const forEach = (engine: Engine, options: ForEachOptions): Effect.Effect<void, AioFailure> =>
  Effect.withFiberRuntime((fiber) =>
    Effect.uninterruptibleMask((restore) =>
      runMasked(new ForEach(engine, options, submitContextOf(engine, fiber)), restore, (end) => exitOf(engine, end))
    )
  )
