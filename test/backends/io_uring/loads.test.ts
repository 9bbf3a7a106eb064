/** Small files in one go, step by step: what the kernel answers is made up here, also what the kernel of this machine never answers. */
import { beforeEach, describe, expect, it } from "vitest"
import { FifoOpens } from "../../../src/internal/backend/io_uring/fifo.ts"
import { Loads, OF_LOAD } from "../../../src/internal/backend/io_uring/loads.ts"
import type { Ring } from "../../../src/internal/backend/io_uring/ring.ts"
import { type Request, Slot } from "../../../src/internal/engine/request.ts"
import { errno } from "../../../src/internal/native/errno.ts"
import { OF_OPEN } from "../../../src/internal/native/threadCleanup.ts"
import { IORING_OP } from "../../../src/internal/native/uring.ts"
import { LOAD_SIZE } from "../../../src/internal/operation/loads.ts"

const [OPEN, READ, PROBE, CLOSE] = [0, 1, 2, 3].map((entry) => OF_LOAD + entry)

/** Larger than any descriptor that there is. */
const FD = 1 << 20

interface Written {
  readonly opcode: number
  readonly fd: number
  readonly owner: number
  readonly file: number
}

class TestRing {
  readonly entries = 8
  readonly supported = new Set<number>(Object.values(IORING_OP))
  room = 8
  files = 0
  written: Array<Written> = []
  readonly closed: Array<number> = []
  private entry = { opcode: -1, fd: -1, file: -1 }

  get unsubmitted(): number {
    return this.written.length
  }

  registerFiles(count: number): boolean {
    this.files = count
    return true
  }

  closeFile(file: number): void {
    this.closed.push(file)
  }

  prepare(opcode: number, fd: number): void {
    this.entry = { opcode, fd, file: -1 }
  }

  fileIndex(file: number): void {
    this.entry.file = file
  }

  commit(_flags: number, _priority: number, _slot: number, owner: number): void {
    this.written.push({ ...this.entry, owner })
    this.room--
  }
}

class TestFifos extends FifoOpens {
  verdicts: Array<number | undefined> = []

  override settle(_: Slot, result: number): number | undefined {
    return this.verdicts.length === 0 ? result : this.verdicts.shift()
  }
}

interface Ended {
  readonly slot: number
  readonly result: number
  readonly atEnd: boolean
  readonly opened: number
}

let ring: TestRing
let fifos: TestFifos
let loads: Loads
let ended: Array<Ended>
let reopened: number
const host = {
  isRefused: false,
  enter: () => {
    ring.room = ring.entries - ring.unsubmitted
  },
  end: ({ atEnd, opened, slot }: Slot, result: number) => void ended.push({ slot, result, atEnd, opened }),
  openAgain: () => void reopened++
}

beforeEach(() => {
  ring = new TestRing()
  fifos = new TestFifos()
  host.isRefused = false
  ended = []
  reopened = 0
  loads = new Loads(ring as unknown as Ring, fifos, host)
  expect(loads.isPossible).toBe(true)
})

const make = (slot = 0, cancelled = false): Slot => {
  const submission = new Slot(slot)
  submission.request = { priority: 0, cancelled } as Request
  return submission
}

/** Hands over what was written. */
const taken = (): ReadonlyArray<Written> => {
  const { written } = ring
  ring.written = []
  ring.room = ring.entries
  return written
}

const begin = (submission = make()): Slot => {
  loads.start(submission)
  expect(taken().map(({ opcode }) => opcode)).toEqual([IORING_OP.OPENAT, IORING_OP.READ, IORING_OP.READ])
  return submission
}

const answer = (submission: Slot, opened: number, count: number, more: number): void => {
  loads.completed(submission, OPEN, opened)
  loads.completed(submission, READ, count)
  loads.completed(submission, PROBE, more)
}

/** The second call: what it asks for. */
const second = (): ReadonlyArray<number> => {
  loads.goOn()
  return taken().map(({ opcode }) => opcode)
}

const proven = [IORING_OP.CLOSE]
const kept = [IORING_OP.FIXED_FD_INSTALL, IORING_OP.CLOSE]

