/**
 * Which names survive a loss of power.
 *
 * A change of names is on the disk when its directory has been synced: fsync(2) of the directory. Until then a crash keeps, of each
 * directory, the first of the changes, in order; a rename between two directories is kept in both or in neither. ext4 and XFS have one
 * journal and keep the first of all changes: one possible outcome here. POSIX promises less, and so does this.
 */
import { Directory, type Inode } from "./inode.ts"
import type { Random } from "./random.ts"

/** A name that was made (for `inode`) or removed. */
export interface Change {
  readonly directory: Directory
  readonly name: string
  readonly inode: Inode | undefined
}

/** What one operation did: all of it survives, or nothing. */
interface Step {
  readonly what: string
  readonly changes: ReadonlyArray<Change>
  /** It moved a directory into another: it survives only with everything before it, or there could be a ring of directories. */
  readonly last: boolean
}

/** A kernel writes its journal back now and then, without being asked. */
const MOST_STEPS = 4096

/** How often a step is the first of its directory that does not survive. */
const CUT = 1 / 4

export class NameLog {
  private steps: Array<Step> = []

  record(what: string, changes: ReadonlyArray<Change>, last = false): void {
    this.steps.push({ what, changes, last })
    if (this.steps.length > MOST_STEPS) this.steps.splice(0, MOST_STEPS / 2).forEach(commit)
  }

  /** fsync(2) of a directory: its steps, and the steps that they rest upon. */
  sync(directory: Directory): void {
    const needed = new Set([directory])
    let everything = false
    const kept: Array<Step> = []
    const done: Array<Step> = []
    for (const step of this.steps.reverse()) {
      if (!everything && !step.changes.some((change) => needed.has(change.directory))) {
        kept.push(step)
        continue
      }
      for (const change of step.changes) needed.add(change.directory)
      everything ||= step.last
      done.push(step)
    }
    this.steps = kept.reverse()
    done.reverse().forEach(commit)
  }

  /** All steps up to this one are on the disk. */
  syncAll(): void {
    this.steps.splice(0).forEach(commit)
  }

  /** Power is lost: chooses the steps that have reached the disk. Returns those that have not. */
  crash(random: Random): ReadonlyArray<string> {
    const lost: Array<string> = []
    const cut = new Set<Directory>()
    let end = false
    for (const step of this.steps.splice(0)) {
      const { changes, last, what } = step
      const isCut = end || (last && cut.size > 0) || changes.some(({ directory }) => cut.has(directory))
      if (!isCut && !random.chance(CUT)) {
        commit(step)
        continue
      }
      lost.push(`${what} lost`)
      for (const { directory } of changes) cut.add(directory)
      end ||= last
    }
    return lost
  }
}

const commit = ({ changes }: Step): void => {
  for (const { directory, inode, name } of changes) {
    if (inode === undefined) directory.durable.delete(name)
    else directory.durable.set(name, inode)
  }
}

/** Sets names and numbers of links to what the disk has, from `directory` down. Calls `visit` once for each inode that is still there. */
export const restore = (
  directory: Directory,
  visit: (inode: Inode, path: string) => void,
  path = "",
  seen = new Set<Inode>()
): void => {
  const names = [...directory.durable].sort(([a], [b]) => (a < b ? -1 : 1))
  directory.clear()
  for (const [name, inode] of names) {
    const at = `${path}/${name}`
    if (!seen.has(inode)) {
      seen.add(inode)
      inode.nlink = 0
      visit(inode, at)
      if (inode instanceof Directory) restore(inode, visit, at, seen)
    }
    directory.attach(name, inode)
  }
}
