/** Chains: in order, up to the first failure or short transfer, and the same on every mechanism. */
import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber } from "effect"
import { Aio, AioOperation } from "effect-aio"
import { realBackends } from "../support/backends.ts"
import { idlePipe, idlePipes } from "../support/fifo.ts"
import { someTime } from "../support/moments.ts"
import { descriptorsIn } from "../support/processState.ts"
import { random, seed } from "../support/random.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const fixture = Effect.gen(function* () {
  const directory = yield* temporaryDirectory
  const path = join(directory, "file")
  writeFileSync(path, Buffer.from("0123456789"))
  const fd = yield* Effect.acquireRelease(
    Effect.sync(() => openSync(path, constants.O_RDWR)),
    (fd) => Effect.sync(() => closeSync(fd))
  )
  return { directory, fd, path }
})

const idle = Effect.map(Aio.stats, ({ outstanding }) => outstanding)

/** What an end says: a value, an error's code or argument. */
const said = (exit: Exit.Exit<unknown, unknown>): unknown => {
  if (Exit.isSuccess(exit)) return exit.value
  const error = Cause.squash(exit.cause) as { _tag: string; code?: string; argument?: string }
  return error.code ?? `${error._tag} ${error.argument}`
}

const codes = (exits: ReadonlyArray<Exit.Exit<unknown, unknown>>): ReadonlyArray<unknown> => exits.map(said)

