/**
 * The bytes of a file: what programs see (`cached`), and what is on the disk (`durable`).
 *
 * Sparse: a page that was never written is in neither map, so that a hole costs nothing. Both maps share a page until it is written to
 * again, so that a sync copies nothing.
 */
import type { Random } from "./random.ts"

export const PAGE = 4096
/** The alignment that O_DIRECT asks for, of lengths and offsets. */
export const DIRECT_UNIT = 512
/** The unit that a disk writes entirely or not at all. */
const SECTOR = 512

/** A page that is allocated and was never written. Shared by all files, and never written to. */
const ZEROS = new Uint8Array(PAGE)

/** How often the kernel has written a page back before it is written again. */
const WRITTEN_BACK_BETWEEN = 1 / 4

/** Sizes between two syncs. A crash chooses one of them. */
const MOST_SIZES = 16

/** The pages of a disk. */
export class Space {
  used = 0
  constructor(
    public pages: number,
    readonly random: Random
  ) {}

  /** False where fewer pages are left. */
  take(pages: number): boolean {
    if (this.used + pages > this.pages) return false
    this.used += pages
    return true
  }
}

/** Pages that follow each other. */
export interface Run {
  readonly first: number
  count: number
  readonly isData: boolean
}

type Pages = Map<number, Uint8Array>

export class Content {
  size = 0
  private cached: Pages = new Map()
  private durable: Pages = new Map()
  private durableSize = 0
  /** Pages that differ from what is on the disk. */
  private readonly dirty = new Set<number>()
  /** Pages that a failed fsync(2) gave up: no later one writes them. */
  private readonly abandoned = new Set<number>()
  /** Sizes since the last sync, the latest at the end. */
  private sizes: Array<number> = []

  constructor(private readonly space: Space) {}

  /** Allocated pages. */
  get pages(): number {
    return this.cached.size
  }

  /** Pages of a range that are there, and those of them that are not on the disk. */
  pagesIn(from: number, to: number): { readonly cached: number; readonly dirty: number } {
    const numbers = this.numbersIn(Math.floor(from / PAGE), Math.ceil(to / PAGE)).filter((number) =>
      this.isData(number)
    )
    return { cached: numbers.length, dirty: numbers.filter((number) => this.dirty.has(number)).length }
  }

  /** Whether a page was written to: what is only allocated counts as a hole. */
  private isData(number: number): boolean {
    const page = this.cached.get(number)
    return page !== undefined && page !== ZEROS
  }

