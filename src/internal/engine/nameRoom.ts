/**
 * Memory that the kernel writes the names of a directory into. A decoder copies them out of it, so that it can serve the next directory:
 * 32 KiB made anew for each cost more than most directories have, and the garbage collector a look at each.
 */

/** Bytes for the names of most directories, of about a thousand entries. */
export const NAME_ROOM = 32768

/** As many are kept: two mebibytes at most, and of those only the pages that were written to. */
const KEPT = 64

const free: Array<Buffer> = []

/** So many bytes, with any contents. Throws where there is no memory. */
export const takeRoom = (bytes: number): Buffer =>
  (bytes === NAME_ROOM ? free.pop() : undefined) ?? Buffer.allocUnsafeSlow(bytes)

/** Takes back memory that the kernel does not write to any more, and that no code reads. */
export const releaseRoom = (room: Buffer): void => {
  if (room.byteLength === NAME_ROOM && free.length < KEPT) free.push(room)
}
