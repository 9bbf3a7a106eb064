/** Operations on open files that move bytes, and positions. */

import type { Offset } from "../../engine/arguments.ts"
import { RWF } from "../../native/layout.ts"
import { POLLIN, POLLOUT } from "../../native/readiness.ts"
import { sealBits } from "../../operation/seals.ts"
import type { SeekFrom } from "../../operation/seeks.ts"
import type { Lock } from "../../operation/waiting.ts"
import { DIRECT_UNIT } from "./content.ts"
import { add, lengthOf, ready, take } from "./counters.ts"
import type { Description, Descriptors } from "./descriptors.ts"
import { type Attempt, fail, Waits } from "./failure.ts"
import type { FileSystem } from "./filesystem.ts"
import { O_DSYNC, O_NOATIME } from "./flags.ts"
import { Directory, EventCounter, Fifo, type Inode, Process, RegularFile } from "./inode.ts"
import { PIPE_BUF, type Pipe } from "./pipe.ts"
import type { RangeLock } from "./rangeLocks.ts"

const DAY = 86_400_000_000_000n
const BLOCK = 4096
/** `/proc/sys/fs/pipe-max-size`. */
const MAX_PIPE_SIZE = 1 << 20
const MAX_OFFSET = 2n ** 63n - 1n

/** The first byte, and the one behind the last. */
type Bounds = readonly [start: bigint, end: bigint]

export class Files {
  constructor(
    private readonly fs: FileSystem,
    private readonly descriptors: Descriptors
  ) {}

  // --- Transfers

  /** readv(2) of no bytes asks the file nothing; read(2) does. */
  readv(fd: number, into: ReadonlyArray<Uint8Array>, offset: Offset | undefined, flags = 0): number {
    const { inode, readable } = this.descriptors.get(fd)
    const isNothing = readable && inode instanceof Directory && lengthOf(into) === 0
    return isNothing ? 0 : this.read(fd, into, offset, flags)
  }

  read(fd: number, into: ReadonlyArray<Uint8Array>, offset: Offset | undefined, flags = 0): number {
    const description = this.descriptors.get(fd)
    const { inode } = description
    if (offset !== undefined && inode instanceof Fifo) fail("ESPIPE")
    if (!description.readable) fail("EBADF")
    if (inode instanceof Directory) return fail("EISDIR")
    demandFlags(inode, flags)
    if (inode instanceof Fifo) return this.receive(inode.pipe, into, flags)
    if (inode instanceof EventCounter) return take(this.fs, inode, into, offset, flags)
    if (!(inode instanceof RegularFile)) return fail("EINVAL")
    const at = position(description, offset, into)
    demandAligned(description, into, at)
    let done = 0
    for (const buffer of into) {
      const count = inode.content.read(buffer, at + done)
      done += count
      if (count < buffer.byteLength) break
    }
    if (offset === undefined) description.position = at + done
    this.accessed(description, inode)
    return done
  }

  write(fd: number, from: ReadonlyArray<Uint8Array>, offset: Offset | undefined, attempt: Attempt, flags = 0): number {
    const description = this.descriptors.get(fd)
    const { inode } = description
    if (offset !== undefined && inode instanceof Fifo) fail("ESPIPE")
    if (!description.writable) fail("EBADF")
    demandFlags(inode, flags)
    if (inode instanceof Fifo) return this.send(description, inode.pipe, from, attempt, flags)
    if (inode instanceof EventCounter) return add(this.fs, inode, from, offset)
    if (!(inode instanceof RegularFile)) return fail("EINVAL")
    const asked = position(description, offset, from)
    demandAligned(description, from, asked)
    if (from.every(({ byteLength }) => byteLength === 0)) return 0
    // O_APPEND wins over an offset, in contrast to POSIX: pwrite(2), BUGS.
    const at = description.appends || (flags & RWF.APPEND) !== 0 ? inode.size : asked
    const done = this.put(inode, from, at)
    if (offset === undefined) description.position = at + done
    const isSynchronous = (description.flags & O_DSYNC) !== 0 || (flags & (RWF.DSYNC | RWF.SYNC)) !== 0
    if (isSynchronous) inode.content.syncRange(at, at + done)
    return done
  }

