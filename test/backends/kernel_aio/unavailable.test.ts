/** A Layer that cannot be built says why and what to do; calls that fail for a moment are made again. */
import { Effect } from "effect"
import * as KernelAio from "effect-aio/KernelAio"
import { describe, expect, it } from "vitest"
import { runFixture } from "../../fixtures/child.ts"
import { runWithFailing } from "../../fixtures/strace.ts"

const program = "../backends/kernel_aio/fixtures/child.ts"
const parse = (stdout: string) => JSON.parse(stdout.trim().split("\n").at(-1)!)

/** Why there is no Layer with so many entries. */
const built = (entries: number) => Effect.runPromise(Effect.flip(Effect.scoped(KernelAio.make({ entries }))))

describe("io_setup", () => {
  const causes: ReadonlyArray<readonly [error: string, errno: number, reason: RegExp]> = [
    ["EPERM", 1, /seccomp/],
    ["EACCES", 13, /seccomp/],
    ["ENOSYS", 38, /CONFIG_AIO/],
    ["ENOMEM", 12, /out of memory/],
    ["EMFILE", 24, /too many open files/],
    ["EAGAIN", 11, /fs\.aio-max-nr/]
  ]

  for (const [error, errno, reason] of causes) {
    it(`says ${error}`, async () => {
      const { code, stdout } = await runWithFailing([`io_setup:error=${error}`], program, { args: ["use"] })
      const found = parse(stdout)
      expect(found).toMatchObject({ tag: "AioUnavailable", backend: "kernel", errno })
      expect(found.reason).toMatch(reason)
      expect(found.reason).toContain(error)
      expect(found.remedy).toContain("AIO_BACKEND=threads")
      expect(code).toBe(0)
    })
  }

  it("finds fs.aio-max-nr exhausted: the sysctl, its value, and what is taken", async () => {
    const { stdout } = await runFixture(program, { args: ["exhaust"] })
    const found = parse(stdout)
    expect(found).toMatchObject({ tag: "AioUnavailable", backend: "kernel", errno: 11 })
    expect(found.reason).toContain(`fs.aio-max-nr = ${found.most}`)
    expect(Number(/fs\.aio-nr = (\d+)/.exec(found.reason)![1])).toBeGreaterThanOrEqual(found.half)
    expect(found.remedy).toContain("sysctl -w fs.aio-max-nr=")
  })

  for (const entries of [0, 1.5, -1, Number.NaN]) {
    it(`is not asked for ${entries} entries`, async () => {
      expect(await built(entries)).toMatchObject({ backend: "kernel", reason: expect.stringContaining("entries") })
    })
  }

  for (const entries of [2 ** 30, Number.POSITIVE_INFINITY]) {
    it(`is asked for ${entries} entries, more than there can be`, async () => {
      expect(await built(entries)).toMatchObject({ backend: "kernel", errno: expect.any(Number) })
    })
  }
})

describe("io_submit", () => {
  const all = { right: 1000, outstanding: 0, submitted: 1002, completed: 1002 }

  for (const error of ["EAGAIN", "EINTR"]) {
    it(`says ${error} now and then: nothing is lost, and nothing needs a thread`, async () => {
      const { stdout } = await runWithFailing([`io_submit:error=${error}:when=1+2`], program, { args: ["use"] })
      expect(parse(stdout)).toMatchObject({ ...all, threads: 0 })
    })
  }

  for (const error of ["EAGAIN", "EINTR", "ENOSYS", "EPERM"]) {
    it(`always says ${error}: the pool does it all`, async () => {
      const { stdout } = await runWithFailing([`io_submit:error=${error}`], program, { args: ["use", "64"] })
      expect(parse(stdout)).toMatchObject(all)
    })
  }

  it("has not taken a request when that is interrupted", async () => {
    const { stdout } = await runWithFailing(["io_submit:error=EAGAIN"], program, { args: ["interrupt"] })
    expect(parse(stdout)).toMatchObject({ submitted: 3, completed: 3, cancelled: 3, threads: 0 })
  })

  it("does not like priorities: transfers go without", async () => {
    // As kernels say that know them and do not allow them: the first call, whose first block has one.
    const { stdout } = await runWithFailing(["io_submit:error=EPERM:when=1"], program, { args: ["use"] })
    expect(parse(stdout)).toMatchObject({ ...all, threads: 0 })
  })
})

describe("io_getevents", () => {
  it("is not called where the ring can be read", async () => {
    const { stdout } = await runWithFailing(["io_getevents:error=ENOSYS"], program, { args: ["use"] })
    expect(parse(stdout)).toMatchObject({ right: 1000, outstanding: 0 })
  })
})
