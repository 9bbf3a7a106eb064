/**
 * Values that nobody should pass. None of them may do harm where it is taken at its word: no number is that of a descriptor that
 * somebody has, no string leads out of the current directory.
 */
import { Effect, Option, Stream } from "effect"
import * as fc from "effect/FastCheck"
import type { Random } from "../support/random.ts"
import { named } from "./naming.ts"

/** Thrown by what the fuzzer hands over: a defect of the program, not of the library. */
export class Mine extends Error {
  override readonly name = "Mine"
  constructor() {
    super("thrown by the fuzzer")
  }
}

export const throwing = (): never => {
  throw new Mine()
}

export const chance = (draw: Random, percent: number): boolean => draw.integer(100) < percent

/** No number of a descriptor that Node needs, and -0 is one: the process ends when its standard input is closed. */
const scalars: ReadonlyArray<unknown> = [
  undefined,
  null,
  true,
  false,
  Number.NaN,
  0.5,
  -1,
  -3.7,
  Number.POSITIVE_INFINITY,
  Number.NEGATIVE_INFINITY,
  2 ** 31,
  2 ** 32 + 900_000,
  2 ** 53,
  1e21,
  -(2 ** 31),
  -1n,
  7n,
  2n ** 53n,
  2n ** 63n,
  2n ** 64n,
  -(2n ** 63n),
  Symbol("fuzz"),
  Symbol.iterator,
  "",
  "\0",
  "a\0b",
  "\ud800",
  "a\udfffb",
  "900000",
  "1 second",
  "Infinity seconds",
  "__proto__",
  "constructor",
  "hasOwnProperty",
  "x".repeat(300),
  "x".repeat(5000),
  "utf-8"
]

class WithSideEffects {
  [Symbol.toPrimitive] = throwing
  toString = throwing
  valueOf = throwing
  toJSON = throwing
}

const refusing: ProxyHandler<any> = Object.fromEntries(
  (["get", "has", "ownKeys", "getPrototypeOf", "getOwnPropertyDescriptor", "set", "apply"] as const).map((trap) => [
    trap,
    throwing
  ])
)

const makers: ReadonlyArray<readonly [string, () => object]> = [
  ["{}", () => ({})],
  ["[]", () => []],
  ["a function", () => () => undefined],
  ["a class", () => class {}],
  ["a throwing function", () => () => throwing()],
  ["an invalid Date", () => new Date(Number.NaN)],
  ["a Date", () => new Date(0)],
  ["a RegExp", () => /a/],
  ["a Map", () => new Map([["a", 1]])],
  ["a WeakSet", () => new WeakSet()],
  ["a Promise", () => Promise.resolve(1)],
  ["an object without prototype", () => Object.create(null)],
  ["an object with a throwing conversion", () => new WithSideEffects()],
  ["a Proxy that throws", () => new Proxy({}, refusing)],
  ["a Proxy of a function that throws", () => new Proxy(() => 1, refusing)],
  [
    "a revoked Proxy",
    () => {
      const { proxy, revoke } = Proxy.revocable({}, {})
      revoke()
      return proxy
    }
  ],
  [
    "an object that counts up",
    () => {
      let count = 900_000
      return { valueOf: () => count++, toString: () => `${count++}` }
    }
  ],
  ["Effect.succeed", () => Effect.succeed(1)],
  ["Effect.fail", () => Effect.fail(new Mine())],
  ["Effect.never", () => Effect.never],
  ["Option.some", () => Option.some(1)],
  ["Stream.never", () => Stream.never],
  ["a throwing iterable", () => ({ [Symbol.iterator]: throwing })],
  ["an iterable whose next throws", () => ({ [Symbol.iterator]: () => ({ next: throwing }) })],
  ["an iterable of nothing at all", () => ({ [Symbol.iterator]: () => ({ next: () => undefined }) })],
  ["an iterable that is none", () => ({ [Symbol.iterator]: 7 })],
  ["{ entry: {}, input: {} }", () => ({ entry: {}, input: {} })],
  ["{ entry: null, input: null }", () => ({ entry: null, input: null })],
  ["{ fd: 2 ** 31 }", () => ({ fd: 2 ** 31 })],
  ["an Error", () => new Error("a value")],
  ["a boxed number", () => Object(900_000)],
  ["a boxed string", () => Object("a")],
  ["globalThis", () => Object.create(globalThis)]
]

/** What fast-check calls anything, with what could do harm made harmless. */
const harmless = (value: unknown, depth = 4): unknown => {
  if (typeof value === "number") return Number.isInteger(value) && value >= 0 && value < 2 ** 31 ? value + 0.5 : value
  if (typeof value === "bigint") return value >= 0n && value < 2n ** 31n ? -value - 1n : value
  if (typeof value === "string") return value.replace(/[/.]/g, "_")
  if (ArrayBuffer.isView(value)) {
    new Uint8Array(value.buffer).fill(0x61)
    return value
  }
  if (typeof value !== "object" || value === null || depth === 0) return value
  if (Array.isArray(value) || Object.getPrototypeOf(value) === Object.prototype) {
    for (const key of Object.keys(value)) {
      const own = value as Record<string, unknown>
      own[key] = harmless(own[key], depth - 1)
    }
  }
  return value
}

const anything = (seed: number): ReadonlyArray<unknown> =>
  fc
    .sample(
      fc.anything({
        withBigInt: true,
        withDate: true,
        withMap: true,
        withSet: true,
        withNullPrototype: true,
        withTypedArray: true,
        withSparseArray: true,
        withUnicodeString: true
      } as fc.ObjectConstraints),
      { numRuns: 400, seed }
    )
    .map((value) => harmless(value))

/** Of one seed. */
export const hostileOf = (seed: number): ((draw: Random) => unknown) => {
  const any = anything(seed)
  return (draw) => {
    const kind = draw.integer(10)
    if (kind < 5) return draw.pick(scalars)
    if (kind === 5) return draw.pick(any)
    const [text, make] = draw.pick(makers)
    return named(text, make())
  }
}
