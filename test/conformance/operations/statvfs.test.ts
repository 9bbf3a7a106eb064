import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio } from "effect-aio"
import { realBackends } from "../../support/backends.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const O_PATH = 0o10000000

/** What Python's os.statvfs says, in digits: a Number would lose bits. */
const fsidsOf = (paths: ReadonlyArray<string>): Record<string, string> =>
  JSON.parse(execFileSync("/usr/bin/python3", ["-c", FSIDS, ...paths], { encoding: "utf8" }))

const FSIDS = "import json, os, sys; print(json.dumps({path: str(os.statvfs(path).f_fsid) for path in sys.argv[1:]}))"

/** Whether next to nothing was written, or removed, between two looks. */
const isQuiet = (before: fs.BigIntStatsFs, after: fs.BigIntStatsFs): boolean =>
  (["bfree", "bavail", "ffree"] as const).every(
    (what) => Math.abs(Number(before[what]) - Number(after[what])) <= Number(after[what]) / 1000
  )

describe.each(realBackends)("$name: statvfs", ({ layer }) => {
  it.scopedLive("says what fs.statfsSync says, of disks and of memory", () =>
    Effect.gen(function* () {
      const paths = ["/", yield* temporaryDirectory, "/dev/shm", "/proc", "/sys"]
      const fsids = fsidsOf(paths)
      for (const path of paths) {
        const look = Effect.gen(function* () {
          const before = fs.statfsSync(path, { bigint: true })
          const ours = yield* Aio.statvfs(path)
          return { before, ours, theirs: fs.statfsSync(path, { bigint: true }) }
        })
        let { before, ours, theirs } = yield* look
        // Others may be writing: looked at again until they have not, or hardly.
        for (let attempt = 1; attempt < 50 && !isQuiet(before, theirs); attempt++)
          ({ before, ours, theirs } = yield* look)
        expect(ours).toMatchObject({
          type: Number(theirs.type),
          blockSize: Number(theirs.bsize),
          blocks: theirs.blocks,
          files: theirs.files,
          nameMax: 255
        })
        expect(ours.fragmentSize).toBeGreaterThan(0)
        expect(String(ours.fsid)).toBe(fsids[path])
        const fd = fs.openSync(path, O_PATH)
        const { blocksAvailable: _, blocksFree: __, filesFree: ___, ...lasting } = ours
        expect(yield* Aio.fstatvfs(fd)).toMatchObject(lasting)
        fs.closeSync(fd)
        // Within a percent.
        for (const [mine, other] of [
          [ours.blocksFree, theirs.bfree],
          [ours.blocksAvailable, theirs.bavail],
          [ours.filesFree, theirs.ffree]
        ]) {
          expect(Math.abs(Number(mine) - Number(other))).toBeLessThanOrEqual(Number(other) / 100)
        }
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("the flags are the options of the mount", () =>
    Effect.gen(function* () {
      const bits: Record<string, number> = { ro: 1, nosuid: 2, nodev: 4, noexec: 8 }
      for (const path of ["/", "/proc", "/sys", "/dev/shm"]) {
        // proc(5): number, parent, device, root, mount point, options. The last mount on a point is the one seen.
        const lines = fs.readFileSync("/proc/self/mountinfo", "utf8").split("\n")
        const options = lines
          .map((line) => line.split(" "))
          .findLast((fields) => fields[4] === path)?.[5]
          .split(",")
        if (options === undefined) continue
        const { flags } = yield* Aio.statvfs(path)
        for (const [option, bit] of Object.entries(bits)) {
          expect([path, option, (flags & bit) !== 0]).toEqual([path, option, options.includes(option)])
        }
      }
      const absent = yield* Effect.flip(Aio.statvfs("/absent"))
      expect(absent).toMatchObject({ code: "ENOENT", operation: "statvfs", path: "/absent" })
      expect(yield* Effect.flip(Aio.fstatvfs(1_000_000))).toMatchObject({ code: "EBADF", operation: "fstatvfs" })
      expect(yield* Effect.flip(Aio.fstatvfs(-1))).toMatchObject({ _tag: "AioBadArgument", argument: "fd" })
    }).pipe(Effect.provide(layer))
  )
})
