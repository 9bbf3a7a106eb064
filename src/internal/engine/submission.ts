/**
 * A request as the kernel sees it: one system call, and the memory that it may touch.
 *
 * Submissions belong to a backend's table, one a slot, and are used again and again. So requests that only wait in a queue cost
 * nothing here, and a slot's cell serves every request that passes through it. Between `encode` and the completion the table holds
 * the submission, the submission holds the request, and the two hold everything whose address is in it.
 */

import type { Word } from "../native/libc.ts"
import type { FILL, LIST } from "../native/machine/layout.ts"
import { ONCE } from "../native/machine/layout.ts"
import { Cell } from "../native/memory.ts"
import { BadArgument } from "./arguments.ts"
import { type Detour, endDetours } from "./buffers.ts"
import type { Entry } from "./operation.ts"
import type { Request } from "./request.ts"

const isOfClosedFile = (input: any): boolean => input.file?.closed === true

export class Submission {
  /** The system call and its arguments. */
  nr = -1
  a0: Word = 0
  a1: Word = 0
  a2: Word = 0
  a3: Word = 0
  a4: Word = 0
  a5: Word = 0
  /** Whose it is, or null for a free slot. */
  request: Request | null = null
  /** Memory that the kernel reads or writes. */
  keep: unknown = null
  /** Bytes of the buffers of a transfer. */
  bytes = 0
  /** Bytes that it may move at most, or -1. */
  most = -1
  /** Views that the kernel does not read into itself, and what it reads into instead. */
  detours: Array<Detour> | null = null
  /** Memory that the kernel fills and `decode` reads. */
  output: Buffer | null = null
  /** How a thread runs the system call. */
  mode: typeof ONCE | typeof FILL | typeof LIST = ONCE
  /** A directory's names were read to their end. */
  atEnd = false
  /** It keeps its thread for long, and may for ever. */
  isStuck = false
  /** The cell's path area is taken. */
  cellHoldsPath = false
  private ownCell: Cell | null = null

  constructor(
    readonly slot: number,
    /** The kernel may touch its memory after the call that hands it over: other JavaScript runs meanwhile. */
    readonly outlivesCall = true
  ) {}

  /** 512 bytes for structures and a path, kept for the slot's next requests. */
  get cell(): Cell {
    this.ownCell ??= new Cell()
    return this.ownCell
  }

  /**
   * Checks the input and writes it as a system call. Throws `BadArgument`, and holds nothing then.
   *
   * `bytes`: what the buffers had when the request was made, if that is not known to be now. It is for these: what they have got since is
   * none of its business. If they have fewer, the answer 0 would be the end of a file to whoever asked.
   */
  encode(entry: Entry<any, any>, input: unknown, bytes = -1): void {
    // What an entry leaves out is 0, and not what the slot's last request had there.
    this.a0 = 0
    this.a1 = 0
    this.a2 = 0
    this.a3 = 0
    this.a4 = 0
    this.a5 = 0
    try {
      // Its number may be another file's by now.
      if (isOfClosedFile(input)) throw new BadArgument("file", "it is closed")
      this.bytes = 0
      this.most = bytes
      entry.encode(this, input)
      if (this.bytes < bytes) {
        throw new BadArgument(
          "buffer",
          `it was made shorter since it was to be used: from ${bytes} to ${this.bytes} bytes`
        )
      }
    } catch (error) {
      this.clear()
      throw error
    }
  }

  /** What was read past the buffers goes into them. False where one of them has no room for it any more. */
  endDetours(count: number): boolean {
    this.request!.problem = endDetours(this.detours!, count)
    return this.request!.problem === undefined
  }

  keepAlso(memory: unknown): void {
    this.keep = this.keep === null ? memory : [this.keep, memory]
  }

  /** Lets go of the request and its memory. Only after the completion has been read and decoded. */
  clear(): void {
    this.request = null
    this.keep = null
    this.detours = null
    this.output = null
    this.cellHoldsPath = false
    this.isStuck = false
    this.mode = ONCE
    this.atEnd = false
  }
}
