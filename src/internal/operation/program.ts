/**
 * Several system calls in one request. A program is a short list of operations of the catalogue, in order, later ones with what earlier ones
 * have found: a thread of the pool runs all of them without the event loop in between. Each step is encoded by its own entry.
 *
 * It stops at the first failure, short transfer, or expectation that is not met, and says where. What it has opened and no step has closed is
 * handed over then, and the sequence that asked for the program goes on from there, request by request. So a program is the usual way, and
 * whatever is unusual is told in one place, in JavaScript. A program that was cancelled has closed everything.
 */

import type { BadArgument } from "../engine/arguments.ts"
import { Failed } from "../engine/failed.ts"
import type { OpenFiles } from "../engine/openDescriptor.ts"
import type { Entry, Operation } from "../engine/operation.ts"
import { bytesOf } from "../engine/request.ts"
import { type ProgramStep, type Submission, takeStep } from "../engine/submission.ts"
import {
  AFTER_ALL,
  AFTER_SUCCESS,
  ALWAYS,
  EXPECT_OTHER,
  EXPECT_SAME,
  MAX_STEPS,
  NOT_RUN,
  OPENS,
  PROGRAM,
  WHOLE
} from "../native/machine/layout.ts"
import { type Stat, statOffsets } from "./metadata.ts"

export { AFTER_ALL, AFTER_SUCCESS, MAX_STEPS, RANGE } from "../native/machine/layout.ts"

/** A number in the answer of an earlier step, which is `fstat`, `stat` or `lstat`; or, for expectations, the `"result"` of any. */
export interface Found {
  readonly step: number
  readonly field: "mode" | "ino" | "size" | "result"
}

/** A system call. */
export interface CallStep {
  readonly operation: Operation<any>
  /** The earlier step whose result is the operation's descriptor, its input's `fd`. */
  readonly fd?: number
  /** The same for the destination of `copyFileRange`. */
  readonly to?: number
  /** The permissions of a file that `open` creates. */
  readonly mode?: Found
  /** The bytes that `copyFileRange` copies. */
  readonly length?: Found
  /** `write` and `copyFileRange` at the files' positions: repeated until all bytes are moved. Fewer stop the program. */
  readonly whole?: boolean
  /** `AFTER_SUCCESS` (the default), `AFTER_ALL`, or the only error number behind which the program goes on, then not behind success. */
  readonly goesOn?: number
  /** It runs although the program has stopped: a close of what `fd` has opened. */
  readonly always?: boolean
}

/** What has to be so for the program to go on: the bits of `mask` in both numbers are alike, or differ. */
export interface ExpectStep {
  readonly expect: Found
  readonly is?: bigint | Found
  readonly isNot?: bigint | Found
  /** Default: all bits. */
  readonly mask?: bigint
}

export type Step = CallStep | ExpectStep

/** What has become of a program. */
export interface ProgramEnd {
  /** By step: its value, why it failed, or `notRun`. Of an expectation `undefined` or `Failed`. */
  readonly ends: ReadonlyArray<unknown>
  /** The step behind which it did not go on; the number of steps if there is none. */
  readonly stoppedAt: number
  /** Descriptors that it has opened and not closed: they belong to the one who asked for the program. Of a cancelled one, none are left. */
  readonly open: ReadonlyArray<number>
}

/** Of one that was not begun. */
export const notBegun: ProgramEnd = { ends: [], stoppedAt: 0, open: [] }

/** In place of the end of a step. */
export const notRun: unique symbol = Symbol("not run")

export interface ProgramInput {
  /** What its first step works on or starts at. */
  readonly file: OpenFiles | undefined
  readonly steps: ReadonlyArray<Step>
  /** Bytes of the steps' buffers when the program was made. */
  readonly bytes: ReadonlyArray<number>
}

/** Where `decode` finds it. The field is at the same place in each answer. */
const offsetOf = ({ field }: Found): number => (field === "result" ? 0 : statOffsets[field])

/** All bits, as the kernel's signed words have them. */
const ALL_BITS = -1n

/** Arguments that come from earlier steps: bit k for a result, bit 8 + k for 64 bits in memory. */
const RESULT = 1
const MEMORY = 1 << 8

/** The address of what an earlier step finds. The cell is that step's, which belongs to the same submission. */
const addressOf = (step: ProgramStep, steps: ReadonlyArray<ProgramStep>, found: Found): number => {
  step.needs = (step.needs << 8) | (found.step + 1)
  return steps[found.step].cell.address + offsetOf(found)
}

const encodeExpectation = (
  step: ProgramStep,
  steps: ReadonlyArray<ProgramStep>,
  { expect, is, isNot, mask }: ExpectStep
): void => {
  const other = is ?? isNot!
  step.nr = is === undefined ? EXPECT_OTHER : EXPECT_SAME
  step.a1 = mask ?? ALL_BITS
  if (expect.field === "result") {
    step.a0 = expect.step
    step.sources = RESULT
  } else {
    step.a0 = addressOf(step, steps, expect)
    step.sources = MEMORY
  }
  if (typeof other === "bigint") step.a2 = other
  else {
    step.a2 = addressOf(step, steps, other)
    step.sources |= MEMORY << 2
  }
}

