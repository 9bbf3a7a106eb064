/** Options of open files, of trees, and of several requests at once. */
import { join } from "node:path"
import { expect } from "@effect/vitest"
import { Chunk, Effect, Exit, Fiber, type Scope, Stream, TestClock, TestContext } from "effect"
import {
  Aio,
  AioBuffer,
  AioDirectory,
  AioEvents,
  AioFile,
  AioGroup,
  AioLock,
  AioLog,
  AioOperation,
  AioTree,
  MockAio
} from "effect-aio"
import { addressOf } from "../../support/systemCalls.ts"
import { descriptorOf } from "../../support/world.ts"
import { type Call, each, type Line, type Lines, type Place, shownBy } from "./line.ts"

const DIGITS = "0123456789"
const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString()

const digits = ({ directory, world }: Place) =>
  Effect.zipRight(
    world.writeFile(join(directory, "digits"), DIGITS),
    AioFile.open(join(directory, "digits"), { flag: "r+" })
  )

const onDigits = (
  observe: (file: AioFile.AioFile, place: Place) => Effect.Effect<unknown, unknown, Aio.Aio>
): Line => ({
  on: (place) => Effect.flatMap(digits(place), (file) => observe(file, place))
})

const contentOf = ({ directory, world }: Place) => Effect.map(world.readFile(join(directory, "digits")), text)

const all = (stream: Stream.Stream<Uint8Array, unknown>) =>
  Effect.map(Stream.runCollect(stream), (chunks) => Chunk.toReadonlyArray(chunks).map(text))

/** Of chunks that are lent: what each was, and how long they are when all are over. */
const lent = (
  method: string,
  run: (
    file: AioFile.AioFile,
    options: AioFile.BorrowOptions,
    use: (chunk: Uint8Array) => Effect.Effect<void>
  ) => Effect.Effect<void, unknown>
): Lines => {
  const seen = (options: AioFile.BorrowOptions, expected: ReadonlyArray<string>, lengths?: ReadonlyArray<number>) =>
    onDigits((file) =>
      Effect.gen(function* () {
        const [chunks, texts]: [Array<Uint8Array>, Array<string>] = [[], []]
        yield* run(file, options, (chunk) =>
          Effect.sync(() => {
            texts.push(text(chunk))
            chunks.push(chunk)
          })
        )
        expect(texts).toEqual(expected)
        if (lengths !== undefined) expect(chunks.map(({ length }) => length)).toEqual(lengths)
      })
    )
  return {
    [`AioFile.AioFile.${method}.offset`]: seen({ offset: 7 }, ["789"]),
    [`AioFile.AioFile.${method}.length`]: seen({ length: 3 }, ["012"]),
    [`AioFile.AioFile.${method}.chunkSize`]: seen({ chunkSize: 4 }, ["0123", "4567", "89"], [4, 4, 2]),
    [`AioFile.AioFile.${method}.detach`]: seen({ chunkSize: 5, detach: true }, ["01234", "56789"], [0, 0])
  }
}

/** Both ways to open a file. */
type Opening = <A, E>(
  path: string,
  options: AioFile.OpenOptions,
  use: (file: AioFile.AioFile) => Effect.Effect<A, E, Aio.Aio>
) => Effect.Effect<A, unknown, Aio.Aio>

const openings: Record<string, Opening> = {
  "AioFile.open": (path, options, use) => Effect.scoped(Effect.flatMap(AioFile.open(path, options), use)),
  "AioFile.withFile": (path, options, use) => AioFile.withFile(path, options, use),
  "AioDirectory.AioDirectory.open": (path, options, use) =>
    Effect.scoped(Effect.flatMap(AioDirectory.open("/"), (root) => Effect.flatMap(root.open(path, options), use)))
}

const opening = (
  option: string,
  observe: (open: Opening, place: Place) => ReturnType<Extract<Line, { on: any }>["on"]>
) =>
  Object.fromEntries(
    Object.entries(openings)
      .filter(([name]) => name.startsWith("AioFile") || option !== "at")
      .map(([name, open]): [string, Line] => [`${name}.${option}`, { on: (place) => observe(open, place) }])
  )

/** Both ways to write a whole file. */
const writings: Record<string, typeof AioFile.writeFile> = {
  "AioFile.writeFile": AioFile.writeFile,
  "AioDirectory.AioDirectory.writeFile": (path, data, options) =>
    Effect.scoped(Effect.flatMap(Effect.orDie(AioDirectory.open("/")), (root) => root.writeFile(path, data, options)))
}

