/** Bytes to read into and to write from: honest ones between guards, and all ways for an array to say what is not so. */
import type { Random } from "../support/random.ts"
import { chance, throwing } from "./hostile.ts"
import { named } from "./naming.ts"

const GUARD = 0xa5
const MARGIN = 64

/** The only bytes that buffers and files start with: whatever else is found in a file was never in a buffer. */
export const ALPHABET = "abcdefghijklm"
const letters = Buffer.alloc(1 << 17, ALPHABET)

export const fill = (bytes: Uint8Array): Uint8Array => {
  bytes.set(letters.subarray(0, bytes.length))
  return bytes
}

/** What is to happen after the call: at once, or while it runs. */
export interface Afterwards {
  readonly atOnce: Array<() => void>
  readonly meanwhile: Array<() => void>
}

/** Buffers of one life, with bytes around them that nobody may touch. */
export class Guards {
  private readonly slabs: Array<readonly [slab: Uint8Array, text: string]> = []

  make(length: number): Uint8Array {
    const slab = new Uint8Array(new ArrayBuffer(length + 2 * MARGIN)).fill(GUARD)
    const text = `Uint8Array(${length})`
    this.slabs.push([slab, text])
    return named(text, fill(slab.subarray(MARGIN, MARGIN + length)))
  }

  /** The first that was written around. */
  broken(): string | undefined {
    const touched = this.slabs.find(
      ([slab]) =>
        slab.subarray(0, MARGIN).some((byte) => byte !== GUARD) || slab.subarray(-MARGIN).some((byte) => byte !== GUARD)
    )
    return touched?.[1]
  }
}

const lengths = [0, 1, 3, 16, 64, 65, 100, 512, 1000, 4096, 4097, 10_000, 70_000]

/** More than there is, as a rule: what believes it reaches beyond the guards. */
const lies: ReadonlyArray<unknown> = [
  ...Array(12).fill(1 << 20),
  0,
  7,
  -1,
  Number.NaN,
  2 ** 40,
  2 ** 53,
  0.5,
  "64",
  null,
  undefined,
  64n
]

const lyingKeys = ["byteLength", "byteLength", "byteLength", "length", "byteOffset", "buffer"] as const

type Maker = (draw: Random, guards: Guards, after: Afterwards) => object

const detach = (buffer: ArrayBufferLike): void => void structuredClone(buffer, { transfer: [buffer as ArrayBuffer] })

/** Either on the heap of V8, where arrays of up to 64 bytes start, or between guards. */
const honest = (draw: Random, guards: Guards, length = draw.pick(lengths)): Uint8Array =>
  length <= 64 && chance(draw, 50)
    ? named(`new Uint8Array(${length})`, fill(new Uint8Array(length)))
    : guards.make(length)

const resizable = (length: number, options: { maxByteLength: number }): any => new (ArrayBuffer as any)(length, options)

