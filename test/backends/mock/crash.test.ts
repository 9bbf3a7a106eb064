/** Loss of power: what was synced is there, what was not is there sometimes. */

import { constants } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber, TestClock } from "effect"
import { Aio, AioError, AioFile, MockAio } from "effect-aio"
import { seed as firstSeed, random } from "../../support/random.ts"

const SEEDS = Array.from({ length: 200 }, (_, i) => (firstSeed + i) >>> 0)

/** What a program leaves after a crash, over many seeds: each outcome, and how often. */
const outcomes = (
  program: Effect.Effect<unknown, unknown, Aio.Aio | MockAio.MockAio>,
  files?: Record<string, string>
) =>
  Effect.gen(function* () {
    const counts = new Map<string, number>()
    for (const seed of SEEDS) {
      const tree = yield* Effect.gen(function* () {
        yield* program
        yield* MockAio.crash()
        return JSON.stringify(yield* MockAio.tree("/tmp"))
      }).pipe(Effect.provide(MockAio.layer({ seed, files })))
      counts.set(tree, (counts.get(tree) ?? 0) + 1)
    }
    return counts
  })

const write = (path: string, content: string, options?: { readonly flag?: Aio.OpenOptions["flag"] }) =>
  AioFile.withFile(path, { flag: options?.flag ?? "w" }, (file) => file.writeAll(Buffer.from(content), { offset: 0 }))

const sync = (path: string) => AioFile.withFile(path, (file) => file.sync)

const only = (tree: Record<string, string>): Array<string> => [JSON.stringify(tree)]

