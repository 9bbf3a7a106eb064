/** Moving bytes from, to and between pipes, and from files to anything. splice(2), tee(2), sendfile(2) */
import type { Offset } from "../../engine/arguments.ts"
import type { Description, Descriptors } from "./descriptors.ts"
import { type Attempt, fail, Waits } from "./failure.ts"
import type { Files } from "./files.ts"
import type { FileSystem } from "./filesystem.ts"
import { Fifo, RegularFile } from "./inode.ts"
import type { Pipe } from "./pipe.ts"

interface Machine {
  readonly fs: FileSystem
  readonly open: Descriptors
  readonly files: Files
}

/** A side of a move. */
interface End {
  readonly fd: number
  readonly offset: Offset | undefined
}

const pipeOf = ({ inode }: Description): Pipe | undefined => (inode instanceof Fifo ? inode.pipe : undefined)

/** Both descriptions: of what is read and of what is written. */
const endsOf = ({ open }: Machine, fd: number, to: number): readonly [from: Description, into: Description] => {
  const [from, into] = [open.get(fd), open.get(to)]
  return from.readable && into.writable ? [from, into] : fail("EBADF")
}

/** Bytes to move from a pipe; none where no process has it open for writing. */
const waitForBytes = (pipe: Pipe, length: number): number => {
  if (pipe.isEmpty && pipe.writers > 0) throw new Waits(pipe)
  return Math.min(length, pipe.bytes)
}

const waitForRoom = (pipe: Pipe, length: number): number => {
  if (pipe.readers === 0) fail("EPIPE")
  if (pipe.room === 0) throw new Waits(pipe)
  return Math.min(length, pipe.room)
}

/** What there is is copied, and then taken, by `takes`, as far as the other pipe has room for it. */
const pipeToPipe = (machine: Machine, from: Pipe, into: Pipe, length: number, takes: boolean): number => {
  if (from === into) fail("EINVAL")
  const bytes = new Uint8Array(Math.min(waitForBytes(from, length), waitForRoom(into, length)))
  if (takes) from.pull(bytes)
  else from.peek(bytes)
  into.push(bytes)
  machine.fs.wake(from)
  machine.fs.wake(into)
  return bytes.byteLength
}

const pipeToFile = (machine: Machine, pipe: Pipe, to: End, length: number, attempt: Attempt): number => {
  const bytes = new Uint8Array(waitForBytes(pipe, length))
  if (bytes.byteLength === 0) return 0
  pipe.peek(bytes)
  const count = machine.files.write(to.fd, [bytes], to.offset, attempt)
  pipe.pull(bytes.subarray(0, count))
  machine.fs.wake(pipe)
  return count
}

const fileToPipe = (machine: Machine, from: End, pipe: Pipe, length: number): number => {
  const bytes = new Uint8Array(waitForRoom(pipe, length))
  const count = machine.files.read(from.fd, [bytes], from.offset)
  pipe.push(bytes.subarray(0, count))
  machine.fs.wake(pipe)
  return count
}

export const splice = (machine: Machine, source: End, target: End, length: number, attempt: Attempt): number => {
  if (length === 0) return 0
  const [from, into] = endsOf(machine, source.fd, target.fd)
  const [pipe, toPipe] = [pipeOf(from), pipeOf(into)]
  if ((pipe !== undefined && source.offset !== undefined) || (toPipe !== undefined && target.offset !== undefined))
    fail("ESPIPE")
  if (pipe !== undefined && toPipe !== undefined) return pipeToPipe(machine, pipe, toPipe, length, true)
  if (pipe !== undefined) {
    if (into.appends) fail("EINVAL")
    return pipeToFile(machine, pipe, target, length, attempt)
  }
  if (toPipe === undefined || !(from.inode instanceof RegularFile)) return fail("EINVAL")
  return fileToPipe(machine, source, toPipe, length)
}

export const tee = (machine: Machine, fd: number, to: number, length: number): number => {
  if (length === 0) return 0
  const [from, into] = endsOf(machine, fd, to)
  const [pipe, toPipe] = [pipeOf(from), pipeOf(into)]
  if (pipe === undefined || toPipe === undefined) return fail("EINVAL")
  return pipeToPipe(machine, pipe, toPipe, length, false)
}

/** Bytes that the mock copies in one go. */
const MOST_SENT = 1 << 20

export const sendfile = (machine: Machine, source: End, to: number, length: number, attempt: Attempt): number => {
  const from = machine.open.get(source.fd)
  if (!from.readable) fail("EBADF")
  if (source.offset !== undefined && from.inode instanceof Fifo) fail("ESPIPE")
  const [, into] = endsOf(machine, source.fd, to)
  if (!(from.inode instanceof RegularFile)) fail("EINVAL")
  const pipe = pipeOf(into)
  if (length === 0) return 0
  if (pipe !== undefined) return fileToPipe(machine, source, pipe, length)
  if (into.appends) fail("EINVAL")
  const before = from.position
  const bytes = new Uint8Array(Math.min(length, MOST_SENT))
  const read = machine.files.read(source.fd, [bytes], source.offset)
  if (read === 0) return 0
  const count = machine.files.write(to, [bytes.subarray(0, read)], undefined, attempt)
  if (source.offset === undefined) from.position = before + count
  return count
}
