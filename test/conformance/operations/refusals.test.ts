import { execFileSync, spawn } from "node:child_process"
import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio, AioFile } from "effect-aio"
import { isRoot, runFixture } from "../../fixtures/child.ts"
import { realBackends } from "../../support/backends.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { tiny } from "../../support/tinyFileSystem.ts"

describe.each(realBackends)("$name: what a file system refuses", ({ layer }) => {
  it.scopedLive("/dev/full is full", () =>
    Effect.gen(function* () {
      const file = yield* AioFile.open("/dev/full", { flag: "r+" })
      const enospc = { _tag: "AioError", code: "ENOSPC", fd: file.fd }
      expect(yield* Effect.flip(file.write(Buffer.from("x")))).toMatchObject({ ...enospc, operation: "write" })
      expect(yield* Effect.flip(file.writeAll(Buffer.from("x"), { offset: 5 }))).toMatchObject(enospc)
      expect(yield* Effect.flip(file.writev([Buffer.from("x")]))).toMatchObject({ ...enospc, operation: "writev" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a disk that fills up: a short write, then ENOSPC, and what was written is there", (context) =>
    Effect.gen(function* () {
      const directory = yield* tiny
      if (directory === undefined) return context.skip("mounting a small file system takes root")
      const path = join(directory, "file")
      const file = yield* AioFile.open(path, { flag: "w" })
      const bytes = Buffer.alloc(100_000, 7)
      const written = yield* file.write(bytes, { offset: 0 })
      expect(written).toBeLessThan(bytes.length)
      expect(written).toBeGreaterThan(0)
      expect(fs.statSync(path).size).toBe(written)
      expect(yield* Effect.flip(file.writeAll(bytes, { offset: written }))).toMatchObject({
        code: "ENOSPC",
        operation: "write"
      })
      expect(yield* Effect.flip(file.allocate({ length: 1 << 20 }))).toMatchObject({
        code: "ENOSPC",
        operation: "fallocate"
      })
      yield* file.truncate(10)
      expect(yield* file.write(Buffer.from("room again"), { offset: 10 })).toBe(10)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a read-only file system", (context) =>
    Effect.gen(function* () {
      const directory = yield* tiny
      if (directory === undefined) return context.skip("mounting a small file system takes root")
      fs.writeFileSync(join(directory, "file"), "content")
      execFileSync("mount", ["-o", "remount,ro", directory])
      const file = join(directory, "file")
      const uses = {
        open: Aio.open(file, { flag: "r+" }),
        mkdir: Aio.mkdir(join(directory, "new")),
        unlink: Aio.unlink(file),
        rename: Aio.rename(file, `${file}2`),
        link: Aio.link(file, `${file}2`),
        symlink: Aio.symlink("target", `${file}2`),
        truncate: Aio.truncate(file),
        access: Aio.access(file, { write: true }),
        chmod: Aio.chmod(file, 0o600),
        chown: Aio.chown(file, { uid: 0 }),
        utimes: Aio.utimes(file, { mtimeNs: 0n })
      }
      for (const [operation, use] of Object.entries(uses)) {
        expect(yield* Effect.flip(use as Effect.Effect<unknown, unknown, Aio.Aio>)).toMatchObject({
          operation,
          code: "EROFS"
        })
      }
      expect((yield* Aio.statvfs(directory)).flags & 1).toBe(1)
      expect((yield* Aio.stat(file)).size).toBe(7n)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a program that runs cannot be written", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "program")
      fs.copyFileSync("/bin/sleep", path)
      fs.chmodSync(path, 0o755)
      const child = spawn(path, ["60"])
      yield* Effect.async<void>((resume) => void child.once("spawn", () => resume(Effect.void)))
      expect(yield* Effect.flip(Aio.open(path, { flag: "r+" }))).toMatchObject({
        code: "ETXTBSY",
        operation: "open",
        path
      })
      yield* Effect.async<void>((resume) => {
        child.once("exit", () => resume(Effect.void))
        child.kill()
      })
    }).pipe(Effect.provide(layer))
  )
})

describe("what permissions refuse", () => {
  for (const backend of ["io_uring", "threads"]) {
    it(`${backend}: EACCES, of a user who may not`, async (context) => {
      if (!isRoot) return context.skip("becoming another user takes root")
      const { stderr, stdout } = await runFixture("forbidden.ts", {
        args: [backend],
        under: ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"]
      })
      expect([stdout.trim().split("\n"), stderr]).toEqual([
        [
          "open EACCES",
          "stat EACCES",
          "mkdir EACCES",
          "unlink EACCES",
          "access EACCES",
          "access EACCES",
          "access EACCES",
          "chmod EPERM",
          "chown EPERM",
          "utimes EPERM",
          "utimes EACCES"
        ],
        ""
      ])
    })
  }
})
