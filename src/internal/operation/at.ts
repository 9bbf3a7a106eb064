/** Where the path of an operation starts: the first argument of the `*at` calls. */
import { checkFd } from "../engine/arguments.ts"
import { optionsReader } from "../engine/options.ts"
import { AT_FDCWD } from "../native/layout.ts"

/**
 * Where a relative path starts. Absolute paths ignore it.
 *
 * @since 0.1.0
 * @category models
 */
export interface AtOptions {
  /** A directory's descriptor, as the `*at` calls of openat(2) take it. Left out: the current directory. */
  readonly at?: number | undefined
}

export const atOptions = optionsReader<AtOptions>({ at: true })

/** The first argument of a `*at` call. */
export const startOf = ({ at }: AtOptions): number => (at === undefined ? AT_FDCWD : checkFd(at, "at"))
