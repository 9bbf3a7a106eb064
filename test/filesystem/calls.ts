/** Calls of a FileSystem on a handful of names, at random. */
import type * as FileSystem from "@effect/platform/FileSystem"
import { Effect, FastCheck, Option, Stream } from "effect"

/** One call, and what it was. */
export type Call = readonly [
  name: string,
  run: (fs: FileSystem.FileSystem, at: (name: string) => string) => Effect.Effect<unknown, unknown>
]

const names = ["a", "b", "c", "a/a", "a/b", "b/c", "a/b/c", "é", "a/", "no/such", "."]
const name = FastCheck.constantFrom(...names)
/** Where the directory itself would be replaced. */
const inside = FastCheck.constantFrom(...names.slice(0, -1))
const bytes = FastCheck.uint8Array({ maxLength: 40 })
const flag = FastCheck.constantFrom<FileSystem.OpenFlag>("r", "r+", "w", "wx", "w+", "wx+", "a", "ax", "a+", "ax+")
const options = FastCheck.record({ flag, mode: FastCheck.constantFrom(0o600, 0o644, 0o640) }, { requiredKeys: [] })
const flags = (...keys: ReadonlyArray<string>) =>
  FastCheck.record(Object.fromEntries(keys.map((key) => [key, FastCheck.boolean()])), { requiredKeys: [] })

const describeCall = (...parts: ReadonlyArray<unknown>): string => JSON.stringify(parts)

/** A call with a name, one with two, and what else it takes. */
const one = <A>(
  method: string,
  more: FastCheck.Arbitrary<A>,
  run: (fs: FileSystem.FileSystem, path: string, more: A) => Effect.Effect<unknown, unknown>
) =>
  FastCheck.tuple(name, more).map(
    ([name, more]): Call => [describeCall(method, name, more), (fs, at) => run(fs, at(name), more)]
  )
const two = <A>(
  method: string,
  more: FastCheck.Arbitrary<A>,
  run: (fs: FileSystem.FileSystem, from: string, to: string, more: A) => Effect.Effect<unknown, unknown>
) =>
  FastCheck.tuple(inside, inside, more).map(
    ([from, to, more]): Call => [describeCall(method, from, to, more), (fs, at) => run(fs, at(from), at(to), more)]
  )
const nothing = FastCheck.constant(undefined)

/** Of a `File`: one opening, several uses. */
const onFile = FastCheck.tuple(
  name,
  options,
  FastCheck.array(
    FastCheck.oneof(
      bytes.filter((b) => b.length > 0).map((b) => ["writeAll", b] as const),
      bytes.map((b) => ["write", b] as const),
      FastCheck.integer({ min: 0, max: 50 }).map((n) => ["readAlloc", n] as const),
      FastCheck.integer({ min: 0, max: 50 }).map((n) => ["read", n] as const),
      FastCheck.integer({ min: 0, max: 60 }).map((n) => ["seek", n] as const),
      FastCheck.integer({ min: 0, max: 9 }).map((n) => ["forward", n] as const),
      FastCheck.option(FastCheck.integer({ min: 0, max: 60 }), { nil: undefined }).map((n) => ["truncate", n] as const),
      FastCheck.constant(["stat", 0] as const)
    ),
    { maxLength: 6 }
  )
).map(
  ([name, options, uses]): Call => [
    describeCall("open", name, options, uses),
    (fs, at) =>
      Effect.scoped(
        Effect.flatMap(fs.open(at(name), options), (file) =>
          Effect.forEach(uses, ([use, value]): Effect.Effect<unknown, unknown> => {
            switch (use) {
              case "writeAll":
                return Effect.exit(file.writeAll(value))
              case "write":
                return Effect.exit(file.write(value))
              case "readAlloc":
                return Effect.exit(
                  Effect.map(
                    file.readAlloc(value),
                    Option.map((b) => [...b])
                  )
                )
              case "read": {
                const into = new Uint8Array(value)
                return Effect.exit(Effect.map(file.read(into), (count) => [count, ...into]))
              }
              case "seek":
                return file.seek(value, "start")
              case "forward":
                return file.seek(value, "current")
              case "truncate":
                return Effect.exit(file.truncate(value))
              case "stat":
                return Effect.map(file.stat, ({ size, type }) => [size, type])
            }
          })
        )
      )
  ]
)

