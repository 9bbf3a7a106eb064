/** A write of more than a pipe has room for waits for the reader; it must not take away what the reader needs. */
import { randomBytes } from "node:crypto"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { AioFile } from "effect-aio"
import { backends } from "../support/backends.ts"

const SIZE = 1 << 20

describe.each(backends)("$name: writes larger than a pipe", ({ layerWith, world }) => {
  for (const maxParallel of [1, 4]) {
    it.scopedLive(`as many as there are threads (${maxParallel}), read by the same program`, () =>
      Effect.gen(function* () {
        const bytes = randomBytes(SIZE)
        yield* Effect.forEach(
          Array.from({ length: maxParallel }),
          () =>
            Effect.gen(function* () {
              const [reader, writer] = yield* Effect.flatMap(world.pipe, Effect.forEach(AioFile.fromDescriptor))
              const [, read] = yield* Effect.all([writer.writeAll(bytes), reader.readExactly(SIZE)], { concurrency: 2 })
              expect(bytes.equals(read)).toBe(true)
            }),
          { concurrency: "unbounded", discard: true }
        )
      }).pipe(Effect.timeout("45 seconds"), Effect.provide(layerWith({ maxParallel })))
    )
  }
})
