/**
 * Operations on paths that one system call cannot do: those that must not leave a directory (`beneath`), and those that have no `*at` form.
 *
 * They are programs (machine.c), run as one request by a thread of the pool: a descriptor of what the path leads to, opened with O_PATH, then the
 * call on that descriptor, then its close. What the kernel has resolved is what the call works on, whatever is renamed in between.
 *
 * Paths that must not leave are resolved by openat2(2) with RESOLVE_BENEATH, the targets of links in them, too. Of an operation on a name
 * (`unlink`, `rename`) that is the path to the name's directory. The call on this directory gets one part, which it does not follow if it
 * is a link, and refuses if it is `.` or `..`. All other operations work on the descriptor of the path's end.
 */
import { constants } from "node:fs"
import { checkPath, type Path } from "../engine/arguments.ts"
import { OUTSIDE } from "../engine/failed.ts"
import { type Entry, UNFIT } from "../engine/operation.ts"
import { type ProgramStep, type Submission, takeStep } from "../engine/submission.ts"
import { errno } from "../native/errno.ts"
import { O_CLOEXEC, O_PATH, O_TMPFILE, OPEN_HOW, RESOLVE_WITHIN } from "../native/layout.ts"
import { ALWAYS, OPENS, PROGRAM } from "../native/machine/layout.ts"
import { NR } from "../native/syscalls.ts"
import { type PathInput, type Start, type Starts, startOf } from "./at.ts"

const { O_CREAT, O_DIRECTORY, O_NOFOLLOW } = constants
const PERMISSIONS = 0o7777

/** Bytes of a path with its NUL. */
const PATH_MAX = 4096

/** Which of a step's arguments come from earlier steps, as in machine.h. */
const RESULT = 1
const NUMBER = 1 << 16

/** A path that names a descriptor, with room for its number. */
const PROC_FD = "/proc/self/fd/0000000000"

/** A place among the arguments of a call. */
type Word = 0 | 1 | 2
const setWord = (step: ProgramStep, word: Word, value: number): void => {
  step[`a${word}`] = value
}

/** Writes openat2(2): a path that does not leave its directory. What open(2) ignores, openat2(2) would refuse. */
export const encodeWithin = (
  submission: Submission,
  { at, beneath }: Start,
  path: Path,
  flags: number,
  mode: number
): void => {
  const { cell } = submission
  const creates = (flags & O_CREAT) !== 0 || (flags & O_TMPFILE) === O_TMPFILE
  const isPath = (flags & O_PATH) !== 0
  cell.u64[0] = BigInt(isPath ? flags & (O_PATH | O_CLOEXEC | O_DIRECTORY | O_NOFOLLOW) : flags)
  cell.u64[1] = BigInt(creates && !isPath ? mode & PERMISSIONS : 0)
  cell.u64[2] = BigInt(RESOLVE_WITHIN)
  submission.nr = NR.openat2
  submission.a0 = startOf(at)
  submission.a1 = submission.path(path)
  // In the submission's own cell.
  submission.a2 = cell.address
  submission.a3 = OPEN_HOW.size
  submission.outside = beneath!.beneath!
}

/** A descriptor of what a path leads to. */
const place = {
  encode: (submission: Submission, { flags, path, ...start }: PathInput & { readonly flags: number }): void => {
    if (start.beneath !== undefined) return encodeWithin(submission, start, path, flags, 0)
    submission.nr = NR.openat
    submission.a0 = startOf(start.at)
    submission.a2 = flags
    submission.a1 = submission.path(path)
  }
}

/** Adds a step that opens a path. Its index. */
const openPlace = (submission: Submission, { at, beneath }: Start, path: Path, flags: number): number => {
  const step = takeStep(submission)
  // Without the open file: the request keeps that.
  const input: Parameters<typeof place.encode>[1] = { at, beneath, path, flags: flags | O_PATH | O_CLOEXEC }
  step.encode(place, input)
  step.flags = OPENS
  return submission.steps!.length - 1
}

