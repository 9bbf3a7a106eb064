import { describe, expect, it } from "vitest"
import { runFixture } from "../fixtures/child.ts"

/** Milliseconds: less than any timeout of the library's, more than a machine stands still. What does not end would not for ever. */
const SOON = 9000

describe.each(["io_uring", "threads"])("%s: how a process ends", (backend) => {
  it("process.exit() with a read in flight", async () => {
    const { code, lasted, signal, stderr, stdout } = await runFixture("life.ts", { args: ["exit", backend] })
    expect([stdout, stderr, code, signal]).toEqual(["exiting\n", "", 7, null])
    expect(lasted).toBeLessThan(SOON)
  })

  it("an error that nobody catches, with a read in flight", async () => {
    const { code, lasted, signal, stderr, stdout } = await runFixture("life.ts", { args: ["error", backend] })
    expect([stdout, code, signal]).toEqual(["throwing\n", 1, null])
    expect(stderr).toContain("Error: nobody catches this")
    expect(lasted).toBeLessThan(SOON)
  })

  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    it(`${signal} interrupts runMain's fiber, its read with it, and finalizers run`, async () => {
      const outcome = await runFixture("life.ts", {
        args: ["main", backend],
        onOutput: (text, child) => {
          if (text === "reading\n") setTimeout(() => child.kill(signal), 200)
        }
      })
      expect([outcome.stdout, outcome.stderr, outcome.signal]).toEqual(["reading\ninterrupted\nfinalized\n", "", null])
      expect([0, 130]).toContain(outcome.code)
      expect(outcome.lasted).toBeLessThan(SOON)
    })
  }

  it("SIGKILL ends it, whatever is in flight", async () => {
    const outcome = await runFixture("life.ts", {
      args: ["main", backend],
      onOutput: (_, child) => child.kill("SIGKILL")
    })
    expect(outcome.signal).toBe("SIGKILL")
  })

  it("opening and closing the backend over and over", async () => {
    const { code, signal, stderr, stdout } = await runFixture("reopening.ts", { args: [backend] })
    expect([stdout, stderr, code, signal]).toEqual(["done\n", "", 0, null])
  })

  it("as soon as it is done, threads up or not", async () => {
    const outcomes = await Promise.all(
      Array.from({ length: 4 }, () => runFixture("life.ts", { args: ["short", backend] }))
    )
    for (const { code, signal, stderr, stdout } of outcomes) {
      expect([stdout, stderr, code, signal]).toEqual(["over\n", "", 0, null])
    }
  })
})
