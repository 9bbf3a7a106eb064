import { constants, readdirSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, type Scope } from "effect"
import { Aio, type AioError, AioOperation } from "effect-aio"
import { operations as mockOperations } from "../../../src/internal/backend/mock/operations.ts"
import * as catalogue from "../../../src/internal/operation/catalogue.ts"
import { shapes } from "../../fuzz/shapes.ts"
import { files as observedOfFiles } from "../../operations/observed/files.ts"
import { flags as observedFlags } from "../../operations/observed/flags.ts"
import { operations as observed } from "../../operations/observed/operations.ts"
import { backends } from "../../support/backends.ts"
import { project } from "../../support/build.ts"
import { operationCalls } from "../../support/operationCalls.ts"
import type { World } from "../../support/world.ts"

type Name = keyof typeof catalogue

/** What every case may use, made anew for each. */
interface Place {
  readonly world: World
  readonly directory: string
  readonly at: (name: string) => string
  /** A file that says "content" and has an attribute "user.here", and two descriptors of it. */
  readonly file: string
  readonly fd: number
  readonly spare: number
  /** An empty directory, and a symbolic link to "target". */
  readonly empty: string
  readonly pointer: string
  /** A descriptor of the directory. */
  readonly list: number
  /** A pipe with nothing in it: the end to write to. */
  readonly writer: number
  /** A file in memory that may be sealed. */
  readonly sealable: number
  /** A descriptor of this process. */
  readonly ownProcess: number
  /** Another pipe, with "piped" in it: the end to read from. */
  readonly full: number
}

type Check = (result: any) => Effect.Effect<unknown, unknown, Aio.Aio>

const gives =
  (expected: unknown): Check =>
  (result) =>
    Effect.sync(() => expect(result).toEqual(expected))

const succeeds = gives(undefined)

/** The result does not matter: what there is to see afterwards does. */
const shows =
  (look: Effect.Effect<unknown, unknown, Aio.Aio>, expected: unknown): Check =>
  () =>
    Effect.map(look, (found) => expect(found).toEqual(expected))

const text = ({ file, world }: Place) => Effect.map(world.readFile(file), String)

const moves =
  (bytes: number, place: Place, expected: string): Check =>
  (count) =>
    Effect.map(text(place), (found) => expect([count, found]).toEqual([bytes, expected]))

const lacks = (fd: number, name: string): Check =>
  shows(
    Effect.map(Effect.flip(Aio.fgetxattr(fd, name)), (error) => "code" in error && error.code),
    "ENODATA"
  )

/**
 * One use of every operation, built as a value, and what must be true afterwards. An operation without a line here does not
 * compile, and one that is only at run time fails below.
 */
