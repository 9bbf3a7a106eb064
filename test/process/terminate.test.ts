/** Worker threads of the program that end while the library works in them: from outside, where no JavaScript runs any more, or inside. */
import { describe, expect, it } from "vitest"
import { runFixture } from "../fixtures/child.ts"
import { realBackends } from "../support/backends.ts"

/** Milliseconds: every worker loads the whole library, which takes its time where others work, too. */
const PATIENCE = 160_000

const ENDED = '{"descriptors":{},"threads":0,"unended":0}\n'

const mechanisms = [...new Set(realBackends.map(({ mechanism }) => mechanism))]

describe.each(mechanisms)("%s: requests of all kinds under way in a worker thread", (backend) => {
  for (const [ending, what] of [
    ["terminated", "terminate(), four times: the process lives on, with no more descriptors and no more threads"],
    ["exits", "process.exit() of the worker leaves no descriptors and no threads"]
  ]) {
    it(
      what,
      async () => {
        const args = [backend, ending, ending === "terminated" ? "4" : "3"]
        const { code, signal, stderr, stdout } = await runFixture("terminating.ts", { args, timeout: PATIENCE })
        expect([stdout, stderr, code, signal]).toEqual([ENDED, "", 0, null])
      },
      PATIENCE + 10_000
    )
  }
})

it.runIf(mechanisms.includes("posix"))(
  "posix: terminate() waits for the transfer that glibc is in, and calls back those behind it",
  async () => {
    const args = ["posix", "transfers", "4"]
    const { code, signal, stderr, stdout } = await runFixture("terminating.ts", { args, timeout: PATIENCE })
    expect([stdout, stderr, code, signal]).toEqual([ENDED, "", 0, null])
  },
  PATIENCE + 10_000
)
