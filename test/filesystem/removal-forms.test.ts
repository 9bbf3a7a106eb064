/** A recursive `remove` of every form of a path does what Node's does, to the letter, on the mock as well. */
import { FileSystem } from "@effect/platform"
import { NodeFileSystem } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { AioFileSystem, AioTree } from "effect-aio"
import { backends } from "../support/backends.ts"

/** But for `dir/..`, where Node's own calls race with each other: its path leads through what is being removed. */
const forms = [
  "link",
  "link/",
  "link//",
  "link/.",
  "link/sub",
  "link/sub/",
  "link/sub/..",
  "dir/",
  "dir//",
  "dir/.",
  "dir/./",
  "dir/sub/..",
  "dir/sub/../",
  "dir/sub/../sub",
  "dir/sub/.",
  "file/",
  "file/.",
  "file/..",
  "dangling",
  "dangling/",
  "nothing",
  "nothing/",
  "nothing/..",
  ""
]

const prepare = (fs: FileSystem.FileSystem, root: string) =>
  Effect.gen(function* () {
    yield* fs.makeDirectory(`${root}/dir/sub`, { recursive: true })
    for (const file of ["file", "dir/f", "dir/sub/g"]) yield* fs.writeFileString(`${root}/${file}`, "x")
    yield* fs.symlink("dir", `${root}/link`)
    yield* fs.symlink("nowhere", `${root}/dangling`)
  })

/** Not the names of links: they are followed by NodeFileSystem only. */
const remaining = (fs: FileSystem.FileSystem, root: string) =>
  Effect.filter(["link", "dangling", "file", "dir", "dir/f", "dir/sub", "dir/sub/g"], (name) =>
    Effect.match(
      Effect.orElse(fs.readLink(`${root}/${name}`), () => fs.stat(`${root}/${name}`)),
      {
        onSuccess: () => true,
        onFailure: () => false
      }
    )
  )

const removals = <R>(remove: (path: string, force: boolean) => Effect.Effect<void, any, R>) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const seen: Array<unknown> = []
    for (const force of [false, true]) {
      for (const form of forms) {
        const root = yield* fs.makeTempDirectory({ directory: "/tmp" })
        yield* prepare(fs, root)
        const path = form === "" ? "" : `${root}/${form}`
        const told = yield* Effect.match(remove(path, force), {
          onFailure: ({ code, description, method, reason, syscall }) =>
            code ?? { description: description.replaceAll(root, "<root>"), method, reason, syscall },
          onSuccess: () => "removed"
        })
        seen.push([form, force, told, yield* remaining(fs, root)])
        yield* Effect.ignore(fs.remove(root, { recursive: true }))
      }
    }
    return seen
  })

const ofFileSystem = removals((path, force) =>
  Effect.flatMap(FileSystem.FileSystem, (fs) => fs.remove(path, { recursive: true, force }))
)

const expected = await Effect.runPromise(Effect.provide(ofFileSystem, NodeFileSystem.layer))

describe.each(backends)("$name", ({ layer }) => {
  const all = Layer.provideMerge(AioFileSystem.layer, layer)

  it.live("as Node", () =>
    Effect.gen(function* () {
      expect(yield* Effect.provide(ofFileSystem, all)).toEqual(expected)
    })
  )

  it.live("AioTree does the same, but tells of a link that it has not followed", () =>
    Effect.gen(function* () {
      const seen = yield* Effect.provide(
        removals((path, force) => AioTree.remove(path, { force })),
        all
      )
      const told = ([form, force, told, left]: any) => [
        form,
        force,
        /^link\/+$/.test(form) ? "ENOTDIR" : typeof told === "string" ? told : told.description.split(":")[0],
        left
      ]
      expect(seen).toEqual(expected.map(told))
    })
  )
})
