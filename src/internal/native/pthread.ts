/** Starting threads that run C: pthread_create(3). */
import { lib } from "./libc.ts"
import { permanent } from "./memory.ts"

/** Bytes of a stack: more than the least of any libc. A thread touches two pages of them; the rest is address space only. */
const STACK_SIZE = 256 * 1024
const PTHREAD_CREATE_DETACHED = 1

interface Functions {
  readonly create: (thread: number, attributes: number, start: number, argument: number) => number
  readonly attributes: number
}

let functions: Functions | undefined

const load = (): Functions => {
  // pthread_attr_t is 56 or 64 bytes; pthread_t is one word, which is not needed for a detached thread.
  const memory = new BigUint64Array(16)
  const attributes = permanent(memory)
  lib!.func("pthread_attr_init", "int", ["int64_t"])(attributes)
  lib!.func("pthread_attr_setstacksize", "int", ["int64_t", "int64_t"])(attributes, STACK_SIZE)
  lib!.func("pthread_attr_setdetachstate", "int", ["int64_t", "int"])(attributes, PTHREAD_CREATE_DETACHED)
  return { create: lib!.func("pthread_create", "int", ["int64_t", "int64_t", "int64_t", "int64_t"]), attributes }
}

const thread = new BigUint64Array(1)
const threadAddress = permanent(thread)

/**
 * Starts a detached thread in the C function at `start`. Returns 0, or the error number: EAGAIN where the system allows no more threads.
 */
export const startThread = (start: number, argument: number): number => {
  functions ??= load()
  return functions.create(threadAddress, functions.attributes, start, argument)
}