const addClose = (submission: Submission, opened: number): void => {
  const step = takeStep(submission)
  step.encode({ encode: () => {} }, {})
  step.nr = NR.close
  step.a0 = opened
  step.sources = RESULT
  step.flags = ALWAYS
}

/** The steps are there; the last one is the operation's. */
const finish = (submission: Submission): void => {
  const { length } = submission.steps!
  submission.answer = length - 1
  for (let opened = 0; opened < length - 1; opened++) addClose(submission, opened)
  submission.nr = -1
  submission.mode = PROGRAM
  submission.a0 = submission.steps!.length
  submission.a2 = submission.steps!.length
}

/** Error numbers of the call, and what the operation says instead. */
type Errors = Readonly<Record<number, number>>

const ofCall = ({ outside }: Submission, result: number): number =>
  outside?.includes(-result) === true ? -OUTSIDE : result

/** The result of the step that has ended the program, or of the call if none has. */
const answerOf = (submission: Submission, result: number, errors: Errors): number => {
  const { answer, steps, stoppedAt } = submission
  if (steps === null) return ofCall(submission, result)
  // Cancelled, or not begun.
  if (result < 0) return result
  const step = steps[Math.min(answer, stoppedAt)]
  if (stoppedAt !== answer) return ofCall(step, step.result)
  return -(errors[-step.result] ?? -step.result)
}

/** An operation that is a program for some inputs, which may be wrong in any way. */
const define = <I extends Start, A>(
  entry: Entry<I, A>,
  isProgram: (input: I) => boolean,
  encode: (submission: Submission, input: I) => void,
  errors: Errors = {}
): Entry<I, A> => {
  const { inline, uring } = entry
  return {
    ...entry,
    encode: (submission, input) => {
      if (isProgram(input)) encode(submission, input)
      else entry.encode(submission, input)
    },
    ...(uring === undefined
      ? {}
      : { uring: { ...uring, suits: (input: I) => !isProgram(input) && uring.suits?.(input) !== false } }),
    ...(inline === undefined
      ? {}
      : { inline: (submission: Submission, input: I) => (isProgram(input) ? UNFIT : inline(submission, input)) }),
    syscallResult: (submission, result) => answerOf(submission, result, errors)
  }
}

const isWithin = ({ beneath }: Start): boolean => beneath !== undefined

/** `open`, which openat2(2) can do alone. */
export const openedWithin = <I extends Start, A>(
  entry: Entry<I, A>,
  encode: (submission: Submission, input: I) => void
): Entry<I, A> => define(entry, isWithin, encode)

/** How a call works on a descriptor of the path's end. */
export interface OnPlace<I> {
  /** Whether a link at the end of the path is followed. */
  readonly follows: (input: I) => boolean
  /** Writes the call, without its first argument, which is the descriptor. */
  readonly encode: (submission: Submission, input: I) => void
  /** Instead: it takes a path, which names the descriptor; which argument that is. */
  readonly path?: Word
  /** There is no call with a directory to start at. */
  readonly always?: boolean
  readonly errors?: Errors
}

/** Without procfs; what is open is there. */
const withoutProc: Errors = { [errno.ENOENT]: errno.EOPNOTSUPP, [errno.ENOTDIR]: errno.EOPNOTSUPP }

/** An operation on what a path leads to. */
export const onPlace = <I extends PathInput, A>(
  entry: Entry<I, A>,
  { always = false, encode, errors, follows, path: word }: OnPlace<I>
): Entry<I, A> =>
  define(
    entry,
    always ? ({ at }) => at !== undefined : isWithin,
    (submission, input) => {
      const opened = openPlace(submission, input, input.path, follows(input) ? 0 : O_NOFOLLOW)
      const step = takeStep(submission)
      const plain: I = { ...input, path: PROC_FD, at: undefined, beneath: undefined, file: undefined }
      step.encode({ encode }, plain)
      if (word === undefined) {
        step.a0 = opened
        step.sources = RESULT
      } else {
        // The thread writes the number into the step's own copy of the path.
        step.sources = NUMBER << word
        step.needs = opened + 1
      }
      finish(submission)
    },
    errors ?? (word === undefined ? {} : withoutProc)
  )

