/**
 * Buffers for I/O.
 *
 * A buffer in flight belongs to the kernel: do not transfer it to another thread (`postMessage` with a transfer list,
 * `structuredClone`), since that frees it here. Everything else, dropping the last reference included, is safe.
 *
 * @since 0.1.0
 */
import { allocateAligned } from "./internal/native/memory.ts"

/**
 * `length` zeroed bytes at an address that is a multiple of `alignment` (a power of two, default 4096): what O_DIRECT wants.
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
  const alignment = options?.alignment ?? 4096
  if (!Number.isSafeInteger(length) || length < 0) throw new RangeError(`length must be a whole number, not ${length}`)
  if (!Number.isInteger(alignment) || alignment < 1 || (alignment & (alignment - 1)) !== 0) {
    throw new RangeError(`alignment must be a power of two, not ${alignment}`)
  }
  return allocateAligned(length, alignment)
}