const stays = (directory: AioDirectory.AioDirectory) =>
  Effect.map(Effect.flip(directory.stat("..")), (error) => expect(error).toMatchObject({ _tag: "AioOutside" }))

const nothing = () => Effect.void

const opens: Lines = {
  ...opening("flag", (open, { directory }) =>
    Effect.gen(function* () {
      const path = join(directory, "new")
      expect(yield* Effect.flip(open(path, {}, nothing))).toMatchObject({ code: "ENOENT" })
      yield* open(path, { flag: "wx" }, nothing)
    })
  ),
  ...opening("mode", (open, { directory, world }) =>
    Effect.gen(function* () {
      const [plain, own] = [join(directory, "plain"), join(directory, "own")]
      yield* open(plain, { flag: "wx" }, nothing)
      yield* open(own, { flag: "wx", mode: 0o500 }, nothing)
      expect((yield* world.facts(plain)).mode & 0o777).not.toBe(0o500)
      expect((yield* world.facts(own)).mode & 0o777).toBe(0o500)
    })
  ),
  ...opening("at", (open, { directory, world }) =>
    Effect.gen(function* () {
      const at = yield* descriptorOf(directory)
      yield* open("made", { flag: "wx", at }, nothing)
      expect(yield* world.list(directory)).toEqual(["made"])
    })
  ),
  ...opening("direct", (open, place) =>
    Effect.gen(function* () {
      const path = join(place.directory, "digits")
      yield* place.world.writeFile(path, DIGITS)
      const misaligned = (file: AioFile.AioFile) => file.read(AioBuffer.aligned(3), { offset: 1 })
      expect(yield* open(path, {}, misaligned)).toBe(3)
      const error: any = yield* Effect.flip(open(path, { direct: true }, misaligned))
      // Where there is no direct I/O at all, open(2) says so.
      expect(error.argument ?? error.code).toMatch(/^(buffer|offset|EINVAL)$/)
    })
  )
}

const methods: Lines = {
  "AioFile.AioFile.readAlloc.offset": onDigits((file) =>
    Effect.map(file.readAlloc(2, { offset: 4 }), (bytes) => expect(text(bytes)).toBe("45"))
  ),
  "AioFile.AioFile.readExactly.offset": onDigits((file) =>
    Effect.map(file.readExactly(2, { offset: 4 }), (bytes) => expect(text(bytes)).toBe("45"))
  ),
  "AioFile.AioFile.writeAll.offset": onDigits((file, place) =>
    Effect.gen(function* () {
      yield* file.writeAll(Buffer.from("XY"), { offset: 4 })
      expect(yield* contentOf(place)).toBe("0123XY6789")
    })
  ),
  ...lent("borrowedStream", (file, options, use) => Stream.runForEach(file.borrowedStream(options), use)),
  ...lent("forEachChunk", (file, options, use) => file.forEachChunk(use, options)),
  "AioFile.AioFile.stream.offset": onDigits((file) =>
    Effect.map(all(file.stream({ offset: 7 })), (chunks) => expect(chunks).toEqual(["789"]))
  ),
  "AioFile.AioFile.stream.length": onDigits((file) =>
    Effect.map(all(file.stream({ length: 3 })), (chunks) => expect(chunks).toEqual(["012"]))
  ),
  "AioFile.AioFile.stream.chunkSize": onDigits((file) =>
    Effect.map(all(file.stream({ chunkSize: 4 })), (chunks) => expect(chunks).toEqual(["0123", "4567", "89"]))
  ),
  ...each(
    Object.keys(writings).map((name) => `${name}.flag`),
    (name) => ({
      on: ({ directory, world }) =>
        Effect.gen(function* () {
          const path = join(directory, "file")
          yield* world.writeFile(path, "old")
          yield* writings[name.slice(0, name.lastIndexOf("."))](path, "new", { flag: "a" })
          expect(text(yield* world.readFile(path))).toBe("oldnew")
        })
    })
  ),
  ...each(
    Object.keys(writings).map((name) => `${name}.mode`),
    (name) => ({
      on: ({ directory, world }) =>
        Effect.gen(function* () {
          const path = join(directory, "file")
          yield* writings[name.slice(0, name.lastIndexOf("."))](path, "", { mode: 0o400 })
          expect((yield* world.facts(path)).mode & 0o777).toBe(0o400)
        })
    })
  ),
  "AioDirectory.open.at": {
    on: ({ directory }) =>
      Effect.gen(function* () {
        yield* Aio.mkdir(join(directory, "sub"))
        yield* AioDirectory.open("sub", { at: yield* AioDirectory.open(directory) })
      })
  },
  "AioDirectory.open.beneath": {
    on: ({ directory }) =>
      Effect.gen(function* () {
        expect((yield* AioDirectory.open(directory)).beneath).toBe(false)
        yield* stays(yield* AioDirectory.open(directory, { beneath: true }))
      })
  },
  "AioDirectory.AioDirectory.openDirectory.beneath": {
    on: ({ directory }) =>
      Effect.gen(function* () {
        const around = yield* AioDirectory.open(directory)
        yield* stays(yield* around.openDirectory(".", { beneath: true }))
      })
  },
  "AioFile.AioFile.sink.offset": onDigits((file, place) =>
    Effect.gen(function* () {
      yield* Stream.run(Stream.make(Buffer.from("X"), Buffer.from("Y")), file.sink({ offset: 4 }))
      expect(yield* contentOf(place)).toBe("0123XY6789")
    })
  )
}

