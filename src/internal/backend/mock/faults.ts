/** Faults, by rule. A request meets at most one rule: the first that applies to it, at the time at which a backend would take it over. */
import { errno } from "../../native/errno.ts"
import type { Code } from "./failure.ts"
import type { OperationName } from "./operations.ts"
import type { Random } from "./random.ts"

/**
 * Which requests a rule is for. What is left out does not matter.
 *
 * @since 0.1.0
 * @category models
 */
export interface Filter {
  /** One operation, or some. */
  readonly operation?: OperationName | ReadonlyArray<OperationName> | undefined
  /** The path of the request, or the one that its descriptor was opened with: the same, or matching. */
  readonly path?: string | RegExp | undefined
  /** So many of these requests pass first. Default 0. */
  readonly after?: number | undefined
  /** So many are met. Default: all. */
  readonly times?: number | undefined
  /** How often one is met, from 0 to 1, by the seed. Default 1. */
  readonly probability?: number | undefined
}

/** One of these. */
export interface Effects {
  /** It ends with this error, and does nothing. EINTR is repeated, as everywhere in this library. */
  readonly error?: Code | undefined
  /** A transfer moves so many bytes at most. */
  readonly short?: number | undefined
  /** It stays under way until it is released or cancelled. Of no operation in particular: of all but close, which cannot be cancelled. */
  readonly hang?: boolean | undefined
  /**
   * Power is lost while it is under way. From then on every request ends with EIO, until `crash` starts the machine
   * again, which also removes this rule.
   */
  readonly powerLoss?: boolean | undefined
}

/**
 * A rule: which requests, and what goes wrong with them.
 *
 * @since 0.1.0
 * @category models
 */
export interface Fault extends Filter, Effects {}

/** What a rule sees of a request. */
export interface Subject {
  readonly operation: string
  readonly path?: string | undefined
  readonly to?: string | undefined
}

interface Rule {
  readonly fault: Fault
  passed: number
  met: number
}

const none: Effects = {}

/** A close cannot be cancelled, and a program that cleans up waits for it. So a close only hangs if the rule names it. */
const includes = ({ hang, operation }: Fault, name: string): boolean =>
  operation === undefined
    ? hang !== true || name !== "close"
    : typeof operation === "string"
      ? operation === name
      : operation.includes(name as never)

const isAt = (path: Fault["path"], subject: Subject): boolean => {
  if (path === undefined) return true
  return [subject.path, subject.to].some(
    (at) => at !== undefined && (typeof path === "string" ? at === path : at.search(path) !== -1)
  )
}

export class Faults {
  private rules: Array<Rule> = []

  constructor(private readonly random: Random) {}

  /** Whether there are no rules. */
  get isEmpty(): boolean {
    return this.rules.length === 0
  }

  add(fault: Fault): void {
    this.rules.push({ fault, passed: 0, met: 0 })
  }

  remove(which: (fault: Fault) => boolean): void {
    this.rules = this.rules.filter(({ fault }) => !which(fault))
  }

  /** The fault that a request meets. */
  meet(subject: Subject): Effects {
    for (const rule of this.rules) {
      const { fault } = rule
      if (!includes(fault, subject.operation) || !isAt(fault.path, subject)) continue
      if (rule.met >= (fault.times ?? Number.POSITIVE_INFINITY)) continue
      if (rule.passed++ < (fault.after ?? 0) || !this.random.chance(fault.probability ?? 1)) continue
      rule.met++
      return fault
    }
    return none
  }
}

/** `-errno` of a rule's error; undefined where the rule has none that a program would see. */
export const errorOf = ({ error }: Effects): number | undefined =>
  error === undefined || error === "EINTR" ? undefined : -errno[error]
