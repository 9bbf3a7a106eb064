/** Priority and spans of what FileSystem does in requests of its own. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { FileSystem } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Fiber, Stream, Tracer } from "effect"
import { Aio, AioFileSystem } from "effect-aio"
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

describe.each(realBackends)("$name", ({ layer }) => {
  it.scopedLive("a stream reads with the priority of the fiber that pulls, and in its spans", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      writeFileSync(path, Buffer.alloc(4 << 20, 1))
      yield* Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const completions = yield* Aio.completions({ scoped: true })
        const events = yield* Effect.fork(
          Stream.runCollect(Stream.takeUntil(completions, ({ operation }) => operation === "close"))
        )
        yield* Aio.withPriority(Stream.runDrain(fs.stream(path)), 3)
        const reads = Chunk.toArray(yield* Fiber.join(events)).filter(({ operation }) => operation === "read")
        expect(reads.length).toBeGreaterThan(3)
        // What is finished on the spot has no priority: nothing could be before it.
        expect(reads.filter(({ inline, priority }) => !inline && priority !== 3)).toEqual([])

        const { ended, started, tracer } = recorder()
        yield* Effect.scoped(
          Effect.gen(function* () {
            yield* Stream.runDrain(fs.stream(path))
            const file = yield* fs.open(path, { flag: "r+" })
            yield* file.read(new Uint8Array(8))
            yield* file.writeAll(new Uint8Array(8))
          })
        ).pipe(Aio.withSpans, Effect.withTracer(tracer))
        const count = (name: string): number => started.filter((other) => other === name).length
        expect(count("aio.read")).toBeGreaterThan(4)
        expect(count("aio.write")).toBe(1)
        expect([...ended].sort()).toEqual([...started].sort())
      }).pipe(Effect.provide(AioFileSystem.layer), Effect.provide(layer))
    })
  )
})
