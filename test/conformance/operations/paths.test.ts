import * as fs from "node:fs"
import { basename, dirname, join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio, AioFile } from "effect-aio"
import { realBackends as backends } from "../../support/backends.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

/** A path below `directory` that is `length` bytes long: nested directories, whose names are at most 255 bytes. */
const pathOfLength = (directory: string, length: number, character: string): string => {
  let path = directory
  const width = Buffer.byteLength(character)
  while (length - Buffer.byteLength(path) > 200) path = join(path, "d".repeat(98))
  // The name: as many whole characters as fit, then single bytes. Shifting by one puts every byte of one on the boundary.
  const room = length - Buffer.byteLength(path) - 1
  return join(path, character.repeat(Math.floor(room / width)) + "x".repeat(room % width))
}

/** Every operation on a name, on a fresh one each; the results are compared with what fs sees through short paths. */
const exercise = (path: string) =>
  Effect.gen(function* () {
    // The same name and one character, so that it is about as long.
    const other = join(dirname(path), `${[...basename(path)].slice(0, -1).join("")}y`)
    yield* Aio.mkdir(path)
    expect(fs.statSync(path).isDirectory()).toBe(true)
    yield* Aio.rmdir(path)
    yield* Effect.flatMap(Aio.open(path, { flag: "wx" }), Aio.close)
    fs.writeFileSync(path, "content")
    expect((yield* Aio.stat(path)).ino).toBe(fs.statSync(path, { bigint: true }).ino)
    expect((yield* Aio.lstat(path)).size).toBe(7n)
    yield* Aio.truncate(path, 3)
    expect(fs.readFileSync(path, "utf8")).toBe("con")
    yield* Aio.link(path, other)
    expect(fs.statSync(other).nlink).toBe(2)
    yield* Aio.unlink(other)
    yield* Aio.rename(path, other)
    expect(fs.existsSync(path)).toBe(false)
    yield* Aio.symlink(other, path)
    expect(fs.readlinkSync(path)).toBe(other)
    expect(yield* Aio.readlink(path)).toBe(other)
    yield* Aio.statvfs(path)
    expect(yield* Effect.flip(Aio.unlink(join(path, "..", "absent")))).toMatchObject({ operation: "unlink" })
    for (const name of [path, other]) fs.unlinkSync(name)
  })

describe.each(backends)("$name: paths", ({ layer }) => {
  for (const character of ["n", "ä", "€", "😀"]) {
    it.scopedLive(`of any length, made of ${character}`, () =>
      Effect.gen(function* () {
        const directory = yield* temporaryDirectory
        // 256 bytes with the terminating NUL is where short ones end.
        for (const length of [100, 250, 251, 252, 253, 254, 255, 256, 257, 258, 300, 1000, 4000, 4094]) {
          const path = pathOfLength(directory, length, character)
          expect(Buffer.byteLength(path)).toBe(length)
          fs.mkdirSync(join(path, ".."), { recursive: true })
          yield* exercise(path)
        }
      }).pipe(Effect.provide(layer))
    )
  }

  it.scopedLive("as bytes, UTF-8 or not, in a buffer of their own or a part of one", () =>
    Effect.gen(function* () {
      const prefix = Buffer.from(`${yield* temporaryDirectory}/`)
      for (const name of [[0xff, 0xfe], [0x80], Buffer.from("plain"), Buffer.from("€"), Buffer.alloc(255, 0xe9)]) {
        const path = Buffer.concat([prefix, Buffer.from(name)])
        const surrounded = Buffer.concat([Buffer.from("before"), path, Buffer.from("after")]).subarray(
          6,
          6 + path.length
        )
        yield* Effect.scoped(
          Effect.flatMap(AioFile.open(path, { flag: "w" }), (file) => file.writeAll(Buffer.from("content")))
        )
        expect(fs.readFileSync(path, "utf8")).toBe("content")
        expect((yield* Aio.stat(surrounded)).size).toBe(7n)
        expect((yield* Aio.stat(new Uint8Array(path))).size).toBe(7n)
        yield* Aio.rename(surrounded, Buffer.concat([prefix, Buffer.from("renamed")]))
        yield* Aio.unlink(Buffer.concat([prefix, Buffer.from("renamed")]))
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("many at once, short and long, do not mix", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const paths = Array.from({ length: 200 }, (_, i) => join(directory, `${i}-`.padEnd(i % 2 === 0 ? 10 : 240, "p")))
      for (const [size, path] of paths.entries()) fs.writeFileSync(path, Buffer.alloc(size))
      const stats = yield* Effect.forEach(paths, (path) => Aio.stat(path), { concurrency: "unbounded" })
      expect(stats.map(({ size }) => Number(size))).toEqual(paths.map((_, size) => size))
      yield* Effect.forEach(paths, (path) => Aio.rename(path, `${path}r`), { concurrency: "unbounded" })
      expect(fs.readdirSync(directory).length).toBe(200)
      for (const [size, path] of paths.entries()) expect(fs.statSync(`${path}r`).size).toBe(size)
    }).pipe(Effect.provide(layer))
  )
})
