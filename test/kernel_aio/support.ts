/** Layers and files for the tests of kernel AIO. */
import { randomFillSync } from "node:crypto"
import { closeSync, constants, openSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { Effect, Layer, type Scope } from "effect"
import { Aio, type AioError } from "effect-aio"
import * as KernelAio from "effect-aio/KernelAio"
import { KernelAioBackend } from "../../src/internal/backend/kernel_aio/backend.ts"
import { Context } from "../../src/internal/backend/kernel_aio/context.ts"
import { ThreadsBackend } from "../../src/internal/backend/threads/backend.ts"
import { limitsFrom, makeService } from "../../src/internal/effect/layer.ts"
import { hasMoved, trustOf } from "../../src/internal/native/trust.ts"
import { makeFifos } from "../support/fifo.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

export interface KernelLayer {
  readonly name: string
  readonly layer: (options?: { readonly entries?: number }) => Layer.Layer<Aio.Aio, AioError.AioUnavailable>
}

/** As on a kernel whose ring is not of the known kind: completions are asked for, with io_getevents(2). */
const asking: KernelLayer["layer"] = ({ entries = 256 } = {}) =>
  Layer.scoped(
    Aio.Aio,
    makeService(
      "kernel",
      () => ({ limits: limitsFrom({}) }),
      (host) => [new KernelAioBackend(new Context(entries, "calls"), host), new ThreadsBackend(host)]
    )
  )

export const kernelLayers: ReadonlyArray<KernelLayer> = [
  { name: "kernel AIO", layer: KernelAio.layer },
  { name: "kernel AIO, io_getevents", layer: asking }
]

export const PAGE = 4096

/** A file of random pages, and a descriptor that passes the page cache. */
export const directFile = (
  pages: number
): Effect.Effect<{ readonly path: string; readonly bytes: Buffer; readonly fd: number }, never, Scope.Scope> =>
  Effect.gen(function* () {
    const path = join(yield* temporaryDirectory, "pages")
    const bytes = randomFillSync(Buffer.alloc(PAGE * pages))
    writeFileSync(path, bytes)
    const fd = yield* Effect.acquireRelease(
      Effect.sync(() => {
        const fd = openSync(path, constants.O_RDWR | constants.O_DIRECT)
        // As after its first transfer, which is for the pool.
        trustOf(fd, undefined)
        hasMoved(fd, undefined)
        return fd
      }),
      (fd) => Effect.sync(() => closeSync(fd))
    )
    return { path, bytes, fd }
  })

export interface Pipe {
  readonly read: number
  readonly write: number
  /** Closes the write end. Whoever does not call it leaves that to the Scope. */
  hangUp(): void
}

const openPipe = (path: string): Pipe => {
  const read = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  const write = openSync(path, constants.O_WRONLY)
  let isOpen = true
  const hangUp = () => {
    if (isOpen) closeSync(write)
    isOpen = false
  }
  return { read, write, hangUp }
}

/** Idle pipes with two ends, since a FIFO that is open for both has two queues of waiters, which IOCB_CMD_POLL refuses. */
export const pipes = (count: number): Effect.Effect<ReadonlyArray<Pipe>, never, Scope.Scope> =>
  Effect.flatMap(temporaryDirectory, (directory) =>
    Effect.acquireRelease(
      Effect.sync(() => makeFifos(directory, count).map(openPipe)),
      (made) =>
        Effect.sync(() => {
          for (const { hangUp, read } of made) {
            closeSync(read)
            hangUp()
          }
        })
    )
  )

/** Fails if anything so far was given to the pool. */
export const nothingInThreads: Effect.Effect<void, never, Aio.Aio> = Effect.flatMap(Aio.stats, ({ threads }) =>
  threads === 0 ? Effect.void : Effect.dieMessage(`${threads} threads were started`)
)
