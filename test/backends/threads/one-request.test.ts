/** What several system calls do as one request: counted, and with a failure of each of them. */
import * as fs from "node:fs"
import { join } from "node:path"
import * as FileSystem from "@effect/platform/FileSystem"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Aio, AioDirectory, AioFile, AioFileSystem, AioTree } from "effect-aio"
import { realBackends } from "../../support/backends.ts"
import { descriptorsIn } from "../../support/processState.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

/** Requests that an effect makes, without those that are answered on the spot. */
const requests = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
  Effect.gen(function* () {
    const before = yield* Aio.stats
    yield* effect
    const after = yield* Aio.stats
    return after.submitted - after.inline - (before.submitted - before.inline)
  })

const bytes = new Uint8Array(5000).fill(7)
const HUNDRED = Array.from({ length: 100 }, (_, index) => `${index}`)

describe.each(realBackends)("$name", ({ layer }) => {
  it.scopedLive("as many requests as there are crossings to a thread", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const at = (name: string) => join(directory, name)
      const service = yield* FileSystem.FileSystem
      fs.writeFileSync(at("source"), bytes)
      fs.chmodSync(at("source"), 0o640)
      fs.mkdirSync(at("full"))
      for (const name of HUNDRED) fs.writeFileSync(at(`full/${name}`), "")
      const counted = {
        list: yield* requests(AioDirectory.read(directory)),
        write: yield* requests(AioFile.writeFile(at("written"), bytes)),
        copy: yield* requests(service.copyFile(at("source"), at("copy"))),
        make: yield* requests(service.makeDirectory(at("a/b/c/d/e"), { recursive: true }))
      }
      expect(counted).toEqual({ list: 1, write: 1, copy: 1, make: 2 })
      // Two for the name whose kind is not known, two for the directory, two for the names: those in threads.
      expect(yield* requests(AioTree.remove(at("full")))).toBeLessThan(10)
      expect(fs.readFileSync(at("written"))).toEqual(Buffer.from(bytes))
      expect(fs.readFileSync(at("copy"))).toEqual(Buffer.from(bytes))
      expect(fs.statSync(at("copy")).mode & 0o777).toBe(0o640)
      expect(fs.existsSync(at("a/b/c/d/e"))).toBe(true)
      expect(fs.existsSync(at("full"))).toBe(false)
      expect(descriptorsIn(directory)).toBe(0)
    }).pipe(Effect.provide(Layer.provideMerge(AioFileSystem.layer, layer)))
  )

  it.scopedLive(
    "a copy to its own other name leaves the file as it is, and one to a file with bytes replaces them",
    () =>
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        const at = (name: string) => join(directory, name)
        const service = yield* FileSystem.FileSystem
        fs.writeFileSync(at("source"), bytes)
        fs.linkSync(at("source"), at("other"))
        fs.symlinkSync("source", at("link"))
        fs.writeFileSync(at("longer"), new Uint8Array(9000), { mode: 0o600 })
        fs.writeFileSync(at("empty"), "", { mode: 0o600 })
        fs.chmodSync(at("source"), 0o666)
        for (const name of ["source", "other", "link", "longer", "empty", "new"]) {
          yield* service.copyFile(at("source"), at(name))
          expect([name, fs.readFileSync(at(name)).equals(bytes)]).toEqual([name, true])
          expect([name, fs.statSync(at(name)).mode & 0o777]).toEqual([name, 0o666])
        }
        expect(descriptorsIn(directory)).toBe(0)
      }).pipe(Effect.provide(Layer.provideMerge(AioFileSystem.layer, layer)))
  )
})
