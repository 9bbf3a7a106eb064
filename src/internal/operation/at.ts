/** Where relative paths start: the current directory, or an open one. */
import type { Path } from "../engine/arguments.ts"
import { checkFd } from "../engine/arguments.ts"
import { bothOf, fdOf, fileOf, OpenDirectory, type OpenFiles, type Target } from "../engine/openDescriptor.ts"
import { optionsReader } from "../engine/options.ts"
import { AT_FDCWD } from "../native/layout.ts"

/**
 * Where a relative path starts. Absolute paths ignore it.
 *
 * @since 0.1.0
 * @category models
 */
export interface AtOptions {
  /**
   * A directory: an `AioDirectory`, or a descriptor's number, as the `*at` calls of openat(2) take it. Left out: the current directory. Paths do
   * not leave an `AioDirectory` that was opened with `beneath`, whatever the operation.
   */
  readonly at?: Target | undefined
}

/**
 * Where the two paths of an operation start.
 *
 * @since 0.1.0
 * @category models
 */
export interface BothAtOptions extends AtOptions {
  /** Where `to` starts, if it is relative. Default: as `at`. */
  readonly toAt?: Target | undefined
}

/** A directory in an input. */
export interface Start {
  readonly at?: number | undefined
  /** The directory that paths do not leave: the one of `at`. */
  readonly beneath?: OpenDirectory | undefined
  readonly file?: OpenFiles | undefined
}

export interface Starts extends Start {
  readonly toAt?: number | undefined
  readonly toBeneath?: OpenDirectory | undefined
}

/** A path in an input, and where it starts. */
export interface PathInput extends Start {
  readonly path: Path
}

const directoryOf = (at: Target) => {
  const file = fileOf(at)
  const beneath = file instanceof OpenDirectory && file.beneath !== undefined ? file : undefined
  return { fd: fdOf(at, file), file, beneath }
}

/** Options that were read, as they stand in an input. */
export const startingAt = <O extends AtOptions>(options: O): Omit<O, "at"> & Start => {
  if (options.at === undefined) return options as Omit<O, "at"> & Start
  const { beneath, fd, file } = directoryOf(options.at)
  return { ...options, at: fd, beneath, file }
}

/** Options that have nothing else. */
export const readAt = optionsReader<AtOptions>({ at: true })

/** The input of an operation on a path, without options of its own. */
export const pathInput = (path: Path, options?: AtOptions): PathInput => ({ path, ...startingAt(readAt(options)) })

/** The same for two paths. */
export const bothStartingAt = <O extends BothAtOptions>(options: O): Omit<O, "at" | "toAt"> & Starts => {
  const { at, toAt = at } = options
  if (toAt === undefined) return options as Omit<O, "at" | "toAt"> & Starts
  const from = at === undefined ? undefined : directoryOf(at)
  const to = directoryOf(toAt)
  return {
    ...options,
    at: from?.fd,
    beneath: from?.beneath,
    toAt: to.fd,
    toBeneath: to.beneath,
    file: bothOf(from?.file, to.file)
  }
}

/** The first argument of a `*at` call. */
export const startOf = (at: number | undefined, argument = "at"): number =>
  at === undefined ? AT_FDCWD : checkFd(at, argument)
