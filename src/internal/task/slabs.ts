/** Where a reader of a file gets the memory that it reads into: each slab is new, or a few are used again and again. */
import { newBuffer } from "../engine/buffers.ts"
import type { Alignment } from "../native/direct.ts"

export interface Slabs {
  /** Memory of so many bytes, no part of which is in use. `undefined`: none is free. */
  take(length: number, alignment: Alignment | undefined): Uint8Array | undefined
  /** The consumer has parts of it from here on. */
  handOut(slab: Uint8Array): void
  /** The consumer comes for more, or has enough. */
  reclaim(): void
}

/** What the consumer gets is its own. */
export const freshSlabs: Slabs = {
  take: newBuffer,
  handOut: () => {},
  reclaim: () => {}
}

/**
 * What the consumer gets is lent until it comes for more: so there are one or two slabs (the other one is read into ahead), however long the
 * file, and they stay in the processor's caches.
 *
 * No request references a slab that is lent, so nothing is written into what the consumer has. What it keeps a part of is overwritten by the
 * next read, or, with `detaches`, has no bytes any more: that costs new memory for each slab, and is how a use that comes too late is found.
 * Memory that the consumer has transferred elsewhere is the consumer's: it is not lent again.
 */
export class LentSlabs implements Slabs {
  private readonly free: Array<Uint8Array> = []
  private lent: Uint8Array | undefined = undefined

  constructor(private readonly detaches: boolean) {}

  take(length: number, alignment: Alignment | undefined): Uint8Array | undefined {
    const slab = this.free.pop()
    if (slab === undefined || slab.length < length) return newBuffer(length, alignment)
    return slab.length === length ? slab : slab.subarray(0, length)
  }

  handOut(slab: Uint8Array): void {
    this.lent = slab
  }

  reclaim(): void {
    const { lent } = this
    if (lent === undefined) return
    this.lent = undefined
    // From Node 22 on, to detach it twice would throw.
    if (lent.length === 0) return
    if (this.detaches) structuredClone(lent.buffer, { transfer: [lent.buffer as ArrayBuffer] })
    else this.free.push(lent)
  }
}
