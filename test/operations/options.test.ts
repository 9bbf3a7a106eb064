/** What an operation makes of options: its own keys, each read once, and nothing else of the object. */
import { describe, expect, it } from "@effect/vitest"
import type { Operation } from "../../src/internal/engine/operation.ts"
import * as catalogue from "../../src/internal/operation/catalogue.ts"
import { operationNames as names, type OperationName, operationCalls } from "../support/operationCalls.ts"

const calls = operationCalls({ path: "name", absent: "absent", other: "other", fd: 3, at: 4 })

const constructors: Record<string, any> = catalogue

const make = (name: OperationName, ...args: ReadonlyArray<unknown>): Operation<unknown> => constructors[name](...args)

/** Everything that any input has: what would be another target, or other memory, if it got there. */
const intruders = [
  ...new Set([
    ...names.flatMap((name) => Object.keys(make(name, ...calls[name][0], calls[name][1]).input)),
    "file",
    "state",
    "entry",
    "input"
  ])
]

describe.each(names)("%s", (name) => {
  const [positional, options = {}] = calls[name]

  it("takes from its options what it knows, and nothing else", () => {
    const plain = make(name, ...positional, options).input
    const others = Object.fromEntries(intruders.filter((key) => !(key in options)).map((key) => [key, "intruder"]))
    expect(make(name, ...positional, { ...others, ...options }).input).toEqual(plain)
    expect(Object.values(make(name, ...positional, others).input)).not.toContain("intruder")
  })

  it("reads each of them once", () => {
    const reads: Array<PropertyKey> = []
    const watched = new Proxy(options, {
      get: (target, key) => {
        reads.push(key)
        return Reflect.get(target, key)
      },
      ownKeys: () => {
        throw new Error("it looked at all of them")
      }
    })
    expect(make(name, ...positional, watched).input).toEqual(make(name, ...positional, options).input)
    expect(reads.sort()).toEqual(Object.keys(options).sort())
  })
})
