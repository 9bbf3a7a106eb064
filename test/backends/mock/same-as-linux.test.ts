/** Random programs see the same on the mock and on a file system of this machine: results, errors, and what is left at the end. */
import { chmodSync, mkdirSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio, MockAio, ThreadPool } from "effect-aio"
import { makeFifo } from "../../support/fifo.ts"
import { random, seed } from "../../support/random.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { type Choices, type Place, type Step, stepIn, treeOf } from "./programs.ts"

const STEPS = 80

const allModes: ReadonlyArray<Aio.AllocateMode> = [
  "allocate",
  "keepSize",
  "punchHole",
  "collapseRange",
  "zeroRange",
  "insertRange"
]

/** Those that the file system of this directory has. */
const modesOf = (directory: string): Effect.Effect<ReadonlyArray<Aio.AllocateMode>, unknown, Aio.Aio> =>
  Effect.gen(function* () {
    const fd = yield* Aio.open(join(directory, "probe"), { flag: "w+" })
    const here = yield* Effect.filter(allModes, (mode) =>
      Effect.match(Aio.fallocate(fd, { mode, length: 4096 }), {
        onFailure: (error) => !("code" in error && error.code === "EOPNOTSUPP"),
        onSuccess: () => true
      })
    )
    yield* Aio.close(fd)
    yield* Aio.unlink(join(directory, "probe"))
    return here
  })

/** What a program sees in a directory, line by line, and what it leaves. */
const run = (steps: ReadonlyArray<Step>, directory: string) =>
  Effect.gen(function* () {
    const place: Place = { directory, open: [] }
    const seen: Array<string> = []
    for (const step of steps) seen.push(yield* step(place))
    yield* Effect.forEach(place.open, (fd) => Aio.close(fd!))
    return seen
  })

/** An effective user for the rest of a Scope. glibc tells running threads, too. */
const become = (id: number) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      process.setegid!(id)
      process.seteuid!(id)
    }),
    () =>
      Effect.sync(() => {
        process.seteuid!(0)
        process.setegid!(0)
      })
  )

const user = () => ({ uid: process.geteuid!(), gid: process.getegid!(), groups: process.getgroups!() })

/** Newer ext4 takes the set-ID bits from a file even where the fallocate(2) of another user than root then fails with EINVAL. */
const withoutSetId = (line: string): string =>
  line.replace(/"mode":(\d+)/, (_, mode) => `"mode":${Number(mode) & ~0o6000}`)

const compare = (from: number, asks: boolean) =>
  Effect.gen(function* () {
    const outer = yield* temporaryDirectory
    chmodSync(outer, 0o777)
    if (!asks) yield* become(1000)
    const directory = join(outer, "inner")
    mkdirSync(directory)
    const real = ThreadPool.layer({ inline: false })
    chmodSync(directory, 0o777)
    const steps = yield* Effect.provide(
      Effect.map(modesOf(directory), (modes) => {
        const choices: Choices = { modes, asks }
        const dice = random(from)
        return Array.from({ length: STEPS }, () => stepIn(dice, choices))
      }),
      real
    )
    makeFifo(join(directory, "fifo"))
    mkdirSync(join(directory, "d"))
    const here = yield* Effect.provide(
      Effect.gen(function* () {
        const seen = yield* run(steps, directory)
        return { seen, tree: asks ? yield* treeOf(outer) : [] }
      }),
      real
    )
    const there = yield* Effect.provide(
      Effect.gen(function* () {
        const directory = "/tmp/outer/inner"
        yield* MockAio.put("/tmp/outer", null)
        yield* MockAio.configure({ user: { uid: 0, gid: 0 } })
        yield* Aio.chmod("/tmp/outer", 0o777)
        yield* MockAio.configure({ user: user() })
        yield* Aio.mkdir(directory)
        yield* Aio.chmod(directory, 0o777)
        yield* MockAio.mkfifo(join(directory, "fifo"))
        yield* Aio.mkdir(join(directory, "d"))
        const seen = yield* run(steps, directory)
        expect(yield* MockAio.descriptors).toEqual(new Map())
        return { seen, tree: asks ? yield* treeOf("/tmp/outer") : [] }
      }),
      MockAio.layer({ user: user(), umask: process.umask(), seed: from })
    )
    // One by one: the first difference is the one to look at.
    const shown = asks ? (line: string) => line : withoutSetId
    here.seen.forEach((line, i) =>
      expect(`${from} step ${i}: ${shown(there.seen[i])}`).toBe(`${from} step ${i}: ${shown(line)}`)
    )
    expect(there.tree).toEqual(here.tree)
  }).pipe(Effect.scoped)

const PROGRAMS = Number(process.env.PROGRAMS ?? 40)
/** As many programs as one likes, on as slow a machine. */
const TIMEOUT = 600_000

describe(`random programs (SEED=${seed})`, () => {
  it.live(
    "see the same on the mock as on this machine",
    () =>
      Effect.forEach(
        Array.from({ length: PROGRAMS }, (_, i) => seed + i),
        (from) => compare(from, true),
        { discard: true }
      ),
    TIMEOUT
  )

  it.live.runIf(process.getuid!() === 0)(
    "and see it also as a user who may not do everything",
    () =>
      Effect.forEach(
        Array.from({ length: PROGRAMS }, (_, i) => seed + i),
        (from) => compare(from, false),
        { discard: true }
      ),
    TIMEOUT
  )
})
