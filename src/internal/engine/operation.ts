/**
 * What an operation is: a plain value made of its catalogue entry and its input.
 *
 * An entry is the only place that knows an operation. Backends read from it how to run the operation, the engine what it holds
 * and produces, the public modules its arguments and its result, the documentation its name and man page.
 */

import type { Word } from "../native/libc.ts"
import { BadArgument, show } from "./arguments.ts"
import { elementsOf } from "./options.ts"
import type { Submission } from "./submission.ts"

/** Writes one io_uring submission entry; implemented by the ring. Arguments as in liburing's `io_uring_prep_rw`. */
export interface SubmissionEntry {
  prepare(opcode: number, fd: number, address: Word, length: number, offset: Word, opFlags: number): void
  /** `addr3`, of an entry that has been prepared. */
  address3(address: Word): void
  /** `splice_fd_in`, of an entry that has been prepared. */
  source(fd: number): void
}

/** How io_uring runs an operation natively. */
export interface UringForm {
  /** `IORING_OP_*`; probed at start, so an older kernel hands the operation to the thread pool instead. */
  readonly opcode: number
  readonly prepare: (entry: SubmissionEntry, submission: Submission) => void
  /**
   * Whether this request would keep the submitting thread busy for long (a large copy from the page cache) and is for a kernel
   * worker (IOSQE_ASYNC).
   */
  readonly heavy?: (submission: Submission, input: any) => boolean
  /**
   * Whether the ring does with this input what the system call does. Left out: with any. Asked before anything is encoded: the input
   * may be wrong in any way.
   */
  readonly suits?: (input: any) => boolean
  /**
   * Its failure, or a short transfer, ends a chain of linked entries. Of the others (FSYNC, UNLINKAT, MKDIRAT, STATX, ...) the kernel reports the
   * failure and goes on with the chain all the same, seen on Linux 6.18: they can only be the last of one.
   */
  readonly breaksChain?: boolean
  /** A whole file: `prepare` only opens it. */
  readonly loads?: boolean
  /** Its submission entry has an I/O priority. */
  readonly takesPriority?: boolean
  /** The kernel hands it to a worker thread of its own at once: a round trip of 30 microseconds, so cached answers pay more. */
  readonly punted?: boolean
}

/** Writes one `struct iocb`, io_submit(2); implemented by the kernel AIO backend. */
export interface ControlBlock {
  /** `flags`: `RWF_*`. */
  prepare(opcode: number, fd: number, buffer: number, bytes: number, offset: Word, flags: number): void
}

/** How Linux kernel AIO runs an operation natively. */
export interface KernelAioForm {
  /** `IOCB_CMD_*`. */
  readonly opcode: number
  readonly prepare: (block: ControlBlock, submission: Submission) => void
  /** A transfer: only one that cannot wait inside io_submit(2) is for this mechanism. */
  readonly transfers?: boolean
  /** Whether what has been done must not be done again: at the end of a file that is appended to, say. */
  readonly writes?: boolean
  /** Whether this input, which may be wrong in any way, is for this mechanism. Left out: any. */
  readonly suits?: (input: any) => boolean
}

/** How POSIX AIO runs an operation natively. */
export interface PosixAioForm {
  readonly call: "aio_read" | "aio_write" | "aio_fsync"
  /** The first argument of aio_fsync(3). */
  readonly flag?: number
  /** Whether this input, which may be wrong in any way, is for this mechanism. Left out: any. */
  readonly suits?: (input: any) => boolean
}

/** A descriptor, and the events of poll(2) that are waited for. */
export interface Awaited {
  readonly fd: number
  readonly events: number
}

export interface Entry<in I, out A> {
  /** The public name: `AioOperation.<name>`. */
  readonly name: string
  /** The manual page that describes it. */
  readonly man: string
  /**
   * Checks the input and writes the operation as one system call into the submission (`nr`, `a0`..`a5`), with everything the
   * kernel will touch referenced by it (`cell`, `keep`, `output`). Throws `BadArgument`, and nothing else.
   */
  readonly encode: (submission: Submission, input: I) => void
  /** For transfers: bytes of the buffers in the input, which may be wrong in any way. */
  readonly bytes?: (input: I) => number
  /**
   * For operations that move bytes: how many they are asked to move. The input may be wrong in any way. The result is how many bytes were
   * moved.
   */
  readonly moves?: (input: I) => number
  /** The io_uring form, if there is one. */
  readonly uring?: UringForm
  /** The kernel AIO form, if there is one. */
  readonly kernelAio?: KernelAioForm
  /** The POSIX AIO form, if there is one. */
  readonly posixAio?: PosixAioForm
  /**
   * Tries the encoded operation without waiting, on the event loop's thread: its result, or `PENDING` or `UNFIT` when only a
   * backend can tell. Must not block on a disk, a peer or a lock.
   */
  readonly inline?: (submission: Submission, input: I) => number
  /**
   * What the call would wait for, with no limit of time: a peer of one of the descriptors `fd` and `to` of the input. `undefined` if it can go
   * ahead. Asked without waiting, of input that has been encoded once.
   */
  readonly awaits?: (input: I) => Awaited | undefined
  /** The same after the call has answered EAGAIN, where the operation waits all the same; otherwise `undefined`. */
  readonly awaitsAfterRefusal?: (input: I) => Awaited | undefined
  /** What a result `>= 0` means. Called once, before the submission's memory is given back. */
  readonly decode: (submission: Submission, result: number, input: I) => A
  /**
   * The operation that gives back what this one has obtained, for a fiber that was interrupted meanwhile. A descriptor is closed without
   * it.
   */
  readonly undo?: (input: I) => Operation<unknown> | undefined
  /** For failures: how far what consists of several system calls has come. */
  readonly partial?: (submission: Submission, result: number, input: I) => unknown
  /** Translates the result of the system call into that of the other mechanisms, where it differs. */
  readonly syscallResult?: (submission: Submission, result: number) => number
  /** Set when the result is a descriptor that must be closed: an orphan if its fiber was interrupted. */
  readonly producesDescriptor?: boolean
  /** Set when the system call may wait for another process with no limit of time, and no poll tells beforehand. */
  readonly mayWaitForEver?: boolean
  /** Of what may wait for a lock: whether its system call does, and how the same call asks once (EAGAIN). */
  readonly lock?: {
    readonly waits: (submission: Submission) => boolean
    readonly askOnce: (submission: Submission) => void
  }
  /** Set when a call that was interrupted (EINTR) has already done its work: close(2) on Linux. Such a call is never repeated. */
  readonly finalOnInterrupt?: boolean
}

