/**
 * `tail -F`: the lines that are appended to a file from now on, also after it was rotated or truncated.
 *
 *   npx tsx examples/tail-follow.ts FILE   until it is interrupted
 *   npx tsx examples/tail-follow.ts        writes, rotates and truncates a log of its own, and shows what was seen
 */
import { appendFileSync, mkdtempSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Chunk, Console, Effect, Option, Stream } from "effect"
import { Aio, AioError, AioFile } from "effect-aio"

/** How often to look for more. What is there already is read at once. */
const INTERVAL = "50 millis"

/** Where the reading is: in an open file, of which `offset` bytes have been seen. */
interface Position {
  readonly file: AioFile.AioFile
  readonly ino: bigint
  readonly offset: number
}

/** What was appended to one file, until another one has its name, or it is shorter than it was. */
const followOne = (path: string, from: "start" | "end") =>
  Stream.unwrapScoped(
    Effect.gen(function* () {
      const file = yield* AioFile.open(path)
      const { ino, size } = yield* file.stat
      const start: Position = { file, ino, offset: from === "end" ? Number(size) : 0 }
      return Stream.unfoldChunkEffect(start, (position) =>
        Effect.gen(function* () {
          const bytes = yield* file.readAlloc(65536, { offset: position.offset })
          if (bytes.length > 0) {
            return Option.some([Chunk.of(bytes), { ...position, offset: position.offset + bytes.length }] as const)
          }
          yield* Effect.sleep(INTERVAL)
          const named = yield* Effect.option(Aio.stat(path))
          const replaced = Option.match(named, { onNone: () => false, onSome: ({ ino }) => ino !== position.ino })
          const { size } = yield* file.stat
          // The last line may have been written between the last read and the rotation.
          return (replaced && size === BigInt(position.offset)) || size < BigInt(position.offset)
            ? Option.none()
            : Option.some([Chunk.empty<Uint8Array>(), position] as const)
        })
      )
    })
  )

/** Another file may not be there yet. */
const untilItExists = <A, E, R>(effect: Stream.Stream<A, E, R>): Stream.Stream<A, E, R> =>
  Stream.catchAll(effect, (error) =>
    AioError.hasCode(error, "ENOENT")
      ? Stream.flatMap(Stream.fromEffect(Effect.sleep(INTERVAL)), () => untilItExists(effect))
      : Stream.fail(error)
  )

const follow = (path: string) =>
  Stream.concat(followOne(path, "end"), Stream.forever(untilItExists(followOne(path, "start")))).pipe(
    Stream.decodeText(),
    Stream.splitLines
  )

/** A log that is appended to, rotated and truncated. */
const demonstration = Effect.gen(function* () {
  const directory = yield* Effect.acquireRelease(
    Effect.sync(() => mkdtempSync(join(tmpdir(), "tail-"))),
    (directory) => Effect.sync(() => rmSync(directory, { recursive: true }))
  )
  const log = join(directory, "log")
  writeFileSync(log, "old\n")
  const steps = [
    () => appendFileSync(log, "one\ntwo\n"),
    () => renameSync(log, `${log}.1`),
    () => writeFileSync(log, "three\n"),
    () => truncateSync(log),
    () => appendFileSync(log, "four\n")
  ]
  const writer = Effect.forEach(steps, (step) => Effect.delay(Effect.sync(step), "300 millis"), { discard: true })
  yield* Effect.fork(writer)
  const lines = yield* Stream.runCollect(Stream.take(follow(log), 4)).pipe(Effect.timeout("20 seconds"))
  const seen = Chunk.join(lines, " ")
  yield* Console.log(`seen: ${seen}`)
  if (seen !== "one two three four") yield* Effect.dieMessage("lines were lost")
})

const path = process.argv[2]
const program = path === undefined ? demonstration : Stream.runForEach(follow(path), Console.log)

await Effect.runPromise(program.pipe(Effect.scoped, Effect.provide(Aio.layer())))
