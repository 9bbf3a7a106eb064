/** How it is known that an option has an effect. */

import { Effect, type Scope } from "effect"
import type { Aio, AioFile } from "effect-aio"
import { AioDirectory, Aio as aio, AioOperation as values } from "effect-aio"
import type { World } from "../../support/world.ts"

/** Where an observation is made: an empty directory of its own, and what is around it. */
export interface Place {
  readonly directory: string
  readonly world: World
  /** Whether it is the operating system's. */
  readonly real: boolean
}

/** Fails unless the option takes effect. What they give does not matter. */
export type Observation = (place: Place) => Effect.Effect<unknown, unknown, Aio.Aio | Scope.Scope>

/** Seen on every backend; seen with a Layer of its own; or the test that shows it: its file below `test`, and its title. */
export type Line =
  | { readonly on: Observation }
  | { readonly alone: Effect.Effect<unknown, unknown, Scope.Scope> }
  | { readonly file: string; readonly title: string }

export type Lines = Record<string, Line>

/** The same line for several options, or several functions that have it. */
export const each = (names: ReadonlyArray<string>, line: (name: string) => Line): Lines =>
  Object.fromEntries(names.map((name) => [name, line(name)]))

export const shownBy = (file: string, title: string): Line => ({ file, title })

/** A function whose arguments are those of many. */
export type Call = (...args: ReadonlyArray<any>) => Effect.Effect<any, any, Aio.Aio>

/** A method of an open directory, of which whole paths are taken as they are. */
const methodOf =
  (name: string): Call =>
  (...args) =>
    Effect.scoped(Effect.flatMap(AioDirectory.open("/"), (root: any) => root[name](...args) as Effect.Effect<unknown>))

const methods = new Set(
  "access chmod chown getxattr link listxattr mkdir mknod removexattr rename setxattr statx utimes".split(" ")
)

/** A function of `Aio`, and the operation of that name as a value: both take the same options. So does a method of open directories, if there is one. */
export const operation = (
  name: string,
  options: Record<string, (call: Call, place: Place) => ReturnType<Observation>>
): Lines => {
  const functions: any = aio
  const ways: Record<string, Call> = {
    Aio: functions[name],
    AioOperation: (...args) => values.submit((values as any)[name](...args)),
    "AioDirectory.AioDirectory": methodOf(name)
  }
  return Object.fromEntries(
    Object.entries(options).flatMap(([option, observe]) =>
      Object.entries(ways)
        .filter(([way]) => !way.startsWith("AioDirectory") || (methods.has(name) && option !== "at"))
        .map(([way, call]) => [`${way}.${name}.${option}`, { on: (place: Place) => observe(call, place) }])
    )
  )
}

/** The same of an open file: its method is one more. */
export const ofFile = (
  name: string,
  method: string,
  options: Record<string, (call: (file: AioFile.AioFile) => Call, place: Place) => ReturnType<Observation>>
): Lines => {
  const functions: any = aio
  const ways: Record<string, (file: any) => Call> = {
    [`Aio.${name}`]:
      (file) =>
      (...args) =>
        functions[name](file.fd, ...args),
    [`AioOperation.${name}`]:
      (file) =>
      (...args) =>
        values.submit((values as any)[name](file.fd, ...args)),
    [`AioFile.AioFile.${method}`]: (file) => file[method]
  }
  return Object.fromEntries(
    Object.entries(options).flatMap(([option, observe]) =>
      Object.entries(ways).map(([way, call]) => [
        `${way}.${option}`,
        {
          on: (place: Place) =>
            observe(
              (file) =>
                (...args) =>
                  call(file).call(file, ...args),
              place
            )
        }
      ])
    )
  )
}
