import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { runFixture } from "../fixtures/child.ts"

const preload = [fileURLToPath(new URL("../fixtures/platform.mjs", import.meta.url))]

describe("where there are no Linux system calls, the package is imported and says so", () => {
  const places: ReadonlyArray<readonly [what: string, env: Record<string, string>, reason: string]> = [
    ["macOS", { PLATFORM: "darwin" }, "darwin has none of the Linux system calls"],
    ["Windows", { PLATFORM: "win32" }, "win32 has none of the Linux system calls"],
    ["an unknown processor", { ARCH: "riscv64" }, "the system call numbers of riscv64 are not known"],
    ["a platform that the native library does not know", { PLATFORM: "sunos", KOFFI: "missing" }, "sunos has none"]
  ]
  for (const [what, env, reason] of places) {
    it(what, async () => {
      const { code, stderr, stdout } = await runFixture("elsewhere.ts", { env, preload })
      const lines = stdout.trim().split("\n")
      expect([lines.length, stderr, code]).toEqual([3, "", 0])
      for (const line of lines) {
        expect(line).toMatch(/^AioUnavailable: \w+ is not available: /)
        expect(line).toContain(reason)
        expect(line).toContain("NodeFileSystem")
      }
    })
  }

  it("here it is available", async () => {
    const { stdout } = await runFixture("elsewhere.ts", { preload })
    expect(stdout).toMatch(/success\n$/)
  })
})
