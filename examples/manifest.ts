/**
 * Reads every file of a tree and computes its SHA-256: `npm start -- [PATH]`. With `--manifest FILE` the checksums are written
 * as `sha256sum -c` reads them.
 */
import { createHash } from "node:crypto"
import { relative, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { Args, Command, Options } from "@effect/cli"
import { NodeContext, NodeRuntime } from "@effect/platform-node"
import { Cause, Console, Data, Effect, Exit, Option, Schema } from "effect"
import { Aio, AioDirectory, type AioError, AioFile } from "effect-aio"
import { type Checksum, checksum, writeChecksums } from "./manifest/checksums.ts"
import { progressBar, report, Tally } from "./manifest/tally.ts"
import { type Entry, join, walk } from "./manifest/walk.ts"

/** Bytes of one read, and of the buffer that every worker has for itself. */
const BUFFER_SIZE = 262144

/** Some of the tree could not be read. What it was has been reported. */
class Incomplete extends Data.TaggedError("Incomplete")<{ readonly failures: number }> {
  override get message(): string {
    return `${this.failures} of the tree's files and directories could not be read`
  }
}

interface Job {
  readonly tally: Tally
  /** What to do with the checksum of a file. */
  readonly keep: (path: Aio.Path, digest: string) => void
  /** Whether this file is left out. */
  readonly excluded: (path: Aio.Path) => boolean
}

const hashFile = ({ tally }: Job, path: Aio.Path, buffer: Uint8Array) =>
  Effect.gen(function* () {
    const file = yield* tally.timed(AioFile.open(path))
    const hash = createHash("sha256")
    for (let offset = 0; ; ) {
      const length = yield* tally.timed(file.read(buffer, { offset }))
      if (length === 0) return hash.digest("hex")
      hash.update(buffer.subarray(0, length))
      offset += length
      tally.bytes += length
    }
  }).pipe(Effect.scoped)

/** What a worker does with an entry: the entries below a directory, nothing below a file. */
const makeVisit = (job: Job) => () => {
  const { excluded, keep, tally } = job
  const buffer = new Uint8Array(BUFFER_SIZE)

  const look = Effect.fnUntraced(function* ({ path, type }: Entry) {
    switch (type) {
      case "Directory": {
        const entries = yield* tally.timed(AioDirectory.read(path))
        return entries.map((entry): Entry => ({ path: join(path, entry.path), type: entry.type }))
      }
      case "Unknown": {
        const { type } = yield* tally.timed(Aio.lstat(path))
        if (type !== "Unknown") return [{ path, type }]
        break
      }
      case "File": {
        if (excluded(path)) return []
        keep(path, yield* hashFile(job, path, buffer))
        tally.files++
        return []
      }
    }
    // Never opened: a FIFO would wait for a writer, a device is not content, a link's target may be anywhere.
    tally.skip(type)
    return []
  })

  return (entry: Entry) =>
    Effect.catchAll(look(entry), (error) => {
      tally.failures++
      return Effect.as(report(describe(entry.path, error)), [])
    })
}

/** An error of a request on a descriptor does not know the path. */
const describe = (path: Aio.Path, error: AioError.AioFailure): string =>
  error._tag === "AioError" && error.path !== undefined ? error.message : `${Buffer.from(path)}: ${error.message}`

interface Arguments {
  readonly path: string
  readonly manifest: Option.Option<string>
  readonly concurrency: number
}

const makeManifest = ({ concurrency, manifest, path }: Arguments) =>
  Effect.gen(function* () {
    const { backend } = yield* Aio.Aio
    const { type } = yield* Aio.stat(path)
    const tally = new Tally()
    const checksums: Array<Checksum> = []
    const own = Option.map(manifest, (file) => resolve(file))
    const job: Job = {
      tally,
      keep: Option.isSome(manifest) ? (path, digest) => void checksums.push(checksum(path, digest)) : () => {},
      excluded: (path) => Option.isSome(own) && typeof path === "string" && resolve(path) === own.value
    }
    yield* progressBar(tally).pipe(
      Effect.zipRight(walk({ path, type }, concurrency, makeVisit(job))),
      Effect.scoped,
      Effect.onExit((exit) =>
        Console.log((Exit.isInterrupted(exit) ? "interrupted; until then:\n" : "") + tally.summary(backend))
      )
    )
    if (Option.isSome(manifest)) yield* writeChecksums(manifest.value, checksums)
    if (tally.failures > 0) yield* new Incomplete({ failures: tally.failures })
  })

const ownModules = relative("", fileURLToPath(new URL("../node_modules", import.meta.url)))

const command = Command.make(
  "manifest",
  {
    path: Args.text({ name: "path" }).pipe(
      Args.withDescription("The tree, or a single file. Default: the node_modules of this project."),
      Args.withDefault(ownModules)
    ),
    manifest: Options.text("manifest").pipe(
      Options.withDescription("Where to write the checksums, as sha256sum -c reads them."),
      Options.optional
    ),
    concurrency: Options.integer("concurrency").pipe(
      Options.withSchema(
        Schema.Int.pipe(Schema.between(1, 4096, { message: () => "--concurrency: a whole number from 1 to 4096" }))
      ),
      Options.withDescription("Files and directories read at the same time, 1 to 4096."),
      Options.withDefault(16)
    ),
    backend: Options.choice("backend", ["io_uring", "kernel", "posix", "threads"]).pipe(
      Options.withDescription(
        "What does the reading. Default: the environment variable AIO_BACKEND, or else the best."
      ),
      Options.optional
    )
  },
  ({ backend, ...options }) =>
    makeManifest(options).pipe(
      Effect.provide(Aio.layer({ backend: Option.getOrUndefined(backend) })),
      Effect.tapError((error) => report(error.message))
    )
).pipe(Command.withDescription("Reads every file of a tree and computes its SHA-256."))

const cli = Command.run(command, { name: "manifest", version: "0.1.0" })

cli(process.argv).pipe(
  Effect.tapDefect((cause) => report(Cause.pretty(cause))),
  Effect.provide(NodeContext.layer),
  NodeRuntime.runMain({
    // Errors have been reported above, each in words of its own.
    disableErrorReporting: true,
    teardown: (exit, onExit) => onExit(Exit.isSuccess(exit) ? 0 : Cause.isInterrupted(exit.cause) ? 130 : 1)
  })
)
