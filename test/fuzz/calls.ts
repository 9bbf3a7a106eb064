/** One call: what is called, with what, and what becomes of its result. */
import type * as fs from "@effect/platform/FileSystem"
import { Chunk, Effect, Layer, type Scope, Sink, Stream } from "effect"
import { type Aio, AioOperation, type MockAio } from "effect-aio"
import { fill } from "./arrays.ts"
import { chance } from "./hostile.ts"
import { show } from "./naming.ts"
import type { Material, Role } from "./roles.ts"
import * as r from "./roles.ts"
import {
  type Callable,
  callablesOf,
  constructors,
  fileSystemFunctions,
  functions,
  isRunnable,
  kindOf
} from "./surface.ts"

/** Whatever a call may need. */
export type Around = Aio.Aio | MockAio.MockAio | fs.FileSystem | Scope.Scope

/** They hold up the event loop, as documented: only while nothing else runs. */
export const blocking: ReadonlySet<string> = new Set(["AioBlocking.wait", "AioBlocking.flush"])

/** Building a Layer, or files of every kind, costs as much as a thousand calls. */
const isDear = (name: string): boolean =>
  /\.(make|layer|layerAuto|capabilities)$/.test(name) && name !== "AioGroup.make"

/** What changes how everything after it runs: put back as it was at once. */
export const changesAll = (name: string): boolean =>
  /^(ThreadPool\.set|Aio\.setLimits)/.test(name) || name.startsWith("MockAio.")

const opens = (name: string): boolean =>
  /^Aio(Operation)?\.(open|memfdCreate|eventfd|pidfdOpen|pidfdGetfd)$/.test(name) || name === "MockAio.pipe"

const anyRole: Role = (material) =>
  material.draw.pick<Role>([r.fd, r.path, r.bytes, r.offset, r.operation, r.operations, r.options({}), r.callback])(
    material
  )

/** Threads cost: a number that would be taken for very many is none. */
const few = (material: Material): Material => ({
  ...material,
  hostile: (draw) => {
    const value = material.hostile(draw)
    return typeof value === "number" && value > 64 ? 6.5 : value
  }
})

const argumentsOf = ({ name, shape }: Callable, given: Material): Array<unknown> => {
  const { draw } = given
  const material = name.startsWith("ThreadPool.set") ? few(given) : given
  const roles = shape ?? Array.from({ length: draw.integer(4) }, () => anyRole)
  const args = roles.map((role) => role(material))
  // One that does not fit, now and then. What takes an Effect gets one: what else becomes of it is Effect's affair.
  if (args.length > 0 && chance(draw, 20)) {
    const place = draw.integer(args.length)
    if (roles[place] !== r.effect) args[place] = material.hostile(draw)
  }
  if (chance(draw, 3) && !roles.includes(r.effect)) args.pop()
  if (chance(draw, 3)) args.push(material.hostile(draw))
  return args
}

/** A call about to be made. */
export interface Call {
  readonly name: string
  readonly text: string
  readonly opens: boolean
  /** What it gives. May throw, which it should not. */
  readonly make: () => unknown
}

const callOf = (callable: Callable, material: Material): Call => {
  const { name, self } = callable
  const args = argumentsOf(callable, material)
  return {
    name,
    text: `${name}(${args.map((argument) => show(argument)).join(", ")})`,
    opens: opens(name),
    make: () => {
      const { value } = callable
      return typeof value === "function" && !isRunnable(value) ? Reflect.apply(value, self, args) : value
    }
  }
}

const usable = ({ mayOpen }: Material, list: ReadonlyArray<Callable>): ReadonlyArray<Callable> =>
  mayOpen ? list : list.filter(({ name }) => !opens(name))

/** An operation as a value. What making it throws is told by `problem`. */
export const makeOperation =
  (problem: (name: string, text: string, error: unknown) => void) =>
  (material: Material): unknown => {
    const { draw } = material
    if (chance(draw, 8)) return material.hostile(draw)
    const call = callOf(draw.pick(usable(material, constructors)), material)
    try {
      return call.make()
    } catch (error) {
      problem(call.name, call.text, error)
      return undefined
    }
  }

export const chooser = (service: fs.FileSystem, isMock: boolean) => {
  const ofService = fileSystemFunctions(service)
  const all = functions.filter(
    ({ name }) => !blocking.has(name) && (isMock || !name.startsWith("MockAio.") || isDear(name))
  )
  return {
    /** All that there is to call, but for the members of what they give. */
    names: [...all, ...ofService].map(({ name }) => name),
    choose: (material: Material): Call => {
      const { draw, objects } = material
      const kind = draw.integer(100)
      if (kind < 35 && objects.length > 0) return callOf(draw.pick(callablesOf(draw.pick(objects))), material)
      if (kind < 55) return callOf(draw.pick(ofService), material)
      const callable = draw.pick(usable(material, all))
      // Now and then is enough.
      if (isDear(callable.name) && !chance(draw, 6)) return callOf(draw.pick(usable(material, constructors)), material)
      return callOf(callable, material)
    },
    byName: (name: string, material: Material): Call =>
      callOf([...functions, ...ofService].find((callable) => callable.name === name)!, material)
  }
}

const some = fill(new Uint8Array(5000))

/** What a call gave, run to its end; `undefined`: there is nothing to run. */
export const running = (value: unknown, material: Material): Effect.Effect<unknown, unknown, any> | undefined => {
  const { draw } = material
  if (Effect.isEffect(value)) return value
  if (Layer.isLayer(value)) return Effect.scoped(Layer.build(value as Layer.Layer<unknown>))
  if (AioOperation.isAioOperation(value)) return AioOperation.submit(value)
  // The other form of what takes its data first or last.
  if (typeof value === "function") {
    const next = draw.pick([r.operation, r.effect])(material)
    return Effect.suspend(() => {
      const made = (value as (value: unknown) => unknown)(next)
      return Effect.isEffect(made) ? (made as Effect.Effect<unknown>) : Effect.void
    })
  }
  if (typeof value !== "object" || value === null) return undefined
  if (Stream.StreamTypeId in value) {
    const stream = value as Stream.Stream<unknown>
    return draw.integer(3) === 0
      ? Stream.runHead(stream)
      : Effect.map(Stream.runCollect(Stream.take(stream, 1 + draw.integer(50))), Chunk.toReadonlyArray)
  }
  if (Sink.SinkTypeId in value) {
    return Stream.run(Stream.make(some, material.guards.make(100)), value as Sink.Sink<unknown, Uint8Array>)
  }
  return undefined
}

/** What there is to call of a result, and what is in it. */
export const objectsIn = (value: unknown, depth = 2): ReadonlyArray<object> => {
  if (kindOf(value) !== undefined) return [value as object]
  if (Array.isArray(value) && depth > 0) return value.slice(0, 8).flatMap((element) => objectsIn(element, depth - 1))
  return []
}
