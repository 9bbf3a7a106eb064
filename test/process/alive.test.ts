import { setTimeout as delay } from "node:timers/promises"
import { describe, expect, it } from "vitest"
import { runFixture } from "../fixtures/child.ts"

/** Milliseconds: less than any timeout of the library's, more than a machine stands still. What is kept alive is so for ever. */
const SOON = 9000

describe.each(["io_uring", "threads"])("%s: how long a process lives", (backend) => {
  it("as long as a request is in flight, and no longer", async () => {
    let written = Number.POSITIVE_INFINITY
    // It says what it has read: so it has lived until then.
    const { code, stderr, stdout } = await runFixture("life.ts", {
      args: ["pending", backend],
      onOutput: async (text, { stdin }) => {
        if (text !== "reading\n") return
        await delay(300)
        written = performance.now()
        stdin.write("hello")
      }
    })
    expect([stdout, stderr, code]).toEqual(["reading\nread hello\n", "", 0])
    expect(performance.now() - written).toBeLessThan(SOON)
  })

  it("not for a Layer that is open, nor for its threads", async () => {
    const { code, lasted, stderr, stdout } = await runFixture("life.ts", { args: ["idle", backend] })
    expect([stdout, stderr, code]).toEqual(["idle\n", "", 0])
    expect(lasted).toBeLessThan(SOON)
  })

  it("not for a FileSystem that is used after its Layer", async () => {
    const { code, lasted, stderr, stdout } = await runFixture("life.ts", { args: ["after", backend] })
    expect([stdout, stderr, code]).toEqual(["read\n", "", 0])
    expect(lasted).toBeLessThan(SOON)
  })

  it("not for a request that was interrupted", async () => {
    const { code, lasted, stderr, stdout } = await runFixture("life.ts", { args: ["abandoned", backend] })
    expect([stdout, stderr, code]).toEqual(["given up\n", "", 0])
    expect(lasted).toBeLessThan(SOON)
  })
})
