import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio } from "effect-aio"
import { realBackends } from "../../support/backends.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const opened = Effect.gen(function* () {
  const path = join(yield* temporaryDirectory, "file")
  fs.writeFileSync(path, Buffer.alloc(1 << 20, 7))
  return yield* Effect.acquireRelease(
    Effect.sync(() => fs.openSync(path, "r+")),
    (fd) => Effect.sync(() => fs.closeSync(fd))
  )
})

describe.each(realBackends)("$name: durability and advice", ({ layer }) => {
  it.scopedLive("fsync and fdatasync succeed on files and directories, and say what cannot be synced", () =>
    Effect.gen(function* () {
      const fd = yield* opened
      fs.writeSync(fd, "changed")
      yield* Aio.fdatasync(fd)
      yield* Aio.fsync(fd)
      const directory = fs.openSync(yield* temporaryDirectory, "r")
      yield* Aio.fsync(directory)
      fs.closeSync(directory)
      const device = fs.openSync("/dev/null", "r+")
      expect(yield* Effect.flip(Aio.fsync(device))).toMatchObject({ code: "EINVAL", operation: "fsync", fd: device })
      expect(yield* Effect.flip(Aio.fdatasync(device))).toMatchObject({
        code: "EINVAL",
        operation: "fdatasync",
        fd: device
      })
      fs.closeSync(device)
      expect(yield* Effect.flip(Aio.fsync(999_999))).toMatchObject({ code: "EBADF" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("every advice is taken, of any range, and changes no byte", () =>
    Effect.gen(function* () {
      const fd = yield* opened
      for (const advice of ["normal", "random", "sequential", "willNeed", "dontNeed", "noReuse"] as const) {
        yield* Aio.fadvise(fd, advice)
        yield* Aio.fadvise(fd, advice, { offset: 4096, length: 8192n })
        yield* Aio.fadvise(fd, advice, { offset: 2n ** 62n, length: 2n ** 61n })
      }
      const bytes = Buffer.alloc(1 << 20)
      fs.readSync(fd, bytes, 0, bytes.length, 0)
      expect(bytes.equals(Buffer.alloc(1 << 20, 7))).toBe(true)
      expect(yield* Effect.flip(Aio.fadvise(999_999, "random"))).toMatchObject({ code: "EBADF", operation: "fadvise" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("readahead takes ranges within and beyond the file, and no devices", () =>
    Effect.gen(function* () {
      const fd = yield* opened
      yield* Aio.readahead(fd, { length: 4096 })
      yield* Aio.readahead(fd, { offset: 8192n, length: 0xffffffff })
      yield* Aio.readahead(fd, { offset: 2n ** 62n, length: 1 })
      const writeOnly = fs.openSync("/dev/null", "w")
      expect(yield* Effect.flip(Aio.readahead(writeOnly, { length: 1 }))).toMatchObject({
        code: "EBADF",
        operation: "readahead"
      })
      fs.closeSync(writeOnly)
      const device = fs.openSync("/dev/zero", "r")
      expect(yield* Effect.flip(Aio.readahead(device, { length: 1 }))).toMatchObject({ code: "EINVAL" })
      fs.closeSync(device)
    }).pipe(Effect.provide(layer))
  )
})
