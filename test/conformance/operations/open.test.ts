import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { Aio, AioFile } from "effect-aio"
import { realBackends as backends } from "../../support/backends.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { goOneWay } from "../../support/ways.ts"

const { O_ACCMODE, ...c } = { O_ACCMODE: 3, ...fs.constants }

const O_LARGEFILE = process.arch === "arm64" ? 0o400000 : 0o100000

/** What the kernel says about an open descriptor: its flags, O_LARGEFILE left out. */
const flagsOf = (fd: number): number => {
  const line = fs.readFileSync(`/proc/self/fdinfo/${fd}`, "utf8").match(/flags:\s+(\d+)/)!
  return Number.parseInt(line[1], 8) & ~O_LARGEFILE
}

/** Opens a file in one state with both, and compares what became of it. */
const outcome = (path: string, open: () => number) => {
  try {
    const fd = open()
    const flags = flagsOf(fd)
    fs.closeSync(fd)
    return { flags, content: fs.readFileSync(path, "utf8") }
  } catch (error) {
    return { code: (error as NodeJS.ErrnoException).code, exists: fs.existsSync(path) }
  }
}

const letters = ["r", "r+", "w", "wx", "w+", "wx+", "a", "ax", "a+", "ax+"] as const

describe.each(backends)("$name: open", ({ layer, mechanism, name }) => {
  it.scopedLive("every letter does what it does for fs.openSync, with and without a file", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      for (const flag of letters) {
        for (const exists of [true, false]) {
          const [ours, theirs] = [
            join(directory, `ours ${flag} ${exists}`),
            join(directory, `theirs ${flag} ${exists}`)
          ]
          if (exists) for (const path of [ours, theirs]) fs.writeFileSync(path, "content")
          const result = yield* Effect.match(Aio.open(ours, { flag }), {
            onFailure: (error) => () => {
              throw error
            },
            onSuccess: (fd) => () => fd
          })
          expect([flag, exists, outcome(ours, result)]).toEqual([
            flag,
            exists,
            outcome(theirs, () => fs.openSync(theirs, flag))
          ])
        }
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("numeric flags are the bits of open(2), with O_CLOEXEC", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      const flags = [
        c.O_RDWR | c.O_CREAT | c.O_EXCL,
        c.O_WRONLY | c.O_APPEND,
        c.O_RDONLY | c.O_NONBLOCK,
        c.O_RDWR | c.O_SYNC
      ]
      for (const flag of flags) {
        const fd = yield* Aio.open(path, { flag })
        const reported = flagsOf(fd)
        expect(reported & 0o2000000).toBe(0o2000000)
        expect(reported & O_ACCMODE).toBe(flag & O_ACCMODE)
        for (const bit of [c.O_APPEND, c.O_NONBLOCK, c.O_SYNC]) expect(reported & bit).toBe(flag & bit)
        yield* Aio.close(fd)
      }
      const again = yield* Effect.flip(Aio.open(path, { flag: flags[0] }))
      expect(again).toMatchObject({ _tag: "AioError", code: "EEXIST" })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("O_DIRECTORY, O_NOFOLLOW and O_PATH are obeyed", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const [file, link] = [join(directory, "file"), join(directory, "link")]
      fs.writeFileSync(file, "")
      fs.symlinkSync(file, link)
      const notDirectory = yield* Effect.flip(Aio.open(file, { flag: c.O_DIRECTORY }))
      expect(notDirectory).toMatchObject({ code: "ENOTDIR", path: file })
      const notFollowed = yield* Effect.flip(Aio.open(link, { flag: c.O_NOFOLLOW }))
      expect(notFollowed).toMatchObject({ code: "ELOOP" })
      const named = yield* Aio.open(link, { flag: c.O_NOFOLLOW | 0o10000000 })
      expect(fs.readlinkSync(`/proc/self/fd/${named}`)).toBe(link)
      expect((yield* Aio.fstat(named)).type).toBe("SymbolicLink")
      yield* Aio.close(named)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("the mode of a new file is less the umask", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const before = process.umask(0o027)
      yield* Effect.gen(function* () {
        for (const mode of [undefined, 0o600, 0o777, 0o444, 0o4755]) {
          const [ours, theirs] = [join(directory, `ours${mode}`), join(directory, `theirs${mode}`)]
          yield* Effect.flatMap(Aio.open(ours, { flag: "w", mode }), Aio.close)
          fs.closeSync(fs.openSync(theirs, "w", mode))
          expect(fs.statSync(ours).mode).toBe(fs.statSync(theirs).mode)
        }
      }).pipe(Effect.ensuring(Effect.sync(() => process.umask(before))))
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a relative path starts at the working directory, which may change", () =>
    Effect.gen(function* () {
      const before = process.cwd()
      yield* Effect.gen(function* () {
        for (const name of ["one", "two"]) {
          const directory = yield* temporaryDirectory
          process.chdir(directory)
          yield* Effect.flatMap(Aio.open(name, { flag: "w" }), Aio.close)
          expect(fs.existsSync(join(directory, name))).toBe(true)
        }
      }).pipe(Effect.ensuring(Effect.sync(() => process.chdir(before))))
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("close gives the descriptor back, once", () =>
    Effect.gen(function* () {
      const path = join(yield* temporaryDirectory, "file")
      fs.writeFileSync(path, "")
      const fd = yield* Aio.open(path)
      expect(fs.readlinkSync(`/proc/self/fd/${fd}`)).toBe(path)
      yield* Aio.close(fd)
      // The number may be another file's by now, so it is not closed a second time: that is for one that nobody has.
      expect(fs.existsSync(`/proc/self/fd/${fd}`) && fs.readlinkSync(`/proc/self/fd/${fd}`)).not.toBe(path)
      expect(yield* Effect.flip(Aio.close(999_999))).toMatchObject({ code: "EBADF", operation: "close", fd: 999_999 })
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what cannot be opened says why", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const file = join(directory, "file")
      fs.writeFileSync(file, "")
      fs.symlinkSync("loop", join(directory, "loop"))
      const cases: Array<[string, Aio.OpenOptions]> = [
        [join(directory, "absent"), {}],
        [join(directory, "absent", "file"), { flag: "w" }],
        [join(file, "below"), {}],
        [directory, { flag: "w" }],
        [join(directory, "loop"), {}],
        [join(directory, "n".repeat(256)), { flag: "w" }],
        ["", {}]
      ]
      for (const [path, options] of cases) {
        let code: string | undefined
        try {
          fs.openSync(path, options.flag ?? "r")
        } catch (error) {
          code = (error as NodeJS.ErrnoException).code
        }
        expect(code).toBeDefined()
        expect(yield* Effect.flip(Aio.open(path, options))).toMatchObject({ code, operation: "open", path })
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a file whose name is in memory is opened on the spot, and as open(2) opens it", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const [file, link] = [join(directory, "file"), join(directory, "link")]
      fs.writeFileSync(file, "content")
      fs.symlinkSync(file, link)
      yield* goOneWay("on the spot")
      const none = c.O_RDONLY
      const expected = [1, name === mechanism ? 1 : 0]
      for (const [path, flag] of [
        [file, none],
        [link, none],
        [file, none | c.O_NOFOLLOW],
        [file, none | c.O_NOATIME],
        [file, none | c.O_NONBLOCK]
      ] as const) {
        // A name may be moved, or a file system mounted, anywhere at any moment: then the caches do not say for sure.
        let counts: ReadonlyArray<number> = []
        let opened = yield* AioFile.open(path, { flag })
        for (let tries = 0; tries < 20 && counts[1] !== expected[1]; tries++) {
          const before = yield* Aio.stats
          opened = yield* AioFile.open(path, { flag })
          const { completed, inline } = yield* Aio.stats
          counts = [completed - before.completed, inline - before.inline]
        }
        expect([path, flag, counts]).toEqual([path, flag, expected])
        const theirs = fs.openSync(path, flag)
        expect([path, flag, flagsOf(opened.fd)]).toEqual([path, flag, flagsOf(theirs) | 0o2000000])
        fs.closeSync(theirs)
        expect(Buffer.from(yield* opened.readAlloc(64, { offset: 0 })).toString()).toBe("content")
      }
      // What changes the file, or is not to be had, is for a request.
      const before = yield* Aio.stats
      expect(yield* Effect.flip(AioFile.open(link, { flag: c.O_NOFOLLOW }))).toMatchObject({ code: "ELOOP" })
      expect(yield* Effect.flip(AioFile.open(`${file}-`))).toMatchObject({ code: "ENOENT" })
      yield* AioFile.open(file, { flag: "w" })
      expect((yield* Aio.stats).inline).toBe(before.inline)
    }).pipe(Effect.provide(layer))
  )
})