  /** The first byte from `at` on that is no hole; `undefined` where nothing else follows. */
  dataFrom(at: number): number | undefined {
    const numbers = this.numbersIn(Math.floor(at / PAGE), Math.ceil(this.size / PAGE))
    const next = numbers
      .filter((number) => this.isData(number))
      .reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY)
    return next * PAGE < this.size ? Math.max(at, next * PAGE) : undefined
  }

  /** The first byte from `at` on that is a hole, which there is at the end. */
  holeFrom(at: number): number {
    let number = Math.floor(at / PAGE)
    while (this.isData(number)) number++
    return Math.min(this.size, Math.max(at, number * PAGE))
  }

  /** Pages that follow each other, in order: written to, or only allocated. */
  get runs(): ReadonlyArray<Run> {
    const runs: Array<Run> = []
    for (const number of [...this.cached.keys()].sort((a, b) => a - b)) {
      const isData = this.isData(number)
      const before = runs.at(-1)
      if (before !== undefined && before.first + before.count === number && before.isData === isData) before.count++
      else runs.push({ first: number, count: 1, isData })
    }
    return runs
  }

  /** Copies bytes from `at` on. Returns how many there were. */
  read(into: Uint8Array, at: number): number {
    const count = Math.max(0, Math.min(into.byteLength, this.size - at))
    for (let done = 0; done < count; ) {
      const start = (at + done) % PAGE
      const length = Math.min(PAGE - start, count - done)
      const page = this.cached.get(Math.floor((at + done) / PAGE))
      if (page === undefined) into.fill(0, done, done + length)
      else into.set(page.subarray(start, start + length), done)
      done += length
    }
    return count
  }

  /** Returns how many bytes could be written: fewer where the disk is full. */
  write(from: Uint8Array, at: number): number {
    let done = 0
    while (done < from.byteLength) {
      const start = (at + done) % PAGE
      const length = Math.min(PAGE - start, from.byteLength - done)
      const page = this.forWriting(Math.floor((at + done) / PAGE))
      if (page === undefined) break
      page.set(from.subarray(done, done + length), start)
      done += length
    }
    if (done > 0 && at + done > this.size) this.setSize(at + done)
    return done
  }

  /** A page that may be changed; undefined where the disk is full. */
  private forWriting(number: number): Uint8Array | undefined {
    const page = this.cached.get(number)
    if (page === undefined && !this.space.take(1)) return undefined
    if (this.dirty.has(number) && this.space.random.chance(WRITTEN_BACK_BETWEEN)) this.writeBack(number)
    const isShared = page === ZEROS || page === this.durable.get(number)
    const own = page === undefined ? new Uint8Array(PAGE) : isShared ? page.slice() : page
    if (own !== page) this.cached.set(number, own)
    this.changed(number)
    return own
  }

  private changed(number: number): void {
    this.dirty.add(number)
    this.abandoned.delete(number)
  }

  private put(number: number, page: Uint8Array | undefined): void {
    const before = this.cached.get(number)
    if (page === before) return
    if (page === undefined) {
      this.cached.delete(number)
      this.space.used--
    } else {
      this.cached.set(number, page)
      if (before === undefined) this.space.used++
    }
    this.changed(number)
  }

  private setSize(size: number): void {
    this.size = size
    this.sizes.push(size)
    if (this.sizes.length > MOST_SIZES) this.sizes.splice(this.space.random.integer(MOST_SIZES), 1)
  }

  /** Cuts the file, or adds a hole. */
  resize(size: number): void {
    // Also beyond the end: fallocate(2) may have left pages there.
    this.zero(size, Number.MAX_SAFE_INTEGER, undefined)
    if (size !== this.size) this.setSize(size)
  }

  /** Zeroes a range. Whole pages become holes, or `instead`. */
  private zero(from: number, to: number, instead: Uint8Array | undefined): void {
    const first = Math.ceil(from / PAGE)
    const last = Math.floor(to / PAGE)
    if (first > last) return this.clear(from, to)
    this.clear(from, first * PAGE)
    this.clear(last * PAGE, to)
    for (const number of this.numbersIn(first, last)) this.put(number, instead)
  }

  /** Zeroes a range within one page. */
  private clear(from: number, to: number): void {
    const number = Math.floor(from / PAGE)
    if (from >= to || !this.cached.has(number) || this.cached.get(number) === ZEROS) return
    this.forWriting(number)!.fill(0, from - number * PAGE, to - number * PAGE)
  }

  /** The pages that exist from `first` to before `last`. */
  private numbersIn(first: number, last: number): ReadonlyArray<number> {
    if (last - first > this.cached.size) return [...this.cached.keys()].filter((n) => n >= first && n < last)
    const numbers: Array<number> = []
    for (let number = first; number < last; number++) if (this.cached.has(number)) numbers.push(number)
    return numbers
  }

  /** Makes a range a hole; the size stays. */
  punch(from: number, to: number): void {
    this.zero(from, to, undefined)
  }

  /** Makes sure that a range has space. False, and nothing has happened, where less is left. */
  allocate(from: number, to: number): boolean {
    const first = Math.floor(from / PAGE)
    const last = Math.ceil(to / PAGE)
    const missing = last - first - this.numbersIn(first, last).length
    if (this.space.used + missing > this.space.pages) return false
    for (let number = first; number < last; number++) if (!this.cached.has(number)) this.put(number, ZEROS)
    return true
  }

  /** `allocate`, and the range reads as zeros. */
  zeroRange(from: number, to: number): boolean {
    if (!this.allocate(from, to)) return false
    this.zero(from, to, ZEROS)
    return true
  }

  grow(size: number): void {
    if (size > this.size) this.setSize(size)
  }

  /** Moves everything from page `from` on by so many pages; the pages between are gone, or a hole. Flushed, as ext4 and XFS do. */
  shift(from: number, by: number): void {
    const moved: Pages = new Map()
    for (const [number, page] of this.cached) {
      if (number < Math.min(from, from + by)) moved.set(number, page)
      else if (number >= from) moved.set(number + by, page)
    }
    this.space.used += moved.size - this.cached.size
    this.cached = moved
    this.size += by * PAGE
    this.flush()
  }

  /** The disk becomes equal to what programs see. */
  private flush(): void {
    this.durable = new Map(this.cached)
    this.durableSize = this.size
    this.dirty.clear()
    this.abandoned.clear()
    this.sizes = []
  }

  private writeBack(number: number): void {
    const page = this.cached.get(number)
    if (page === undefined) this.durable.delete(number)
    else this.durable.set(number, page)
  }

  /** fsync(2): what was written before it survives. */
  sync(): void {
    for (const number of this.dirty) this.writeBack(number)
    this.dirty.clear()
    this.durableSize = this.size
    this.sizes = []
  }

  /** A write with O_SYNC or O_DSYNC: this range, and the size. */
  syncRange(from: number, to: number): void {
    for (let number = Math.floor(from / PAGE); number * PAGE < to; number++) {
      if (this.dirty.delete(number)) this.writeBack(number)
    }
    this.durableSize = this.size
    this.sizes = []
  }

  /**
   * fsync(2) that failed: Linux counts the pages as written all the same. They stay in memory, and no later fsync(2) writes them
   * unless they are changed again.
   */
  abandon(): void {
    for (const number of this.dirty) this.abandoned.add(number)
    this.dirty.clear()
  }

  /** No name and no descriptor is left. */
  free(): void {
    this.space.used -= this.cached.size
    this.cached = new Map()
    // Bytes that were never written back are gone. A crash may bring back the name, with the bytes that were.
    this.dirty.clear()
    this.abandoned.clear()
    this.sizes = []
  }

  /** Power is lost: programs then see what is on the disk, which must count as empty before. Returns what was lost. */
  crash(random: Random): ReadonlyArray<string> {
    const lost: Array<string> = []
    for (const number of [...this.dirty, ...this.abandoned].sort((a, b) => a - b)) {
      const outcome = random.integer(3)
      if (outcome === 0) this.writeBack(number)
      else if (outcome === 1) lost.push(`page ${number} lost`)
      else {
        this.durable.set(number, this.tear(number, random))
        lost.push(`page ${number} torn`)
      }
    }
    if (this.sizes.length > 0) {
      const sizes = [this.durableSize, ...this.sizes]
      const size = sizes[random.integer(sizes.length)]
      if (size !== this.size) lost.push(`size ${size} instead of ${this.size}`)
      this.durableSize = size
    }
    this.space.used += this.durable.size
    this.cached = new Map(this.durable)
    this.size = this.durableSize
    // Bytes beyond the end must read as zeros when the file grows again.
    this.zero(this.size, Number.MAX_SAFE_INTEGER, undefined)
    this.flush()
    return lost
  }

  /** Some sectors as they are, some as they were. */
  private tear(number: number, random: Random): Uint8Array {
    const page = (this.durable.get(number) ?? ZEROS).slice()
    const now = this.cached.get(number) ?? ZEROS
    for (let at = 0; at < PAGE; at += SECTOR) {
      if (random.chance(1 / 2)) page.set(now.subarray(at, at + SECTOR), at)
    }
    return page
  }
}
