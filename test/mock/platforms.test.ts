import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { runFixture } from "../fixtures/child.ts"

const preload = [fileURLToPath(new URL("../fixtures/platform.mjs", import.meta.url))]

describe("the mock works where there are no Linux system calls", () => {
  for (const env of [{ PLATFORM: "darwin" }, { PLATFORM: "win32", KOFFI: "missing" }]) {
    it(env.PLATFORM, async () => {
      const { code, stderr, stdout } = await runFixture("mockElsewhere.ts", { env, preload })
      expect(stderr).toBe("")
      expect(stdout).toMatch(/^1024 AAA .*ENOSYS/)
      expect(code).toBe(0)
    })
  }
})
