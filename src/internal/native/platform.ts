/** Whether this machine speaks the interfaces this package is written for, and if not, why. */

const littleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1

/**
 * `undefined` where Linux system calls can be made; otherwise the reason, in words for a person.
 * Every Layer asks this before it touches anything else of `internal/native`.
 */
export const unsupported: string | undefined =
  process.platform !== "linux"
    ? `${process.platform} has none of the Linux system calls that asynchronous I/O is built on (ENOSYS)`
    : process.arch !== "x64" && process.arch !== "arm64"
      ? `the system call numbers of ${process.arch} are not known (x64 and arm64 are)`
      : littleEndian
        ? undefined
        : "the struct layouts are little-endian"
