/**
 * The bytes of a file that is read to its end: to the read that gives no bytes. The size that fstat(2) tells is a hint: files grow, and
 * files of /proc, of /sys and of servers in user space have fewer bytes than they say, or more.
 */

/** Bytes of a read where the size is unknown: /proc, pipes. */
const UNKNOWN_SIZE_CHUNK = 65536

/** Bytes of a read behind the size. Most of the time there are none there. */
const PROBE = 4096

export class WholeFile {
  private bytes: Uint8Array
  private probe: Uint8Array | undefined = undefined
  private length = 0

  /** `size` of a regular file, or 0. Throws a RangeError where no array can be so long. */
  constructor(
    private readonly size: number,
    private readonly hasOffsets: boolean
  ) {
    this.bytes = new Uint8Array(size > 0 ? size : UNKNOWN_SIZE_CHUNK)
  }

  /** These bytes of a file of unknown size have been read already: fewer than `UNKNOWN_SIZE_CHUNK`. */
  begin(bytes: Uint8Array): void {
    this.bytes.set(bytes)
    this.length = bytes.length
  }

  /** Where the next read starts. `undefined` for pipes, which have no offsets. With an offset, the page cache tells the end. */
  get options(): { readonly offset: number } | undefined {
    return this.hasOffsets ? { offset: this.length } : undefined
  }

  /** Whether the next read is expected to be the last that gives bytes. */
  get isLast(): boolean {
    return this.length < this.size
  }

  /** The memory for the next read. Throws a RangeError where there is no memory for more. */
  next(most = Number.POSITIVE_INFINITY): Uint8Array {
    const { bytes, length } = this
    if (length < bytes.length) return length === 0 ? bytes : bytes.subarray(length)
    // Not into a larger array: most likely these were all bytes, and would have to be copied once more.
    if (length === this.size) {
      this.probe = new Uint8Array(PROBE)
      return this.probe
    }
    if (length * 2 > most) throw new RangeError("longer than a file may be")
    this.grow(length * 2)
    return this.bytes.subarray(length)
  }

  /** The next read has given so many bytes. */
  took(count: number): void {
    const { length, probe } = this
    if (probe !== undefined) {
      this.probe = undefined
      this.grow(Math.max(length * 2, UNKNOWN_SIZE_CHUNK))
      this.bytes.set(probe.subarray(0, count), length)
    }
    this.length += count
  }

  private grow(size: number): void {
    const grown = new Uint8Array(size)
    grown.set(this.bytes)
    this.bytes = grown
  }

  /** All bytes, in an array of their own. */
  get all(): Uint8Array {
    const { bytes, length } = this
    return length === bytes.length ? bytes : bytes.slice(0, length)
  }
}
