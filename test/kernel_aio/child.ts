/**
 * What the tests run in a process of its own, where system calls fail. Prints one line of JSON.
 * Arguments: "use" (files and polls) or "interrupt", with so many entries, or "exhaust" (contexts until there is no room).
 */
import { constants, openSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Fiber } from "effect"
import { Aio, AioBuffer } from "../../src/index.ts"
import { hasMoved, trustOf } from "../../src/internal/native/trust.ts"
import * as KernelAio from "../../src/KernelAio.ts"

const [what, entries] = process.argv.slice(2)
const PAGE = 4096
const PAGES = 64

const show = (error: any) => ({ tag: error._tag, message: error.message, ...error })

const use = Effect.gen(function* () {
  const path = join(tmpdir(), `effect-aio-${process.pid}`)
  writeFileSync(path, Buffer.alloc(PAGE * PAGES, 3))
  const fd = openSync(path, constants.O_RDWR | constants.O_DIRECT)
  // As after its first transfer, which is for the pool.
  trustOf(fd, undefined)
  hasMoved(fd, undefined)
  rmSync(path)
  const pages = yield* Effect.forEach(
    Array.from({ length: 1000 }, (_, index) => index % PAGES),
    (page) => {
      const buffer = AioBuffer.aligned(PAGE)
      const read = Effect.map(Aio.read(fd, buffer, { offset: page * PAGE }), (count) => buffer.subarray(0, count))
      return page % 3 === 0 ? Aio.withPriority(read, 2) : read
    },
    { concurrency: "unbounded" }
  )
  yield* Aio.fsync(fd)
  yield* Aio.pollFd(fd, { readable: true })
  const right = pages.filter((bytes) => bytes.length === PAGE && bytes.every((byte) => byte === 3)).length
  return { right, ...(yield* Aio.stats) }
})

/** Polls that the kernel has not taken yet when they are interrupted. */
const interrupt = Effect.gen(function* () {
  const fd = openSync("/dev/null", constants.O_RDONLY)
  const polls = yield* Effect.forEach([1, 2, 3], () => Effect.fork(Aio.pollFd(fd, { readable: true })))
  yield* Effect.sleep(40)
  yield* Fiber.interruptAll(polls)
  return yield* Aio.stats
})

/** Others on this machine need contexts, too: one takes half of all, and another cannot have more than the rest. */
const exhaust = Effect.scoped(
  Effect.gen(function* () {
    const number = (name: string) => Number(readFileSync(`/proc/sys/fs/${name}`, "utf8"))
    const most = number("aio-max-nr")
    const half = Math.floor(most / 2)
    yield* KernelAio.make({ entries: half })
    const error = yield* Effect.flip(KernelAio.make({ entries: most - half + 1 }))
    return { most, half, ...show(error) }
  })
)

const program: Effect.Effect<unknown, unknown> =
  what === "exhaust"
    ? exhaust
    : Effect.provide(
        what === "use" ? use : interrupt,
        KernelAio.layer(entries === undefined ? {} : { entries: Number(entries) })
      )

console.log(JSON.stringify(await Effect.runPromise(Effect.catchAll(program, (error) => Effect.succeed(show(error))))))
