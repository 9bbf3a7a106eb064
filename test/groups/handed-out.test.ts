/**
 * Until a descriptor is the program's, it is closed with its thread, however that ends. From then on it must not be: the number may be
 * another file's by that time.
 */
import * as fs from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Stream } from "effect"
import { Aio, AioGroup, AioOperation } from "effect-aio"
import { vi } from "vitest"
import { nativeDescriptors } from "../../src/internal/engine/openDescriptor.ts"
import { realBackends } from "../support/backends.ts"

const open = AioOperation.open("/")

const ways: Record<string, Effect.Effect<unknown, unknown, Aio.Aio>> = {
  "Aio.open": Effect.map(Aio.open("/"), (fd) => [fd]),
  "AioOperation.submit": Effect.map(AioOperation.submit(open), (fd) => [fd]),
  "AioOperation.withDeadline": Effect.map(AioOperation.withDeadline(open, "1 hour"), (fd) => [fd]),
  "AioOperation.submitAll": AioOperation.submitAll([open, open]),
  "AioOperation.linked": AioOperation.linked([open, open]),
  "AioOperation.asCompleted": Effect.map(Stream.runCollect(AioOperation.asCompleted([open, open])), (ends) =>
    Chunk.toReadonlyArray(ends).map(({ exit }) => (exit._tag === "Success" ? exit.value : -1))
  ),
  "the result of a group's request": Effect.scoped(
    Effect.gen(function* () {
      const group = yield* AioGroup.make()
      const handle = yield* group.add(open)
      return [yield* handle.result]
    })
  ),
  "the results of a group": Effect.scoped(
    Effect.gen(function* () {
      const group = yield* AioGroup.make()
      yield* group.addAll([open, open])
      yield* group.seal
      const ends = yield* Stream.runCollect(group.results)
      return Chunk.toReadonlyArray(ends).map(({ exit }) => (exit._tag === "Success" ? exit.value : -1))
    })
  ),
  "the observer of a feed": Effect.scoped(
    Effect.gen(function* () {
      const group = yield* AioGroup.make()
      const found: Array<number> = []
      yield* group.feed([open, open], { onExit: ({ exit }) => found.push(exit._tag === "Success" ? exit.value : -1) })
      return found
    })
  )
}

describe.each(realBackends)("$name: a descriptor is the program's alone when it comes by", ({ layer }) => {
  it.live.each(Object.keys(ways))("%s", (way) =>
    Effect.gen(function* () {
      const owned = new Set<number>()
      const own = vi.spyOn(nativeDescriptors, "own").mockImplementation((fd) => void owned.add(fd))
      const disown = vi.spyOn(nativeDescriptors, "disown").mockImplementation((fd) => void owned.delete(fd))
      const fds = (yield* ways[way]) as ReadonlyArray<number>
      const left = fds.filter((fd) => owned.has(fd))
      for (const fd of fds) fs.closeSync(fd)
      expect(own).toHaveBeenCalledTimes(fds.length)
      expect([fds.length > 0, left]).toEqual([true, []])
      own.mockRestore()
      disown.mockRestore()
    }).pipe(Effect.provide(layer))
  )
})
