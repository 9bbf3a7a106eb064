/** Flags of transfers, each by what a file or a pipe makes of it. */
import { join } from "node:path"
import { expect } from "@effect/vitest"
import { Effect, Stream } from "effect"
import { AioFile, MockAio } from "effect-aio"
import { type Call, type Lines, ofFile, type Place } from "./line.ts"

/** `RWF_*` of preadv2(2). */
const RWF = { HIPRI: 1, DSYNC: 2, SYNC: 4 }

type OnFile = (file: AioFile.AioFile) => Call

const empty = ({ directory, world }: Place) =>
  Effect.zipRight(
    world.writeFile(join(directory, "flagged"), ""),
    AioFile.open(join(directory, "flagged"), { flag: "r+" })
  )

const ends = (place: Place) =>
  Effect.flatMap(place.world.pipe, ([reader, writer]) =>
    Effect.all([AioFile.fromDescriptor(reader), AioFile.fromDescriptor(writer)])
  )

const EAGAIN = { code: "EAGAIN" }
const EOPNOTSUPP = { code: "EOPNOTSUPP" }

/** It leaves no trace in a file: what the mock was asked for, and that it is looked at. */
const asked = (option: string, flag: number, data: (bytes: Buffer) => unknown) => (call: OnFile, place: Place) =>
  Effect.gen(function* () {
    const file = yield* empty(place)
    const transfer = call(file)
    expect(yield* Effect.flip(transfer(data(Buffer.alloc(1)), { [option]: 1 }))).toMatchObject({ argument: option })
    yield* transfer(data(Buffer.alloc(1)), { offset: 0, [option]: true })
    if (place.real) return
    const mock = yield* Effect.flatten(Effect.serviceOption(MockAio.MockAio))
    const journal = yield* Effect.provideService(MockAio.journal, MockAio.MockAio, mock)
    expect(journal.at(-1)!.input).toMatchObject({ flags: flag })
  })

const reads = (data: (bytes: Buffer) => unknown) => ({
  highPriority: asked("highPriority", RWF.HIPRI, data),
  // A pipe has no pages in the cache.
  uncached: (call: OnFile, place: Place) =>
    Effect.gen(function* () {
      const [reader, writer] = yield* ends(place)
      yield* writer.write(Buffer.from("a"))
      expect(yield* Effect.flip(call(reader)(data(Buffer.alloc(1)), { uncached: true }))).toMatchObject(EOPNOTSUPP)
    }),
  noWait: (call: OnFile, place: Place) =>
    Effect.gen(function* () {
      const [reader, writer] = yield* ends(place)
      const read = call(reader)
      expect(yield* Effect.flip(read(data(Buffer.alloc(4)), { noWait: true }))).toMatchObject(EAGAIN)
      yield* writer.write(Buffer.from("ab"))
      expect(yield* read(data(Buffer.alloc(4)), { noWait: true })).toBe(2)
    })
})

const wholeWrites = (data: (bytes: Buffer) => unknown) => ({
  dataSync: asked("dataSync", RWF.DSYNC, data),
  sync: asked("sync", RWF.SYNC, data),
  highPriority: asked("highPriority", RWF.HIPRI, data),
  uncached: (call: OnFile, place: Place) =>
    Effect.flatMap(ends(place), ([, writer]) =>
      Effect.map(Effect.flip(call(writer)(data(Buffer.alloc(1)), { uncached: true })), (error) =>
        expect(error).toMatchObject(EOPNOTSUPP)
      )
    ),
  append: (call: OnFile, place: Place) =>
    Effect.gen(function* () {
      const file = yield* empty(place)
      for (const text of ["one ", "two"]) yield* call(file)(data(Buffer.from(text)), { offset: 0, append: true })
      expect((yield* place.world.readFile(join(place.directory, "flagged"))).toString()).toBe("one two")
    })
})

const writes = (data: (bytes: Buffer) => unknown) => ({
  ...wholeWrites(data),
  // Only what is open for direct I/O is written like this, and only on some devices.
  atomic: (call: OnFile, place: Place) =>
    Effect.flatMap(empty(place), (file) =>
      Effect.map(Effect.flip(call(file)(data(Buffer.alloc(512)), { offset: 0, atomic: true })), (error) =>
        expect(error).toMatchObject(EOPNOTSUPP)
      )
    ),
  noWait: (call: OnFile, place: Place) =>
    Effect.gen(function* () {
      const [, writer] = yield* ends(place)
      const write = call(writer)
      const bytes = Buffer.alloc(1 << 16)
      let end: unknown
      do
        end = yield* Effect.match(write(data(bytes), { noWait: true }), {
          onFailure: (error) => error,
          onSuccess: () => 0
        })
      while (end === 0)
      expect(end).toMatchObject(EAGAIN)
    })
})

const one = (bytes: Buffer): unknown => bytes
const list = (bytes: Buffer): unknown => [bytes]

/** Of methods that `Aio` has no function of. */
const ofMethod = (
  method: "readAlloc" | "writeAll" | "sink",
  options: Record<string, (call: OnFile, place: Place) => Effect.Effect<unknown, unknown, any>>,
  call: (file: AioFile.AioFile) => Call
): Lines =>
  Object.fromEntries(
    Object.entries(options).map(([option, observe]) => [
      `AioFile.AioFile.${method}.${option}`,
      { on: (place: Place) => observe(call, place) }
    ])
  )

export const flags: Lines = {
  ...ofFile("read", "read", reads(one)),
  ...ofFile("readv", "readv", reads(list)),
  ...ofFile("write", "write", writes(one)),
  ...ofFile("writev", "writev", writes(list)),
  ...ofMethod(
    "readAlloc",
    reads(one),
    (file) => (buffer, options) => Effect.map(file.readAlloc(buffer.length, options), ({ length }) => length)
  ),
  ...ofMethod("writeAll", wholeWrites(one), (file) => (buffer, options) => file.writeAll(buffer, options)),
  ...ofMethod(
    "sink",
    wholeWrites(one),
    (file) => (buffer, options) => Stream.run(Stream.make(buffer), file.sink(options))
  )
}
