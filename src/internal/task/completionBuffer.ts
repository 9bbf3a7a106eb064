/** Ends that wait for the consumer of a Stream. Descriptors among them belong to the library until the consumer takes them. */
import type { Failed } from "../engine/failed.ts"
import type { Operation } from "../engine/operation.ts"

/** Makes what the consumer gets of the end of one of several operations: `index` is the operation's place among them, from 0. */
export type Complete<C> = (index: number, operation: Operation<any>, end: unknown | Failed) => C

/** What is taken at once. `owner`: of the one descriptor among them, if there is one. */
export interface Taken<Owner, C> {
  readonly completions: Array<C>
  readonly owner: Owner | undefined
}

export class CompletionBuffer<Owner, C> {
  private completions: Array<C> = []
  /** The ends that hold a descriptor, in order; `place` counts from the first end of all. */
  private owned: Array<{ readonly place: number; readonly owner: Owner }> = []
  private taken = 0

  get size(): number {
    return this.completions.length
  }

  push(end: C, owner: Owner | undefined): void {
    if (owner !== undefined) this.owned.push({ place: this.taken + this.completions.length, owner })
    this.completions.push(end)
  }

  /** Whether a descriptor is next. */
  get hasOwnerNext(): boolean {
    return this.owned.length > 0 && this.owned[0].place === this.taken
  }

  /**
   * All ends up to the first descriptor. A descriptor comes alone: of several ends the consumer may use a part (`Stream.take`), and drop
   * the rest.
   */
  take(): Taken<Owner, C> {
    if (this.owned.length === 0) {
      const { completions } = this
      this.completions = []
      this.taken += completions.length
      return { completions, owner: undefined }
    }
    const before = this.owned[0].place - this.taken
    const owner = before === 0 ? this.owned.shift()!.owner : undefined
    const completions = this.completions.splice(0, Math.max(1, before))
    this.taken += completions.length
    return { completions, owner }
  }

  /** Owners of the descriptors that were not taken. */
  get left(): ReadonlyArray<Owner> {
    return this.owned.map(({ owner }) => owner)
  }
}

/** What a Stream of ends is made from. */
export interface CompletionSource<out C> {
  /** Whether there is something to take, there will be, or all has been taken. Looking may start more. */
  look(): "ready" | "waiting" | "ended"
  /** Whether a descriptor is next: it may only be taken by a fiber that goes on. */
  readonly hasOwnerNext: boolean
  /** The ends that are ready, one at least. What they have obtained belongs to the program from then on. */
  take(): ReadonlyArray<C>
  /** Calls `tell`, once, when `look` is worth another try. `undefined` calls it off. */
  whenReady(tell: (() => void) | undefined): void
  /** What code of the program threw, after which no more ends come: a defect. */
  readonly thrown: { readonly error: unknown } | undefined
}
