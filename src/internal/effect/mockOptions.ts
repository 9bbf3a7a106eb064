/** The options of the mock's Layer and the arguments of its controls, read once and checked. All functions throw `BadArgument`. */
import { types } from "node:util"
import type { Fault, Settings } from "../../MockAio.ts"
import type { User } from "../backend/mock/filesystem.ts"
import { operations } from "../backend/mock/operations.ts"
import { BadArgument, checkUint32, show } from "../engine/arguments.ts"
import { elementsOf, entriesOf, optionsReader } from "../engine/options.ts"
import { errno } from "../native/errno.ts"
import { isBytes } from "../native/views.ts"
import { checkCount } from "./arguments.ts"
import { cancelsAtOnceFrom, latencyFrom } from "./mockTime.ts"

export const settingsKeys = {
  latency: true,
  cancellation: true,
  capacity: true,
  maxDescriptors: true,
  maxFileSize: true,
  user: true,
  umask: true
} as const

export const readSettings = optionsReader<Settings>(settingsKeys)

const readUser = optionsReader<NonNullable<Settings["user"]>>({ uid: true, gid: true, groups: true })

const userFrom = (given: Settings["user"]): User => {
  const { gid, groups = [], uid } = readUser(given, "user")
  const all = elementsOf(groups, "user.groups")
  if (all === undefined) throw new BadArgument("user.groups", `must be an array of numbers, not ${show(groups)}`)
  return {
    uid: checkUint32(uid, "user.uid"),
    gid: checkUint32(gid, "user.gid"),
    groups: all.map((group) => checkUint32(group as number, "user.groups"))
  }
}

const ifGiven = <A, B>(value: A | undefined, use: (value: A) => B): B | undefined =>
  value === undefined ? undefined : use(value)

/** Settings that have been read. Those that are left out stay out. */
export const checkedSettings = (given: Settings) => ({
  latency: ifGiven(given.latency, latencyFrom),
  cancelsAtOnce: ifGiven(given.cancellation, cancelsAtOnceFrom),
  capacity: checkCount("capacity", given.capacity, 0),
  maxDescriptors: checkCount("maxDescriptors", given.maxDescriptors, 1),
  maxFileSize: checkCount("maxFileSize", given.maxFileSize, 1),
  user: ifGiven(given.user, userFrom),
  umask: ifGiven(given.umask, (umask) => checkUint32(umask, "umask"))
})

const readFault = optionsReader<Fault>({
  operation: true,
  path: true,
  after: true,
  times: true,
  probability: true,
  error: true,
  short: true,
  hang: true,
  powerLoss: true
})

const checkOperationName = (name: unknown): void => {
  if (typeof name === "string" && Object.hasOwn(operations, name)) return
  throw new BadArgument("operation", `must be the name of an operation, such as "read", not ${show(name)}`)
}

export const faultFrom = (fault: Fault): Fault => {
  const given = readFault(fault, "fault")
  const { error, path, probability } = given
  const names = elementsOf(given.operation, "operation")
  if (names !== undefined) names.forEach(checkOperationName)
  else if (given.operation !== undefined) checkOperationName(given.operation)
  if (path !== undefined && typeof path !== "string" && !types.isRegExp(path)) {
    throw new BadArgument("path", `must be a string or a RegExp, not ${show(path)}`)
  }
  if (probability !== undefined && !(typeof probability === "number" && probability >= 0 && probability <= 1)) {
    throw new BadArgument("probability", `must be a number from 0 to 1, not ${show(probability)}`)
  }
  if (error !== undefined && !(typeof error === "string" && Object.hasOwn(errno, error))) {
    throw new BadArgument("error", `must be the name of an error number, such as "EIO", not ${show(error)}`)
  }
  checkCount("after", given.after, 0)
  checkCount("times", given.times, 0)
  checkCount("short", given.short, 0)
  return { ...given, operation: (names as Fault["operation"]) ?? given.operation }
}

/** The rules for faults. */
export const faultsFrom = (faults: ReadonlyArray<Fault> | undefined): ReadonlyArray<Fault> => {
  if (faults === undefined) return []
  const all = elementsOf(faults, "faults")
  if (all === undefined) throw new BadArgument("faults", `must be an array, not ${show(faults)}`)
  return all.map((fault) => faultFrom(fault as Fault))
}

type Content = string | Uint8Array | null

/** The files that are on the disk at first. */
export const filesFrom = (
  files: Readonly<Record<string, Content>> | undefined
): ReadonlyArray<readonly [string, Content]> => {
  if (files === undefined) return []
  const entries = entriesOf(files, "files")
  if (entries === undefined) throw new BadArgument("files", `must be an object, not ${show(files)}`)
  return entries.map(([path, given]) => {
    const content = given as Content
    if (content === null || typeof content === "string" || isBytes(content)) return [path, content]
    throw new BadArgument("files", `${show(path)} must be text, bytes or null, not ${show(content)}`)
  })
}
