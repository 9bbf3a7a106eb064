import { describe, expect, it } from "vitest"
import { runFixture } from "../fixtures/child.ts"
import { runWithFailing } from "../fixtures/strace.ts"

const all = {
  interrupted: 6,
  survived: 1,
  read: 20,
  bytes: [2, 2, 2, 2, 2, 2],
  missing: true,
  places: { held: 0, ready: 0, executing: 0, pending: 0 },
  outstanding: 0
}

describe("a call that would end a wait is refused: the wait ends all the same, and the Layer goes on and closes", () => {
  const cases: ReadonlyArray<readonly [backend: string, kind: string, ...faults: ReadonlyArray<string>]> = [
    ["kernel", "all", "io_cancel:error=EINVAL"],
    ["kernel", "all", "io_cancel:error=EPERM"],
    ["kernel", "all", "io_submit:error=EPERM:when=3+"],
    ["asking", "all", "io_getevents:error=EPERM:when=3+"],
    ["asking", "all", "io_getevents:error=ENOSYS"],
    ["threads", "reads", "ppoll:error=EPERM", "tgkill:error=EPERM"]
  ]
  for (const [backend, kind, ...faults] of cases) {
    it(`${backend}: ${faults.join(", ")}`, async () => {
      const { code, stderr, stdout } = await runWithFailing(faults, "refusedMechanism.ts", { args: [backend, kind] })
      expect([stderr, code]).toEqual(["", 0])
      expect(JSON.parse(stdout)).toEqual(all)
    })
  }
})

describe("a descriptor that tells of completions is replaced by somebody: requests end, and the Layer closes", () => {
  const cases = [
    ["threads", "events"],
    ["threads", "set"],
    ["kernel", "context"],
    ["posix", "suspend"]
  ] as const
  for (const [backend, broken] of cases) {
    it(`${backend}: ${broken}`, async () => {
      const { code, stderr, stdout } = await runFixture("refusedMechanism.ts", { args: [backend, "all", broken] })
      expect([stderr, code]).toEqual(["", 0])
      expect(JSON.parse(stdout)).toEqual(all)
    })
  }
})
