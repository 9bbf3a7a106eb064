/**
 * What the tests run in a process of its own, where system calls fail. Prints one line of JSON.
 * Arguments: "use" (files and polls), "exhaust" (contexts until there is no room), "layer" (builds one with so many entries).
 */
import { constants, openSync, readFileSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Exit, Scope } from "effect"
import { Aio, AioBuffer } from "../../src/index.ts"
import * as KernelAio from "../../src/KernelAio.ts"

const [what, entries] = process.argv.slice(2)
const PAGE = 4096
const PAGES = 64

const show = (error: any) => ({ tag: error._tag, message: error.message, ...error })

const use = Effect.gen(function* () {
  const path = join(tmpdir(), `effect-aio-${process.pid}`)
  writeFileSync(path, Buffer.alloc(PAGE * PAGES, 3))
  const fd = openSync(path, constants.O_RDWR | constants.O_DIRECT)
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

const exhaust = Effect.gen(function* () {
  const scope = yield* Scope.make()
  const number = (name: string) => Number(readFileSync(`/proc/sys/fs/${name}`, "utf8"))
  const most = number("aio-max-nr")
  // A quarter of all each: two fit for sure if nobody else has half of it.
  const layer = Scope.extend(KernelAio.make({ entries: Math.floor(most / 4) }), scope)
  let made = 0
  let error: any
  while (error === undefined) {
    const exit = yield* Effect.exit(layer)
    if (Exit.isSuccess(exit)) made++
    else error = exit.cause._tag === "Fail" ? exit.cause.error : exit.cause
  }
  const taken = number("aio-nr")
  yield* Scope.close(scope, Exit.void)
  return { made, most, taken, ...show(error) }
})

const program =
  what === "exhaust"
    ? exhaust
    : Effect.provide(use, KernelAio.layer(entries === undefined ? {} : { entries: Number(entries) }))

console.log(JSON.stringify(await Effect.runPromise(Effect.catchAll(program, (error) => Effect.succeed(show(error))))))