/** `inline`'s answer when the operation cannot be finished without waiting. No system call returns it. */
export const PENDING = Number.NEGATIVE_INFINITY

/** The same where the input alone decided, and no cache was asked: this says nothing about the next request. */
export const UNFIT = -Number.MAX_VALUE

/** One I/O request as a value: submitting it twice makes two requests. */
export interface Operation<out A> {
  readonly entry: Entry<any, A>
  readonly input: any
}

/** The constructor of an operation, with its entry attached. */
export interface Constructor<Args extends ReadonlyArray<any>, I, A> {
  (...args: Args): Operation<A>
  readonly entry: Entry<I, A>
}

/** Where the type of the result stands in the public type of an operation. */
export const TypeId: unique symbol = Symbol.for("effect-aio/AioOperation")

/** Operations are recognised by a mark that no other object can have. Looking for it runs no code of the program. */
class Described<A> implements Operation<A> {
  readonly #mark = true
  declare readonly [TypeId]: { readonly _A: (_: never) => A }

  constructor(
    readonly entry: Entry<any, A>,
    readonly input: any
  ) {}

  static is(value: unknown): value is Operation<any> {
    return typeof value === "object" && value !== null && #mark in value
  }

  /** `pipe`, as every Effect has it. */
  pipe(...functions: ReadonlyArray<(value: any) => unknown>): unknown {
    return functions.reduce<unknown>((value, next) => next(value), this)
  }

  /** What is printed of an operation: its name, and not its buffers. */
  toJSON(): unknown {
    return { _id: "AioOperation", name: this.entry.name }
  }
}

// Once, on the prototype: nothing is allocated for each operation.
Object.defineProperty(Described.prototype, TypeId, { value: { _A: (_: never) => _ } })

export const isOperation = Described.is

/** An operation as the program has it. */
export const operation = <A>(entry: Entry<any, A>, input: unknown): Operation<A> => new Described(entry, input)

/** An operation that ends with a `BadArgument` as soon as it is encoded, like any other with a wrong argument. */
const refused = (name: string, problem: unknown): Operation<never> => {
  const refuse = (): never => {
    throw problem
  }
  return operation<never>({ name, man: "", encode: refuse, decode: refuse }, {})
}

/**
 * The argument that a program passes for an operation, checked before it is counted. A value that is not an operation is replaced by one
 * that is refused: it starts and ends like the others.
 */
export const operationOf = (value: unknown, name: string): Operation<any> =>
  Described.is(value) ? value : refused(name, notAnOperation(value))

const notAnOperation = (value: unknown): BadArgument =>
  new BadArgument("operation", `must be one that a function of AioOperation has made, not ${show(value)}`)

/**
 * The operation that a value is, for callers that can put nothing in its place. Throws `BadArgument` where the value is not an operation.
 */
export const checkOperation = (value: unknown): Operation<any> => {
  if (!Described.is(value)) throw notAnOperation(value)
  return value
}

/** A copy of a list of operations: the program may change its own list. Throws `BadArgument`. */
export const operationsOf = (values: unknown, name: string): Array<Operation<any>> => {
  const elements = elementsOf(values, "operations")
  if (elements !== undefined) return elements.map((value) => operationOf(value, name))
  throw new BadArgument("operations", `must be an array of operations, not ${show(values)}`)
}

/**
 * Makes a catalogue entry: `input` turns the public arguments into the input that the entry's functions read. Wrong arguments are told when
 * the operation runs: making an operation does not throw.
 */
export const define = <Args extends ReadonlyArray<any>, I, A>(
  input: (...args: Args) => I,
  entry: Entry<I, A>
): Constructor<Args, I, A> =>
  Object.assign(
    (...args: Args): Operation<A> => {
      try {
        return operation(entry, input(...args))
      } catch (problem) {
        return refused(entry.name, problem)
      }
    },
    { entry }
  )

/** The decoded result is the number that the system call returned. */
export const asNumber = (_: Submission, result: number): number => result

/** The operation has no result beyond its success. */
export const asVoid = (): void => {}