/** The virtual time that something with a tree takes on a mock whose requests take a second each. */
const seconds = (use: (parallel: number) => Effect.Effect<unknown, unknown, Aio.Aio>, parallel: number) => {
  const files = Object.fromEntries([1, 2, 3, 4].map((i) => [`/tmp/tree/${i}/file`, "content"]))
  return Effect.gen(function* () {
    const work = yield* Effect.fork(use(parallel))
    while ((yield* work.poll)._tag === "None") {
      yield* TestClock.adjust("1 second")
      yield* Effect.promise(() => new Promise(setImmediate))
    }
    yield* Fiber.join(work)
    const journal = yield* MockAio.journal
    return Number(journal.at(-1)!.endNs! / 1_000_000_000n)
  }).pipe(Effect.provide(MockAio.layer({ files, latency: "1 second" })), Effect.provide(TestContext.TestContext))
}

/** More at once take less time. */
const faster = (use: (parallel: number) => Effect.Effect<unknown, unknown, Aio.Aio>): Line => ({
  alone: Effect.gen(function* () {
    expect(yield* seconds(use, 4)).toBeLessThan(yield* seconds(use, 1))
  })
})

const trees: Lines = {
  "AioTree.remove.force": {
    on: ({ directory }) =>
      Effect.gen(function* () {
        const missing = join(directory, "missing")
        expect(yield* Effect.flip(AioTree.remove(missing))).toMatchObject({ code: "ENOENT" })
        yield* AioTree.remove(missing, { force: true })
      })
  },
  "AioTree.remove.parallel": faster((parallel) => AioTree.remove("/tmp/tree", { parallel })),
  "AioTree.copy.parallel": faster((parallel) => AioTree.copy("/tmp/tree", "/tmp/copy", { parallel })),
  "AioTree.copy.overwrite": {
    on: ({ directory, world }) =>
      Effect.gen(function* () {
        const [from, to] = [join(directory, "from"), join(directory, "to")]
        yield* world.writeFile(from, "new")
        yield* world.writeFile(to, "old")
        yield* AioTree.copy(from, to)
        expect(text(yield* world.readFile(to))).toBe("old")
        yield* AioTree.copy(from, to, { overwrite: true })
        expect(text(yield* world.readFile(to))).toBe("new")
      })
  },
  "AioTree.copy.preserveTimestamps": {
    on: ({ directory, world }) =>
      Effect.gen(function* () {
        const from = join(directory, "from")
        yield* world.writeFile(from, "content")
        yield* Aio.utimes(from, { mtimeNs: 5_000_000_000n })
        yield* AioTree.copy(from, join(directory, "new"))
        yield* AioTree.copy(from, join(directory, "kept"), { preserveTimestamps: true })
        expect((yield* world.facts(join(directory, "new"))).mtimeNs).not.toBe(5_000_000_000n)
        expect((yield* world.facts(join(directory, "kept"))).mtimeNs).toBe(5_000_000_000n)
      })
  },
  "AioTree.copy.reflink": {
    on: ({ directory, world }) =>
      Effect.gen(function* () {
        const from = join(directory, "from")
        yield* world.writeFile(from, "content")
        for (const reflink of ["auto", "never"] as const) {
          yield* AioTree.copy(from, join(directory, reflink), { reflink })
          expect(text(yield* world.readFile(join(directory, reflink)))).toBe("content")
        }
        // As FICLONE itself answers there; what could not be shared is not left behind.
        const shared = yield* Effect.either(AioTree.copy(from, join(directory, "always"), { reflink: "always" }))
        if (shared._tag === "Right") expect(text(yield* world.readFile(join(directory, "always")))).toBe("content")
        else {
          expect(shared.left).toMatchObject({ code: "EOPNOTSUPP" })
          expect(yield* Effect.flip(Aio.lstat(join(directory, "always")))).toMatchObject({ code: "ENOENT" })
        }
      })
  },
  "AioTree.scan.maxDepth": {
    on: ({ directory }) =>
      Effect.gen(function* () {
        yield* Aio.mkdir(join(directory, "a"))
        yield* Aio.mkdir(join(directory, "a", "b"))
        expect(yield* Stream.runCount(AioTree.scan(directory))).toBe(2)
        expect(yield* Stream.runCount(AioTree.scan(directory, { maxDepth: 1 }))).toBe(1)
      })
  }
}