  private put(inode: RegularFile, from: ReadonlyArray<Uint8Array>, at: number): number {
    const { maxFileSize } = this.fs.settings
    if (at >= maxFileSize) fail("EFBIG")
    demandUnsealed(inode, at + lengthOf(from))
    let done = 0
    for (const buffer of from) {
      const allowed = buffer.subarray(0, Math.min(buffer.byteLength, maxFileSize - at - done))
      const count = inode.content.write(allowed, at + done)
      done += count
      if (count < buffer.byteLength) break
    }
    if (done === 0) fail("ENOSPC")
    this.fs.written(inode)
    return done
  }

  /** relatime: the time is only changed if it is not later than the last change, or if it is a day old. */
  private accessed({ flags }: Description, inode: Inode): void {
    if ((flags & O_NOATIME) !== 0) return
    const now = this.fs.now()
    if (inode.atime <= inode.mtime || inode.atime <= inode.ctime || now - inode.atime > DAY) inode.atime = now
  }

  private receive(pipe: Pipe, into: ReadonlyArray<Uint8Array>, flags: number): number {
    if (into.every(({ byteLength }) => byteLength === 0)) return 0
    if (pipe.isEmpty) {
      if (pipe.writers === 0) return 0
      if ((flags & RWF.NOWAIT) !== 0) fail("EAGAIN")
      throw new Waits(pipe)
    }
    let done = 0
    for (const buffer of into) done += pipe.pull(buffer)
    this.fs.wake(pipe)
    return done
  }

  private send(
    description: Description,
    pipe: Pipe,
    from: ReadonlyArray<Uint8Array>,
    attempt: Attempt,
    flags: number
  ): number {
    const bytes = from.length === 1 ? from[0] : Buffer.concat(from)
    const left = bytes.subarray(attempt.progress)
    if (bytes.byteLength === 0) return 0
    if (pipe.readers === 0) return attempt.progress > 0 ? attempt.progress : fail("EPIPE")
    const fits = bytes.byteLength <= PIPE_BUF && left.byteLength > pipe.room ? 0 : Math.min(left.byteLength, pipe.room)
    if (fits > 0) {
      pipe.push(left.subarray(0, fits))
      attempt.progress += fits
      this.fs.wake(pipe)
    }
    if (attempt.progress === bytes.byteLength) return attempt.progress
    if ((flags & RWF.NOWAIT) !== 0) return attempt.progress > 0 ? attempt.progress : fail("EAGAIN")
    // With O_NONBLOCK, a part is enough. If there is no room for any byte, it is waited for, as on the other backends.
    if (description.waits || attempt.progress === 0) throw new Waits(pipe)
    return attempt.progress
  }

  // --- Seals

  private sealed(fd: number): RegularFile & { seals: number } {
    const { inode } = this.descriptors.get(fd)
    if (!(inode instanceof RegularFile) || inode.seals === undefined) return fail("EINVAL")
    return inode as RegularFile & { seals: number }
  }

  sealsOf(fd: number): number {
    return this.sealed(fd).seals
  }

  addSeals(fd: number, seals: number): void {
    const { writable } = this.descriptors.get(fd)
    if (!writable) fail("EPERM")
    const file = this.sealed(fd)
    if ((file.seals & sealBits.seal) !== 0) fail("EPERM")
    file.seals |= seals
    // What may be executed is not changed either.
    if ((seals & sealBits.exec) !== 0 && (file.mode & 0o111) !== 0) {
      file.seals |= sealBits.shrink | sealBits.grow | sealBits.write | sealBits.futureWrite
    }
  }

  // --- Syncing

  /** The file or directory that is to be synced. */
  private syncable(fd: number): Inode {
    const { inode } = this.descriptors.get(fd)
    return inode instanceof Fifo ? fail("EINVAL") : inode
  }

  sync(fd: number): void {
    const inode = this.syncable(fd)
    if (inode instanceof RegularFile) inode.content.sync()
    if (inode instanceof Directory) this.fs.log.sync(inode)
  }

