/** What there is to call: found by looking, so that what is new is called without being named. */
import * as fs from "@effect/platform/FileSystem"
import { Effect, Layer, Metric, Stream } from "effect"
import * as api from "effect-aio"
import type * as r from "./roles.ts"
import { fileSystem, members, operations, shapes } from "./shapes.ts"

export interface Callable {
  readonly name: string
  /** `undefined`: arguments of any kind. */
  readonly shape: r.Shape | undefined
  /** A function, or what is an Effect without being called. */
  readonly value: unknown
  readonly self?: object
}

const isClass = (value: unknown): boolean =>
  typeof value === "function" && /^class\b/.test(Function.prototype.toString.call(value))

/** Effects, Streams and Layers are run as they are. */
export const isRunnable = (value: unknown): boolean =>
  Effect.isEffect(value) ||
  Layer.isLayer(value) ||
  (typeof value === "object" && value !== null && Stream.StreamTypeId in value)

const isMetric = (value: unknown): boolean => typeof value === "function" && Metric.MetricTypeId in value

const callables = (prefix: string, module: object): ReadonlyArray<Callable> =>
  Object.entries(module).flatMap(([key, value]): ReadonlyArray<Callable> => {
    const name = `${prefix}.${key}`
    if (isClass(value)) return []
    // A metric can be called, too, but that is Effect's own affair.
    if (isMetric(value)) return []
    if (typeof value === "function" || isRunnable(value)) return [{ name, value, shape: shapes[name] }]
    return typeof value === "object" && value !== null ? callables(name, value) : []
  })

/** Of all modules but that of the errors. */
export const functions: ReadonlyArray<Callable> = Object.entries(api).flatMap(([key, module]) =>
  key === "AioError" ? [] : callables(key, module)
)

/** Of the FileSystem at hand. */
export const fileSystemFunctions = (service: fs.FileSystem): ReadonlyArray<Callable> =>
  Object.entries(service).map(([key, value]) => ({
    name: `FileSystem.${key}`,
    value,
    shape: fileSystem[key as keyof typeof fileSystem]
  }))

type Kind = keyof typeof members

/** What a value is, if it has members to call. */
export const kindOf = (value: unknown): Kind | undefined => {
  if (typeof value !== "object" || value === null) return undefined
  if (api.AioFile.TypeId in value) return "AioFile"
  if (api.AioLock.TypeId in value) return "AioLock"
  if (api.AioDirectory.TypeId in value) return "AioDirectory"
  if (api.AioLog.TypeId in value) return "AioLog"
  if (api.AioGroup.TypeId in value) return "AioGroup"
  if (fs.FileTypeId in value) return "File"
  if ("operation" in value && "run" in value) return "Prepared"
  return "operation" in value && "cancel" in value ? "Handle" : undefined
}

const membersOf = (prefix: string, self: any, record: Record<string, r.Shape>): ReadonlyArray<Callable> =>
  Object.entries(record).map(([key, shape]) => ({
    name: `${prefix}.${key}`,
    shape,
    self,
    get value() {
      return self[key]
    }
  }))

export const callablesOf = (self: object): ReadonlyArray<Callable> => {
  const kind = kindOf(self)!
  return membersOf(kind, self, members[kind])
}

/** The constructors of operations. */
export const constructors: ReadonlyArray<Callable> = functions.filter(
  ({ name }) => name.startsWith("AioOperation.") && Object.hasOwn(operations, name.slice("AioOperation.".length))
)
