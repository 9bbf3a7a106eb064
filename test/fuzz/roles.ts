/** Arguments by what they are for: fitting ones, most of the time. */
import { Duration, Effect, Stream } from "effect"
import { Aio, AioDirectory, AioFile, AioOperation } from "effect-aio"
import type { Random } from "../support/random.ts"
import { type Afterwards, buffer, buffers, type Guards } from "./arrays.ts"
import { chance, Mine, throwing } from "./hostile.ts"
import { named } from "./naming.ts"
import { names, type Scene } from "./scene.ts"

/** What a call's arguments are made of. */
export interface Material {
  readonly draw: Random
  readonly scene: Scene
  readonly guards: Guards
  readonly after: Afterwards
  readonly hostile: (draw: Random) => unknown
  /** Whether descriptors may be opened that only their numbers tell of. */
  readonly mayOpen: boolean
  /** Values that calls have given: open files, groups, what was prepared. */
  readonly objects: Array<object>
  /** A value that is an operation, of the catalogue or of an open file. */
  readonly operation: (material: Material) => unknown
}

export type Role = (material: Material) => any
export type Shape = ReadonlyArray<Role>

const of =
  <A>(...values: ReadonlyArray<A>): Role =>
  ({ draw }) =>
    draw.pick(values)

export const fd: Role = ({ draw, scene }) => draw.pick(scene.fds)
/** A descriptor, or an open file. */
export const target: Role = (material) => {
  const files = material.objects.filter((object) => AioFile.TypeId in object)
  return files.length > 0 && chance(material.draw, 25) ? material.draw.pick(files) : fd(material)
}
/** A descriptor, or an open directory. */
export const directory: Role = (material) => {
  const directories = material.objects.filter((object) => AioDirectory.TypeId in object)
  return directories.length > 0 && chance(material.draw, 60) ? material.draw.pick(directories) : fd(material)
}
export const expendable: Role = ({ scene }) => scene.expendable()
export const text: Role = ({ draw, scene }) => {
  const name = draw.pick(names)
  return name === "." || name === "" ? name : `${scene.directory}/${name}`
}
export const path: Role = (material) => {
  const { draw } = material
  const name: string = text(material)
  if (chance(draw, 80)) return name
  const bytes = chance(draw, 30) ? [...Buffer.from(`${name}x`), 0xef] : [...Buffer.from(name)]
  return chance(draw, 50) ? Buffer.from(bytes) : Uint8Array.from(bytes)
}
/** A path that starts in an open directory, whichever that is: names with nothing of the scene's around them. */
export const name: Role = ({ draw }) => draw.pick([...names, "..", "../x", "d/../a", "link/a", "a/", "/w/a"])
export const bytes: Role = ({ after, draw, guards }) => buffer(draw, guards, after)
export const vector: Role = ({ after, draw, guards }) => buffers(draw, guards, after)
export const xattrName: Role = of<unknown>("user.a", "user.b", "user.", "trusted.a", "a", Buffer.from("user.a"))
export const offset: Role = of<unknown>(0, -0, 1, 10, 100, 4096, 5000, 0n, 4096n, 100_000, 1 << 20, 2 ** 40, undefined)
export const size: Role = of<unknown>(0, -0, 1, 10, 100, 4096, 65536, 100_000, 2 ** 33, undefined)
export const count: Role = of<unknown>(1, 2, 3, 16, 64, 1000, undefined)
export const mode: Role = of<unknown>(0o777, 0o755, 0o700, 0o644, undefined)
export const boolean: Role = of<unknown>(true, false, undefined)
export const flag: Role = of<unknown>("r", "r", "r+", "w", "w+", "wx", "a", "a+", "ax+", 0, 2, 0o100, undefined)
export const duration: Role = of<unknown>(0, 1, 5, "1 millis", "20 millis", Duration.millis(3), Duration.zero, 1000n)
export const time: Role = of<unknown>(0n, 1_000_000_000n, "now", undefined)
export const date: Role = of<unknown>(new Date(0), 0, 1, new Date(1e12))
export const owner: Role = of<unknown>(0, undefined, -1)
export const level: Role = of<unknown>(-4, 0, 1, 4, 100, -100, 0.5)
export const code: Role = of<unknown>("EIO", "ENOSPC", "EINTR", "EAGAIN", "ENOENT")
export const choice = (...values: ReadonlyArray<unknown>): Role => of(...values)

export const operation: Role = (material) => material.operation(material)

const several = (material: Material): Array<unknown> =>
  Array.from({ length: material.draw.integer(6) }, () =>
    chance(material.draw, 4) ? material.hostile(material.draw) : operation(material)
  )

