/** What an operation makes of options: its own keys, each read once, and nothing else of the object. */
import { describe, expect, it } from "@effect/vitest"
import type { Operation } from "../../src/internal/engine/operation.ts"
import * as catalogue from "../../src/internal/operation/catalogue.ts"

const bytes = new Uint8Array(8)

/** Positional arguments of every operation, and options with all the keys that it knows. An operation without a line does not compile. */
const calls: { readonly [Name in keyof typeof catalogue]: readonly [Array<unknown>, object?] } = {
  nop: [[]],
  open: [["name"], { at: 3, flag: "r", mode: 0o600 }],
  close: [[3]],
  read: [[3, bytes], { offset: 1 }],
  write: [[3, bytes], { offset: 1 }],
  readv: [[3, [bytes]], { offset: 1 }],
  writev: [[3, [bytes]], { offset: 1 }],
  fsync: [[3]],
  fdatasync: [[3]],
  stat: [["name"], { at: 3 }],
  lstat: [["name"], { at: 3 }],
  fstat: [[3]],
  ftruncate: [[3, 5]],
  truncate: [["name", 5]],
  fallocate: [[3], { offset: 1, length: 2, mode: "keepSize" }],
  fadvise: [[3, "random"], { offset: 1, length: 2 }],
  readahead: [[3], { offset: 1, length: 2 }],
  unlink: [["name"], { at: 3 }],
  rmdir: [["name"], { at: 3 }],
  rename: [["name", "other"], { existing: "noReplace" }],
  mkdir: [["name"], { at: 3, mode: 0o700 }],
  link: [["name", "other"]],
  symlink: [["target", "name"], { at: 3 }],
  readlink: [["name"], { at: 3 }],
  statvfs: [["name"]],
  readdir: [[3], { bufferSize: 512 }],
  access: [["name"], { read: true, write: true, execute: true }],
  chmod: [["name", 0o600]],
  chown: [["name"], { follow: false, uid: 1, gid: 2 }],
  utimes: [["name"], { follow: false, atimeNs: 1n, mtimeNs: 2n }],
  copyFileRange: [[3, 4], { offset: 1, toOffset: 2, length: 3 }],
  pollFd: [[3], { readable: true, writable: true, priority: true }],
  flock: [[3, "shared"], { wait: false }]
}

const names = Object.keys(calls) as Array<keyof typeof calls>

const constructors: Record<string, any> = catalogue

const make = (name: keyof typeof calls, ...args: ReadonlyArray<unknown>): Operation<unknown> =>
  constructors[name](...args)

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
