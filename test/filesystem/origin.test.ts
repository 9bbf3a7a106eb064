/** Priority and spans of what streams and FileSystem do in requests of their own. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { FileSystem } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Fiber, Stream, Tracer } from "effect"
import { Aio, AioEvents, AioFile, AioFileSystem } from "effect-aio"
import { realBackends } from "../support/backends.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

/** Names of the spans that it has started, and of those that it has ended. */
const recorder = () => {
  const [started, ended]: [Array<string>, Array<string>] = [[], []]
  const tracer = Tracer.make({
    context: (f) => f(),
    span: (name, parent, context, links, startTime, kind) => {
      started.push(name)
      return {
        _tag: "Span",
        name,
        spanId: String(started.length),
        traceId: "t",
        parent,
        context,
        links,
        kind,
        sampled: true,
        attributes: new Map(),
        status: { _tag: "Started", startTime },
        attribute: () => {},
        event: () => {},
        end: () => void ended.push(name),
        addLinks: () => {}
      }
    }
  })
  return { started, ended, tracer }
}

/** Each closes the file that it has opened. */
const streams: Record<string, (path: string) => Stream.Stream<Uint8Array, unknown, Aio.Aio | FileSystem.FileSystem>> = {
  FileSystem: (path) => Stream.unwrap(Effect.map(FileSystem.FileSystem, (fs) => fs.stream(path))),
  AioFile: (path) => Stream.unwrapScoped(Effect.map(AioFile.open(path), (file) => file.stream()))
}
const cases = realBackends.flatMap(({ layer, name }) =>
  Object.entries(streams).map(([face, stream]) => ({ name, layer, face, stream }))
)

describe.each(cases)("$name, $face", ({ layer, stream }) => {
  it.scopedLive("a stream reads with the priority of the fiber that pulls, and in its spans", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      writeFileSync(path, Buffer.alloc(4 << 20, 1))
      yield* Effect.gen(function* () {
        const completions = yield* AioEvents.completions({ scoped: true })
        const events = yield* Effect.fork(
          Stream.runCollect(Stream.takeUntil(completions, ({ operation }) => operation === "close"))
        )
        yield* Aio.withPriority(Stream.runDrain(stream(path)), 3)
        const reads = Chunk.toArray(yield* Fiber.join(events)).filter(({ operation }) => operation === "read")
        expect(reads.length).toBeGreaterThan(3)
        // What is finished on the spot has no priority: nothing could be before it.
        expect(reads.filter(({ inline, priority }) => !inline && priority !== 3)).toEqual([])

        const { ended, started, tracer } = recorder()
        yield* Stream.runDrain(stream(path)).pipe(AioEvents.withSpans, Effect.withTracer(tracer))
        expect(started.filter((name) => name === "aio.read").length).toBeGreaterThan(4)
        expect([...ended].sort()).toEqual([...started].sort())
      }).pipe(Effect.provide(AioFileSystem.layer), Effect.provide(layer))
    })
  )
})

describe.each(realBackends)("$name", ({ layer }) => {
  it.scopedLive("transfers of a File have spans", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      writeFileSync(path, Buffer.alloc(100, 1))
      const { ended, started, tracer } = recorder()
      yield* Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const file = yield* fs.open(path, { flag: "r+" })
        yield* file.read(new Uint8Array(8))
        yield* file.writeAll(new Uint8Array(8))
      }).pipe(Effect.scoped, AioEvents.withSpans, Effect.withTracer(tracer))
      expect(started).toEqual(expect.arrayContaining(["aio.read", "aio.write"]))
      expect([...ended].sort()).toEqual([...started].sort())
    }).pipe(Effect.provide(AioFileSystem.layer), Effect.provide(layer))
  )
})