/** Groups, and groups within groups. */
const makers = {
  "AioGroup.make": AioGroup.make,
  "AioGroup.AioGroup.group": (options: AioGroup.Options) =>
    Effect.flatMap(AioGroup.make(), (group) => group.group(options))
}

type Options = keyof AioGroup.Options

const group = (
  option: Options,
  value: unknown,
  observe: (group: AioGroup.AioGroup, place: Place) => ReturnType<Extract<Line, { on: any }>["on"]>
): Lines =>
  Object.fromEntries(
    Object.entries(makers).map(([name, make]): [string, Line] => [
      `${name}.${option}`,
      { on: (place) => Effect.flatMap(make({ [option]: value }), (made) => observe(made, place)) }
    ])
  )

/** One has ended, and the next ones wait for their turn, which is minutes away. */
const waitsForItsRate = (made: AioGroup.AioGroup, operations: ReadonlyArray<any>) =>
  Effect.gen(function* () {
    const handles: ReadonlyArray<AioGroup.Handle<unknown>> = yield* made.addAll([...operations])
    yield* handles[0].result
    expect(yield* made.stats).toMatchObject({ ended: 1, waiting: operations.length - 1, inFlight: 0 })
  })

const groups: Lines = {
  ...group("name", "mine", (made) => Effect.sync(() => expect(made.name).toBe("mine"))),
  ...group("limit", 1, (made, { world }) =>
    Effect.gen(function* () {
      const [reader] = yield* world.pipe
      yield* made.addAll([1, 2, 3].map(() => AioOperation.read(reader, new Uint8Array(1))))
      expect(yield* made.stats).toMatchObject({ inFlight: 1, waiting: 2 })
      yield* made.cancel
    })
  ),
  ...group("onFailure", "continue", (made, { directory }) =>
    Effect.gen(function* () {
      const failing = yield* made.add(AioOperation.stat(join(directory, "missing")))
      expect(yield* Effect.flip(failing.result)).toMatchObject({ code: "ENOENT" })
      const other = yield* made.add(AioOperation.nop())
      yield* other.result
      yield* made.seal
      expect(yield* made.done).toMatchObject({ requests: 2, failed: 1 })
    })
  ),
  ...group("requestsPerSecond", 0.001, (made) =>
    waitsForItsRate(made, [AioOperation.nop(), AioOperation.nop(), AioOperation.nop()])
  ),
  ...group("bytesPerSecond", 0.001, (made, place) =>
    Effect.gen(function* () {
      const { fd } = yield* digits(place)
      yield* waitsForItsRate(
        made,
        [1, 2].map(() => AioOperation.read(fd, new Uint8Array(10), { offset: 0 }))
      )
    })
  ),
  "AioMetrics.layer.interval": shownBy(
    "conformance/scheduling/stats.test.ts",
    "the gauges of AioMetrics follow, Layers of one backend add up, and none is left at their end"
  ),
  "AioGroup.AioGroup.feed.onExit": {
    on: () =>
      Effect.gen(function* () {
        const made = yield* AioGroup.make()
        let ends = 0
        yield* made.feed([AioOperation.nop(), AioOperation.nop()], { onExit: () => ends++ })
        expect(ends).toBe(2)
      })
  }
}

