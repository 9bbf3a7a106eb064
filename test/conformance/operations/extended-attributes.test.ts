/** Extended attributes: xattr(7). */
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio, AioFile } from "effect-aio"
import { backends } from "../../support/backends.ts"
import { xattrsOf } from "../../support/xattrs.ts"

describe.each(backends)("$name: extended attributes", ({ layer, real, world }) => {
  it.scopedLive("fsetxattr: of an open file, as another program sees it", () =>
    Effect.gen(function* () {
      const path = join(yield* world.directory, "file")
      yield* world.writeFile(path, "")
      const file = yield* AioFile.open(path)
      yield* Aio.fsetxattr(file, "user.one", Buffer.from("1"))
      yield* Aio.fsetxattr(file.fd, Buffer.from("user.one"), Buffer.from("2"), { mode: "replace" })
      yield* Aio.fsetxattr(file, "user.none", new Uint8Array(0), { mode: "create" })
      if (real) expect(xattrsOf(path)).toMatchObject({ "user.one": "2", "user.none": "" })
      const again = yield* Effect.flip(Aio.fsetxattr(file, "user.none", Buffer.from("1"), { mode: "create" }))
      expect(again).toMatchObject({ code: "EEXIST", operation: "fsetxattr", path })
      const missing = yield* Effect.flip(Aio.fsetxattr(file, "user.missing", Buffer.from("1"), { mode: "replace" }))
      expect(missing).toMatchObject({ code: "ENODATA" })
    }).pipe(Effect.provide(layer))
  )
})
