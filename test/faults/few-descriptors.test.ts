/** Close to the limit on open files: what waits costs neither threads nor time, and others go on. */
import { describe, expect, it } from "vitest"
import { runFixture } from "../fixtures/child.ts"
import { realBackends } from "../support/backends.ts"

describe.each([...new Set(realBackends.map(({ mechanism }) => mechanism))])("%s", (mechanism) => {
  it("idle waits leave descriptors, and take no thread; a request that needs a thread needs no descriptor", async () => {
    const { code, stderr, stdout } = await runFixture("fewDescriptors.ts", {
      args: [mechanism],
      under: ["prlimit", "--nofile=600"]
    })
    expect([code, stderr]).toEqual([0, ""])
    const { answer, ends, idle, waits } = JSON.parse(stdout)
    expect([answer, waits]).toEqual(["ENOENT", 250])
    // Of a second: nobody spins.
    expect(idle).toBeLessThan(500_000)
    expect(ends).toEqual(["ok", "ok", "ok", "ok", "ok"])
  })
})
