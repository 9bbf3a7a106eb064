import { describe, expect, it } from "vitest"
import { runWithFailing } from "../fixtures/strace.ts"

/** What old kernels lack and sandboxes forbid: the shortcuts for cached answers. Without them everything takes the long way. */
const faults: ReadonlyArray<ReadonlyArray<string>> = [
  ["openat2:error=EPERM"],
  ["preadv2:error=EOPNOTSUPP"],
  ["openat2:error=ENOSYS", "preadv2:error=EPERM"]
]

describe("without the calls that answer from the caches", () => {
  for (const backend of ["io_uring", "threads"]) {
    for (const failing of faults) {
      it(`${backend}: ${failing.join(" and ")}`, async () => {
        const { stderr, stdout } = await runWithFailing(failing, "exercise.ts", { args: [backend] })
        expect([stdout, stderr]).toEqual([expect.stringMatching(/^\{"ok":\d+,/), ""])
      })
    }
  }

  // Threads have no other way to stat; io_uring has its own.
  for (const error of ["ENOSYS", "EPERM"]) {
    it(`io_uring: statx:error=${error}`, async () => {
      const { stderr, stdout } = await runWithFailing([`statx:error=${error}`], "exercise.ts", { args: ["io_uring"] })
      expect([stdout, stderr]).toEqual([expect.stringMatching(/^\{"ok":\d+,/), ""])
    })
  }

  // There is no way that is as good. A name that is moved meanwhile is followed again, but not for ever.
  for (const [fault, expected] of [
    ["error=ENOSYS", /^AioUnavailable openat2 is not available: this kernel .+\n$/],
    ["error=EPERM", /^AioUnavailable openat2 is not available: this process .+\n$/],
    ["error=EAGAIN", /^AioError statvfs \.: .+ \(EAGAIN\)\n$/],
    ["error=EAGAIN:when=1+2", /^File\n$/]
  ] as const) {
    it(`a directory that paths do not leave: openat2:${fault}`, async () => {
      const { stderr, stdout } = await runWithFailing([`openat2:${fault}`], "confined.ts", { args: ["threads"] })
      expect([stdout, stderr]).toEqual([expect.stringMatching(expected), ""])
    })
  }
})
