/** Ends that wait for the consumer of a Stream, and the descriptors among them, which are nobody's until he takes them. */
import type { Completed } from "./window.ts"

/** What is taken at once; `owner` is that of the one descriptor in it. */
interface Taken<Owner> {
  readonly ends: Array<Completed<any>>
  readonly owner: Owner | undefined
}

export class Ends<Owner> {
  private ends: Array<Completed<any>> = []
  /** Of those with a descriptor, in order; `place` counts from the first end of all. */
  private owned: Array<{ readonly place: number; readonly owner: Owner }> = []
  private taken = 0

  get size(): number {
    return this.ends.length
  }

  push(end: Completed<any>, owner: Owner | undefined): void {
    if (owner !== undefined) this.owned.push({ place: this.taken + this.ends.length, owner })
    this.ends.push(end)
  }

  /** Whether a descriptor is next. */
  get hasOwnerNext(): boolean {
    return this.owned.length > 0 && this.owned[0].place === this.taken
  }

  /** All, up to the first descriptor. That one comes alone: of several the consumer may use a part (`Stream.take`), and drop the rest. */
  take(): Taken<Owner> {
    if (this.owned.length === 0) {
      const { ends } = this
      this.ends = []
      this.taken += ends.length
      return { ends, owner: undefined }
    }
    const before = this.owned[0].place - this.taken
    const owner = before === 0 ? this.owned.shift()!.owner : undefined
    const ends = this.ends.splice(0, Math.max(1, before))
    this.taken += ends.length
    return { ends, owner }
  }

  /** Owners of the descriptors that were not taken. */
  get left(): ReadonlyArray<Owner> {
    return this.owned.map(({ owner }) => owner)
  }
}
