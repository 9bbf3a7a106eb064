/**
 * `cp -r` with progress, written against @effect/platform's FileSystem: any implementation of it would do, this one is AioFileSystem.
 *
 *   npx tsx examples/copy-tree.ts FROM TO
 *   npx tsx examples/copy-tree.ts            copies src into a temporary directory, and compares
 *
 * (`fs.copy` and `AioTree.copy` copy a tree in one call. Here every file is an Effect of its own, to be counted.)
 */
import { execFileSync } from "node:child_process"
import { FileSystem, Path } from "@effect/platform"
import { NodePath } from "@effect/platform-node"
import { Console, Effect, Layer, Schedule, Stream } from "effect"
import { Aio, AioFileSystem, AioTree } from "effect-aio"

const CONCURRENCY = 16

interface Progress {
  files: number
  bytes: number
  total: number
}

const show = ({ bytes, files, total }: Progress) =>
  Console.log(`${files} of ${total} files, ${(bytes / 1e6).toFixed(1)} MB`)

const copyTree = (from: string, to: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const progress: Progress = { files: 0, bytes: 0, total: 0 }
    yield* fs.makeDirectory(to, { recursive: true })
    const entries = AioTree.scan(from).pipe(Stream.filter(({ path }) => typeof path === "string"))
    const files: Array<string> = []
    // Directories come before what is in them.
    yield* Stream.runForEach(entries, ({ path: name, type }) => {
      if (type === "Directory") return fs.makeDirectory(path.join(to, String(name)), { recursive: true })
      return Effect.sync(() => void files.push(String(name)))
    })
    progress.total = files.length
    const copyOne = (name: string) =>
      Effect.gen(function* () {
        const target = path.join(to, name)
        yield* fs.copyFile(path.join(from, name), target)
        progress.files++
        progress.bytes += Number((yield* fs.stat(target)).size)
      })
    yield* Effect.forEach(files, copyOne, { concurrency: CONCURRENCY, discard: true }).pipe(
      Effect.race(Effect.repeat(show(progress), Schedule.spaced("500 millis")).pipe(Effect.zipRight(Effect.never)))
    )
    yield* show(progress)
  })

const demonstration = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const directory = yield* fs.makeTempDirectoryScoped({ prefix: "copy-tree-" })
  yield* copyTree("src", `${directory}/src`)
  // It would end with another exit code, and this program with it.
  execFileSync("diff", ["-r", "src", `${directory}/src`], { stdio: "inherit" })
  yield* Console.log("the same, says diff -r")
})

const [from, to] = process.argv.slice(2)
const program = from === undefined || to === undefined ? demonstration : copyTree(from, to)

await Effect.runPromise(
  program.pipe(
    Effect.scoped,
    Effect.provide(Layer.provideMerge(Layer.merge(AioFileSystem.layer, NodePath.layer), Aio.layer()))
  )
)