describe.each(realBackends)("$name", ({ layer, layerWith }) => {
  it.scopedLive("each starts when the one before has ended", () =>
    Effect.gen(function* () {
      const { fd, path } = yield* fixture
      // At the file's own position: only the order makes this text.
      const words = Array.from({ length: 40 }, (_, i) => Buffer.from(`${i},`))
      const counts = yield* AioOperation.linked(words.map((word) => AioOperation.write(fd, word)))
      expect(counts).toEqual(words.map(({ length }) => length))
      expect(readFileSync(path, "utf8").startsWith(words.join(""))).toBe(true)
      const page = new Uint8Array(4)
      yield* AioOperation.linked([
        AioOperation.write(fd, Buffer.from("abcd"), { offset: 0 }),
        AioOperation.fdatasync(fd),
        AioOperation.read(fd, page, { offset: 0 }),
        AioOperation.ftruncate(fd, 2)
      ])
      expect(Buffer.from(page).toString()).toBe("abcd")
      expect(readFileSync(path, "utf8")).toBe("ab")
      expect(yield* AioOperation.linked([])).toEqual([])
      expect(yield* idle).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a failure ends it, and what follows is not done", () =>
    Effect.gen(function* () {
      const { directory, fd, path } = yield* fixture
      const chain = [
        AioOperation.write(fd, Buffer.from("ab"), { offset: 0 }),
        AioOperation.unlink(join(directory, "missing")),
        AioOperation.write(fd, Buffer.from("cd"), { offset: 0 }),
        AioOperation.mkdir(join(directory, "made"))
      ] as const
      expect(codes(yield* AioOperation.linked(chain, { mode: "exits" }))).toEqual([
        2,
        "ENOENT",
        "ECANCELED",
        "ECANCELED"
      ])
      expect(yield* Effect.flip(AioOperation.linked(chain))).toMatchObject({ code: "ENOENT", operation: "unlink" })
      expect(readFileSync(path, "utf8")).toBe("ab23456789")
      expect(yield* Effect.flip(Aio.stat(join(directory, "made")))).toMatchObject({ code: "ENOENT" })
      expect(yield* idle).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a short transfer ends it", () =>
    Effect.gen(function* () {
      const { fd, path } = yield* fixture
      const pipe = yield* idlePipe
      writeSync(pipe, "abc")
      for (const [short, repeatable] of [
        [AioOperation.read(fd, new Uint8Array(8), { offset: 7 }), true],
        [AioOperation.readv(fd, [new Uint8Array(2), new Uint8Array(6)], { offset: 7 }), true],
        [AioOperation.read(pipe, new Uint8Array(8)), false]
      ] as const) {
        const chain = [
          AioOperation.read(fd, new Uint8Array(10), { offset: 0 }),
          short,
          AioOperation.ftruncate(fd, 0),
          AioOperation.nop()
        ]
        expect(codes(yield* AioOperation.linked(chain, { mode: "exits" }))).toEqual([10, 3, "ECANCELED", "ECANCELED"])
        if (repeatable) {
          expect(yield* Effect.flip(AioOperation.linked(chain))).toMatchObject({
            _tag: "AioShortTransfer",
            index: 1,
            expected: 8,
            transferred: 3
          })
        }
        expect(readFileSync(path, "utf8")).toBe("0123456789")
      }
      // At the end nothing is moved; an empty buffer asks for nothing.
      expect(
        codes(
          yield* AioOperation.linked(
            [
              AioOperation.read(fd, new Uint8Array(0), { offset: 0 }),
              AioOperation.read(fd, new Uint8Array(4), { offset: 10 }),
              AioOperation.nop()
            ],
            { mode: "exits" }
          )
        )
      ).toEqual([0, 0, "ECANCELED"])
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a bad argument in the middle is that one's failure", () =>
    Effect.gen(function* () {
      const { fd, path } = yield* fixture
      const exits = yield* AioOperation.linked(
        [
          AioOperation.write(fd, Buffer.from("x"), { offset: 0 }),
          AioOperation.write(fd, Buffer.from("y"), { offset: -1 }),
          AioOperation.write(fd, Buffer.from("z"), { offset: 2 })
        ],
        { mode: "exits" }
      )
      expect(codes(exits)).toEqual([1, "AioBadArgument offset", "ECANCELED"])
      expect(readFileSync(path, "utf8")).toBe("x123456789")
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what the kernel would not refuse: a pipe has no offsets", () =>
    Effect.gen(function* () {
      const pipe = yield* idlePipe
      const exits = yield* AioOperation.linked(
        [AioOperation.nop(), AioOperation.write(pipe, Buffer.from("x"), { offset: 3 }), AioOperation.nop()],
        { mode: "exits" }
      )
      expect(codes(exits)).toEqual([undefined, "ESPIPE", "ECANCELED"])
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("opens among them: handed over at the end, closed after a failure", () =>
    Effect.gen(function* () {
      const { directory, path } = yield* fixture
      const [, fd] = yield* AioOperation.linked([AioOperation.nop(), AioOperation.open(path), AioOperation.stat(path)])
      expect(descriptorsIn(directory)).toBe(2)
      yield* Aio.close(fd)
      yield* Effect.flip(
        AioOperation.linked([AioOperation.open(path), AioOperation.open(path), AioOperation.rmdir(path)])
      )
      expect(descriptorsIn(directory)).toBe(1)
      expect(yield* idle).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("whoever changes the list meanwhile does not change the chain", () =>
    Effect.gen(function* () {
      const { fd } = yield* fixture
      const pipe = yield* idlePipe
      const list: Array<AioOperation.AioOperation<unknown>> = [
        AioOperation.read(pipe, new Uint8Array(1)),
        AioOperation.fdatasync(fd),
        AioOperation.nop()
      ]
      const chain = yield* Effect.fork(AioOperation.linked(list))
      yield* Effect.sleep(5)
      list.length = 0
      writeSync(pipe, "x")
      expect(yield* Fiber.join(chain)).toEqual([1, undefined, undefined])
    }).pipe(Effect.timeout("45 seconds"), Effect.provide(layer))
  )

  it.scopedLive("longer than the ring; under a limit on what is outstanding", () =>
    Effect.gen(function* () {
      const { fd, path } = yield* fixture
      ftruncateSync(fd, 0)
      const all = Array.from({ length: 50 }, (_, i) => String.fromCharCode(33 + i))
      yield* Effect.forEach(
        [1, 2, 3],
        () => AioOperation.linked(Array.from({ length: 20 }, () => AioOperation.nop())),
        {
          concurrency: "unbounded"
        }
      )
      yield* AioOperation.linked(all.map((letter) => AioOperation.write(fd, Buffer.from(letter))))
      expect(readFileSync(path, "utf8")).toBe(all.join(""))
    }).pipe(Effect.provide(layerWith({ entries: 8, maxOutstanding: 30 })))
  )

  it.scopedLive("interrupted in the middle: the rest is not done, nothing is left", () =>
    Effect.gen(function* () {
      const { directory, fd, path } = yield* fixture
      const [pipe] = yield* idlePipes(1)
      const source = random()
      for (let round = 0; round < 30; round++) {
        const buffer = new Uint8Array(8)
        const fiber = yield* Effect.fork(
          AioOperation.linked([
            AioOperation.write(fd, Buffer.from("ab"), { offset: 0 }),
            ...(source.integer(2) === 0 ? [AioOperation.open(path)] : []),
            AioOperation.read(pipe, buffer),
            AioOperation.ftruncate(fd, 0)
          ])
        )
        yield* someTime(source)
        if (source.integer(3) === 0) yield* Effect.sleep(20)
        yield* Effect.timeout(Fiber.interrupt(fiber), "30 seconds")
        writeSync(pipe, "late")
        expect(yield* Aio.read(pipe, new Uint8Array(8))).toBe(4)
        expect(
          buffer.every((byte) => byte === 0),
          `SEED=${seed}`
        ).toBe(true)
        expect(readFileSync(path, "utf8").slice(2)).toBe("23456789")
        expect(yield* idle, `SEED=${seed}`).toBe(0)
        expect(descriptorsIn(directory), `SEED=${seed}`).toBe(1)
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("random chains end as their operations say", () =>
    Effect.gen(function* () {
      const { directory, fd } = yield* fixture
      const { integer, pick } = random()
      for (let round = 0; round < 60; round++) {
        const members = Array.from({ length: 1 + integer(12) }, () =>
          pick<() => readonly [AioOperation.AioOperation<unknown>, unknown, boolean]>([
            () => [AioOperation.nop(), undefined, true],
            () => [AioOperation.nop(), undefined, true],
            () => [AioOperation.read(fd, new Uint8Array(5), { offset: 5 }), 5, true],
            () => [AioOperation.write(fd, Buffer.from("01234"), { offset: 0 }), 5, true],
            () => [AioOperation.fdatasync(fd), undefined, true],
            () => [AioOperation.read(fd, new Uint8Array(8), { offset: 5 }), 5, false],
            () => [AioOperation.rmdir(join(directory, "missing")), "ENOENT", false],
            () => [AioOperation.read(fd, new Uint8Array(8), { offset: -5 }), "AioBadArgument offset", false]
          ])()
        )
        const broken = members.findIndex(([, , succeeds]) => !succeeds)
        const expected = members.map(([, end], i) => (broken === -1 || i <= broken ? end : "ECANCELED"))
        const exits = yield* AioOperation.linked(
          members.map(([operation]) => operation),
          { mode: "exits" }
        )
        expect(codes(exits), `SEED=${seed}`).toEqual(expected)
      }
      const { completed, submitted } = yield* Aio.stats
      expect(completed).toBe(submitted)
    }).pipe(Effect.provide(layer))
  )
})