const several: Lines = {
  ...each(["AioOperation.submitAll.mode", "AioOperation.linked.mode"], (name) => ({
    on: ({ directory }) =>
      Effect.gen(function* () {
        const run: Call = name === "AioOperation.linked.mode" ? AioOperation.linked : AioOperation.submitAll
        const operations = [AioOperation.stat(join(directory, "missing"))]
        expect(yield* Effect.flip(run(operations))).toMatchObject({ code: "ENOENT" })
        const exits = yield* run(operations, { mode: "exits" })
        expect(exits.map(Exit.isFailure)).toEqual([true])
      })
  })),
  "AioOperation.asCompleted.concurrency": {
    on: () =>
      Effect.gen(function* () {
        let pulled = 0
        const operations = function* () {
          for (; pulled < 100; pulled++) yield AioOperation.nop()
        }
        yield* Stream.runHead(AioOperation.asCompleted(operations(), { concurrency: 2 }))
        expect(pulled).toBeLessThan(10)
        pulled = 0
        yield* Stream.runHead(AioOperation.asCompleted(operations()))
        expect(pulled).toBeGreaterThan(10)
      })
  },
  "AioEvents.completions.scoped": {
    on: () =>
      Effect.gen(function* () {
        const stream = yield* AioEvents.completions({ scoped: true })
        yield* Aio.nop()
        const first = yield* Stream.runCollect(Stream.take(stream, 1))
        expect(Chunk.toReadonlyArray(first).map(({ operation }) => operation)).toEqual(["nop"])
      })
  },
  "AioEvents.completions.capacity": {
    on: ({ directory }) =>
      Effect.gen(function* () {
        const stream = yield* AioEvents.completions({ scoped: true, capacity: 1 })
        for (let i = 0; i < 3; i++) yield* Aio.nop()
        yield* Aio.statvfs(directory)
        // Of what waited, the latest.
        const first = yield* Stream.runCollect(Stream.take(stream, 1))
        expect(Chunk.toReadonlyArray(first).map(({ operation }) => operation)).toEqual(["statvfs"])
      })
  },
  "AioEvents.completions.strategy": shownBy(
    "groups/completions.test.ts",
    "backpressure: nothing is lost, and the engine waits"
  ),
  "AioFile.AioFile.readMany.maxGap": shownBy(
    "conformance/operations/file.test.ts",
    "readMany: ranges that are near share a read, and each gets its bytes"
  ),
  "AioFile.AioFile.readMany.maxLength": shownBy(
    "conformance/operations/file.test.ts",
    "readMany: ranges that are near share a read, and each gets its bytes"
  ),
  "AioBuffer.aligned.alignment": {
    alone: Effect.sync(() => {
      for (let i = 0; i < 4; i++) {
        expect(addressOf(AioBuffer.aligned(16, { alignment: 2 ** 16 })) % 2 ** 16).toBe(0)
      }
      expect(() => AioBuffer.aligned(16, { alignment: 3 })).toThrow("alignment")
    })
  }
}

/** Both ways to put a file in place of another. */
const replacing: Record<string, typeof AioFile.writeAtomic> = {
  "AioFile.writeAtomic": AioFile.writeAtomic,
  "AioDirectory.AioDirectory.writeAtomic": (path, data, options) =>
    Effect.scoped(Effect.flatMap(Effect.orDie(AioDirectory.open("/")), (root) => root.writeAtomic(path, data, options)))
}

/** Calls of fsync(2). */
const syncs = (write: typeof AioFile.writeAtomic, options: AioFile.WriteAtomicOptions) =>
  Effect.gen(function* () {
    yield* write("/tmp/atomic", DIGITS, options)
    return (yield* MockAio.journal).filter(({ operation }) => operation === "fsync").length
  }).pipe(Effect.provide(MockAio.layer()))

const writeAtomic: Lines = Object.fromEntries(
  Object.entries(replacing).flatMap(([name, write]): Array<[string, Line]> => {
    const written = ({ directory }: Place, options: AioFile.WriteAtomicOptions) =>
      write(join(directory, "atomic"), DIGITS, options)
    const modeOf = ({ directory, world }: Place) =>
      Effect.map(world.facts(join(directory, "atomic")), ({ mode }) => mode & 0o777)
    const lines: Lines = {
      mode: {
        on: (place) =>
          Effect.gen(function* () {
            yield* written(place, { mode: 0o600 })
            expect(yield* modeOf(place)).toBe(0o600)
          })
      },
      preserve: {
        on: (place) =>
          Effect.gen(function* () {
            yield* written(place, { mode: 0o600 })
            yield* written(place, { preserve: true })
            expect(yield* modeOf(place)).toBe(0o600)
            yield* written(place, {})
            expect(yield* modeOf(place)).not.toBe(0o600)
          })
      },
      follow: {
        on: (place) =>
          Effect.gen(function* () {
            const path = join(place.directory, "atomic")
            yield* Aio.symlink("other", path)
            yield* written(place, {})
            expect((yield* place.world.facts(path)).type).toBe("SymbolicLink")
            yield* written(place, { follow: false })
            expect((yield* place.world.facts(path)).type).toBe("File")
          })
      },
      durable: {
        alone: Effect.gen(function* () {
          expect([yield* syncs(write, {}), yield* syncs(write, { durable: false })]).toEqual([2, 0])
        })
      }
    }
    return Object.entries(lines).map(([option, line]) => [`${name}.${option}`, line])
  })
)