  /** sync_file_range(2) promises nothing. */
  syncRange(fd: number): void {
    if (this.descriptors.get(fd).inode instanceof Fifo) fail("ESPIPE")
  }

  demandOpen(fd: number): void {
    this.descriptors.get(fd)
  }

  /** The device failed: the bytes that were to be written are not written, and will not be. */
  failToSync(fd: number): void {
    const inode = this.descriptors.peek(fd)?.inode
    if (inode instanceof RegularFile) inode.content.abandon()
  }

  // --- Size and space

  ftruncate(fd: number, length: Offset): void {
    const { inode, writable } = this.descriptors.get(fd)
    if (!(inode instanceof RegularFile) || !writable) return fail("EINVAL")
    this.resize(inode, length)
  }

  resize(inode: RegularFile, length: Offset): void {
    if (length > this.fs.settings.maxFileSize) fail("EFBIG")
    const { seals = 0, size } = inode
    if (Number(length) < size && (seals & sealBits.shrink) !== 0) fail("EPERM")
    if (Number(length) > size && (seals & sealBits.grow) !== 0) fail("EPERM")
    inode.content.resize(Number(length))
    this.fs.written(inode)
  }

  /** `mode` as fallocate(2) has it. */
  fallocate(fd: number, mode: number, offset: Offset, length: Offset): void {
    const { inode, writable } = this.descriptors.get(fd)
    if (Number(length) === 0) fail("EINVAL")
    if (!writable) fail("EBADF")
    if (inode instanceof Fifo) fail("ESPIPE")
    if (inode instanceof Directory) fail("EISDIR")
    if (!(inode instanceof RegularFile)) return fail("ENODEV")
    if (BigInt(offset) + BigInt(length) > BigInt(this.fs.settings.maxFileSize)) fail("EFBIG")
    if (mode === 0 || mode === 3) demandUnsealed(inode, mode === 3 ? 0 : Number(offset) + Number(length))
    this.arrange(inode, mode, Number(offset), Number(offset) + Number(length))
    this.fs.written(inode)
  }

  private arrange(inode: RegularFile, mode: number, from: number, to: number): void {
    const { content } = inode
    const isAligned = from % BLOCK === 0 && to % BLOCK === 0
    switch (mode) {
      case 0:
      case 1:
        if (!content.allocate(from, to)) fail("ENOSPC")
        if (mode === 0) content.grow(to)
        return
      case 3:
        return content.punch(from, to)
      case 8:
        if (!isAligned || to >= content.size) fail("EINVAL")
        return content.shift(to / BLOCK, (from - to) / BLOCK)
      case 16:
        if (!content.zeroRange(from, to)) fail("ENOSPC")
        return content.grow(to)
      case 17:
        if (!content.zeroRange(from, to)) fail("ENOSPC")
        return
      case 32:
        if (!isAligned || from >= content.size) fail("EINVAL")
        if (content.size + to - from > this.fs.settings.maxFileSize) fail("EFBIG")
        return content.shift(from / BLOCK, (to - from) / BLOCK)
      default:
        fail("EOPNOTSUPP")
    }
  }

  // --- Positions

  seek(fd: number, offset: Offset, from: SeekFrom): number {
    const description = this.descriptors.get(fd)
    const { inode } = description
    if (inode instanceof Fifo) fail("ESPIPE")
    // The positions of a directory's names are numbers, and not bytes.
    if (inode instanceof Directory && from !== "start" && from !== "current") fail("EINVAL")
    const at = sought(description, Number(offset), from)
    if (at < 0 || at > this.fs.settings.maxFileSize) fail("EINVAL")
    description.position = at
    return at
  }

  // --- Pipes

  /** The pipe of a descriptor. */
  pipe(fd: number): Pipe {
    const { inode } = this.descriptors.get(fd)
    return inode instanceof Fifo ? inode.pipe : fail("EBADF")
  }

