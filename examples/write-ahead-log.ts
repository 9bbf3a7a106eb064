/**
 * A write-ahead log, and the proof that it survives a loss of power: the mock loses it, at every moment, hundreds of times.
 *
 * `npx tsx examples/write-ahead-log.ts` runs the same search over three logs. The right one keeps every record that it has
 * acknowledged. One that forgets fsync(2), and one that forgets to sync its directory, are caught; the program fails if they are not.
 */
import { createHash } from "node:crypto"
import { Effect, Schema } from "effect"
import { type Aio, AioError, AioFile, MockAio } from "effect-aio"

// --- The log: what a program would have

const PATH = "/data/log"

/** A record on the disk: its length, a checksum, its bytes. A record whose checksum is wrong was torn, and ends the log. */
const HEADER = 8
const checksum = (bytes: Uint8Array): number => createHash("sha256").update(bytes).digest().readUInt32LE(0)

const encode = (record: string): Buffer => {
  const bytes = Buffer.from(record)
  const framed = Buffer.alloc(HEADER + bytes.length)
  framed.writeUInt32LE(bytes.length, 0)
  framed.writeUInt32LE(checksum(bytes), 4)
  bytes.copy(framed, HEADER)
  return framed
}

const decode = (log: Buffer): ReadonlyArray<string> => {
  const records: Array<string> = []
  for (let at = 0; at + HEADER <= log.length; ) {
    const bytes = log.subarray(at + HEADER, at + HEADER + log.readUInt32LE(at))
    // Zeros, where the size was written and the bytes were not, are a record of no bytes with a wrong checksum.
    if (bytes.length < log.readUInt32LE(at) || checksum(bytes) !== log.readUInt32LE(at + 4)) break
    records.push(bytes.toString())
    at += HEADER + bytes.length
  }
  return records
}

/** What a log may forget. */
interface Care {
  readonly syncsFile: boolean
  readonly syncsDirectory: boolean
}

/** Opens the log. `append` returns when the record will survive whatever comes. */
const openLog = ({ syncsDirectory, syncsFile }: Care) =>
  Effect.gen(function* () {
    const file = yield* AioFile.open(PATH, { flag: "a" })
    // The file's bytes are one thing, its name in the directory another.
    if (syncsDirectory) yield* AioFile.withFile("/data", (directory) => directory.sync)
    return {
      append: (record: string) =>
        Effect.zipRight(file.writeAll(encode(record)), syncsFile ? file.datasync : Effect.void)
    }
  })

const recover: Effect.Effect<ReadonlyArray<string>, AioError.AioFailure, Aio.Aio> = AioFile.readFile(PATH).pipe(
  Effect.map((bytes) => decode(Buffer.from(bytes))),
  AioError.catchCode("ENOENT", () => Effect.succeed([]))
)

// --- The test: power is lost while the program makes its `after`th request, and comes back

class Lost extends Schema.TaggedError<Lost>()("Lost", { record: Schema.String, seed: Schema.Number }) {}

/** Records of very different lengths, so that they begin and end anywhere in pages and sectors. */
const recordOf = (i: number): string => `record ${i} ${"x".repeat((i * 397) % 3000)}`

const survives = (care: Care, seed: number, after: number) =>
  Effect.gen(function* () {
    const acknowledged: Array<string> = []
    yield* MockAio.inject({ after, times: 1, powerLoss: true })
    const program = Effect.gen(function* () {
      const log = yield* openLog(care)
      for (let i = 0; i < 12; i++) {
        yield* log.append(recordOf(i))
        acknowledged.push(recordOf(i))
      }
    })
    // It sees EIO, and dies.
    yield* Effect.ignore(Effect.scoped(program))
    yield* MockAio.crash()
    const found = yield* recover
    for (const [i, record] of acknowledged.entries()) {
      if (found[i] !== record) return yield* new Lost({ record: record.slice(0, 9), seed })
    }
    // What was not acknowledged may be there, but never something that nobody wrote.
    return found.every((record, i) => record === recordOf(i)) ? found.length : yield* Effect.dieMessage("invented")
  }).pipe(Effect.provide(MockAio.layer({ seed, files: { "/data": null } })))

const SEEDS = 400

/** The seeds with which a record was lost. */
const search = (care: Care) =>
  Effect.gen(function* () {
    const lost: Array<Lost> = []
    for (let seed = 0; seed < SEEDS; seed++) {
      // At one of its 27 requests or so, or after all.
      const result = yield* Effect.either(survives(care, seed, seed % 30))
      if (result._tag === "Left") {
        if (result.left._tag !== "Lost") return yield* result.left
        lost.push(result.left)
      }
    }
    return lost
  })

const program = Effect.gen(function* () {
  const right = yield* search({ syncsFile: true, syncsDirectory: true })
  yield* Effect.log(`syncs file and directory: ${right.length} of ${SEEDS} crashes lost an acknowledged record`)
  const noSync = yield* search({ syncsFile: false, syncsDirectory: true })
  yield* Effect.log(`forgets the file: ${noSync.length} lost one, with seed ${noSync[0]?.seed} "${noSync[0]?.record}"`)
  const noName = yield* search({ syncsFile: true, syncsDirectory: false })
  yield* Effect.log(`forgets the directory: ${noName.length} lost one, with seed ${noName[0]?.seed}`)
  if (right.length > 0) return yield* Effect.fail(`the log loses records: seed ${right[0].seed}`)
  if (noSync.length === 0 || noName.length === 0) return yield* Effect.fail("a careless log was not caught")
})

await Effect.runPromise(program)
