/** What workers.ts runs in a worker thread: exits with 64 polls and 64 large direct reads in flight. */
import { execFileSync } from "node:child_process"
import { constants, mkdtempSync, openSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { parentPort } from "node:worker_threads"
import { ManagedRuntime } from "effect"
import { Aio, AioBuffer } from "../../src/index.ts"
import { currentEngine } from "../../src/internal/effect/service.ts"
import { hasMoved, trustOf } from "../../src/internal/native/trust.ts"
import * as KernelAio from "../../src/KernelAio.ts"

const MEBIBYTE = 1 << 20
const runtime = ManagedRuntime.make(KernelAio.layer())
const directory = mkdtempSync(join(tmpdir(), "effect-aio-"))
const path = join(directory, "file")
const fifo = join(directory, "fifo")
writeFileSync(path, Buffer.alloc(MEBIBYTE, 1))
execFileSync("mkfifo", [fifo])
const file = openSync(path, constants.O_RDONLY | constants.O_DIRECT)
// As after its first transfer, which is for the pool.
trustOf(file, undefined)
hasMoved(file, undefined)
const read = openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK)
openSync(fifo, constants.O_WRONLY)
rmSync(directory, { recursive: true })

const engine = await runtime.runPromise(currentEngine)
for (let i = 0; i < 64; i++) {
  runtime.runFork(Aio.pollFd(read, { readable: true }))
  runtime.runFork(Aio.read(file, AioBuffer.aligned(MEBIBYTE), { offset: 0 }))
}
// Into the kernel, and no completion is taken.
engine.poll(0)
parentPort!.postMessage(`in flight ${engine.backend.inFlight}`)
process.exit()
