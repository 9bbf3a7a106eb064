/**
 * One program, tested on the mock and on the best backend of this machine: `npx tsx examples/same-test.ts`.
 *
 * Under vitest, `it.aio` of `effect-aio/testing` does this for every backend; here it is spelled out.
 */
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { Effect, Fiber } from "effect"
import { Aio, AioDirectory, AioFile, MockAio } from "effect-aio"

/** The program under test: replaces a file so that nobody ever sees half of it. */
const replace = (path: string, content: string) =>
  Effect.gen(function* () {
    const temporary = `${path}.new`
    yield* AioFile.withFile(temporary, { flag: "w" }, (file) =>
      Effect.zipRight(file.writeAll(Buffer.from(content), { offset: 0 }), file.sync)
    )
    yield* Aio.rename(temporary, path)
  })

/** What must be true of it anywhere. */
const test = (directory: string) =>
  Effect.gen(function* () {
    const { backend } = yield* Aio.Aio
    const path = join(directory, "settings.json")
    yield* replace(path, "1")
    yield* replace(path, "2")
    const content = Buffer.from(yield* AioFile.readFile(path)).toString()
    const names = (yield* AioDirectory.read(directory)).map(({ name }) => name)
    if (content !== "2" || names.join() !== "settings.json")
      return yield* Effect.fail(`${backend}: ${content} ${names}`)
    const missing = yield* Effect.flip(replace(join(directory, "missing/file"), "3"))
    if (!("code" in missing) || missing.code !== "ENOENT") return yield* missing
    yield* Effect.log(`${backend}: replaced`)
  })

/** What only a mock can show: an error that comes once in a blue moon leaves the old file as it was. */
const failingTest = Effect.gen(function* () {
  yield* replace("/tmp/settings.json", "1")
  yield* MockAio.fail("fsync", "EIO", { times: 1 })
  const error = yield* Effect.flip(replace("/tmp/settings.json", "2"))
  const { "settings.json": content } = yield* MockAio.tree("/tmp")
  if (content !== "1") return yield* Effect.fail("the old file is gone")
  yield* Effect.log(`mock: ${error.message}; the old file is there`)

  yield* MockAio.hang("write")
  const fiber = yield* Effect.fork(replace("/tmp/settings.json", "3"))
  yield* Effect.sleep("20 millis")
  yield* Fiber.interrupt(fiber)
  if ((yield* MockAio.descriptors).size > 0) return yield* Effect.fail("a descriptor was left open")
  yield* Effect.log("mock: interrupted on a disk that hangs, and nothing is left open")
})

const directory = mkdtempSync(join(tmpdir(), "effect-aio-"))
const program = Effect.gen(function* () {
  yield* Effect.provide(test("/tmp"), MockAio.layer())
  yield* Effect.provide(test(directory), Aio.layer())
  yield* Effect.provide(failingTest, MockAio.layer())
})

await Effect.runPromise(
  Effect.ensuring(
    program,
    Effect.sync(() => rmSync(directory, { recursive: true }))
  )
)
