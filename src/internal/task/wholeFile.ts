/**
 * The bytes of a file that is read to its end, which is where a read gives nothing. Its size, as fstat(2) has it, is a hint: files grow,
 * and those of /proc, /sys and of servers in user space have fewer bytes than they say, or more.
 */

/** Bytes of a read where the size is unknown: /proc, pipes. */
const UNKNOWN_SIZE_CHUNK = 65536

/** Bytes of a read behind the size. Most of the time there are none. */
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

  /** Where the next read starts. Pipes have no offsets. With one, the page cache tells the end. */
  get options(): { readonly offset: number } | undefined {
    return this.hasOffsets ? { offset: this.length } : undefined
  }

  /** Whether the next read is expected to be the last that gives anything. */
  get isLast(): boolean {
    return this.length < this.size
  }

  /** What the next read goes into. Throws a RangeError where there is no room for more. */
  next(most = Number.POSITIVE_INFINITY): Uint8Array {
    const { bytes, length } = this
    if (length < bytes.length) return length === 0 ? bytes : bytes.subarray(length)
    // Not into a larger array: most likely these were all, and would have to be copied once more.
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

  /** All of them, in an array of their own. */
  get all(): Uint8Array {
    const { bytes, length } = this
    return length === bytes.length ? bytes : bytes.slice(0, length)
  }
}
