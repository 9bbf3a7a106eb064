/** getPipeSize and setPipeSize. */
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio } from "effect-aio"
import { backends } from "../../support/backends.ts"
import { descriptorOf } from "../../support/world.ts"

describe.each(backends)("$name: the size of a pipe", ({ layer, world }) => {
  it.scopedLive("is told, set, and as many bytes fit", () =>
    Effect.gen(function* () {
      const [reader, writer] = yield* world.pipe
      const size = yield* Aio.getPipeSize(reader)
      expect(yield* Aio.getPipeSize(writer)).toBe(size)
      // A power of two of pages.
      const set = yield* Aio.setPipeSize(writer, 5 * 4096)
      expect(set).toBe(8 * 4096)
      expect(yield* Aio.getPipeSize(reader)).toBe(set)
      expect(yield* Aio.write(writer, Buffer.alloc(set))).toBe(set)
      expect(yield* Effect.flip(Aio.setPipeSize(writer, 4096))).toMatchObject({
        operation: "setPipeSize",
        code: "EBUSY"
      })
      expect(yield* Aio.setPipeSize(writer, set + 1)).toBe(2 * set)
      expect(yield* Aio.write(writer, Buffer.alloc(set))).toBe(set)
      expect(yield* Aio.read(reader, Buffer.alloc(3 * set))).toBe(2 * set)
      expect(yield* Aio.setPipeSize(reader, 1)).toBe(4096)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("of what is no pipe, and no size", () =>
    Effect.gen(function* () {
      const path = join(yield* world.directory, "file")
      yield* world.writeFile(path, "")
      const fd = yield* descriptorOf(path)
      expect(yield* Effect.flip(Aio.getPipeSize(fd))).toMatchObject({ operation: "getPipeSize", code: "EBADF", fd })
      expect(yield* Effect.flip(Aio.setPipeSize(fd, 4096))).toMatchObject({ operation: "setPipeSize", code: "EBADF" })
      for (const size of [0, -1, 1.5, 2 ** 31, "4096" as never]) {
        expect(yield* Effect.flip(Aio.setPipeSize(fd, size))).toMatchObject({
          _tag: "AioBadArgument",
          argument: "size"
        })
      }
    }).pipe(Effect.provide(layer))
  )
})
