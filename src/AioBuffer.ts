/**
 * Buffers for I/O.
 *
 * A buffer in flight belongs to the kernel: do not transfer it to another thread (`postMessage` with a transfer list,
 * `structuredClone`), since that frees it here. Everything else, dropping the last reference included, is safe.
 *
 * Any view of memory is a buffer, shared memory included. Buffers that can be resized are copied on their way, since their memory can be
 * taken away: an `ArrayBuffer` with a `maxByteLength` costs a copy where others cost none.
 *
 * @since 0.1.0
 */
import { AioBadArgument } from "./AioError.ts"
import { BadArgument, show } from "./internal/engine/arguments.ts"
import { optionsReader } from "./internal/engine/options.ts"
import { allocateAligned } from "./internal/native/memory.ts"

const wrong = (argument: string, description: string): AioBadArgument =>
  new AioBadArgument({ operation: "aligned", argument, description })

const alignedOptions = optionsReader<{ readonly alignment?: number | undefined }>({ alignment: true })

const alignmentOf = (options: { readonly alignment?: number | undefined } | undefined): number | undefined => {
  try {
    return alignedOptions(options).alignment
  } catch (problem) {
    throw problem instanceof BadArgument ? wrong(problem.argument, problem.description) : problem
  }
}

/**
 * `length` zeroed bytes at an address that is a multiple of `alignment` (a power of two, default 4096): what O_DIRECT wants.
 *
 * This is no Effect: a length or an alignment that cannot be is thrown, as `AioBadArgument`.
 *
 * @since 0.1.0
 * @category constructors
 * @example
 * import { AioBuffer } from "effect-aio"
 *
 * const page = AioBuffer.aligned(4096)
 */
export const aligned = (
  length: number,
  options?: { readonly alignment?: number | undefined }
): Uint8Array<ArrayBuffer> => {
  const alignment = alignmentOf(options) ?? 4096
  if (!Number.isSafeInteger(length) || length < 0) throw wrong("length", `must be a whole number, not ${show(length)}`)
  if (!Number.isInteger(alignment) || alignment < 1 || !Number.isInteger(Math.log2(alignment))) {
    throw wrong("alignment", `must be a power of two, not ${show(alignment)}`)
  }
  try {
    return allocateAligned(length, alignment)
  } catch {
    throw wrong("length", `no array can have ${length} bytes here`)
  }
}
