/** Ends that wait for the consumer of a Stream, and the descriptors among them, which are nobody's until he takes them. */
import type { Failed } from "../engine/failed.ts"
import type { Operation } from "../engine/operation.ts"

/** What is told of the end of one of several operations: `index` is its place among them, from 0. */
export type Complete<C> = (index: number, operation: Operation<any>, end: unknown | Failed) => C

/** What is taken at once; `owner` is that of the one descriptor in it. */
export interface Taken<Owner, C> {
  readonly completions: Array<C>
  readonly owner: Owner | undefined
}

export class CompletionBuffer<Owner, C> {
  private completions: Array<C> = []
  /** Of those with a descriptor, in order; `place` counts from the first end of all. */
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

  /** All, up to the first descriptor. That one comes alone: of several the consumer may use a part (`Stream.take`), and drop the rest. */
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

/** What a Stream of ends is made of. */
export interface CompletionSource<out C> {
  /** Whether there is something to take, there will be, or all has been taken. Looking may start more. */
  look(): "ready" | "waiting" | "ended"
  /** Whether a descriptor is next: it is for a fiber that goes on. */
  readonly hasOwnerNext: boolean
  /** What is ready, one at least. What has been obtained is the program's. */
  take(): ReadonlyArray<C>
  /** Calls `tell`, once, when `look` is worth another try. `undefined` calls it off. */
  whenReady(tell: (() => void) | undefined): void
  /** What the program's own code threw, after which nothing more comes: a defect. */
  readonly thrown: { readonly error: unknown } | undefined
}
