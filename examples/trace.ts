/**
 * The requests of a small program as a Chrome trace, for https://ui.perfetto.dev or chrome://tracing. `npx tsx examples/trace.ts`
 *
 * Copies a file of a few mebibytes in chunks, eight at a time, then asks for the state of everything in a directory.
 */
import { mkdtemp } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Console, Effect, Fiber, Stream } from "effect"
import { Aio, AioDirectory, AioEvents, AioFile, AioGroup, AioOperation } from "effect-aio"

const CHUNK = 256 * 1024
const CHUNKS = 24

/** What is being watched. */
const work = (directory: string) =>
  Effect.gen(function* () {
    const source = yield* AioFile.open(join(directory, "source"), { flag: "w+" })
    const target = yield* AioFile.open(join(directory, "target"), { flag: "w" })
    const chunks = Array.from({ length: CHUNKS }, (_, index) => index)
    const filling = chunks.map((index) =>
      AioOperation.write(source.fd, new Uint8Array(CHUNK).fill(index), { offset: index * CHUNK })
    )
    yield* AioOperation.submitAll(filling)
    yield* Effect.forEach(
      chunks,
      (index) =>
        Effect.flatMap(source.readExactly(CHUNK, { offset: index * CHUNK }), (bytes) =>
          target.writeAll(bytes, { offset: index * CHUNK })
        ),
      { concurrency: 8, discard: true }
    )
    yield* target.sync
    const group = yield* AioGroup.make({ name: "states", limit: 4, onFailure: "continue" })
    const entries = yield* AioDirectory.read("/etc")
    yield* group.feed(entries.map(({ name }) => AioOperation.stat(`/etc/${name}`)))
  }).pipe(Effect.scoped)

/** One bar of the trace: times in microseconds. */
interface Bar {
  readonly name: string
  readonly cat: string
  readonly ph: "X"
  readonly ts: number
  readonly dur: number
  readonly pid: number
  readonly tid: number
  readonly args: Readonly<Record<string, unknown>>
}

/** Requests that overlap go into lanes of their own, the first that is free. */
const barsOf = (completions: ReadonlyArray<AioEvents.CompletionEvent>): ReadonlyArray<Bar> => {
  const sorted = [...completions].sort((a, b) => a.submitted - b.submitted)
  const origin = sorted[0]?.submitted ?? 0
  const free: Array<number> = []
  return sorted.map(
    ({ backend, bytes, error, executing, fd, group, inline, operation, path, queued, submitted, total }) => {
      let lane = free.findIndex((until) => until <= submitted)
      if (lane === -1) lane = free.length
      free[lane] = submitted + total
      return {
        name: operation,
        cat: group ?? backend,
        ph: "X",
        ts: (submitted - origin) * 1000,
        dur: total * 1000,
        pid: process.pid,
        tid: lane,
        args: {
          backend,
          bytes,
          error,
          fd,
          group,
          inline,
          path: path === undefined ? undefined : String(path),
          queued,
          executing
        }
      }
    }
  )
}

const program = Effect.gen(function* () {
  const directory = yield* Effect.promise(() => mkdtemp(join(tmpdir(), "effect-aio-trace-")))
  const completions: Array<AioEvents.CompletionEvent> = []
  const told = yield* AioEvents.completions({ scoped: true, strategy: "backpressure" })
  const watching = yield* told.pipe(
    Stream.runForEachChunk((chunk) => Effect.sync(() => void completions.push(...chunk))),
    Effect.fork
  )
  yield* work(directory)
  yield* Effect.sleep(10)
  yield* Fiber.interrupt(watching)
  const path = join(directory, "trace.json")
  const file = yield* AioFile.open(path, { flag: "w" })
  yield* file.writeAll(new TextEncoder().encode(JSON.stringify({ traceEvents: barsOf(completions) })))
  yield* Console.log(`${completions.length} requests: ${path}`)
}).pipe(Effect.scoped, Effect.provide(Aio.layer()))

await Effect.runPromise(program)
