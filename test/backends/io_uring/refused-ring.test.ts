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