/** What takes a path that starts at a directory, and no operation of its own. Each is told by a word whether it has met the file that is there. */
const places: Record<string, (at: number, place: Place) => Effect.Effect<unknown, unknown, Aio.Aio | Scope.Scope>> = {
  "AioFile.readFile.at": (at) => Effect.map(AioFile.readFile("digits", { at }), text),
  "AioFile.readFileString.at": (at) => AioFile.readFileString("digits", undefined, { at }),
  "AioFile.writeFile.at": (at, place) =>
    Effect.zipRight(AioFile.writeFile("digits", DIGITS, { at, flag: "r+" }), contentOf(place)),
  "AioFile.writeAtomic.at": (at, place) =>
    Effect.gen(function* () {
      const path = join(place.directory, "digits")
      yield* Aio.symlink("digits", join(place.directory, "link"))
      const { ino } = yield* place.world.facts(path)
      yield* AioFile.writeAtomic("link", DIGITS, { at, preserve: true })
      expect((yield* place.world.facts(path)).ino).not.toBe(ino)
      expect(yield* place.world.list(place.directory)).toEqual(["digits", "link"])
      return yield* contentOf(place)
    }),
  "AioFile.pathsync.at": (at) => Effect.as(AioFile.pathsync("digits", { at }), DIGITS),
  "AioDirectory.read.at": (at) =>
    Effect.map(AioDirectory.read(".", { at }), (entries) => (entries.length === 1 ? DIGITS : entries)),
  "Aio.realpath.at": (at, { directory }) =>
    Effect.gen(function* () {
      expect(yield* Aio.realpath("./digits", { at })).toBe(join(String(yield* Aio.realpath(directory)), "digits"))
      expect(yield* Effect.flip(Aio.realpath("missing/name", { at }))).toMatchObject({ code: "ENOENT" })
      return DIGITS
    }),
  "AioLog.open.at": (at) => Effect.flatMap(AioLog.open("digits", { at }), ({ size }) => Effect.map(size, sizeOf)),
  ...Object.fromEntries(
    (["acquire", "tryAcquire", "withLock"] as const).map((name) => [
      `AioLock.${name}.at`,
      (at: number) => {
        const options = { at, create: false }
        const got: Effect.Effect<unknown, unknown, Aio.Aio | Scope.Scope> =
          name === "withLock" ? AioLock.withLock("digits", options, Effect.succeed) : AioLock[name]("digits", options)
        return Effect.as(got, DIGITS)
      }
    ])
  ),
  "AioLock.holder.at": (at) => Effect.as(AioLock.holder("digits", { at }), DIGITS)
}

const sizeOf = (size: number): unknown => (size === DIGITS.length ? DIGITS : size)

const starting = each(Object.keys(places), (name) => ({
  on: (place) =>
    Effect.gen(function* () {
      const at = yield* descriptorOf(place.directory)
      yield* place.world.writeFile(join(place.directory, "digits"), DIGITS)
      expect(yield* places[name](at, place)).toBe(DIGITS)
    })
}))

const log: Lines = {
  "AioLog.open.end": {
    on: ({ directory, world }) =>
      Effect.gen(function* () {
        const path = join(directory, "log")
        yield* world.writeFile(path, DIGITS)
        expect(yield* Effect.flatMap(AioLog.open(path, { end: 3 }), (log) => log.append("x"))).toBe(3)
        expect(text(yield* world.readFile(path))).toBe("012x")
      })
  },
  "AioLog.open.mode": {
    on: ({ directory, world }) =>
      Effect.gen(function* () {
        yield* AioLog.open(join(directory, "log"), { mode: 0o600 })
        expect((yield* world.facts(join(directory, "log"))).mode & 0o777).toBe(0o600)
      })
  }
}

export const files: Lines = {
  ...writeAtomic,
  ...starting,
  ...log,
  ...opens,
  ...methods,
  ...trees,
  ...groups,
  ...several
}
