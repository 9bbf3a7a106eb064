import { describe, expect, it } from "vitest"
import { runFixture } from "../fixtures/child.ts"

const twice = "from a worker\nended\nfrom a worker\nended\n"

describe.each(["io_uring", "threads"])("%s: in a worker thread", (backend) => {
  for (const [ending, what] of [
    ["leaves", "files are used, and the worker ends by itself with its Layer open"],
    ["disposes", "files are used, and the Layer closes before the worker ends"]
  ]) {
    it(what, async () => {
      const { code, signal, stderr, stdout } = await runFixture("workers.ts", { args: [backend, ending] })
      expect([stdout, stderr, code, signal]).toEqual([twice, "", 0, null])
    })
  }

  for (const [ending, what] of [
    ["terminated", "terminate() with reads in flight neither hangs nor crashes the process"],
    ["exits", "process.exit() of the worker with reads in flight neither hangs nor crashes the process"]
  ]) {
    it(what, async () => {
      const outcome = await runFixture("workers.ts", { args: [backend, ending] })
      const { code, signal, stderr, stdout } = outcome
      expect([stdout, stderr, code, signal]).toEqual([`${twice}still there\n`, "", 0, null])
    })
  }
})