  setPipeSize(fd: number, size: number): number {
    const pipe = this.pipe(fd)
    const capacity = 2 ** Math.ceil(Math.log2(Math.max(size, BLOCK)))
    if (capacity > MAX_PIPE_SIZE && capacity > pipe.capacity && !this.fs.isRoot) fail("EPERM")
    if (!pipe.resize(capacity)) fail("EBUSY")
    this.fs.wake(pipe)
    return capacity
  }

  // --- The rest

  fadvise(fd: number): void {
    if (this.descriptors.get(fd).inode instanceof Fifo) fail("ESPIPE")
  }

  readahead(fd: number): void {
    const { inode, readable } = this.descriptors.get(fd)
    if (!readable) fail("EBADF")
    if (!(inode instanceof RegularFile)) fail("EINVAL")
  }

  /** copy_file_range(2). Where offsets are left out, it moves the descriptors' positions. */
  copy(fd: number, offset: Offset | undefined, to: number, toOffset: Offset | undefined, length: number): number {
    const from = this.descriptors.get(fd)
    const into = this.descriptors.get(to)
    if (from.inode instanceof Directory || into.inode instanceof Directory) fail("EISDIR")
    if (!(from.inode instanceof RegularFile) || !(into.inode instanceof RegularFile)) return fail("EINVAL")
    if (!from.readable || !into.writable || into.appends) fail("EBADF")
    const start = offset === undefined ? from.position : Number(offset)
    const target = toOffset === undefined ? into.position : Number(toOffset)
    const { maxFileSize } = this.fs.settings
    if (start + length > Number(MAX_OFFSET) || target + length > Number(MAX_OFFSET)) fail("EOVERFLOW")
    const count = Math.min(length, Math.max(0, from.inode.size - start))
    if (target >= maxFileSize) fail("EFBIG")
    const overlaps = from.inode === into.inode && start < target + count && target < start + count
    if (overlaps) fail("EINVAL")
    if (count === 0) return 0
    const done = this.copyChunks(from.inode, start, into.inode, target, count)
    if (offset === undefined) from.position = start + done
    if (toOffset === undefined) into.position = target + done
    this.accessed(from, from.inode)
    return done
  }

  /** FICLONERANGE, with the rules of file systems that share blocks. Here the bytes are copied. */
  clone(fd: number, offset: number, to: number, toOffset: number, length: number): void {
    const [from, into] = [this.descriptors.get(fd), this.descriptors.get(to)]
    if (from.inode instanceof Directory || into.inode instanceof Directory) fail("EISDIR")
    if (!(from.inode instanceof RegularFile) || !(into.inode instanceof RegularFile)) return fail("EINVAL")
    if (!from.readable || !into.writable || into.appends) fail("EBADF")
    const { size } = from.inode
    if (offset % BLOCK !== 0 || toOffset % BLOCK !== 0 || offset > size) fail("EINVAL")
    const count = length === 0 ? size - offset : length
    const end = offset + count
    const isWhole = count % BLOCK === 0
    if (end > size || (end < size && !isWhole)) fail("EINVAL")
    // The last block of a file, which is not whole, would take the place of other bytes.
    if (!isWhole && toOffset + count < into.inode.size) fail("EINVAL")
    const overlaps = from.inode === into.inode && offset < toOffset + count && toOffset < end
    if (overlaps && count > 0) fail("EINVAL")
    if (toOffset + count > this.fs.settings.maxFileSize) fail("EFBIG")
    if (count > 0) this.copyChunks(from.inode, offset, into.inode, toOffset, count)
  }

  private copyChunks(from: RegularFile, start: number, into: RegularFile, target: number, count: number): number {
    demandUnsealed(into, target + count)
    const chunk = new Uint8Array(Math.min(count, 1 << 20))
    let done = 0
    while (done < count) {
      const bytes = chunk.subarray(0, Math.min(chunk.byteLength, count - done))
      from.content.read(bytes, start + done)
      const written = into.content.write(bytes, target + done)
      done += written
      if (written < bytes.byteLength) break
    }
    if (done === 0) fail("ENOSPC")
    this.fs.written(into)
    return done
  }

