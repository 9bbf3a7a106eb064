/** What can be seen of a sequence of calls: results, failures, and what it leaves behind. */
import * as fs from "node:fs"
import { join } from "node:path"
import * as FileSystem from "@effect/platform/FileSystem"
import { Cause, Effect, Exit, Option } from "effect"
import type { Call } from "./calls.ts"

/** What a program can see of an exit, with the directory's own name taken out. Descriptors' numbers are nobody's business. */
export const visible = (exit: Exit.Exit<unknown, any>, root: string): unknown => {
  const plain = (value: any): any => {
    if (typeof value === "string") return value.replaceAll(root, "<root>")
    if (typeof value === "bigint") return `${value}n`
    if (Exit.isExit(value)) return visible(value, root)
    if (Array.isArray(value)) return value.map(plain)
    if (Option.isOption(value)) return Option.isNone(value) ? "none" : ["some", plain(value.value)]
    if (typeof value === "object" && value !== null)
      return Object.fromEntries(Object.entries(value).map(([k, v]) => [k, plain(v)]))
    return value
  }
  if (Exit.isSuccess(exit)) return plain(exit.value)
  return Option.match(Cause.failureOption(exit.cause), {
    onNone: () => Cause.pretty(exit.cause),
    onSome: ({ _tag, description, method, module, pathOrDescriptor, reason, syscall }) =>
      plain({
        _tag,
        method,
        module,
        reason,
        ...(typeof pathOrDescriptor === "number" ? {} : { pathOrDescriptor }),
        ...(EXACT.has(method) ? { description, syscall } : {})
      })
  })
}

/** Methods whose failures agree to the letter. The others are made of several system calls here and there, and not of the same. */
const EXACT = new Set(
  "access chmod chown copyFile link makeDirectory open read readAlloc readFile readFileString realPath rename stat symlink write writeAll writeFile truncate".split(
    " "
  )
)

/** Everything below a directory, but for times. */
const tree = (directory: string, root = directory): unknown =>
  Object.fromEntries(
    fs.readdirSync(directory).map((name) => {
      const path = join(directory, name)
      const stat = fs.lstatSync(path)
      return [
        name,
        stat.isDirectory()
          ? [stat.mode, tree(path, root)]
          : stat.isSymbolicLink()
            ? ["->", fs.readlinkSync(path).replace(root, "<root>")]
            : [stat.mode, stat.nlink, fs.readFileSync(path, "latin1")]
      ]
    })
  )

export const play = (calls: ReadonlyArray<Call>, root: string) =>
  Effect.flatMap(FileSystem.FileSystem, (service) =>
    Effect.gen(function* () {
      const at = (name: string): string => (name === "." ? root : `${root}/${name}`)
      const seen: Array<unknown> = []
      for (const [text, run] of calls) seen.push([text, visible(yield* Effect.exit(run(service, at)), root)])
      return { seen, tree: tree(root) }
    })
  )
