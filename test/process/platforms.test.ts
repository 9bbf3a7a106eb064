import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "vitest"
import { runFixture } from "../fixtures/child.ts"

const preload = [fileURLToPath(new URL("../fixtures/platform.mjs", import.meta.url))]

describe("where there are no Linux system calls, the package is imported and says so", () => {
  const places: ReadonlyArray<readonly [what: string, env: Record<string, string>, reason: string]> = [
    ["macOS", { PLATFORM: "darwin" }, "darwin has none of the Linux system calls"],
    ["Windows", { PLATFORM: "win32" }, "win32 has none of the Linux system calls"],
    ["an unknown processor", { ARCH: "riscv64" }, "the system call numbers of riscv64 are not known"],
    ["a platform that the native library does not know", { PLATFORM: "sunos", KOFFI: "missing" }, "sunos has none"],
    // Where the native library would end the process: nothing of it is touched.
    ["Bun", { RUNTIME: "bun", KOFFI: "missing" }, "Bun has no uv_poll"],
    ["Deno", { RUNTIME: "deno", KOFFI: "missing" }, "Deno has no uv_poll"]
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

describe("where Node was started with too few permissions, the Layer names the flag that is missing", () => {
  const model = process.allowedNodeEnvironmentFlags.has("--permission") ? "--permission" : "--experimental-permission"
  const read = "--allow-fs-read=*"
  const places: ReadonlyArray<readonly [flags: ReadonlyArray<string>, remedy: string]> = [
    [["--no-addons"], "without --no-addons"],
    [[model, read], "with --allow-addons"]
  ]
  for (const [flags, remedy] of places) {
    it(flags.join(" "), async () => {
      const [real, mock] = await Promise.all([
        runFixture("elsewhere.ts", { flags }),
        runFixture("mockElsewhere.ts", { flags })
      ])
      const lines = real.stdout.trim().split("\n")
      expect([lines.length, real.code]).toEqual([3, 0])
      for (const line of lines) {
        expect(line).toMatch(/^AioUnavailable: \w+ is not available: /)
        expect(line).toContain(remedy)
      }
      // It needs no permission.
      expect(mock.stdout).toMatch(/^1024 AAA .*ENOSYS/)
      expect(mock.code).toBe(0)
    })
  }

  it("POSIX AIO needs a worker", async () => {
    const { code, stdout } = await runFixture("exercise.ts", {
      args: ["auto"],
      env: { AIO_BACKEND: "posix" },
      flags: [model, read, "--allow-addons"]
    })
    expect(stdout).toMatch(/AioUnavailable.*--allow-worker/)
    expect(code).toBe(0)
  })

  it(`${model} with what is needed: it is available`, async () => {
    const { code, stdout } = await runFixture("elsewhere.ts", {
      flags: [model, read, "--allow-addons"]
    })
    expect([stdout, code]).toEqual(["success\nsuccess\nsuccess\n", 0])
  })

  const nowhere = "/no/such/directory"
  const temporary: ReadonlyArray<
    readonly [what: string, flags: ReadonlyArray<string>, given: string | undefined, fifo: string, left: string]
  > = [
    ["may not be written to", [model, read, "--allow-addons"], undefined, "ERR_ACCESS_DENIED", "0"],
    ["may be", [model, read, "--allow-fs-write=*", "--allow-addons"], undefined, "native", "0"],
    ["is not there", [], nowhere, "ENOENT", "ENOENT"]
  ]
  it.each(temporary)(
    "the capabilities say what cannot be tried: a directory for temporary files that %s",
    async (_, flags, given, fifo, left) => {
      const own = mkdtempSync(join(tmpdir(), "effect-aio-capabilities-"))
      const env = { TMPDIR: given ?? own }
      const { code, stderr, stdout } = await runFixture("capabilities.ts", { flags, env })
      rmSync(own, { recursive: true })
      const lines = stdout.trimEnd().split("\n")
      expect([code, lines.length, lines[lines.length - 1]], stderr).toEqual([0, 9, left])
      expect(lines).toContain(`FIFO: ${fifo} ${fifo}`)
      for (const line of lines.slice(0, -1)) {
        if (!/^(FIFO|directory)/.test(line)) expect(line).toMatch(/: (native|pool) (native|pool)$/)
      }
    }
  )
})
