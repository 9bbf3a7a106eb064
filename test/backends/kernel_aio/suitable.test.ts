/** Which transfers are handed to the kernel: those that do not wait within io_submit. */
import { closeSync, constants, openSync } from "node:fs"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { isSuitable } from "../../../src/internal/backend/kernel_aio/suitable.ts"
import { OpenDescriptor } from "../../../src/internal/engine/openDescriptor.ts"
import { directFile, pipes } from "./fixtures/support.ts"

const alignment = { memory: 512, offset: 512 }
const file = (direct: boolean, seekable = true) =>
  new OpenDescriptor(0, { seekable, alignment: direct ? alignment : undefined })
const direct = file(true)
const buffered = file(false)

describe("a transfer", () => {
  it.scopedLive("of a raw descriptor", () =>
    Effect.gen(function* () {
      const { fd, path } = yield* directFile(1)
      const plain = openSync(path, "r")
      const device = openSync("/dev/null", constants.O_RDONLY)
      const [pipe] = yield* pipes(1)
      expect(isSuitable({ fd, offset: 0 })).toBe(true)
      expect(isSuitable({ fd, offset: 0n })).toBe(true)
      expect(isSuitable({ fd, offset: undefined })).toBe(false)
      for (const other of [plain, device, pipe.read]) expect(isSuitable({ fd: other, offset: 0 })).toBe(false)
      closeSync(plain)
      closeSync(device)
      expect(isSuitable({ fd: plain, offset: 0 })).toBe(false)
    })
  )

  it.scopedLive("of an open file", () =>
    Effect.gen(function* () {
      const { fd } = yield* directFile(1)
      expect(isSuitable({ fd, offset: 0, file: direct })).toBe(true)
      expect(isSuitable({ fd, offset: undefined, file: direct })).toBe(false)
      const [{ read }] = yield* pipes(1)
      expect(isSuitable({ fd: read, offset: 0, file: file(true, false) })).toBe(false)
      expect(isSuitable({ fd, offset: 0, file: buffered })).toBe(false)
      // Somebody else's descriptor, of which the flags are to be asked.
      const borrowed = file(false)
      borrowed.noWait = false
      expect(isSuitable({ fd, offset: 0, file: borrowed })).toBe(true)
    })
  )

  it("of what is no descriptor", () => {
    for (const fd of [-1, 2 ** 31, 0.5, Number.NaN, "0", {}, null, undefined]) {
      expect(isSuitable({ fd, offset: 0 })).toBe(false)
    }
  })
})
