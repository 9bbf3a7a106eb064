/**
 * Views of memory that a program hands over: what they are, and not what they claim to be.
 *
 * `byteLength`, `length`, `buffer` and `subarray` are properties like others: an own property, a subclass or another prototype may
 * answer anything, and each time something else. A length that goes to a kernel together with an address must not come from there. So
 * everything here asks the language's own getters, taken when the module is loaded, and runs no code of the program's.
 */
import { types } from "node:util"

const { isSharedArrayBuffer, isTypedArray } = types
const { apply } = Reflect
const { isView } = ArrayBuffer

const getterOf = (prototype: object, name: string): (() => any) =>
  Object.getOwnPropertyDescriptor(prototype, name)?.get as () => any

const typedArray = Object.getPrototypeOf(Uint8Array.prototype)
const typedLength = getterOf(typedArray, "byteLength")
const typedOffset = getterOf(typedArray, "byteOffset")
const typedBuffer = getterOf(typedArray, "buffer")
const typedAt: (index: number) => unknown = typedArray.at
const dataLength = getterOf(DataView.prototype, "byteLength")
const dataOffset = getterOf(DataView.prototype, "byteOffset")
const dataBuffer = getterOf(DataView.prototype, "buffer")
const resizable = getterOf(ArrayBuffer.prototype, "resizable")
const nothing: ReadonlyArray<never> = []
const first = [0]

/** Whether it is a view of memory: a typed array, a Buffer, a DataView, of this realm or another. */
export const isBytes: (value: unknown) => value is ArrayBufferView = isView

/** Whether it is a Uint8Array: a Proxy of one is not, nor is an object that has borrowed the prototype. */
export const isUint8Array: (value: unknown) => value is Uint8Array = types.isUint8Array

/** Bytes of a view; -1 for a value that is not a view. 0 where its memory is gone: the getter of a DataView throws then. */
export const byteLengthOf = (value: unknown): number => {
  try {
    // Asked first: it throws for everything else, and nearly everything is one. Each request asks.
    return apply(typedLength, value, nothing)
  } catch {
    return isView(value) ? dataLengthOf(value as DataView) : -1
  }
}

const dataLengthOf = (view: DataView): number => {
  try {
    return apply(dataLength, view, nothing)
  } catch {
    return 0
  }
}

/** Whether a view has lost its memory: the buffer was transferred, or made too short for it. */
export const isGone = (view: ArrayBufferView): boolean => {
  try {
    if (isTypedArray(view)) apply(typedAt, view, first)
    else apply(dataLength, view, nothing)
    return false
  } catch {
    return true
  }
}

/**
 * Whether the view's memory may be taken away while the view stays: V8 gives back the pages when such a buffer is made shorter, and
 * new ones when it grows. Shared memory can only grow.
 */
export const isResizable = (view: ArrayBufferView): boolean => {
  const buffer = apply(isTypedArray(view) ? typedBuffer : dataBuffer, view, nothing)
  return !isSharedArrayBuffer(buffer) && apply(resizable, buffer, nothing)
}

/** An ordinary array over the same memory, as long as the view is now. Empty for a view whose memory is gone. */
export const plainView = (view: ArrayBufferView): Uint8Array => {
  if (isGone(view)) return new Uint8Array(0)
  const isTyped = isTypedArray(view)
  return new Uint8Array(
    apply(isTyped ? typedBuffer : dataBuffer, view, nothing),
    apply(isTyped ? typedOffset : dataOffset, view, nothing),
    byteLengthOf(view)
  )
}
