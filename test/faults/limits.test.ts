import { describe, expect, it } from "vitest"
import { hasCommand, isRoot, runFixture } from "../fixtures/child.ts"

const needs = (command: string) => (hasCommand(command) ? undefined : `${command} (util-linux) is not installed`)

describe("limits of the process", () => {
  for (const backend of ["io_uring", "threads"]) {
    it(`${backend}: no more descriptors is EMFILE, and over when some are closed`, async (context) => {
      const missing = needs("prlimit")
      if (missing !== undefined) return context.skip(missing)
      const { code, stderr, stdout } = await runFixture("descriptors.ts", {
        args: [backend]
      })
      expect([stdout.trim().split("\n"), stderr, code]).toEqual([
        ["open /dev/null: this process has too many open files (EMFILE)", "many"],
        "",
        0
      ])
    })

    it(`${backend}: a Layer that is built when there are none left fails with an error, and works later`, async (context) => {
      const missing = needs("prlimit")
      if (missing !== undefined) return context.skip(missing)
      const { code, stderr, stdout } = await runFixture("descriptors.ts", {
        args: [backend, "layer"]
      })
      const [first, second] = stdout.trim().split("\n")
      expect([first, second, stderr, code]).toEqual([
        expect.stringMatching(/^Aio(Unavailable|Error) .*\bE(MFILE|AGAIN)\b/),
        "success",
        "",
        0
      ])
    })
  }

  for (const backend of ["io_uring", "kernel", "posix", "threads"]) {
    it(`${backend}: a Layer that was there before, and cannot be built again, says why and leaves nothing behind`, async (context) => {
      const missing = needs("prlimit")
      if (missing !== undefined) return context.skip(missing)
      const { code, stderr, stdout } = await runFixture("descriptors.ts", { args: [backend, "again"] })
      const [before, failure, mapped, after] = stdout.trim().split("\n")
      expect([before, failure, after, stderr, code]).toEqual([
        "success",
        expect.stringMatching(
          /^AioUnavailable \w+ is not available: .*too many open files \(EMFILE\)\. Raise the limit on open files \(ulimit -n\)/
        ),
        "success",
        "",
        0
      ])
      // Control blocks, say, of 300 times: each has its 700 KiB.
      expect(Number(mapped)).toBeLessThan(100)
    })
  }

  it("threads: where no thread can be had, requests fail instead of waiting for ever", async (context) => {
    // Root is not bound by RLIMIT_NPROC.
    if (!isRoot) return context.skip("becoming a user of whom nothing runs takes root")
    const missing = needs("setpriv") ?? needs("prlimit")
    if (missing !== undefined) return context.skip(missing)
    const { code, stderr, stdout } = await runFixture("exercise.ts", {
      args: ["threads", "nothing-inline"],
      env: { THREAD_LIMIT: "1" },
      under: ["setpriv", "--reuid=61234", "--regid=61234", "--clear-groups"]
    })
    expect([stdout, stderr, code]).toEqual([expect.stringMatching(/^\{"tag":"AioError".*EAGAIN/), "", 0])
  })
})