export const call: FastCheck.Arbitrary<Call> = FastCheck.oneof(
  { weight: 4, arbitrary: onFile },
  one("access", flags("ok", "readable", "writable"), (fs, path, options) => fs.access(path, options)),
  one("exists", nothing, (fs, path) => fs.exists(path)),
  // Node removes an existing destination where the source is a directory: one of the differences.
  two("copyFile", nothing, (fs, from, to) =>
    Effect.flatMap(
      Effect.orElseSucceed(
        Effect.map(fs.stat(from), ({ type }) => type === "Directory"),
        () => false
      ),
      (isDirectory) => fs.copyFile(from, isDirectory ? `${from} new` : to)
    )
  ),
  two("copy", flags("overwrite", "preserveTimestamps"), (fs, from, to, options) => fs.copy(from, to, options)),
  one("chmod", FastCheck.constantFrom(0o600, 0o755, 0o644), (fs, path, mode) => fs.chmod(path, mode)),
  one("chown", FastCheck.constantFrom(0, 12, -1), (fs, path, id) => fs.chown(path, id, id)),
  two("link", nothing, (fs, from, to) => fs.link(from, to)),
  {
    weight: 3,
    arbitrary: one("makeDirectory", flags("recursive"), (fs, path, options) =>
      Effect.asVoid(fs.makeDirectory(path, options))
    )
  },
  one("readDirectory", nothing, (fs, path) => fs.readDirectory(path)),
  { weight: 3, arbitrary: one("readFile", nothing, (fs, path) => Effect.map(fs.readFile(path), (b) => [...b])) },
  one("readFileString", FastCheck.constantFrom(undefined, "latin1", "no such"), (fs, path, encoding) =>
    fs.readFileString(path, encoding)
  ),
  one("readLink", nothing, (fs, path) => fs.readLink(path)),
  one("realPath", nothing, (fs, path) => fs.realPath(path)),
  // The second name is not used: only so the directory itself is never removed.
  two("remove", flags("recursive", "force"), (fs, path, _, options) => fs.remove(path, options)),
  two("rename", nothing, (fs, from, to) => fs.rename(from, to)),
  one("stat", nothing, (fs, path) =>
    Effect.map(fs.stat(path), ({ gid, mode, nlink, size, type, uid }) => ({ gid, mode, nlink, size, type, uid }))
  ),
  one(
    "stream",
    FastCheck.record(
      {
        chunkSize: FastCheck.integer({ min: 1, max: 9 }),
        offset: FastCheck.integer({ min: 0, max: 20 }),
        bytesToRead: FastCheck.integer({ min: 0, max: 30 }),
        bufferSize: FastCheck.integer({ min: 1, max: 4 })
      },
      { requiredKeys: [] }
    ),
    (fs, path, options) =>
      Stream.runFold(fs.stream(path, options), [] as Array<Array<number>>, (all, chunk) => [...all, [...chunk]])
  ),
  one("sink", FastCheck.array(bytes.filter((b) => b.length > 0)), (fs, path, chunks) =>
    Stream.run(Stream.fromIterable(chunks), fs.sink(path))
  ),
  two("symlink", nothing, (fs, from, to) => fs.symlink(from, to)),
  FastCheck.tuple(name, inside).map(
    ([target, path]): Call => [describeCall("symlink to", target, path), (fs, at) => fs.symlink(target, at(path))]
  ),
  one("truncate", FastCheck.option(FastCheck.integer({ min: -1, max: 60 }), { nil: undefined }), (fs, path, length) =>
    fs.truncate(path, length)
  ),
  one("utimes", FastCheck.constantFrom(0, 1.5, 1e9), (fs, path, time) => fs.utimes(path, time, new Date(time * 1000))),
  {
    weight: 4,
    arbitrary: one("writeFile", FastCheck.tuple(bytes, options), (fs, path, [bytes, options]) =>
      fs.writeFile(path, bytes, options)
    )
  },
  one("writeFileString", FastCheck.string(), (fs, path, text) => fs.writeFileString(path, text))
)