/** The directory of a path's last part, and that part with the slashes behind it. */
interface Name {
  readonly parent: Path
  readonly name: Path
}

const SLASH = 47
const DOT = 46
const here = Buffer.from(".")

/** The part from `start` to `end` is `.` or `..`. */
const isDots = (bytes: Uint8Array, start: number, end: number): boolean =>
  end - start <= 2 && end > start && bytes[start] === DOT && bytes[end - 1] === DOT

/**
 * `isSource`: the call would follow a link with a slash behind it (`name/`), and go to `..`: what the path leads to is then the directory
 * itself. Other calls are about the name, and make or remove neither `.` nor `..`.
 */
const nameOf = (path: Path, argument: string, isSource: boolean): Name => {
  const checked = checkPath(path, argument)
  const bytes = typeof checked === "string" ? Buffer.from(checked) : checked
  let end = bytes.length
  while (end > 0 && bytes[end - 1] === SLASH) end--
  // Nothing, or only slashes; or too long, which is what the kernel says.
  if (end === 0 || bytes.length >= PATH_MAX) return { parent: bytes, name: here }
  const start = bytes.lastIndexOf(SLASH, end - 1) + 1
  if (isSource && (end < bytes.length || isDots(bytes, start, end))) return { parent: bytes, name: here }
  if (isDots(bytes, start, end)) return { parent: bytes, name: bytes.subarray(start, end) }
  return { parent: start === 0 ? here : bytes.subarray(0, start), name: bytes.subarray(start) }
}

/** Which arguments of a call are the directories of its names. */
export interface OnName {
  readonly word: Word
  /** Of `to`. */
  readonly toWord?: Word
  /** What the first name stands for is what the call works on (linkat), and not the name. */
  readonly isSource?: boolean
}

interface Names extends PathInput, Starts {
  readonly to?: Path
  readonly follow?: boolean | undefined
}

/** An operation on the name at the end of a path, or of two. */
export const onName = <I extends Names, A>(
  entry: Entry<I, A>,
  { isSource = false, toWord, word }: OnName
): Entry<I, A> =>
  define(
    entry,
    ({ beneath, toBeneath }) => beneath !== undefined || toBeneath !== undefined,
    (submission, input) => {
      const { at, beneath, follow, path, to, toAt, toBeneath } = input
      // Where a link is followed, what it leads to is opened, and named by its descriptor: the call would follow it anywhere.
      const isFollowed = isSource && follow === true
      let from: Partial<Names> = {}
      let opened = -1
      if (beneath !== undefined) {
        const { name, parent } = isFollowed ? { parent: path, name: PROC_FD } : nameOf(path, "path", isSource)
        opened = openPlace(submission, { at, beneath }, parent, isFollowed ? 0 : O_DIRECTORY)
        from = { path: name, at: undefined }
      }
      let onto: Partial<Names> = {}
      let toOpened = -1
      if (toBeneath !== undefined) {
        const { name, parent } = nameOf(to!, "to", false)
        toOpened = openPlace(submission, { at: toAt, beneath: toBeneath }, parent, O_DIRECTORY)
        onto = { to: name, toAt: undefined }
      }
      const step = takeStep(submission)
      const plain: I = { ...input, file: undefined, beneath: undefined, toBeneath: undefined, ...from, ...onto }
      step.encode(entry, plain)
      if (opened !== -1 && isFollowed) {
        step.sources |= NUMBER << 1
        step.needs = opened + 1
      } else if (opened !== -1) {
        setWord(step, word, opened)
        step.sources |= RESULT << word
      }
      if (toOpened !== -1) {
        setWord(step, toWord!, toOpened)
        step.sources |= RESULT << toWord!
      }
      finish(submission)
    }
  )