const cases: Record<Name, (place: Place) => readonly [AioOperation.AioOperation<unknown>, Check]> = {
  nop: () => [AioOperation.nop(), succeeds],
  open: ({ file, fd }) => [
    AioOperation.open(file),
    (opened) =>
      Effect.gen(function* () {
        expect((yield* Aio.fstat(opened)).ino).toBe((yield* Aio.fstat(fd)).ino)
        yield* Aio.close(opened)
      })
  ],
  memfdCreate: () => [
    AioOperation.memfdCreate("memory"),
    (opened) =>
      Effect.gen(function* () {
        expect(yield* Aio.fstat(opened)).toMatchObject({ type: "File", size: 0n, nlink: 0 })
        yield* Aio.close(opened)
      })
  ],
  addSeals: ({ sealable }) => [
    AioOperation.addSeals(sealable, ["grow", "seal"]),
    shows(
      Effect.map(Effect.flip(Aio.write(sealable, Uint8Array.of(1))), (error) => "code" in error && error.code),
      "EPERM"
    )
  ],
  getSeals: ({ sealable }) => [AioOperation.getSeals(sealable), gives([])],
  eventfd: () => [
    AioOperation.eventfd(7),
    (opened) =>
      Effect.gen(function* () {
        const bytes = new Uint8Array(8)
        yield* Aio.read(opened, bytes)
        expect([...bytes]).toEqual([7, 0, 0, 0, 0, 0, 0, 0])
        yield* Aio.close(opened)
      })
  ],
  pidfdOpen: () => [
    AioOperation.pidfdOpen(process.pid),
    (opened) => Effect.zipRight(Aio.pidfdSendSignal(opened, 0), Aio.close(opened))
  ],
  pidfdSendSignal: ({ ownProcess }) => [AioOperation.pidfdSendSignal(ownProcess, 0), succeeds],
  pidfdGetfd: ({ fd, ownProcess }) => [
    AioOperation.pidfdGetfd(ownProcess, fd),
    (opened) =>
      Effect.gen(function* () {
        expect((yield* Aio.fstat(opened)).ino).toBe((yield* Aio.fstat(fd)).ino)
        yield* Aio.close(opened)
      })
  ],
  close: ({ fd, spare }) => [
    AioOperation.close(spare),
    () =>
      Effect.gen(function* () {
        // Nobody's, or somebody else's already.
        const now = yield* Effect.either(Aio.fstat(spare))
        if (now._tag === "Right") expect(now.right.ino).not.toBe((yield* Aio.fstat(fd)).ino)
        else expect(now.left).toMatchObject({ code: "EBADF" })
      })
  ],
  read: ({ fd }) => {
    const into = Buffer.alloc(4)
    return [
      AioOperation.read(fd, into, { offset: 1 }),
      (count) => Effect.sync(() => expect([count, into.toString()]).toEqual([4, "onte"]))
    ]
  },
  write: (place) => [AioOperation.write(place.fd, Buffer.from("C"), { offset: 0 }), moves(1, place, "Content")],
  readv: ({ fd }) => {
    const into = [Buffer.alloc(2), Buffer.alloc(2)]
    return [
      AioOperation.readv(fd, into, { offset: 0 }),
      (count) => Effect.sync(() => expect([count, Buffer.concat(into).toString()]).toEqual([4, "cont"]))
    ]
  },
  writev: (place) => [
    AioOperation.writev(place.fd, [Buffer.from("C"), Buffer.from("O")], { offset: 0 }),
    moves(2, place, "COntent")
  ],
  fsync: ({ fd }) => [AioOperation.fsync(fd), succeeds],
  fdatasync: ({ fd }) => [AioOperation.fdatasync(fd), succeeds],
  syncFileRange: ({ fd }) => [AioOperation.syncFileRange(fd, { waitAfter: true }), succeeds],
  syncfs: ({ fd }) => [AioOperation.syncfs(fd), succeeds],
  sync: () => [AioOperation.sync(), succeeds],
  stat: ({ file }) => [AioOperation.stat(file), ({ size }) => gives(7n)(size)],
  lstat: ({ pointer }) => [AioOperation.lstat(pointer), ({ type }) => gives("SymbolicLink")(type)],
  fstat: ({ fd, file, world }) => [
    AioOperation.fstat(fd),
    ({ ino }) =>
      shows(
        Effect.map(world.facts(file), (facts) => facts.ino),
        ino
      )(ino)
  ],
  statx: ({ file }) => [
    AioOperation.statx(file),
    ({ attributes, size }) => gives([7n, true])([size, "mountRoot" in attributes])
  ],
  fstatx: ({ fd }) => [AioOperation.fstatx(fd), ({ mask, size }) => gives([7n, 0x7ff])([size, mask & 0x7ff])],
  seek: ({ fd }) => [
    AioOperation.seek(fd, -3, "end"),
    (position) =>
      Effect.gen(function* () {
        const into = Buffer.alloc(7)
        expect([position, yield* Aio.read(fd, into), into.toString()]).toEqual([4n, 3, "ent\0\0\0\0"])
      })
  ],
  cachestat: ({ fd }) => [AioOperation.cachestat(fd), ({ cached }) => gives(1)(cached)],
  ftruncate: (place) => [AioOperation.ftruncate(place.fd, 3), shows(text(place), "con")],
  truncate: (place) => [AioOperation.truncate(place.file, 3), shows(text(place), "con")],
  fallocate: (place) => [
    AioOperation.fallocate(place.fd, { length: 100 }),
    shows(text(place), "content".padEnd(100, "\0"))
  ],
  fadvise: ({ fd }) => [AioOperation.fadvise(fd, "willNeed"), succeeds],
  readahead: ({ fd }) => [AioOperation.readahead(fd, { length: 7 }), succeeds],
  unlink: ({ file, world }) => [AioOperation.unlink(file), shows(world.exists(file), false)],
  rmdir: ({ empty, world }) => [AioOperation.rmdir(empty), shows(world.exists(empty), false)],
  rename: ({ at, directory, file, world }) => [
    AioOperation.rename(file, at("renamed")),
    shows(world.list(directory), ["empty", "pointer", "renamed"])
  ],
  mkdir: ({ at, world }) => [
    AioOperation.mkdir(at("made")),
    shows(
      Effect.map(world.facts(at("made")), ({ type }) => type),
      "Directory"
    )
  ],
  mknod: ({ at, world }) => [
    AioOperation.mknod(at("made"), "FIFO"),
    shows(
      Effect.map(world.facts(at("made")), ({ type }) => type),
      "FIFO"
    )
  ],
  link: ({ at, file, world }) => [
    AioOperation.link(file, at("second")),
    shows(
      Effect.map(world.facts(file), ({ nlink }) => nlink),
      2
    )
  ],
  symlink: ({ at, world }) => [
    AioOperation.symlink("elsewhere", at("link")),
    shows(
      Effect.map(world.facts(at("link")), ({ target }) => target),
      "elsewhere"
    )
  ],
  readlink: ({ pointer }) => [AioOperation.readlink(pointer), gives("target")],
  readdir: ({ list }) => [
    AioOperation.readdir(list),
    ({ entries }: Aio.DirectoryChunk) =>
      gives(["empty Directory", "file File", "pointer SymbolicLink"])(
        entries.map(({ name, type }) => `${name} ${type}`).sort()
      )
  ],
  access: ({ file }) => [AioOperation.access(file, { read: true, write: true }), succeeds],
  chmod: ({ file, world }) => [
    AioOperation.chmod(file, 0o640),
    shows(
      Effect.map(world.facts(file), ({ mode }) => mode & 0o7777),
      0o640
    )
  ],
  fchmod: ({ fd, file, world }) => [
    AioOperation.fchmod(fd, 0o640),
    shows(
      Effect.map(world.facts(file), ({ mode }) => mode & 0o7777),
      0o640
    )
  ],
  chown: ({ file, world }) => [
    AioOperation.chown(file, {}),
    shows(
      Effect.map(world.facts(file), ({ uid }) => uid),
      process.getuid!()
    )
  ],
  fchown: ({ fd, file, world }) => [
    AioOperation.fchown(fd, {}),
    shows(
      Effect.map(world.facts(file), ({ uid }) => uid),
      process.getuid!()
    )
  ],
  utimes: ({ file, world }) => [
    AioOperation.utimes(file, { atimeNs: 1n, mtimeNs: -1n }),
    shows(
      Effect.map(world.facts(file), ({ atimeNs, mtimeNs }) => [atimeNs, mtimeNs]),
      [1n, -1n]
    )
  ],
  futimes: ({ fd, file, world }) => [
    AioOperation.futimes(fd, { atimeNs: 1n, mtimeNs: -1n }),
    shows(
      Effect.map(world.facts(file), ({ atimeNs, mtimeNs }) => [atimeNs, mtimeNs]),
      [1n, -1n]
    )
  ],
  setxattr: ({ fd, file }) => [
    AioOperation.setxattr(file, "user.of", Buffer.from("value")),
    shows(Effect.map(Aio.fgetxattr(fd, "user.of"), String), "118,97,108,117,101")
  ],
  fsetxattr: ({ fd, file }) => [
    AioOperation.fsetxattr(fd, "user.of", Buffer.from("value")),
    shows(Effect.map(Aio.getxattr(file, "user.of"), String), "118,97,108,117,101")
  ],
  getxattr: ({ file }) => [AioOperation.getxattr(file, "user.here"), gives(Uint8Array.of(1))],
  fgetxattr: ({ fd }) => [AioOperation.fgetxattr(fd, "user.here"), gives(Uint8Array.of(1))],
  listxattr: ({ file }) => [AioOperation.listxattr(file), (names) => gives(true)(names.includes("user.here"))],
  flistxattr: ({ fd }) => [AioOperation.flistxattr(fd), (names) => gives(true)(names.includes("user.here"))],
  removexattr: ({ fd, file }) => [AioOperation.removexattr(file, "user.here"), lacks(fd, "user.here")],
  fremovexattr: ({ fd }) => [AioOperation.fremovexattr(fd, "user.here"), lacks(fd, "user.here")],
  copyFileRange: (place) => [
    AioOperation.copyFileRange(place.fd, place.spare, { offset: 3, toOffset: 7, length: 4 }),
    moves(4, place, "contenttent")
  ],
  getPipeSize: ({ writer }) => [AioOperation.getPipeSize(writer), (size) => gives(0)(size % 4096)],
  setPipeSize: ({ writer }) => [AioOperation.setPipeSize(writer, 8192), shows(Aio.getPipeSize(writer), 8192)],
  sendfile: (place) => [
    AioOperation.sendfile(place.fd, place.spare, { offset: 3, length: 4 }),
    moves(4, place, "tentent")
  ],
  splice: (place) => [
    AioOperation.splice(place.full, place.spare, { toOffset: 7, length: 100 }),
    moves(5, place, "contentpiped")
  ],
  tee: (place) => [AioOperation.tee(place.full, place.writer, { length: 3 }), moves(3, place, "content")],
  reflink: (place) => [
    AioOperation.reflink(place.fd, place.spare, { toOffset: 4096 }),
    shows(
      Effect.map(place.world.facts(place.file), ({ size }) => size),
      4103n
    )
  ],
  fiemap: ({ fd }) => [
    AioOperation.fiemap(fd, { sync: true }),
    ({ done, extents }: Aio.ExtentChunk) => gives([true, [0n]])([done, extents.map(({ offset }) => offset)])
  ],
  getInodeFlags: ({ fd }) => [AioOperation.getInodeFlags(fd), ({ flags }) => gives(false)(flags.includes("noDump"))],
  setInodeFlags: ({ fd }) => [
    AioOperation.setInodeFlags(fd, ["noDump", "extents"]),
    shows(
      Effect.map(Aio.getInodeFlags(fd), ({ flags }) => flags.includes("noDump")),
      true
    )
  ],
  pollFd: ({ writer }) => [
    AioOperation.pollFd(writer, { writable: true }),
    gives({ readable: false, writable: true, priority: false, hangUp: false, error: false })
  ],
  flock: ({ fd, spare }) => [
    AioOperation.flock(fd, "exclusive"),
    () =>
      Effect.map(Effect.flip(Aio.flock(spare, "shared", { wait: false })), (error) =>
        expect(error).toMatchObject({ code: "EAGAIN" })
      )
  ],
  lockRange: ({ fd, spare }) => [
    AioOperation.lockRange(fd, "exclusive", { offset: 2, length: 3 }),
    () =>
      Effect.map(Aio.lockHolder(spare, "shared"), (holder) =>
        expect(holder).toEqual({ lock: "exclusive", offset: 2n, length: 3n, pid: undefined })
      )
  ],
  lockHolder: ({ fd }) => [AioOperation.lockHolder(fd, "exclusive"), gives(undefined)],
  statvfs: ({ directory }) => [
    AioOperation.statvfs(directory),
    ({ blocks, nameMax }) => gives([true, 255])([blocks > 0n, nameMax])
  ],
  fstatvfs: ({ fd }) => [AioOperation.fstatvfs(fd), ({ blocks, nameMax }) => gives([true, 255])([blocks > 0n, nameMax])]
}

