/** The names in a directory: one request, or, for many names, as many attempts as are needed to have room for all. */
import { NAME_ROOM } from "../engine/nameRoom.ts"
import { errno } from "../native/errno.ts"
import { type DirectoryChunk, type DirectoryEntry, list } from "../operation/directories.ts"
import { PathSequence } from "./sequence.ts"

/** Bytes that getdents64(2) can be asked for. */
const MOST = 2 ** 31 - 1

export class ListDirectory extends PathSequence<ReadonlyArray<DirectoryEntry>> {
  private size = NAME_ROOM

  protected begin(): void {
    this.run(list(this.path, this.size), this.listed)
  }

  private listed({ done, entries }: DirectoryChunk): void {
    if (done) return this.conclude(entries)
    if (this.size === MOST) return this.failed(errno.EFBIG, "readdir")
    // All attempts before the last together cost a seventh of the last one.
    this.size = Math.min(this.size * 8, MOST)
    this.begin()
  }
}
