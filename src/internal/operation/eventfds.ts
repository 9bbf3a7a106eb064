/** Counters that are waited for like pipes. eventfd(2) */
import { BadArgument, checkUint32, show } from "../engine/arguments.ts"
import { asNumber, define } from "../engine/operation.ts"
import { optionsReader } from "../engine/options.ts"
import { O_CLOEXEC } from "../native/layout.ts"
import { NR } from "../native/syscalls.ts"

/**
 * What reading a counter does.
 *
 * @since 0.1.0
 * @category models
 */
export interface EventfdOptions {
  /** Default `false`: a read gives all and leaves 0. With `true` it gives 1, and leaves one less. */
  readonly semaphore?: boolean | undefined
}

export const EFD_SEMAPHORE = 1

const eventfdOptions = optionsReader<EventfdOptions>({ semaphore: true })

export const eventfd = define(
  (initial?: number, options?: EventfdOptions) => ({ initial, ...eventfdOptions(options) }),
  {
    name: "eventfd",
    man: "eventfd(2)",
    encode: (submission, { initial = 0, semaphore = false }) => {
      if (typeof semaphore !== "boolean") {
        throw new BadArgument("semaphore", `must be true or false, not ${show(semaphore)}`)
      }
      submission.nr = NR.eventfd2
      submission.a0 = checkUint32(initial, "initial")
      submission.a1 = O_CLOEXEC | (semaphore ? EFD_SEMAPHORE : 0)
    },
    producesDescriptor: true,
    decode: asNumber
  }
)
