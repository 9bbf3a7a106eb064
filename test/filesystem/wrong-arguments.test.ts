/** What is wrong with an argument of the FileSystem is a failure in the platform's words: nothing is thrown, nothing is left open. */
import { FileSystem } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer, Option, type Scope, type Sink, Stream } from "effect"
import { AioFileSystem } from "effect-aio"
import { realBackends } from "../support/backends.ts"
import { descriptorsIn } from "../support/processState.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const throwing = {
  get flag(): never {
    throw new Error("of the program")
  }
}

describe.each(realBackends)("$name", ({ layer }) => {
  it.scopedLive(
    "wrong paths, options and numbers",
    () =>
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        const fs: any = yield* FileSystem.FileSystem
        const path = `${directory}/a`
        yield* fs.writeFileString(path, "text")
        const calls: ReadonlyArray<Effect.Effect<unknown, any, any>> = [
          fs.realPath(7n),
          fs.copy({}, path),
          fs.makeTempDirectory({ prefix: /a/ }),
          fs.makeTempFile({ suffix: Symbol("a") }),
          fs.open(path, throwing),
          fs.open(path, null).pipe(Effect.zipRight(fs.open(path, 7))),
          fs.makeDirectory(Buffer.from(`${directory}/b/c`), { recursive: true }),
          fs.truncate(path, Symbol("a")),
          fs.utimes(path, new Proxy({}, {}), 0),
          fs.writeFileString(path, Symbol("a")),
          fs.readDirectory(path, 1),
          Stream.runDrain(fs.stream(path, { chunkSize: Symbol("a") })),
          Stream.runDrain(fs.stream(path, { bytesToRead: {} })),
          // Behind the end, where no size says that less will do.
          Stream.runDrain(fs.stream(path, { chunkSize: 2 ** 50, offset: 2 ** 40 })),
          Stream.run(Stream.empty, fs.sink(path, throwing) as Sink.Sink<unknown, unknown>),
          Effect.flatMap(fs.open(path), (file: any) => file.readAlloc(Symbol("a")))
        ]
        for (const call of calls)
          expect(yield* Effect.flip(call as Effect.Effect<unknown, unknown, Scope.Scope>)).toMatchObject({
            _tag: "BadArgument",
            module: "FileSystem"
          })
        // The type of `seek` has no failure.
        const file: any = yield* fs.open(path)
        yield* file.seek(1, "start")
        const seeks: ReadonlyArray<readonly [offset: unknown, from: unknown]> = [
          ...[
            Number.NaN,
            1.5,
            Number.POSITIVE_INFINITY,
            "1",
            undefined,
            null,
            {},
            Symbol("a"),
            throwing,
            10n ** 400n
          ].map((offset) => [offset, "start"] as const),
          [0, "end"],
          [0, undefined]
        ]
        for (const [offset, from] of seeks) {
          const cause = yield* Effect.flip(Effect.sandbox(file.seek(offset, from) as Effect.Effect<unknown>))
          expect(cause).toMatchObject({ _tag: "Die", defect: { _tag: "BadArgument", method: "seek" } })
        }
        // It stands where it stood. What is before the start is a place to come back from.
        expect(yield* file.seek(-3, "current")).toBe(-2n)
        expect(yield* Effect.flip(file.read(new Uint8Array(1)))).toMatchObject({ _tag: "BadArgument" })
        expect(yield* file.seek(4n, "current")).toBe(2n)
        expect(Option.getOrThrow(yield* file.readAlloc(9))).toEqual(new TextEncoder().encode("xt"))
        // Bits of open(2) are as good as letters, for Node too; more than one bigint is a size.
        yield* Effect.scoped(Effect.flatMap(fs.open(path, { flag: 0 }), (file: any) => file.stat))
        expect(descriptorsIn(directory)).toBe(3)
        expect(
          Option.isSome(yield* Stream.runHead(fs.stream(path, { bufferSize: 2n }) as Stream.Stream<unknown>))
        ).toBe(true)
      }).pipe(Effect.provide(Layer.provide(AioFileSystem.layer, layer))) as Effect.Effect<void, unknown, Scope.Scope>
  )
})