const makers: Record<string, Maker> = {
  ownProperty: (draw, guards) => {
    const array = honest(draw, guards)
    const [key, value] = [draw.pick(lyingKeys), draw.pick(lies)]
    Object.defineProperty(array, key, { value, configurable: true })
    return named(`Uint8Array with own ${key}`, array)
  },
  ownGetter: (draw, guards) => {
    const array = honest(draw, guards)
    const key = draw.pick(lyingKeys)
    let reads = 0
    const answers = [draw.integer(100), draw.pick(lies)]
    Object.defineProperty(array, key, { get: () => answers[reads++ % 2] })
    return named(`Uint8Array whose ${key} differs at each read`, array)
  },
  ownThrow: (draw, guards) => {
    const array = honest(draw, guards)
    const key = draw.pick(lyingKeys)
    Object.defineProperty(array, key, { get: throwing })
    return named(`Uint8Array whose ${key} throws`, array)
  },
  subclass: (draw) => {
    const [key, lie] = [draw.pick(lyingKeys), draw.pick(lies)]
    const Lying = class extends Uint8Array {}
    Object.defineProperty(Lying.prototype, key, { get: () => lie })
    return named(`subclass of Uint8Array with ${key}`, new Lying(draw.pick(lengths)))
  },
  subclassMethods: (draw) => {
    const Lying = class extends Uint8Array {
      override subarray(): never {
        return throwing()
      }
      override slice(): never {
        return throwing()
      }
      override includes(): never {
        return throwing()
      }
    }
    return named("subclass of Uint8Array whose methods throw", fill(new Lying(draw.pick(lengths))))
  },
  species: (draw) => {
    const Lying = class extends Uint8Array {
      static get [Symbol.species](): any {
        return class extends Uint8Array {
          constructor() {
            super(4)
          }
        }
      }
    }
    return named("subclass of Uint8Array with a species", fill(new Lying(draw.pick(lengths))))
  },
  prototype: (draw, guards) => {
    const array = honest(draw, guards)
    const lie = draw.pick(lies)
    const prototype = draw.pick([
      null,
      Array.prototype,
      Object.prototype,
      Object.create(Uint8Array.prototype, { byteLength: { value: lie }, length: { value: lie } })
    ])
    Object.setPrototypeOf(array, prototype)
    return named("Uint8Array with another prototype", array)
  },
  proxy: (draw, guards) => named("Proxy of a Uint8Array", new Proxy(honest(draw, guards), {})),
  boundProxy: (draw, guards) =>
    named(
      "Proxy of a Uint8Array that answers",
      new Proxy(honest(draw, guards), { get: (target, key) => Reflect.get(target, key, target) })
    ),
  detached: (draw) => {
    const array = fill(new Uint8Array(draw.pick(lengths)))
    detach(array.buffer)
    return named("detached Uint8Array", array)
  },
  transferred: (draw, _, after) => {
    const array = fill(new Uint8Array(draw.pick(lengths)))
    after.atOnce.push(() => {
      // The call may have a use for it that another one had, too.
      if (array.byteLength > 0) detach(array.buffer)
    })
    return named("Uint8Array that is transferred at once", array)
  },
  shrunk: (draw, _, after) => {
    const buffer = resizable(4096, { maxByteLength: 65536 })
    const array = fill(chance(draw, 50) ? new Uint8Array(buffer) : new Uint8Array(buffer, 1024, 2048))
    const size = draw.pick([0, 100, 1100, 65536])
    const resize = () => buffer.resize(size)
    if (chance(draw, 50)) after.atOnce.push(resize)
    else after.meanwhile.push(resize, () => buffer.resize(8192))
    return named("Uint8Array of a buffer that is resized", array)
  },
  outOfBounds: () => {
    const buffer = resizable(4096, { maxByteLength: 8192 })
    const array = fill(new Uint8Array(buffer, 2048, 1024))
    buffer.resize(100)
    return named("Uint8Array beyond its buffer", array)
  },
  dataView: (draw, guards) => {
    const { buffer, byteLength, byteOffset } = guards.make(draw.pick(lengths))
    const view = new DataView(buffer, byteOffset, byteLength)
    if (chance(draw, 30)) Object.defineProperty(view, "byteLength", { value: draw.pick(lies) })
    return named("DataView", view)
  },
  shared: (draw) => named("shared Uint8Array", fill(new Uint8Array(new SharedArrayBuffer(draw.pick(lengths))))),
  growable: (_, __, after) => {
    const buffer = new (SharedArrayBuffer as any)(4096, { maxByteLength: 65536 })
    after.atOnce.push(() => buffer.grow(65536))
    return named("Uint8Array of a growable buffer", fill(new Uint8Array(buffer)))
  },
  wide: (draw) => {
    const Wide = draw.pick([Float64Array, BigInt64Array, Uint16Array, Int8Array])
    const array = new Wide(draw.integer(50))
    fill(new Uint8Array(array.buffer))
    return named(Wide.name, array)
  },
  pooled: (draw) => named("Buffer of the pool", fill(Buffer.allocUnsafe(1 + draw.integer(200)))),
  arrayBuffer: () => named("ArrayBuffer", new ArrayBuffer(64)),
  alike: () =>
    named("an object like an array", { length: 16, byteLength: 16, byteOffset: 0, buffer: new ArrayBuffer(16) }),
  uninitialized: () => named("an object with the prototype of Uint8Array", Object.create(Uint8Array.prototype)),
  numbers: () => [97, 98, 99]
}

const kinds = Object.keys(makers)

export const buffer = (draw: Random, guards: Guards, after: Afterwards): any =>
  chance(draw, 60) ? honest(draw, guards) : makers[draw.pick(kinds)](draw, guards, after)

export const buffers = (draw: Random, guards: Guards, after: Afterwards): any => {
  const some = Array.from({ length: draw.integer(4) + (chance(draw, 3) ? 1023 : 0) }, () => buffer(draw, guards, after))
  switch (draw.integer(12)) {
    case 0:
      return new Proxy(some, {})
    case 1:
      return new Set(some)
    case 2: {
      const array = named("an array whose elements differ at each read", [...some])
      let reads = 0
      Object.defineProperty(array, 0, {
        get: () => (reads++ % 2 === 0 ? guards.make(100) : undefined),
        enumerable: true
      })
      return array
    }
    case 3:
      return named("a sparse array", Object.assign(new Array(5), { 3: guards.make(10) }))
    case 4: {
      const array = named("an array whose methods throw", [...some])
      return Object.assign(array, { slice: throwing, map: throwing, [Symbol.iterator]: throwing })
    }
    default:
      return some
  }
}
