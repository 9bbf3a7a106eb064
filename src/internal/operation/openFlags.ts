/** How `open` takes its flags: fopen(3)'s letters, or the bits of open(2). */
import { constants } from "node:fs"
import { checkName, checkUint32 } from "../engine/arguments.ts"
import { O_CLOEXEC } from "../native/layout.ts"

const { O_APPEND, O_CREAT, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants

const byLetter = {
  r: O_RDONLY,
  "r+": O_RDWR,
  w: O_WRONLY | O_CREAT | O_TRUNC,
  wx: O_WRONLY | O_CREAT | O_TRUNC | O_EXCL,
  "w+": O_RDWR | O_CREAT | O_TRUNC,
  "wx+": O_RDWR | O_CREAT | O_TRUNC | O_EXCL,
  a: O_WRONLY | O_CREAT | O_APPEND,
  ax: O_WRONLY | O_CREAT | O_APPEND | O_EXCL,
  "a+": O_RDWR | O_CREAT | O_APPEND,
  "ax+": O_RDWR | O_CREAT | O_APPEND | O_EXCL
} as const

/**
 * The letters of fopen(3); `x` fails if the file exists. The same as `@effect/platform`'s `OpenFlag`.
 *
 * @since 0.1.0
 * @category models
 */
export type OpenFlag = keyof typeof byLetter

/** The bits of open(2), always with O_CLOEXEC. */
export const openFlags = (flag: OpenFlag | number): number =>
  (typeof flag === "number" ? checkUint32(flag, "flag") : checkName(byLetter, flag, "flag", " or a number")) | O_CLOEXEC

/** Whether what was opened with these bits may be written to. `undefined`: the descriptor has to be asked what it is. */
export const mayWrite = (flags: number): boolean | undefined =>
  (flags & (O_WRONLY | O_RDWR)) === 0 ? false : undefined
