import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { runWithFailing } from "../../fixtures/strace.ts"

describe("io_uring_enter(2) is refused in the middle of a life: everything ends, the Layer goes on with threads, and closes", () => {
  for (const fault of ["EPERM:when=2+", "EPERM:when=2", "ENOSYS:when=2+", "EAGAIN:when=2+"]) {
    it(fault, async () => {
      const { code, stderr, stdout } = await runWithFailing([`io_uring_enter:error=${fault}`], "refusedRing.ts")
      expect([stderr, code]).toEqual(["", 0])
      expect(JSON.parse(stdout)).toEqual({ ok: 20, failed: 20, linked: "Success", interrupted: true, outstanding: 0 })
    })
  }
})

describe("small files that are loaded meanwhile are read all the same", () => {
  const enter = "io_uring_enter:error="
  for (const fault of [
    ...[2, 3, 4, 5].map((call) => `${enter}EPERM:when=${call}+`),
    `${enter}EAGAIN:when=3+`,
    `${enter}EAGAIN:when=3+2`,
    "io_uring_register:error=EMFILE:when=3+"
  ]) {
    it(fault, async () => {
      const directory = mkdtempSync(join(tmpdir(), "effect-aio-"))
      try {
        const { code, stderr, stdout } = await runWithFailing([fault], "refusedLoads.ts", { args: [directory] })
        expect([stderr, code]).toEqual(["", 0])
        expect(JSON.parse(stdout)).toEqual({ right: 48, open: 0, outstanding: 0 })
      } finally {
        rmSync(directory, { recursive: true })
      }
    })
  }
})
