/** Whether an operation on a path is about a symbolic link at its end. */
import { AT_SYMLINK_NOFOLLOW } from "../native/layout.ts"
import type { AtOptions } from "./at.ts"

/**
 * Whether a symbolic link at the end of a path is followed.
 *
 * @since 0.1.0
 * @category models
 */
export interface LinkOptions extends AtOptions {
  /** Default `true`: the file that the link points to. */
  readonly follow?: boolean | undefined
}

interface Followed {
  readonly follow?: boolean | undefined
}

export const follows = ({ follow = true }: Followed): boolean => Boolean(follow)

/** Of the calls that take `AT_SYMLINK_NOFOLLOW`. */
export const atFlags = ({ follow = true }: Followed): number => (follow ? 0 : AT_SYMLINK_NOFOLLOW)