/** What not every file system can do: their own tests have one that can. */
const mayLack: ReadonlySet<Name> = new Set<Name>(["reflink", "fiemap", "getInodeFlags", "setInodeFlags"])

const isUnsupported = (error: AioError.AioFailure): boolean =>
  "code" in error && (error.code === "EOPNOTSUPP" || error.code === "ENOTTY")

const names = Object.keys(catalogue) as Array<Name>

const makePlace = (world: World): Effect.Effect<Place, unknown, Aio.Aio | Scope.Scope> =>
  Effect.gen(function* () {
    const directory = yield* world.directory
    const at = (entry: string) => join(directory, entry)
    const place = { world, directory, at, file: at("file"), empty: at("empty"), pointer: at("pointer") }
    yield* world.writeFile(place.file, "content")
    yield* Aio.setxattr(place.file, "user.here", Uint8Array.of(1))
    yield* Aio.mkdir(place.empty)
    yield* Aio.symlink("target", place.pointer)
    const [full, filler] = yield* world.pipe
    yield* Aio.write(filler, Buffer.from("piped"))
    return {
      ...place,
      full,
      fd: yield* Aio.open(place.file, { flag: "r+" }),
      spare: yield* Aio.open(place.file, { flag: "r+" }),
      sealable: yield* Aio.memfdCreate("sealable", { allowSealing: true }),
      ownProcess: yield* Aio.pidfdOpen(process.pid),
      list: yield* Aio.open(directory, { flag: constants.O_DIRECTORY }),
      writer: (yield* world.pipe)[1]
    }
  })

