/** Whom a mount may ask: what the list of mounts says, and what the files of a real one are then taken for. */
import { execFileSync } from "node:child_process"
import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { parseMounts, typeIn, UNTOLD } from "../../src/internal/native/mountTable.ts"
import { mayWaitToOpen } from "../../src/internal/native/nonblocking.ts"
import { DISK, SYSCALL, type TransferKind, transferKindOf } from "../../src/internal/native/positions.ts"
import { isRoot } from "../fixtures/child.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"
import { hasUserFileSystems, userFileSystem } from "../support/userFileSystem.ts"

const base = [
  "1 0 254:0 / / rw,relatime - ext4 /dev/root rw",
  "2 1 0:21 / /proc rw,nosuid shared:5 master:1 - proc proc rw",
  "3 1 0:40 / /net/my\\040files rw - nfs4 server:/export rw,vers=4.2",
  "4 1 0:41 / /home/user/served rw - fuse.sshfs user@host: rw,user_id=0",
  "5 1 254:1 /sub /data rw - xfs /dev/vdb rw"
]

const overlay = (options: string, point = "/merged"): string => `9 1 0:50 / ${point} rw - overlay overlay rw,${options}`

/** What a path leads to by the letters of it, and where symbolic links are in the way, by these. */
const typeOf = (lines: ReadonlyArray<string>, id: number, leads: Record<string, number | undefined> = {}): string =>
  typeIn(parseMounts(`${lines.join("\n")}\n`), id, (path) => (path in leads ? leads[path] : 1))

describe("the list of mounts", () => {
  it("local ones, the kernel's own, and others", () => {
    expect([1, 2, 3, 4, 5, 6].map((id) => typeOf(base, id))).toEqual(["ext4", "proc", "", "", "xfs", ""])
    expect(parseMounts(base.join("\n"))[2].point).toBe("/net/my files")
  })

  it("an overlay is local when all its layers are", () => {
    const options: Record<string, string> = {
      "lowerdir=/a:/b,upperdir=/u,workdir=/w": "overlay",
      "lowerdir=/a::/data": "overlay",
      "lowerdir+=/a,datadir+=/b": "overlay",
      "lowerdir=/a\\134:b": "overlay",
      "lowerdir=/a\\054c": "overlay",
      // Relative to wherever somebody was, and none that is named.
      "lowerdir=a,upperdir=/u": UNTOLD,
      "": UNTOLD
    }
    for (const [given, type] of Object.entries(options)) {
      expect([given, typeOf([...base, overlay(given)], 9)]).toEqual([given, type])
    }
  })

  it("an overlay asks whom one of its layers asks", () => {
    const nfs = 3
    const fuse = 4
    const cases: ReadonlyArray<[options: string, leads: Record<string, number | undefined>]> = [
      ["lowerdir=/a:/net/my\\040files/b", { "/net/my files/b": nfs }],
      ["lowerdir=/a::/home/user/served", { "/home/user/served": fuse }],
      ["lowerdir+=/a,datadir+=/home/user/served/x", { "/home/user/served/x": fuse }],
      ["lowerdir=/a,upperdir=/home/user/served/up,workdir=/w", { "/home/user/served/up": fuse }],
      // Through a symbolic link.
      ["lowerdir=/looks/local", { "/looks/local": nfs }],
      // Not in the caches any more: by its letters.
      ["lowerdir=/home/user/served/x", { "/home/user/served/x": undefined }],
      ["lowerdir=/net/my\\040files", { "/net/my files": undefined }]
    ]
    for (const [options, leads] of cases) {
      expect([options, typeOf([...base, overlay(options)], 9, leads)]).toEqual([options, ""])
    }
    const nested = "10 1 0:51 / /upon rw - overlay overlay rw,lowerdir=/merged/x"
    const under = [...base, overlay("lowerdir=/home/user/served"), nested]
    expect(typeOf(under, 10, { "/merged/x": 9, "/home/user/served": fuse })).toBe("")
  })

  it("in a container nothing is known of an overlay whose layers are outside", () => {
    const container = [
      "9 1 0:50 / / rw - overlay overlay rw,lowerdir=/var/lib/docker/overlay2/l/A,upperdir=/var/lib/docker/overlay2/b/diff",
      base[1]
    ]
    expect(typeIn(parseMounts(container.join("\n")), 9, () => undefined)).toBe(UNTOLD)
    // The same letters lead to a place on the overlay itself.
    expect(typeIn(parseMounts(container.join("\n")), 9, () => 9)).toBe(UNTOLD)
    expect(typeOf([...base, overlay("lowerdir=/a:/b")], 9, { "/b": undefined })).toBe(UNTOLD)
  })

  it("opens wait on overlays of any kind: one for writing copies the file", () => {
    const types = ["ext4", "xfs", "tmpfs", "proc", "overlay", UNTOLD, "nfs4", "fuse", ""]
    expect(types.filter(mayWaitToOpen)).toEqual(["overlay", UNTOLD, "nfs4", "fuse", ""])
  })
})

describe.runIf(hasUserFileSystems && isRoot)("real mounts", () => {
  it.scopedLive("transfers on an overlay are the ring's where its layers are local and can be told", (context) =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const served = yield* userFileSystem()
      const mounted: Array<string> = []
      yield* Effect.addFinalizer(() =>
        Effect.sync(() => {
          for (const path of mounted.reverse()) execFileSync("umount", ["--lazy", path])
        })
      )
      const mount = (name: string, cwd: string, ...args: ReadonlyArray<string>): string => {
        const path = join(directory, name)
        mkdirSync(path)
        execFileSync("mount", [...args, path], { cwd, stdio: "pipe" })
        mounted.push(path)
        return path
      }
      const way = (path: string): TransferKind => {
        const fd = openSync(join(path, "file"), "r")
        const found = transferKindOf(fd)
        closeSync(fd)
        return found
      }
      const memory = mount("memory", directory, "-t", "tmpfs", "none")
      for (const name of ["lower", "upper", "work"]) mkdirSync(join(memory, name))
      const [lower, upper, work] = ["lower", "upper", "work"].map((name) => join(memory, name))
      for (const each of [lower, served.source]) writeFileSync(join(each, "file"), "")
      const over = (name: string, options: string): string | undefined => {
        try {
          return mount(name, memory, "-t", "overlay", "none", "-o", options)
        } catch {
          return undefined
        }
      }
      const local = over("local", `lowerdir=${lower},upperdir=${upper},workdir=${work}`)
      if (local === undefined) return context.skip("no overlay can be mounted here")
      const ofServer = over("of-server", `lowerdir=${served.path}:${lower}`)
      const untold = over("untold", "lowerdir=upper:lower")
      expect([way(lower), way(local), way(ofServer!), way(untold!)]).toEqual([DISK, DISK, SYSCALL, SYSCALL])
    })
  )
})