/** An array, as a rule; `true`: or any iterable or Stream. */
export const operations: Role = (material) => {
  const list = several(material)
  switch (material.draw.integer(12)) {
    case 0:
      return new Set(list)
    case 1:
      return named(
        "a generator of operations that throws at its end",
        (function* () {
          yield* list
          throwing()
        })()
      )
    case 2:
      return named(
        "an array whose iterator throws",
        Object.assign([...list], { [Symbol.iterator]: throwing, map: throwing })
      )
    case 3:
      return named("a Stream of operations", Stream.fromIterable(list))
    case 4:
      return named("a Proxy of operations", new Proxy(list, {}))
    case 5:
      return named(
        "a Stream of operations that fails",
        Stream.concat(Stream.fromIterable(list), Stream.fail(new Mine()))
      )
    default:
      return list
  }
}

/** Effects that are what they should be, and what may become of them. */
export const effect: Role = (material) => {
  const { draw } = material
  switch (draw.integer(8)) {
    case 0:
      return named("Effect.fail", Effect.fail(new Mine()))
    case 1:
      return named("Effect.die", Effect.die(new Mine()))
    case 2:
      return named("Effect.never", Effect.never)
    case 3:
      return named("Aio.stats", Aio.stats)
    default: {
      const value: any = operation(material)
      return named("AioOperation.submit", AioOperation.submit(value))
    }
  }
}

/** What a program does with what it is given. */
export const callback: Role = ({ draw, objects }) => {
  const kind = draw.integer(6)
  return named(`callback ${kind}`, (value: unknown) => {
    if (kind === 0) return throwing()
    if (kind === 1) return Effect.die(new Mine())
    if (kind === 2) return Effect.never
    // It is gone when the call has ended; another may try nevertheless.
    if (typeof value === "object" && value !== null && kind === 3 && !ArrayBuffer.isView(value)) objects.push(value)
    return Effect.succeed(value)
  })
}

/** For those who are told, and asked for nothing. */
export const listener: Role = ({ draw }) =>
  draw.pick([undefined, named("a listener", () => undefined), named("a listener that throws", throwing)])

type Fields = Record<string, Role>

/** Keys that no options have: they name what must not be touched. */
const strangers = ({ scene: { canary }, guards }: Material): ReadonlyArray<readonly [string, unknown]> => [
  ["path", canary.file],
  ["path", canary.empty],
  ["fd", canary.fd],
  ["file", { fd: canary.fd, path: canary.file, users: 0 }],
  ["to", canary.file],
  ["target", canary.file],
  ["buffer", guards.make(10)],
  ["buffers", [guards.make(10)]],
  ["entry", {}],
  ["input", { path: canary.empty, fd: canary.fd }],
  ["lock", "exclusive"],
  ["events", 1],
  ["advice", "normal"],
  ["unknown", 1],
  ["__proto__", { path: canary.empty, fd: canary.fd }]
]

/** Options in all the shapes that objects have. */
export const options =
  (fields: Fields): Role =>
  (material) => {
    const { draw } = material
    const entries: Array<readonly [string, unknown]> = []
    for (const [key, role] of Object.entries(fields)) {
      if (chance(draw, 15)) entries.push([key, material.hostile(draw)])
      else if (chance(draw, 70)) entries.push([key, role(material)])
    }
    if (chance(draw, 30)) {
      const stranger = draw.pick(strangers(material))
      // What is one of its own keys has a meaning.
      if (!Object.hasOwn(fields, stranger[0])) entries.push(stranger)
    }
    const plain: object = Object.defineProperties(
      {},
      Object.fromEntries(
        entries.map(([key, value]) => [key, { value, enumerable: true, configurable: true, writable: true }])
      )
    )
    const keys = Object.keys(plain)
    switch (draw.integer(24)) {
      case 0:
        return Object.setPrototypeOf(plain, null)
      case 1:
        return named("options that are inherited", Object.create(plain))
      case 2:
        return named("options behind a Proxy", new Proxy(plain, {}))
      case 3:
        return named("options whose Proxy throws", new Proxy(plain, { get: throwing, ownKeys: throwing }))
      case 4: {
        if (keys.length === 0) return undefined
        const key = draw.pick(keys)
        return named(
          `options whose ${key} throws`,
          Object.defineProperty(plain, key, { get: throwing, enumerable: true })
        )
      }
      case 5: {
        if (keys.length === 0) return null
        const key = draw.pick(keys)
        const answers = [(plain as any)[key], material.hostile(draw)]
        let reads = 0
        const get = () => answers[reads++ === 0 ? 0 : 1]
        return named(
          `options whose ${key} differs at each read`,
          Object.defineProperty(plain, key, { get, enumerable: true })
        )
      }
      case 6:
        return undefined
      case 7:
        return chance(draw, 50) ? null : material.hostile(draw)
      case 8:
        return Object.freeze(plain)
      case 9:
        return named(
          "options that are a function",
          Object.defineProperties(() => undefined, Object.getOwnPropertyDescriptors(plain))
        )
      default:
        return plain
    }
  }

/** Ranges of a file, as a rule. */
export const ranges: Role = (material) => {
  const range = options({ offset, length: size })
  return Array.from({ length: material.draw.integer(5) }, () =>
    chance(material.draw, 4) ? material.hostile(material.draw) : range(material)
  )
}
