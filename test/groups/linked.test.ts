/** Chains: in order, up to the first failure or short transfer, and the same on every mechanism. */
import { closeSync, constants, ftruncateSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Fiber } from "effect"
import { Aio } from "effect-aio"
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
      const counts = yield* Aio.linked(words.map((word) => Aio.request.write(fd, word)))
      expect(counts).toEqual(words.map(({ length }) => length))
      expect(readFileSync(path, "utf8").startsWith(words.join(""))).toBe(true)
      const page = new Uint8Array(4)
      yield* Aio.linked([
        Aio.request.write(fd, Buffer.from("abcd"), { offset: 0 }),
        Aio.request.fdatasync(fd),
        Aio.request.read(fd, page, { offset: 0 }),
        Aio.request.ftruncate(fd, 2)
      ])
      expect(Buffer.from(page).toString()).toBe("abcd")
      expect(readFileSync(path, "utf8")).toBe("ab")
      expect(yield* Aio.linked([])).toEqual([])
      expect(yield* idle).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a failure ends it, and what follows is not done", () =>
    Effect.gen(function* () {
      const { directory, fd, path } = yield* fixture
      const chain = [
        Aio.request.write(fd, Buffer.from("ab"), { offset: 0 }),
        Aio.request.unlink(join(directory, "missing")),
        Aio.request.write(fd, Buffer.from("cd"), { offset: 0 }),
        Aio.request.mkdir(join(directory, "made"))
      ] as const
      expect(codes(yield* Aio.linked(chain, { mode: "exits" }))).toEqual([2, "ENOENT", "ECANCELED", "ECANCELED"])
      expect(yield* Effect.flip(Aio.linked(chain))).toMatchObject({ code: "ENOENT", operation: "unlink" })
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
      for (const short of [
        Aio.request.read(fd, new Uint8Array(8), { offset: 7 }),
        Aio.request.readv(fd, [new Uint8Array(2), new Uint8Array(6)], { offset: 7 }),
        Aio.request.read(pipe, new Uint8Array(8))
      ]) {
        const chain = [
          Aio.request.read(fd, new Uint8Array(10), { offset: 0 }),
          short,
          Aio.request.ftruncate(fd, 0),
          Aio.request.nop()
        ]
        expect(codes(yield* Aio.linked(chain, { mode: "exits" }))).toEqual([10, 3, "ECANCELED", "ECANCELED"])
        if (short.input.fd === fd) {
          expect(yield* Effect.flip(Aio.linked(chain))).toMatchObject({
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
          yield* Aio.linked(
            [
              Aio.request.read(fd, new Uint8Array(0), { offset: 0 }),
              Aio.request.read(fd, new Uint8Array(4), { offset: 10 }),
              Aio.request.nop()
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
      const exits = yield* Aio.linked(
        [
          Aio.request.write(fd, Buffer.from("x"), { offset: 0 }),
          Aio.request.write(fd, Buffer.from("y"), { offset: -1 }),
          Aio.request.write(fd, Buffer.from("z"), { offset: 2 })
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
      const exits = yield* Aio.linked(
        [Aio.request.nop(), Aio.request.write(pipe, Buffer.from("x"), { offset: 3 }), Aio.request.nop()],
        { mode: "exits" }
      )
      expect(codes(exits)).toEqual([undefined, "ESPIPE", "ECANCELED"])
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("opens among them: handed over at the end, closed after a failure", () =>
    Effect.gen(function* () {
      const { directory, path } = yield* fixture
      const [, fd] = yield* Aio.linked([Aio.request.nop(), Aio.request.open(path), Aio.request.stat(path)])
      expect(descriptorsIn(directory)).toBe(2)
      yield* Aio.close(fd)
      yield* Effect.flip(Aio.linked([Aio.request.open(path), Aio.request.open(path), Aio.request.rmdir(path)]))
      expect(descriptorsIn(directory)).toBe(1)
      expect(yield* idle).toBe(0)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("whoever changes the list meanwhile does not change the chain", () =>
    Effect.gen(function* () {
      const { fd } = yield* fixture
      const pipe = yield* idlePipe
      const list: Array<Aio.Operation<unknown>> = [
        Aio.request.read(pipe, new Uint8Array(1)),
        Aio.request.fdatasync(fd),
        Aio.request.nop()
      ]
      const chain = yield* Effect.fork(Aio.linked(list))
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
      yield* Effect.forEach([1, 2, 3], () => Aio.linked(Array.from({ length: 20 }, () => Aio.request.nop())), {
        concurrency: "unbounded"
      })
      yield* Aio.linked(all.map((letter) => Aio.request.write(fd, Buffer.from(letter))))
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
          Aio.linked([
            Aio.request.write(fd, Buffer.from("ab"), { offset: 0 }),
            ...(source.integer(2) === 0 ? [Aio.request.open(path)] : []),
            Aio.request.read(pipe, buffer),
            Aio.request.ftruncate(fd, 0)
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
          pick<() => readonly [Aio.Operation<unknown>, unknown, boolean]>([
            () => [Aio.request.nop(), undefined, true],
            () => [Aio.request.nop(), undefined, true],
            () => [Aio.request.read(fd, new Uint8Array(5), { offset: 5 }), 5, true],
            () => [Aio.request.write(fd, Buffer.from("01234"), { offset: 0 }), 5, true],
            () => [Aio.request.fdatasync(fd), undefined, true],
            () => [Aio.request.read(fd, new Uint8Array(8), { offset: 5 }), 5, false],
            () => [Aio.request.rmdir(join(directory, "missing")), "ENOENT", false],
            () => [Aio.request.read(fd, new Uint8Array(8), { offset: -5 }), "AioBadArgument offset", false]
          ])()
        )
        const broken = members.findIndex(([, , succeeds]) => !succeeds)
        const expected = members.map(([, end], i) => (broken === -1 || i <= broken ? end : "ECANCELED"))
        const exits = yield* Aio.linked(
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
