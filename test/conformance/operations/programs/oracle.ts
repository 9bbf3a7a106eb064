/** What the operating system says, asked on the spot: `node:fs` where it has a function for it, and the bare system call where not. */
import { getSystemErrorName } from "node:util"
import { lastingAddress, type SystemCall, systemCall, type Word } from "../../../support/systemCalls.ts"

const AT_FDCWD = -100

// Two paths and four words, read by the kernel during a call and never after it.
const memory = Buffer.alloc(16_384)
const address = lastingAddress(memory)
const words = new BigInt64Array(memory.buffer, memory.byteOffset + 8192, 4)

const path = (name: string, at: 0 | 4096): number => {
  memory.write(`${name}\0`, at)
  return address + at
}

/** A system call as `node:fs` would make it: its result, or an exception with a `code`. */
const call = (name: SystemCall, ...args: ReadonlyArray<Word>): number => {
  const result = systemCall(name, ...args)
  if (result >= 0) return result
  const code = getSystemErrorName(result)
  throw Object.assign(new Error(code), { code })
}

export const truncate = (name: string, length: number): number => call("truncate", path(name, 0), length)

/** flock(2) with LOCK_NB. */
export const flock = (fd: number, lock: "shared" | "exclusive" | "unlock"): number =>
  call("flock", fd, { shared: 1, exclusive: 2, unlock: 8 }[lock] | 4)

/** Nanoseconds, "now", or nothing. */
export const utimes = (
  name: string,
  times: ReadonlyArray<bigint | "now" | undefined>,
  follow: boolean | undefined
): number => {
  times.forEach((time, index) => {
    // timespec: whole seconds, rounded down, and the nanoseconds from there on.
    const second = typeof time === "bigint" ? time / 10n ** 9n - (time % 10n ** 9n < 0n ? 1n : 0n) : 0n
    words[index * 2] = second
    words[index * 2 + 1] =
      typeof time === "bigint" ? time - second * 10n ** 9n : time === "now" ? (1n << 30n) - 1n : (1n << 30n) - 2n
  })
  return call("utimensat", AT_FDCWD, path(name, 0), address + 8192, follow === false ? 0x100 : 0)
}

const modes = { allocate: 0, keepSize: 1, punchHole: 2 | 1, collapseRange: 8, zeroRange: 16, insertRange: 32 }

export const fallocate = (fd: number, mode: keyof typeof modes, offset: number, length: number): number =>
  call("fallocate", fd, modes[mode], offset, length)

/** renameat2(2): RENAME_NOREPLACE, RENAME_EXCHANGE. */
export const rename = (from: string, to: string, existing: "noReplace" | "exchange"): number =>
  call("renameat2", AT_FDCWD, path(from, 0), AT_FDCWD, path(to, 4096), existing === "noReplace" ? 1 : 2)

export const copyFileRange = (
  from: number,
  offset: number | undefined,
  to: number,
  toOffset: number | undefined,
  length: number
): number => {
  words[0] = BigInt(offset ?? 0)
  words[1] = BigInt(toOffset ?? 0)
  return call(
    "copy_file_range",
    from,
    offset === undefined ? 0 : address + 8192,
    to,
    toOffset === undefined ? 0 : address + 8200,
    length,
    0
  )
}