describe(`a crash (SEED=${firstSeed})`, () => {
  it.effect("keeps a file that was synced, with its name", () =>
    Effect.gen(function* () {
      const found = yield* outcomes(
        Effect.all([write("/tmp/a", "hello"), sync("/tmp/a"), sync("/tmp")], { discard: true })
      )
      expect([...found.keys()]).toEqual(only({ a: "hello" }))
    })
  )

  it.effect("may lose a name whose directory was not synced, and the bytes of a file that was not", () =>
    Effect.gen(function* () {
      const unnamed = yield* outcomes(Effect.zipRight(write("/tmp/a", "hello"), sync("/tmp/a")))
      expect([...unnamed.keys()].sort()).toEqual([only({ a: "hello" })[0], only({})[0]].sort())
      const unsynced = yield* outcomes(Effect.zipRight(write("/tmp/a", "hello"), sync("/tmp")))
      // Size and bytes are independent of each other.
      expect([...unsynced.keys()].sort()).toEqual(
        [only({ a: "hello" })[0], only({ a: "\0".repeat(5) })[0], only({ a: "" })[0]].sort()
      )
    })
  )

  it.effect("may tear what was overwritten, sector by sector, and leaves what was not touched", () =>
    Effect.gen(function* () {
      const before = "a".repeat(8192)
      const found = yield* outcomes(write("/tmp/file", "b".repeat(4096), { flag: "r+" }), { "/tmp/file": before })
      const pages = [...found.keys()].map((tree) => JSON.parse(tree).file as string)
      for (const page of pages) {
        expect(page).toMatch(/^((a{512})|(b{512})){8}a{4096}$/)
      }
      expect(pages).toContain(before)
      expect(pages).toContain("b".repeat(4096) + "a".repeat(4096))
      expect(pages.length).toBeGreaterThan(20)
    })
  )

  it.effect("between two writes of a page, the kernel may have written the first", () =>
    Effect.gen(function* () {
      const found = yield* outcomes(
        Effect.zipRight(write("/tmp/file", "2", { flag: "r+" }), write("/tmp/file", "3", { flag: "r+" })),
        { "/tmp/file": "1" }
      )
      expect([...found.keys()].sort()).toEqual(["1", "2", "3"].map((file) => only({ file })[0]))
    })
  )

  it.effect("replaces a file by another entirely or not at all, if that was synced before it was renamed", () =>
    Effect.gen(function* () {
      const files = { "/tmp/file": "old" }
      const found = yield* outcomes(
        Effect.all([write("/tmp/new", "NEW"), sync("/tmp/new"), Aio.rename("/tmp/new", "/tmp/file")], {
          discard: true
        }),
        files
      )
      const content = new Set([...found.keys()].map((tree) => JSON.parse(tree).file))
      expect(content).toEqual(new Set(["old", "NEW"]))
      // Without it, a crash shows why one syncs.
      const careless = yield* outcomes(
        Effect.zipRight(write("/tmp/new", "NEW"), Aio.rename("/tmp/new", "/tmp/file")),
        files
      )
      const torn = new Set([...careless.keys()].map((tree) => JSON.parse(tree).file))
      expect(torn).toEqual(new Set(["old", "NEW", "", "\0\0\0"]))
    })
  )

  it.effect("never shows a part of what writeAtomic writes, and keeps what it has acknowledged", () =>
    Effect.gen(function* () {
      const [old, texts] = ["old ".repeat(3000), ["one ", "two "].map((word) => word.repeat(4000))]
      for (const isThere of [true, false]) {
        const files = isThere ? { "/tmp/d/file": old } : { "/tmp/d": null }
        const found = new Set<string | undefined>()
        for (const [index, seed] of SEEDS.entries()) {
          yield* Effect.gen(function* () {
            yield* MockAio.inject({ after: index % 24, times: 1, powerLoss: true })
            let acknowledged: string | undefined = isThere ? old : undefined
            let begun = acknowledged
            yield* Effect.ignore(
              Effect.forEach(texts, (text) => {
                begun = text
                return Effect.map(AioFile.writeAtomic("/tmp/d/file", text), () => {
                  acknowledged = text
                })
              })
            )
            yield* MockAio.crash()
            const { file, ...others } = yield* MockAio.tree("/tmp/d")
            expect([acknowledged, begun]).toContain(file)
            // Between the two steps that replace a file.
            for (const name of Object.keys(others)) expect(name).toMatch(/^\.effect-aio-[0-9a-f]{16}\.tmp$/)
            found.add(file)
          }).pipe(Effect.provide(MockAio.layer({ seed, files })))
        }
        expect(found).toEqual(new Set([isThere ? old : undefined, ...texts]))
      }
    })
  )

  it.effect("keeps of each directory a beginning of what was done to it, in order", () =>
    Effect.gen(function* () {
      const names = Array.from({ length: 6 }, (_, i) => `d${i}`)
      const found = yield* outcomes(
        Effect.forEach(names, (name) => Effect.zipRight(Aio.mkdir(`/tmp/${name}`), Aio.mkdir(`/tmp/x/${name}`))),
        { "/tmp/x/keep": "" }
      )
      const lengths = new Set<string>()
      for (const tree of found.keys()) {
        const kept = Object.keys(JSON.parse(tree)).filter((name) => !name.startsWith("x/"))
        const inner = Object.keys(JSON.parse(tree)).filter((name) => /^x\/d/.test(name))
        expect(kept).toEqual(names.slice(0, kept.length).map((name) => `${name}/`))
        expect(inner).toEqual(names.slice(0, inner.length).map((name) => `x/${name}/`))
        lengths.add(`${kept.length} ${inner.length}`)
      }
      // Also without the one before: the directories do not wait for each other.
      expect([...lengths].some((pair) => pair < pair.split(" ").reverse().join(" "))).toBe(true)
      expect([...lengths].some((pair) => pair > pair.split(" ").reverse().join(" "))).toBe(true)
    })
  )

  it.effect("moves a file between two directories entirely or not at all", () =>
    Effect.gen(function* () {
      const files = { "/tmp/a/file": "", "/tmp/b/keep": "" }
      const found = yield* outcomes(Aio.rename("/tmp/a/file", "/tmp/b/file"), files)
      expect([...found.keys()].sort()).toEqual(
        [
          only({ "a/": "", "a/file": "", "b/": "", "b/keep": "" })[0],
          only({ "a/": "", "b/": "", "b/file": "", "b/keep": "" })[0]
        ].sort()
      )
      // A sync of either directory is one of both.
      const synced = yield* outcomes(Effect.zipRight(Aio.rename("/tmp/a/file", "/tmp/b/file"), sync("/tmp/a")), files)
      expect([...synced.keys()]).toEqual(only({ "a/": "", "b/": "", "b/file": "", "b/keep": "" }))
    })
  )

  it.effect("a sync of a directory also keeps what its names rest upon elsewhere, and not what came later", () =>
    Effect.gen(function* () {
      const found = yield* outcomes(
        Effect.all(
          [
            Aio.mkdir("/tmp/a/first"),
            write("/tmp/a/file", ""),
            Aio.rename("/tmp/a/file", "/tmp/b/file"),
            Aio.mkdir("/tmp/a/later"),
            sync("/tmp/b")
          ],
          { discard: true }
        ),
        { "/tmp/a/keep": "", "/tmp/b/keep": "" }
      )
      const kept = { "a/": "", "a/first/": "", "a/keep": "", "b/": "", "b/file": "", "b/keep": "" }
      // In the order in which a tree is told.
      const later = { "a/": "", "a/first/": "", "a/keep": "", "a/later/": "", "b/": "", "b/file": "", "b/keep": "" }
      expect([...found.keys()].sort()).toEqual([only(kept)[0], only(later)[0]].sort())
    })
  )

  it.effect("brings back what was removed and not synced; a second name of a file is its own", () =>
    Effect.gen(function* () {
      const found = yield* outcomes(
        Effect.all([Aio.link("/tmp/a", "/tmp/b"), sync("/tmp"), Aio.unlink("/tmp/a")], { discard: true }),
        { "/tmp/a": "bytes" }
      )
      expect([...found.keys()].sort()).toEqual([only({ a: "bytes", b: "bytes" })[0], only({ b: "bytes" })[0]].sort())
    })
  )

  it.effect("keeps writes with O_SYNC and O_DSYNC", () =>
    Effect.gen(function* () {
      for (const flag of [constants.O_SYNC, constants.O_DSYNC]) {
        const found = yield* outcomes(write("/tmp/a", "b".repeat(5000), { flag: constants.O_WRONLY | flag }), {
          "/tmp/a": "a".repeat(6000)
        })
        expect([...found.keys()]).toEqual(only({ a: "b".repeat(5000) + "a".repeat(1000) }))
      }
    })
  )

  it.effect("keeps single writes with sync and dataSync", () =>
    Effect.gen(function* () {
      for (const options of [{ sync: true }, { dataSync: true }]) {
        const program = AioFile.withFile("/tmp/a", { flag: "r+" }, (file) =>
          file.writeAll(Buffer.from("b".repeat(5000)), options)
        )
        const found = yield* outcomes(program, { "/tmp/a": "a".repeat(6000) })
        expect([...found.keys()]).toEqual(only({ a: "b".repeat(5000) + "a".repeat(1000) }))
      }
    })
  )

  it.effect("loses what a failed fsync gave up, even if a later one succeeds", () =>
    Effect.gen(function* () {
      const program = (again: Effect.Effect<unknown, unknown, Aio.Aio | MockAio.MockAio>) =>
        Effect.gen(function* () {
          yield* write("/tmp/a", "new", { flag: "r+" })
          yield* MockAio.fail("fsync", "EIO", { times: 1 })
          yield* Effect.flip(sync("/tmp/a"))
          yield* again
          yield* sync("/tmp/a")
        })
      const files = { "/tmp/a": "old" }
      const lost = yield* outcomes(program(Effect.void), files)
      expect([...lost.keys()].sort()).toEqual([only({ a: "new" })[0], only({ a: "old" })[0]])
      const written = yield* outcomes(program(write("/tmp/a", "new", { flag: "r+" })), files)
      expect([...written.keys()]).toEqual(only({ a: "new" }))
    })
  )

  it.effect("is the same for the same seed", () =>
    Effect.gen(function* () {
      const program = (layer: number, crash: number | undefined) =>
        Effect.gen(function* () {
          for (let i = 0; i < 20; i++) yield* write(`/tmp/${i}`, `${i}`.repeat(3000))
          const what = yield* MockAio.crash({ seed: crash })
          return JSON.stringify([what, yield* MockAio.tree()])
        }).pipe(Effect.provide(MockAio.layer({ seed: layer })))
      expect(yield* program(1, undefined)).toBe(yield* program(1, undefined))
      expect(yield* program(1, 5)).toBe(yield* program(1, 5))
      const many = new Set(yield* Effect.forEach(SEEDS.slice(0, 20), (seed) => program(1, seed)))
      expect(many.size).toBeGreaterThan(10)
    })
  )

  it.effect("ends requests under way with EIO, and invalidates descriptors for good", () =>
    Effect.gen(function* () {
      const file = yield* AioFile.open("/tmp/a")
      const { read } = yield* MockAio.pipe
      yield* MockAio.hang("read", { path: "/tmp/a" })
      const into = Buffer.alloc(3)
      const fibers = [
        yield* Effect.fork(Effect.flip(file.read(into, { offset: 0 }))),
        yield* Effect.fork(Effect.flip(Aio.read(read, into)))
      ]
      yield* TestClock.adjust(0)
      yield* MockAio.crash()
      for (const fiber of fibers) expect(yield* Fiber.join(fiber)).toMatchObject({ code: "EIO" })
      expect(into.toString("hex")).toBe("000000")
      expect(yield* Effect.flip(file.stat)).toMatchObject({ code: "EBADF" })
      // Numbers are not used again: who still has one does not meet another file.
      expect(yield* Aio.open("/tmp/a")).toBeGreaterThan(read)
      expect(yield* MockAio.descriptors).not.toContain(file.fd)
    }).pipe(Effect.scoped, Effect.provide(MockAio.layer({ files: { "/tmp/a": "abc" } })))
  )

  it.effect("may come in the middle of a program, which then sees EIO until the machine is started again", () =>
    Effect.gen(function* () {
      let done = 0
      let undone = 0
      for (const seed of SEEDS.slice(0, 60)) {
        yield* Effect.gen(function* () {
          yield* MockAio.inject({ operation: "rename", after: 1, powerLoss: true })
          yield* Aio.rename("/tmp/1", "/tmp/2")
          expect(yield* Effect.flip(Aio.rename("/tmp/2", "/tmp/3"))).toBeInstanceOf(AioError.AioError)
          expect(yield* Effect.flip(Aio.stat("/tmp"))).toMatchObject({ code: "EIO" })
          yield* MockAio.crash()
          const tree = yield* MockAio.tree("/tmp")
          const [name] = Object.keys(tree)
          if (name === "3") done++
          if (name === "2") undone++
          expect(Object.values(tree)).toEqual(["x"])
        }).pipe(Effect.provide(MockAio.layer({ seed, files: { "/tmp/1": "x" } })))
      }
      // The request that power was lost in may have been done.
      expect(done).toBeGreaterThan(0)
      expect(undone).toBeGreaterThan(0)
    })
  )

  it.effect("after any program, what was synced last is a beginning of what is there", () =>
    Effect.forEach(
      SEEDS,
      (seed) =>
        Effect.gen(function* () {
          const dice = random(seed)
          const file = yield* AioFile.open("/tmp/log", { flag: "w+" })
          yield* sync("/tmp")
          let synced = ""
          let all = ""
          for (let i = 0; i < 30; i++) {
            const bytes = String.fromCharCode(97 + dice.integer(26)).repeat(1 + dice.integer(3000))
            yield* file.writeAll(Buffer.from(bytes), { offset: all.length })
            all += bytes
            if (dice.integer(4) === 0) {
              yield* dice.integer(2) === 0 ? file.sync : file.datasync
              synced = all
            }
          }
          yield* MockAio.crash()
          const found = Buffer.from(yield* MockAio.contentOf("/tmp/log")).toString()
          expect(found.slice(0, synced.length)).toBe(synced)
          expect(found.length).toBeLessThanOrEqual(all.length)
          // The disk counts what is on it.
          const { blocks, blocksFree } = yield* Aio.statvfs("/")
          expect(Number(blocks - blocksFree)).toBeLessThanOrEqual(Math.ceil(found.length / 4096))
        }).pipe(Effect.scoped, Effect.provide(MockAio.layer({ seed }))),
      { discard: true }
    )
  )
})
