/**
 * Directories whose files are small, and on a file system that finds them without waiting.
 *
 * A file that is loaded in one go (operation/loads.ts) is opened and read on the event loop's thread as far as its name and its bytes are in
 * memory, before anything is known about it. Of many file systems that could wait: for a server, for a list of checksums, for the map of a
 * large file. So the first file of a directory is read step by step. If it lies on a file system that keeps its word for small files
 * (native/trust.ts), and is small, its neighbours are expected to be the same. One file in a second is read step by step to confirm it, and a
 * large one ends it for a second. A wrong guess costs time, at worst a read of the disk on this thread, and nothing else: the answer is the
 * same either way.
 */
import type { Path } from "../engine/arguments.ts"
import { Habit } from "../engine/habits.ts"
import { now } from "../native/loop.ts"
import { findsSmallFilesIn } from "../native/trust.ts"

/** Milliseconds for which an answer holds, as in native/nonblocking.ts. */
const RECHECK = 1000
/** Milliseconds for which it goes on to hold while one file is read step by step. */
const RECHECKING = 100

/** Directories that are remembered. */
const MOST = 256

interface Answer {
  readonly directory: string
  readonly isFit: boolean
  /** A small file is to confirm it. */
  isOld: boolean
  until: number
  /** Whether loads have come to the end of their files. */
  readonly habit: Habit
}

const answerOf = (directory: string, isFit: boolean): Answer => ({
  directory,
  isFit,
  isOld: false,
  until: now() + RECHECK,
  habit: new Habit()
})

const answers = new Map<string, Answer>()
/** The one that was asked about last: most files lie beside the one before. */
let latest: Answer = answerOf("", false)

const answerAbout = (path: string): Answer | undefined => {
  const length = path.lastIndexOf("/") + 1
  if (latest.directory.length === length && length > 0 && path.startsWith(latest.directory)) return latest
  const found = answers.get(path.slice(0, length))
  if (found !== undefined) latest = found
  return found
}

const remember = (answer: Answer): void => {
  if (answers.size >= MOST) answers.clear()
  answers.set(answer.directory, answer)
  latest = answer
}

/** Whether a file is to be loaded in one go. */
export const isAmongSmallFiles = (path: Path): boolean => {
  if (typeof path !== "string") return false
  const answer = answerAbout(path)
  if (answer === undefined || !answer.isFit) return false
  const time = now()
  if (time < answer.until) return answer.habit.tries()
  // This one is read step by step. The others need not wait for what it finds, unless nobody has asked for long.
  if (time < answer.until + RECHECK) answer.until = time + RECHECKING
  answer.isOld = true
  return false
}

/** A file has been loaded in one go: whether to its end. Links, empty files and FIFOs are not. */
export const hasLoaded = (path: Path, isWhole: boolean): void => {
  if (typeof path === "string") answerAbout(path)?.habit.tried(isWhole)
}

/** A file has been measured: whether it is small, and its own file system has found it without waiting. */
export const sawFile = (path: Path, isSmall: boolean): void => {
  if (typeof path !== "string") return
  const answer = answerAbout(path)
  if (answer === undefined && !isSmall) return
  const isKnown = answer !== undefined && !answer.isOld && (!answer.isFit || isSmall) && now() < answer.until
  if (isKnown) return
  const directory = path.slice(0, path.lastIndexOf("/") + 1)
  remember(answerOf(directory, isSmall && findsSmallFilesIn(directory)))
}