const read = (file: string): string => readFileSync(join(project, file), "utf8")

const entries: Readonly<Record<string, { readonly entry: { readonly name: string; readonly man: string } }>> = catalogue

const calls = operationCalls({ path: "path", absent: "absent", other: "other", fd: 3, at: 4 })

/** What stands before `export const name`, if it is a docstring with the operation's man page. */
const isDocumented = (text: string, name: Name): boolean => {
  const [before] = text.split(`\nexport const ${name} = `)
  const docstring = before.endsWith(" */") ? before.slice(before.lastIndexOf("/**")) : ""
  return [entries[name].entry.man, "@since", "@category"].every((part) => docstring.includes(part))
}

const exercise = read("test/stalls/exercise.ts")
const matrix = read("docs/backends.md")
const documents = ["src/Aio.ts", "src/internal/effect/operationValues.ts"].map((file) => [file, read(file)] as const)
const ownTests = ["operations", "interruption", "lifecycle"]
  .flatMap((folder) => readdirSync(join(project, "test/conformance", folder)).map((file) => join(folder, file)))
  .filter((file) => file.endsWith(".test.ts") && !file.endsWith("/catalogue.test.ts"))
  .map((file) => read(join("test/conformance", file)))

/** What every operation needs: where that stands, what it is, and whether it is there. The list of CONTRIBUTING.md, "Adding an operation". */
const places: ReadonlyArray<readonly [where: string, has: (name: Name) => boolean]> = [
  ["src/Aio.ts: its function", (name) => typeof Aio[name] === "function"],
  ["src/internal/effect/operationValues.ts: it as a value", (name) => typeof AioOperation[name] === "function"],
  ...documents.map(
    ([file, text]) => [`${file}: a docstring with its man page`, (name: Name) => isDocumented(text, name)] as const
  ),
  ["src/internal/backend/mock/operations.ts: what it does on the mock", (name) => Object.hasOwn(mockOperations, name)],
  ["test/conformance/operations/catalogue.test.ts: a case", (name) => Object.hasOwn(cases, name)],
  ["test/conformance: a test of its own", (name) => ownTests.some((text) => text.includes(`Aio.${name}(`))],
  ["test/support/operationCalls.ts: arguments that fit", (name) => Object.hasOwn(calls, name)],
  ["test/fuzz/shapes.ts: a shape", (name) => Object.hasOwn(shapes, `Aio.${name}`)],
  // The only one that is about no file.
  ["test/stalls/exercise.ts: a step", (name) => name === "nop" || exercise.includes(`Aio.${name}(`)],
  [
    "docs/backends.md: its row, by `npm run matrix`",
    (name) => matrix.includes(`| \`${name}\` | ${entries[name].entry.man} |`)
  ]
]

