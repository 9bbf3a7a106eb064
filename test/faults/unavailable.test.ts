import { describe, expect, it } from "vitest"
import { runFixture } from "../fixtures/child.ts"
import { runWithFailing } from "../fixtures/strace.ts"

const parse = (stdout: string) => JSON.parse(stdout.trim().split("\n").at(-1)!)

describe("a Layer that cannot be built says why and what to do", () => {
  const causes: ReadonlyArray<readonly [error: string, errno: number, reason: RegExp]> = [
    ["EPERM", 1, /seccomp|io_uring_disabled/],
    ["EACCES", 13, /seccomp|io_uring_disabled/],
    ["ENOSYS", 38, /no io_uring/],
    ["ENOMEM", 12, /out of memory/],
    ["EMFILE", 24, /too many open files/]
  ]

  for (const [error, errno, reason] of causes) {
    it(`io_uring_setup says ${error}`, async () => {
      const { code, stdout } = await runWithFailing([`io_uring_setup:error=${error}`], "exercise.ts", {
        args: ["io_uring"]
      })
      const found = parse(stdout)
      expect(found).toMatchObject({ tag: "AioUnavailable", backend: "io_uring", errno })
      expect(found.reason).toMatch(reason)
      expect(found.reason).toContain(error)
      // There is always the other backend, except where that would need what is missing here.
      if (error !== "EMFILE") expect(found.remedy).toContain("AIO_BACKEND=threads")
      expect(found.message).toBe(`io_uring is not available: ${found.reason}. ${found.remedy}`)
      expect(code).toBe(0)
    })
  }

  it("flags of setup that this kernel does not know are left out", async () => {
    const { stdout } = await runWithFailing(["io_uring_setup:error=EINVAL:when=1"], "exercise.ts", {
      args: ["io_uring"]
    })
    expect(parse(stdout)).toMatchObject({ ok: expect.any(Number) })
  })

  it("io_uring_register says EINVAL: too old to be probed", async () => {
    const { stdout } = await runWithFailing(["io_uring_register:error=EINVAL"], "exercise.ts", { args: ["io_uring"] })
    expect(parse(stdout)).toMatchObject({ tag: "AioUnavailable", backend: "io_uring", errno: 22 })
  })

  it("what is forced by AIO_BACKEND is not replaced by something else", async () => {
    const { stdout } = await runWithFailing(["io_uring_setup:error=EPERM"], "exercise.ts", {
      args: ["auto"],
      env: { AIO_BACKEND: "io_uring" }
    })
    expect(parse(stdout)).toMatchObject({ tag: "AioUnavailable", backend: "io_uring", errno: 1 })
  })

  it("left to itself, Aio.layer() takes what there is", async () => {
    const { stdout } = await runWithFailing(["io_uring_setup:error=EPERM"], "exercise.ts", { args: ["auto"] })
    expect(parse(stdout)).toMatchObject({ ok: expect.any(Number) })
  })

  it("AIO_BACKEND=threads needs no io_uring", async () => {
    const { stdout } = await runWithFailing(["io_uring_setup:error=EPERM"], "exercise.ts", {
      args: ["auto"],
      env: { AIO_BACKEND: "threads" }
    })
    expect(parse(stdout)).toMatchObject({ ok: expect.any(Number) })
  })

  it("AIO_BACKEND=bogus names the variable and what it may be", async () => {
    const { stdout } = await runFixture("exercise.ts", { args: ["auto"], env: { AIO_BACKEND: "bogus" } })
    const found = parse(stdout)
    expect(found).toMatchObject({ tag: "AioUnavailable", backend: "AIO_BACKEND" })
    expect(found.reason).toContain("bogus")
    expect(found.remedy).toMatch(/io_uring, .*threads/)
  })
})
