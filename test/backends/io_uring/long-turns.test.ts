/** What one turn of the event loop does at most, however much it is asked for. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { AioFile } from "effect-aio"
import type { IoUringBackend } from "../../../src/internal/backend/io_uring/backend.ts"
import { currentEngine } from "../../../src/internal/effect/service.ts"
import { IOSQE_ASYNC } from "../../../src/internal/native/uring.ts"
import { ioUringBackends } from "../../support/backends.ts"
import { tiny } from "../../support/tinyFileSystem.ts"

const SIZE = 65536
const MOST = 4 << 20

describe.each(ioUringBackends)("$name", ({ layer }) => {
  it.scopedLive("copies of more than 4 MiB in a turn are for the kernel's workers", (context) =>
    Effect.gen(function* () {
      // In memory: there is no other reason for a worker.
      const directory = yield* tiny
      if (directory === undefined) return context.skip("only root mounts")
      const path = join(directory, "file")
      writeFileSync(path, Buffer.alloc(1))
      const engine = yield* currentEngine
      const file = yield* AioFile.open(path, { flag: "r+" })
      yield* file.read(new Uint8Array(1), { offset: 0 })
      const { ring } = engine.backends[0] as unknown as { ring: IoUringBackend["ring"] }
      let here = 0
      let elsewhere = 0
      const commit = ring.commit.bind(ring)
      ring.commit = (flags, ...rest) => {
        if ((flags & IOSQE_ASYNC) === 0) here++
        else elsewhere++
        commit(flags, ...rest)
      }
      // All are in the queue before the turn. None is tried without it: they are vectors.
      const buffer = new Uint8Array(SIZE)
      const reads = Array.from({ length: 2 * (MOST / SIZE) }, () => file.readv([buffer], { offset: 0 }))
      yield* Effect.all(reads, { concurrency: "unbounded" })
      expect([here, elsewhere]).toEqual([MOST / SIZE, MOST / SIZE])
      yield* file.readv([buffer], { offset: 0 })
      expect([here, elsewhere]).toEqual([MOST / SIZE + 1, MOST / SIZE])
    }).pipe(Effect.provide(layer))
  )
})
