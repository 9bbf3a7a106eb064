/**
 * Options, as users pass them: only the keys that a function knows are looked at, each once. Whatever else an object has never gets
 * near an operation's input, where a `path` or an `fd` would be another target.
 */
import { BadArgument, show } from "./arguments.ts"

/** An option whose getter has thrown. */
export const unreadable = (name: string, error: unknown): BadArgument =>
  new BadArgument(name, `could not be read: ${show(error)}`)

/** Reads one property, whose getter may do anything. */
const property = (options: object, name: string): unknown => {
  try {
    return (options as Record<string, unknown>)[name]
  } catch (error) {
    throw unreadable(name, error)
  }
}

/** An object, or `undefined`. Throws `BadArgument` for any other value. */
const isGiven = (options: unknown, argument: string): options is object => {
  if (options === undefined) return false
  if (typeof options === "object" && options !== null) return true
  throw new BadArgument(argument, `must be an object, not ${show(options)}`)
}

/** Makes a reader of one kind of options. The object that it returns is a plain copy, without getters. Throws `BadArgument`. */
export type OptionsReader<O> = (options: O | undefined, argument?: string) => O

/** `keys`: all keys that there are. A key that is added to the type and not here does not compile. */
export const optionsReader = <O extends object>(keys: { readonly [Key in keyof O]-?: true }): OptionsReader<O> => {
  const names = Object.keys(keys)
  return (options, argument = "options") => {
    const read: Record<string, unknown> = {}
    if (isGiven(options, argument)) for (const name of names) read[name] = property(options, name)
    return read as O
  }
}

/** The same for where a transfer starts: transfers are made often. */
export const offsetOf = <Offset>(options: { readonly offset?: Offset } | undefined): Offset | undefined =>
  options === undefined || !isGiven(options, "options")
    ? undefined
    : (property(options, "offset") as Offset | undefined)

/** Calls a function that may run code of the program, a Proxy's for instance. What that code throws is told as a wrong argument. */
const reading = <A>(argument: string, read: () => A): A => {
  try {
    return read()
  } catch (error) {
    throw unreadable(argument, error)
  }
}

/** The elements of an array, each read once; `undefined` if the value is not an array. Throws `BadArgument`. */
export const elementsOf = (values: unknown, argument: string): Array<unknown> | undefined =>
  reading(argument, () => (Array.isArray(values) ? Array.from(values) : undefined))

/**
 * All properties of an object, each read once; `undefined` if the value is not an object. For tables whose keys are the program's. Throws
 * `BadArgument`.
 */
export const entriesOf = (values: unknown, argument: string): Array<[string, unknown]> | undefined =>
  reading(argument, () => (typeof values === "object" && values !== null ? Object.entries(values) : undefined))