describe("a load", () => {
  it("ends when its file is closed, with all bytes, if the second read gave none", () => {
    for (const count of [1, LOAD_SIZE]) {
      const submission = begin()
      answer(submission, 0, count, 0)
      expect(ended).toEqual([])
      expect(second()).toEqual(proven)
      expect(ended).toEqual([])
      loads.completed(submission, CLOSE, 0)
      expect(ended.splice(0)).toEqual([{ slot: 0, result: count, atEnd: true, opened: -1 }])
    }
  })

  it("proves nothing by an empty answer, by more bytes, by an error: the open file goes on", () => {
    for (const [count, more, result] of [
      [0, 0, 0],
      [LOAD_SIZE, 1, LOAD_SIZE + 1],
      [100, 1, 101],
      [100, -errno.EIO, 100],
      [-errno.EISDIR, -errno.EISDIR, 0],
      [-errno.EINTR, 1, 1]
    ]) {
      const submission = begin()
      answer(submission, 0, count, more)
      expect(second()).toEqual(kept)
      loads.completed(submission, OF_OPEN, FD)
      loads.completed(submission, CLOSE, 0)
      expect(ended.splice(0)).toEqual([{ slot: 0, result, atEnd: false, opened: FD }])
    }
  })

  it("tells what open(2) says wherever it is asked, and leaves the rest to open(2)", () => {
    for (const [number, result] of [
      [errno.ENOENT, -errno.ENOENT],
      [errno.EACCES, -errno.EACCES],
      [errno.ELOOP, 0],
      [errno.ENFILE, 0],
      [errno.EINTR, 0]
    ]) {
      answer(begin(), -number, -errno.ECANCELED, -errno.ECANCELED)
      expect(ended.splice(0)).toEqual([{ slot: 0, result, atEnd: false, opened: -1 }])
    }
    expect(loads.areWaiting).toBe(false)
  })

  it("has found out nothing where no descriptor is left", () => {
    const submission = begin()
    answer(submission, 0, LOAD_SIZE, 1)
    second()
    loads.completed(submission, OF_OPEN, -errno.EMFILE)
    loads.completed(submission, CLOSE, 0)
    expect(ended).toEqual([{ slot: 0, result: 0, atEnd: false, opened: -1 }])
  })

  it("of a FIFO that nobody writes to is an open that waits", () => {
    const submission = begin()
    answer(submission, 0, 0, 0)
    expect(second()).toEqual(kept)
    fifos.verdicts = [undefined, undefined, FD + 1]
    loads.completed(submission, OF_OPEN, FD)
    loads.completed(submission, CLOSE, 0)
    expect([ended, reopened, loads.entryToCancel(submission)]).toEqual([[], 1, OF_OPEN])
    loads.completed(submission, OF_OPEN, -errno.EINTR)
    expect([ended, reopened]).toEqual([[], 2])
    loads.completed(submission, OF_OPEN, FD + 1)
    expect(ended).toEqual([{ slot: 0, result: 0, atEnd: false, opened: FD + 1 }])
  })

  it("that is cancelled closes its file, and keeps none", () => {
    const submission = begin()
    expect(loads.entryToCancel(submission)).toBe(OPEN)
    loads.completed(submission, OPEN, 0)
    expect(loads.entryToCancel(submission)).toBe(READ)
    ;(submission.request as { cancelled: boolean }).cancelled = true
    loads.completed(submission, READ, -errno.ECANCELED)
    expect(loads.entryToCancel(submission)).toBe(PROBE)
    loads.completed(submission, PROBE, -errno.ECANCELED)
    expect(loads.entryToCancel(submission)).toBe(-1)
    expect(second()).toEqual(proven)
    loads.completed(submission, CLOSE, 0)
    expect(ended).toEqual([{ slot: 0, result: -errno.ECANCELED, atEnd: false, opened: -1 }])
  })

  it("without room, in the ring or in the table, ends in the next turn, with nothing found out", () => {
    host.enter = () => {}
    ring.room = 2
    loads.start(make(7))
    expect([ring.written, ended, loads.areWaiting]).toEqual([[], [], true])
    loads.goOn()
    expect(ended.splice(0)).toEqual([{ slot: 7, result: 0, atEnd: false, opened: -1 }])
    ring.room = 8
    const all = Array.from({ length: ring.files + 1 }, (_, slot) => make(slot))
    const places = new Set<number>()
    for (const submission of all) {
      loads.start(submission)
      for (const { file, opcode } of taken()) if (opcode === IORING_OP.OPENAT) places.add(file)
    }
    expect(places.size).toBe(ring.files)
    loads.goOn()
    expect(ended.splice(0)).toEqual([{ slot: ring.files, result: 0, atEnd: false, opened: -1 }])
    // A place is free again only when its file is closed.
    answer(all[3], 0, 5, 0)
    expect(second()).toEqual(proven)
    loads.start(make(1000))
    loads.goOn()
    expect(ended.splice(0).map(({ slot }) => slot)).toEqual([1000])
    loads.completed(all[3], CLOSE, 0)
    expect(ended.splice(0).map(({ slot }) => slot)).toEqual([3])
    begin(make(1001))
  })

  it("goes on when there is room for the second call", () => {
    const both = [begin(make(0)), begin(make(1))]
    for (const submission of both) answer(submission, 0, 5, 0)
    ring.room = 2
    expect(loads.goOn()).toBe(true)
    expect([taken().length, loads.areWaiting]).toEqual([1, true])
    expect(second()).toEqual(proven)
    expect(loads.areWaiting).toBe(false)
  })

  it("ends when the ring is refused, in whatever step, and its file is closed without the ring", () => {
    const [read, closing] = [begin(make(0)), begin(make(1))]
    answer(closing, 0, 5, 0)
    expect(second()).toEqual(proven)
    answer(read, 0, 5, 1)
    host.isRefused = true
    loads.goOn()
    expect(ended.splice(0)).toEqual([{ slot: 0, result: 0, atEnd: false, opened: -1 }])
    // The kernel has not taken the entry.
    loads.completed(closing, CLOSE, -errno.ECANCELED)
    expect(ended.splice(0)).toEqual([{ slot: 1, result: 5, atEnd: true, opened: -1 }])
    expect(ring.closed.length).toBe(2)
    loads.start(make(2))
    loads.goOn()
    expect(ended).toEqual([{ slot: 2, result: 0, atEnd: false, opened: -1 }])
  })
})

it("needs FIXED_FD_INSTALL, of Linux 6.8, a table, and a ring with room for a chain", () => {
  const cannot = (change: (ring: TestRing) => void): boolean => {
    const other = new TestRing()
    change(other)
    return new Loads(other as unknown as Ring, fifos, host).isPossible
  }
  expect(cannot(() => {})).toBe(true)
  expect(cannot((other) => other.supported.delete(IORING_OP.FIXED_FD_INSTALL))).toBe(false)
  expect(cannot((other) => Object.assign(other, { registerFiles: () => false }))).toBe(false)
  expect(cannot((other) => Object.assign(other, { entries: 2 }))).toBe(false)
})
