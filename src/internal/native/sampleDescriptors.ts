/** One open descriptor of every kind, made without a request and without waiting: for finding out what a backend does with it. */
import { constants, mkdtempSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { errno } from "./errno.ts"
import { AT_FDCWD, AT_REMOVEDIR, O_CLOEXEC, S_IFIFO } from "./layout.ts"
import { addressOf, syscall } from "./libc.ts"
import { cString } from "./memory.ts"
import { NR } from "./syscalls.ts"

/** Kinds of files that mechanisms treat differently. */
export const kinds = [
  "regular file",
  "directory",
  "pipe",
  "FIFO",
  "socket",
  "terminal",
  "character device",
  "eventfd"
] as const

export type Kind = (typeof kinds)[number]

export interface Sample {
  /** The descriptor, with something to read, or -errno where this process cannot have one. */
  readonly fd: number
  /** Why it cannot, where there is no error number: Node has refused. */
  readonly reason?: string | undefined
  readonly close: () => void
}

const { O_DIRECTORY, O_NOCTTY, O_NONBLOCK, O_RDWR } = constants
const AF_UNIX = 1
const SOCK_STREAM = 1
const TIOCGPTPEER = 0x5441
const TIOCSPTLCK = 0x40045431

// Each of these calls is over when it returns, and needs the memory no longer than that.
const open = (path: string, flags: number): number => {
  const name = cString(path)
  const fd = syscall(NR.openat, AT_FDCWD, addressOf(name), flags | O_CLOEXEC, 0)
  return name.length > 0 ? fd : -1
}

/** Removes a file that was made here, whatever Node allows by then. */
const remove = (path: string, flags: number): void => {
  const name = cString(path)
  syscall(NR.unlinkat, AT_FDCWD, addressOf(name), flags)
}

/** Writes one line: a terminal passes nothing on before its end. */
const fill = (fd: number): void => {
  const line = Buffer.from("x\n")
  syscall(NR.write, fd, addressOf(line), line.length)
}

const sample = (fd: number, ...others: ReadonlyArray<number>): Sample => ({
  fd,
  close: () => {
    for (const each of [fd, ...others]) if (each >= 0) syscall(NR.close, each)
  }
})

/** `make` writes two descriptors. */
const pair = (make: (address: number) => number): Sample => {
  const fds = new Int32Array(2)
  const result = make(addressOf(fds))
  if (result < 0) return sample(result)
  fill(fds[1])
  return sample(fds[0], fds[1])
}

const makers: Record<Kind, () => Sample> = {
  "regular file": () => {
    const name = cString("effect-aio")
    const fd = syscall(NR.memfd_create, addressOf(name), 1)
    if (fd >= 0 && name.length > 0) fill(fd)
    return sample(fd)
  },
  directory: () => sample(open("/", O_DIRECTORY)),
  pipe: () => pair((address) => syscall(NR.pipe2, address, O_CLOEXEC)),
  FIFO: () => {
    let directory: string
    try {
      directory = mkdtempSync(join(tmpdir(), "effect-aio-"))
    } catch (problem) {
      // No such directory, a full or read-only one, or Node's permission model.
      const { code, errno: number } = problem as NodeJS.ErrnoException
      return { ...sample(number !== undefined && number < 0 ? number : -errno.EACCES), reason: code }
    }
    const path = join(directory, "fifo")
    try {
      const name = cString(path)
      const made = syscall(NR.mknodat, AT_FDCWD, addressOf(name), S_IFIFO | 0o600, 0)
      // Both ends at once: opening waits for no peer.
      const fd = made < 0 || name.length === 0 ? made : open(path, O_RDWR)
      if (fd >= 0) fill(fd)
      return sample(fd)
    } finally {
      remove(path, 0)
      remove(directory, AT_REMOVEDIR)
    }
  },
  socket: () => pair((address) => syscall(NR.socketpair, AF_UNIX, SOCK_STREAM | O_CLOEXEC, 0, address)),
  terminal: () => {
    const main = open("/dev/ptmx", O_RDWR | O_NOCTTY)
    if (main < 0) return sample(main)
    const unlocked = new Int32Array(1)
    syscall(NR.ioctl, main, TIOCSPTLCK, addressOf(unlocked))
    const peer = unlocked.length > 0 ? syscall(NR.ioctl, main, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC) : -1
    fill(main)
    return sample(peer, main)
  },
  "character device": () => sample(open("/dev/zero", constants.O_RDONLY)),
  eventfd: () => sample(syscall(NR.eventfd2, 1, O_CLOEXEC | O_NONBLOCK))
}

export const makeSample = (kind: Kind): Sample => makers[kind]()
