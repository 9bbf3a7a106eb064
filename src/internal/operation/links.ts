/** Whether an operation on a path is about a symbolic link at its end. */
import { AT_SYMLINK_NOFOLLOW } from "../native/layout.ts"

/**
 * Whether a symbolic link at the end of a path is followed.
 *
 * @since 0.1.0
 * @category models
 */
export interface LinkOptions {
  /** Default `true`: the file that the link points to. */
  readonly follow?: boolean | undefined
}

/** Of the calls that take `AT_SYMLINK_NOFOLLOW`. */
export const atFlags = ({ follow = true }: LinkOptions): number => (follow ? 0 : AT_SYMLINK_NOFOLLOW)
