/** The opaque type of operations: what programs see of the values of `engine/operation.ts`. */
import type * as Exit from "effect/Exit"
import type { Pipeable } from "effect/Pipeable"
import type * as Types from "effect/Types"
import type { AioFailure } from "../../AioError.ts"
import { TypeId as mark, type Operation } from "../engine/operation.ts"

/**
 * What marks an operation.
 *
 * @since 0.1.0
 * @category symbols
 */
export const TypeId: unique symbol = mark as never

/**
 * The type of the mark.
 *
 * @since 0.1.0
 * @category symbols
 */
export type TypeId = typeof TypeId

/**
 * A request to the operating system, described: what it gives is an `A`. Opaque: the functions of `AioOperation` make it and run it.
 *
 * @since 0.1.0
 * @category models
 */
export interface AioOperation<out A> extends Pipeable {
  readonly [TypeId]: { readonly _A: Types.Covariant<A> }
}

/**
 * How one of several operations ended.
 *
 * @since 0.1.0
 * @category models
 */
export interface OperationExit<A> {
  /** Its place among the operations, from 0. */
  readonly index: number
  readonly operation: AioOperation<A>
  readonly exit: Exit.Exit<A, AioFailure>
}

/** The operation that a program has handed in, as the program knows it. */
export const seenOf = <A>(operation: Operation<A>): AioOperation<A> => operation as never
