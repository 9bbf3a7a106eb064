/** What the tests' own file system in user space does: the tests that use it believe it. */
import { readFileSync } from "node:fs"
import { open, readFile, stat, writeFile } from "node:fs/promises"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { hasUserFileSystems, userFileSystem } from "../support/userFileSystem.ts"

const EIO = 5

const mounted = (path: string): boolean => readFileSync("/proc/self/mounts", "utf8").includes(` ${path} `)

describe.runIf(hasUserFileSystems)("a file system in user space, for tests", () => {
  it.scopedLive("serves a directory, and does what it is told instead", () =>
    Effect.gen(function* () {
      const served = yield* userFileSystem({ direct_io: true })
      const file = join(served.path, "file")
      yield* Effect.promise(async () => {
        await writeFile(file, "0123456789")
        expect(readFileSync(join(served.source, "file"), "utf8")).toBe("0123456789")
        expect((await stat(file)).size).toBe(10)
      })
      yield* served.when("read", { error: EIO, from: 4 })
      yield* Effect.promise(async () => {
        const handle = await open(file)
        expect((await handle.read(Buffer.alloc(4), 0, 4, 0)).bytesRead).toBe(4)
        await expect(handle.read(Buffer.alloc(4), 0, 4, 4)).rejects.toMatchObject({ code: "EIO" })
        await handle.close()
      })
      yield* served.when("read")
      yield* served.when("write", { answer: 0 })
      yield* Effect.promise(async () => {
        const handle = await open(file, "r+")
        expect((await handle.write("abc", 0)).bytesWritten).toBe(0)
        await handle.close()
      })
      yield* served.when("write")
      yield* served.when("open", { silent: true })
      const reading = readFile(file, "utf8")
      while (((yield* served.done).held.open ?? 0) === 0) yield* Effect.sleep(5)
      yield* served.when("open")
      expect(yield* Effect.promise(() => reading)).toBe("0123456789")
    })
  )

  it.scopedLive("is unmounted with its Scope, whatever is open in it, and when its server was killed", () =>
    Effect.gen(function* () {
      const paths: Array<string> = []
      yield* Effect.scoped(
        Effect.gen(function* () {
          const [busy, killed] = [yield* userFileSystem(), yield* userFileSystem()]
          paths.push(busy.path, killed.path)
          yield* Effect.promise(() => writeFile(join(busy.path, "file"), ""))
          yield* Effect.acquireRelease(
            Effect.promise(() => open(join(busy.path, "file"))),
            // After the server's end: the close has nobody to ask.
            (handle) => Effect.promise(() => handle.close().catch(() => {}))
          )
          yield* killed.kill
          expect(paths.every(mounted)).toBe(true)
        })
      )
      expect(paths.some(mounted)).toBe(false)
    })
  )
})
