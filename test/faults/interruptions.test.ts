import { mkdtemp, rm, writeFile } from "node:fs/promises"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { runWithFailing } from "../fixtures/strace.ts"

describe("system calls that fail for now are made again, and no request is lost", () => {
  const cases: ReadonlyArray<readonly [fault: string, backend: string]> = [
    ["io_uring_enter:error=EAGAIN:when=3+5", "io_uring"],
    ["io_uring_enter:error=EINTR:when=3+2", "io_uring"],
    ["io_uring_enter:error=EBUSY:when=1+3", "io_uring"],
    ["fdatasync:error=EINTR:when=2+3", "threads"],
    ["linkat:error=EINTR:when=2+3", "threads"]
  ]
  for (const [fault, backend] of cases) {
    it(`${backend}: ${fault}`, async () => {
      const { stderr, stdout } = await runWithFailing([fault], "exercise.ts", { args: [backend, "nothing-inline"] })
      expect([stdout, stderr]).toEqual([expect.stringMatching(/^\{"ok":\d+,/), ""])
    })
  }
})

describe("a directory that takes several calls to read", () => {
  const cases: ReadonlyArray<readonly [fault: string, said: string]> = [
    ["getdents64:error=EIO:when=2+", "3\nEIO\n"],
    ["getdents64:error=EIO:when=1+", "EIO\n"],
    ["getdents64:error=EINTR:when=2..3", "3\n"]
  ]
  for (const [fault, said] of cases) {
    it(`threads: ${fault}: what has been read is told, and the failure after it`, async () => {
      const directory = await mkdtemp(join(tmpdir(), "effect-aio-"))
      try {
        for (const name of ["a", "b", "c"]) await writeFile(join(directory, name), "")
        const { stderr, stdout } = await runWithFailing([fault], "list.ts", { args: [directory] })
        expect([stdout, stderr]).toEqual([said, ""])
      } finally {
        await rm(directory, { recursive: true })
      }
    })
  }
})

describe("what a request's own system call says is the request's result", () => {
  const cases: ReadonlyArray<readonly [fault: string, operation: string, code: string]> = [
    ["fdatasync:error=EIO", "fdatasync", "EIO"],
    ["pwrite64:error=ENOSPC", "write", "ENOSPC"],
    ["renameat2:error=EDQUOT", "rename", "EDQUOT"],
    ["readlinkat:error=ESTALE", "readlink", "ESTALE"]
  ]
  for (const [fault, operation, code] of cases) {
    it(`threads: ${fault}`, async () => {
      const { stdout } = await runWithFailing([fault], "exercise.ts", { args: ["threads"] })
      expect(JSON.parse(stdout)).toMatchObject({ tag: "AioError", operation, code })
    })
  }
})
