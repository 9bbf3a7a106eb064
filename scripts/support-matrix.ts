/**
 * Writes the support matrix of docs/backends.md from the catalogue, and from trying each kind of file on this machine's backends:
 * `npm run matrix`. With `--check` it only tells whether the part that comes from the catalogue is up to date.
 */
import { readFileSync, writeFileSync } from "node:fs"
import { fileURLToPath } from "node:url"
import { Effect, type Layer } from "effect"
import { Aio, type AioError, IoUring, KernelAio, PosixAio, ThreadPool } from "effect-aio"
import type { Entry } from "../src/internal/engine/operation.ts"
import * as catalogue from "../src/internal/operation/catalogue.ts"

const document = fileURLToPath(new URL("../docs/backends.md", import.meta.url))

interface Column {
  readonly name: string
  readonly layer: Layer.Layer<Aio.Aio, AioError.AioUnavailable>
  readonly isNative: (entry: Entry<any, any>) => boolean
}

const columns: ReadonlyArray<Column> = [
  { name: "io_uring", layer: IoUring.layer(), isNative: ({ uring }) => uring !== undefined },
  { name: "kernel", layer: KernelAio.layer(), isNative: ({ kernelAio }) => kernelAio !== undefined },
  { name: "posix", layer: PosixAio.layer(), isNative: ({ posixAio }) => posixAio !== undefined },
  { name: "threads", layer: ThreadPool.layer(), isNative: () => true }
]

const table = (rows: ReadonlyArray<ReadonlyArray<string>>): string => {
  const [head, ...body] = rows.map((cells) => `| ${cells.join(" | ")} |`)
  return [head, `|${rows[0].map(() => "---").join("|")}|`, ...body].join("\n")
}

const operations = (): string =>
  table([
    ["operation", "man page", "tried on the spot", ...columns.map(({ name }) => `\`${name}\``)],
    ...Object.values(catalogue)
      .map(({ entry }) => entry as Entry<any, any>)
      .sort((a, b) => (a.name < b.name ? -1 : 1))
      .map((entry) => [
        `\`${entry.name}\``,
        entry.man,
        entry.inline === undefined ? "" : "yes",
        ...columns.map(({ isNative }) => (isNative(entry) ? "native" : "pool"))
      ])
  ])

const files = Effect.map(
  Effect.forEach(columns, ({ layer }) => Effect.provide(Aio.capabilities, layer)),
  (found) =>
    table([
      ["read / poll", ...columns.map(({ name }) => `\`${name}\``)],
      ...found[0].files.map(({ kind }, row) => [
        kind,
        ...found.map(({ files }) => `${files[row].read} / ${files[row].poll}`)
      ])
    ])
)

const replace = (text: string, mark: string, content: string): string => {
  const [begin, end] = [`<!-- ${mark} -->`, `<!-- /${mark} -->`]
  const [from, to] = [text.indexOf(begin), text.indexOf(end)]
  if (from === -1 || to === -1) throw new Error(`docs/backends.md has no ${begin} ... ${end}`)
  return `${text.slice(0, from + begin.length)}\n${content}\n${text.slice(to)}`
}

const before = readFileSync(document, "utf8")
const withOperations = replace(before, "operations", operations())
if (process.argv.includes("--check")) {
  if (withOperations !== before) {
    console.error("docs/backends.md is out of date: npm run matrix")
    process.exitCode = 1
  }
} else writeFileSync(document, replace(withOperations, "files", await Effect.runPromise(files)))