  flock(fd: number, kind: "shared" | "exclusive" | "unlock", waits: boolean): void {
    const description = this.descriptors.get(fd)
    const { lock } = description.inode
    const had = lock.drop(description)
    const has = kind === "unlock" || lock.take(description, kind === "exclusive")
    if (had) this.fs.wake(lock)
    if (has) return
    if (!waits) fail("EAGAIN")
    throw new Waits(lock)
  }

  /** F_OFD_SETLK and F_OFD_SETLKW of fcntl(2). */
  lockRange(fd: number, kind: Lock, [start, end]: Bounds, waits: boolean): void {
    const owner = this.descriptors.get(fd)
    const { rangeLocks } = owner.inode
    if (kind === "unlock") {
      if (rangeLocks.give({ owner, start, end })) this.fs.wake(rangeLocks)
      return
    }
    const isExclusive = kind === "exclusive"
    if (!(isExclusive ? owner.writable : owner.readable)) fail("EBADF")
    const lock = { owner, start, end, isExclusive }
    if (rangeLocks.obstacle(lock) === undefined) {
      if (rangeLocks.take(lock)) this.fs.wake(rangeLocks)
      return
    }
    if (!waits) fail("EAGAIN")
    throw new Waits(rangeLocks)
  }

  /** F_OFD_GETLK of fcntl(2). */
  lockHolder(fd: number, isExclusive: boolean, [start, end]: Bounds): RangeLock | undefined {
    const owner = this.descriptors.get(fd)
    return owner.inode.rangeLocks.obstacle({ owner, start, end, isExclusive })
  }

  /** The events of poll(2) that are true, among those asked for and those that are always told. */
  poll(fd: number, wanted: number): number {
    const { inode, isPath, readable, writable } = this.descriptors.find(fd)
    if (isPath) fail("EBADF")
    if (inode instanceof EventCounter || inode instanceof Process) return ready(inode, wanted)
    if (!(inode instanceof Fifo)) return wanted & (POLLIN | POLLOUT)
    const events = inode.pipe.events(readable, writable) & (wanted | ~(POLLIN | POLLOUT))
    if (events === 0) throw new Waits(inode.pipe)
    return events
  }
}

/** Of a write that ends at `end`. */
const demandUnsealed = ({ seals = 0, size }: RegularFile, end: number): void => {
  if ((seals & (sealBits.write | sealBits.futureWrite)) !== 0) fail("EPERM")
  if (end > size && (seals & sealBits.grow) !== 0) fail("EPERM")
}

const position = (description: Description, offset: Offset | undefined, buffers: ReadonlyArray<Uint8Array>): number => {
  if (offset === undefined) return description.position
  if (typeof offset === "bigint" && offset + BigInt(lengthOf(buffers)) > MAX_OFFSET) fail("EINVAL")
  return Number(offset)
}

/** The disk writes a sector at once and no more; a pipe has no pages to drop. */
const demandFlags = (inode: Inode, flags: number): void => {
  const unknown = RWF.ATOMIC | (inode instanceof Fifo ? RWF.DONTCACHE : 0)
  if ((flags & unknown) !== 0) fail("EOPNOTSUPP")
}

/** Where lseek(2) leads. */
const sought = ({ inode, position }: Description, offset: number, from: SeekFrom): number => {
  switch (from) {
    case "start":
      return offset
    case "current":
      return position + offset
    case "end":
      return inode.size + offset
    default: {
      if (!(inode instanceof RegularFile)) return fail("EINVAL")
      if (offset >= inode.size) return fail("ENXIO")
      const { content } = inode
      return from === "hole" ? content.holeFrom(offset) : (content.dataFrom(offset) ?? fail("ENXIO"))
    }
  }
}

/** Addresses are checked by the operation itself. */
const demandAligned = ({ isDirect }: Description, buffers: ReadonlyArray<Uint8Array>, at: number): void => {
  if (!isDirect) return
  if (at % DIRECT_UNIT !== 0 || buffers.some(({ byteLength }) => byteLength % DIRECT_UNIT !== 0)) fail("EINVAL")
}