/** What shows the effect of an option; a test of all options of all functions says the same of those of others. */
const hidden = (name: Name): ReadonlyArray<string> =>
  Object.keys(calls[name]?.[1] ?? {})
    .flatMap((option) => [`Aio.${name}.${option}`, `AioOperation.${name}.${option}`])
    .filter((option) => ![observed, observedFlags, observedOfFiles].some((lines) => Object.hasOwn(lines, option)))

describe("an operation", () => {
  it("that is defined is in the catalogue, by its name", async () => {
    const folder = join(project, "src/internal/operation")
    const missing: Array<string> = []
    for (const file of readdirSync(folder).filter((file) => file !== "catalogue.ts")) {
      const module: Record<string, any> = await import(join(folder, file))
      for (const [name, value] of Object.entries(module)) {
        if (value?.entry?.name !== name || entries[name] === value) continue
        missing.push(`${name} of ${file}: src/internal/operation/catalogue.ts`)
      }
    }
    expect(missing).toEqual([])
    for (const [name, { entry }] of Object.entries(entries)) expect(entry.name).toBe(name)
  })

  it("stands everywhere it has to", () => {
    const missing = names.flatMap((name) => [
      ...places.filter(([, has]) => !has(name)).map(([where]) => `${name} is missing in ${where}`),
      ...hidden(name).map((option) => `${option} is missing in test/operations/observed: what shows its effect`)
    ])
    expect(missing).toEqual([])
  })

  it("is the only thing that the tables know", () => {
    for (const table of [cases, calls, mockOperations]) expect(Object.keys(table).sort()).toEqual([...names].sort())
  })
})