const encodeCall = (step: ProgramStep, steps: ReadonlyArray<ProgramStep>, call: CallStep, bytes: number): void => {
  const { always, fd, goesOn, length, mode, operation, to, whole } = call
  const { entry, input } = operation
  step.encode(entry, input, bytes)
  step.flags = (entry.producesDescriptor === true ? OPENS : 0) | (always === true ? ALWAYS : 0)
  step.goesOn = goesOn ?? AFTER_SUCCESS
  step.sources = 0
  if (whole === true) step.mode = WHOLE
  if (fd !== undefined) {
    step.a0 = fd
    step.sources |= RESULT
  }
  if (to !== undefined) {
    step.a2 = to
    step.sources |= RESULT << 2
  }
  if (mode !== undefined) {
    // The kernel takes the lower 16 bits, and of these the permissions.
    step.a3 = addressOf(step, steps, mode)
    step.sources |= MEMORY << 3
  }
  if (length !== undefined) {
    step.a4 = addressOf(step, steps, length)
    step.sources |= MEMORY << 4
  }
}

const encode = (submission: Submission, { bytes, steps }: ProgramInput): void => {
  submission.nr = -1
  submission.mode = PROGRAM
  steps.forEach((step, index) => {
    const encoded = takeStep(submission)
    if ("expect" in step) encodeExpectation(encoded, submission.steps!, step)
    else encodeCall(encoded, submission.steps!, step, bytes[index])
  })
  submission.a0 = steps.length
  submission.a2 = steps.length
}

/** The end of a step, from its result. */
const endOf = (step: Step, encoded: ProgramStep): unknown => {
  if (encoded.result === NOT_RUN) return notRun
  if ("expect" in step) return encoded.result < 0 ? unmet : undefined
  const { entry, input } = step.operation
  const result = entry.syscallResult?.(encoded, encoded.result) ?? encoded.result
  if (result < 0) return new Failed(entry.name, input, -result, undefined)
  try {
    const problem: BadArgument | undefined = encoded.copyFromBounceBuffers(result)
    return problem === undefined ? entry.decode(encoded, result, input) : new Failed(entry.name, input, 0, problem)
  } catch (defect) {
    return new Failed(entry.name, input, 0, defect)
  }
}

/** The end of an expectation that is not met. */
export const unmet = new Failed("expect", undefined, 0, undefined)

const decode = (submission: Submission, _: number, { steps }: ProgramInput): ProgramEnd => {
  const encoded = submission.steps!
  return {
    ends: steps.map((step, index) => endOf(step, encoded[index])),
    stoppedAt: submission.stoppedAt,
    open: encoded.filter(({ isOpen }) => isOpen).map(({ result }) => result)
  }
}

/** The result of a program is how many bytes have been moved by steps that are to move all. */
const moves = ({ bytes, steps }: ProgramInput): number =>
  steps.reduce((sum, step, index) => sum + ("whole" in step && step.whole === true ? Math.max(bytes[index], 0) : 0), 0)

/** By name: events and failures of a whole program are named after what it does. */
const entries = new Map<string, Entry<ProgramInput, ProgramEnd>>()

const entryOf = (name: string): Entry<ProgramInput, ProgramEnd> => {
  let entry = entries.get(name)
  if (entry === undefined) {
    entry = { name, man: "", moves, encode, decode, partial: decode }
    entries.set(name, entry)
  }
  return entry
}

/** A program as an operation, for engines that run programs (`runsPrograms`). */
export interface Program extends Operation<ProgramEnd> {
  readonly entry: Entry<ProgramInput, ProgramEnd>
  readonly input: ProgramInput
}

/**
 * At most `MAX_STEPS` steps, on files that they open themselves, or that stay open by other means. `name`: of the request, for events and for
 * what ends the program as a whole, a cancel.
 */
export const program = (name: string, steps: ReadonlyArray<Step>): Program => {
  if (steps.length > MAX_STEPS) throw new RangeError(`a program of ${steps.length} steps`)
  return {
    entry: entryOf(name),
    input: {
      steps,
      file: steps.length > 0 && "operation" in steps[0] ? steps[0].operation.input.file : undefined,
      bytes: steps.map((step) => ("expect" in step ? -1 : bytesOf(step.operation)))
    }
  }
}

export const isProgram = ({ entry }: Operation<any>): boolean => entry.encode === encode

/** The number that an earlier step has found. */
export const numberIn = (ends: ReadonlyArray<unknown>, { field, step }: Found): bigint =>
  BigInt(field === "result" ? (ends[step] as number | bigint) : (ends[step] as Stat)[field])

/** Whether an earlier step has found anything. */
export const hasFound = (ends: ReadonlyArray<unknown>, { step }: Found): boolean =>
  ends[step] !== notRun && !(ends[step] instanceof Failed)

/** Whether an expectation is met. */
export const isMet = (ends: ReadonlyArray<unknown>, { expect, is, isNot, mask = ALL_BITS }: ExpectStep): boolean => {
  const other = is ?? isNot!
  if (!hasFound(ends, expect) || (typeof other !== "bigint" && !hasFound(ends, other))) return false
  const number = typeof other === "bigint" ? other : numberIn(ends, other)
  return (((numberIn(ends, expect) ^ number) & mask) === 0n) === (is !== undefined)
}

/** Whether a program goes on behind a step that has ended so. */
export const goesOnAfter = ({ goesOn = AFTER_SUCCESS }: CallStep, end: unknown, isShort: boolean): boolean => {
  if (goesOn === AFTER_ALL) return true
  if (goesOn === AFTER_SUCCESS) return !(end instanceof Failed) && !isShort
  return end instanceof Failed && end.errno === goesOn
}
