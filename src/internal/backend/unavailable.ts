/** That a backend cannot be had: thrown by what opens it. */
import { errno, errnoMessage, errnoName } from "../native/errno.ts"
import { type Unsupported, unsupported } from "../native/platform.ts"

/** Why, for a person. */
export class Unavailable {
  constructor(
    /** As `Backend.name`. */
    readonly backend: string,
    readonly reason: string,
    /** What to do about it. */
    readonly remedy: string,
    /** Error number of the call that failed, if one did. */
    readonly errno: number | undefined
  ) {}
}

/** The reason of a call that failed. */
export const failureText = (number: number): string => `${errnoMessage(number)} (${errnoName(number)})`

/** Remedies, as beginnings and ends of sentences. */
export const MORE_FILES = "Raise the limit on open files (ulimit -n)"
export const OTHERWISE = "or use another backend (AIO_BACKEND=threads)"

/**
 * Before a backend touches anything of the system: throws off Linux, on an unknown processor, in another runtime, or where Node was
 * started with too few permissions.
 */
export const checkPlatform = (backend: string, why: Unsupported | undefined = unsupported): void => {
  if (why !== undefined) throw new Unavailable(backend, why.reason, why.remedy, errno[why.errno])
}