describe.each(backends)("$name: the catalogue", ({ layer, mechanism, world }) => {
  it.scopedLive("every operation runs, as a value, twice over and in any neighbourhood", () =>
    Effect.gen(function* () {
      // Twice: what one request leaves behind in memory that is used again must not reach another.
      for (const name of [...names, ...[...names].reverse()]) {
        const place = yield* makePlace(world)
        const [operation, check] = cases[name](place)
        const end = yield* Effect.either(AioOperation.submit(operation))
        if (end._tag === "Right") yield* check(end.right)
        else if (!(mayLack.has(name) && isUnsupported(end.left))) yield* Effect.fail(`${name}: ${end.left.message}`)
        yield* Effect.forEach([place.fd, place.list, ...(name === "close" ? [] : [place.spare])], (fd) => Aio.close(fd))
      }
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a value may be submitted any number of times, at once too", () =>
    Effect.gen(function* () {
      const operation = AioOperation.stat(yield* world.directory)
      const all = yield* Effect.all(
        Array.from({ length: 50 }, () => AioOperation.submit(operation)),
        { concurrency: "unbounded" }
      )
      expect(new Set(all.map(({ ino }) => ino)).size).toBe(1)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a value has a pipe, shows its name, and is told from everything else", () =>
    Effect.gen(function* () {
      const operation = AioOperation.stat(yield* world.directory)
      const ends = operation.pipe(
        AioOperation.withDeadline("1 minute"),
        Effect.map(({ ino }) => ino)
      )
      expect(yield* ends).toBe((yield* operation.pipe(AioOperation.submit)).ino)
      expect(JSON.parse(JSON.stringify(operation))).toEqual({ _id: "AioOperation", name: "stat" })
      const copy = Object.assign(Object.create(Object.getPrototypeOf(operation)), operation)
      expect([operation, copy, Aio.nop(), undefined].map(AioOperation.isAioOperation)).toEqual([
        true,
        false,
        false,
        false
      ])
      // @ts-expect-error: what is made by hand is none.
      const made: AioOperation.AioOperation<void> = { entry: undefined, input: undefined, pipe: () => undefined }
      expect(yield* Effect.flip(AioOperation.submit(made))).toMatchObject({
        _tag: "AioBadArgument",
        argument: "operation"
      })
    }).pipe(Effect.provide(layer))
  )

  it("a service that is made by hand is none for the compiler", () => {
    // @ts-expect-error: only Layers make it.
    const service: Aio.AioService = { backend: "mine" }
    expect(service.backend).toBe("mine")
  })

  it.scopedLive("there is a line of capabilities for every operation", () =>
    Effect.gen(function* () {
      const { operations: capabilities } = yield* Aio.capabilities
      expect(capabilities.map(({ operation }) => operation).sort()).toEqual([...names].sort())
      for (const { mechanism: how, operation } of capabilities) {
        expect(["native", "pool"]).toContain(how)
        if (mechanism === "threads") expect([operation, how]).toEqual([operation, "native"])
      }
      const native = capabilities.filter(({ mechanism: how }) => how === "native").map(({ operation }) => operation)
      expect(native).toEqual(expect.arrayContaining(["read", "write", "fsync"]))
    }).pipe(Effect.provide(layer))
  )
})
