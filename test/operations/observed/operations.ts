/** Options of operations on names and descriptors. */
import { constants } from "node:fs"
import { join } from "node:path"
import { expect } from "@effect/vitest"
import { Effect, Fiber, type Scope } from "effect"
import { Aio, AioFile, MockAio } from "effect-aio"
import { systemCall } from "../../support/systemCalls.ts"
import { descriptorOf } from "../../support/world.ts"
import { type Call, each, type Lines, ofFile, operation, type Place, shownBy } from "./line.ts"

const DIGITS = "0123456789"

/** An open file of ten digits. */
const digits = ({ directory, world }: Place) =>
  Effect.zipRight(
    world.writeFile(join(directory, "digits"), DIGITS),
    AioFile.open(join(directory, "digits"), { flag: "r+" })
  )

/** Two descriptors of one file, each opened by itself. */
const lockable = ({ directory, world }: Place) => {
  const path = join(directory, "lock")
  return Effect.zipRight(world.writeFile(path, ""), Effect.all([descriptorOf(path, "r+"), descriptorOf(path, "r+")]))
}

const contentOf = ({ directory, world }: Place) =>
  Effect.map(world.readFile(join(directory, "digits")), (bytes) => bytes.toString())

const isRoot = process.getuid!() === 0

/** A name that is there only from where `at` says. */
const relative =
  (
    make: (place: Place, name: string) => Effect.Effect<unknown, unknown, Aio.Aio>,
    use = (call: Call, name: string, options: { readonly at?: number }) => call(name, options)
  ) =>
  (call: Call, place: Place) =>
    Effect.gen(function* () {
      const name = "every-option-relative"
      yield* make(place, join(place.directory, name))
      const at = yield* descriptorOf(place.directory)
      expect(yield* Effect.flip(use(call, name, {}))).toMatchObject({ code: "ENOENT" })
      yield* use(call, name, { at })
    })

/** Of an operation on what is open. */
const onDescriptor = (call: Call, options: object) => (path: string) =>
  Effect.scoped(Effect.flatMap(descriptorOf(path), (fd) => call(fd, options)))

/** The first of two paths, of a file, starts at a directory; so does the second, unless it is whole. */
const fromThere = (place: Place, call: (name: string, at: number) => Effect.Effect<unknown, unknown, Aio.Aio>) =>
  Effect.gen(function* () {
    yield* file(place, join(place.directory, "file"))
    yield* call("file", yield* descriptorOf(place.directory))
    expect(yield* place.world.list(place.directory)).toContain("made")
  })

/** The second one does. */
const toThere = (
  place: Place,
  call: (path: string, name: string, toAt: number) => Effect.Effect<unknown, unknown, Aio.Aio>
) =>
  Effect.gen(function* () {
    yield* file(place, join(place.directory, "file"))
    yield* call(join(place.directory, "file"), "made", yield* descriptorOf(place.directory))
    expect(yield* place.world.list(place.directory)).toContain("made")
  })

/** One that is made. */
const makesAt = (call: (name: string, options: object) => Effect.Effect<any, any, Aio.Aio>, place: Place) =>
  Effect.gen(function* () {
    const at = yield* descriptorOf(place.directory)
    yield* call("made", { at })
    expect(yield* place.world.list(place.directory)).toEqual(["made"])
  })

const file = (place: Place, path: string) => place.world.writeFile(path, "")
const directory = (_: Place, path: string) => Aio.mkdir(path)
const link = (_: Place, path: string) => Aio.symlink("nowhere", path)

const withAttribute = (place: Place, path: string) =>
  Effect.zipRight(file(place, path), Aio.setxattr(path, "user.here", Uint8Array.of(1)))
const ofAttribute = (call: Call, name: string, options: object) => call(name, "user.here", options)

const modeOf = ({ world }: Place, path: string) => Effect.map(world.facts(path), ({ mode }) => mode & 0o777)

/** Permissions of what is made: as they are by default, and as they are asked for. */
const permissions = (
  make: (path: string, options?: object) => Effect.Effect<unknown, unknown, Aio.Aio>,
  place: Place
) =>
  Effect.gen(function* () {
    const [plain, own] = [join(place.directory, "plain"), join(place.directory, "own")]
    yield* make(plain)
    yield* make(own, { mode: 0o500 })
    expect(yield* modeOf(place, own)).toBe(0o500)
    expect(yield* modeOf(place, plain)).not.toBe(0o500)
  })

const reading = {
  offset: (
    call: (file: AioFile.AioFile) => Call,
    place: Place,
    wrap: (buffer: Buffer) => unknown = (buffer) => buffer
  ) =>
    Effect.gen(function* () {
      const open = yield* digits(place)
      const buffer = Buffer.alloc(2)
      yield* call(open)(wrap(buffer), { offset: 4 })
      expect(buffer.toString()).toBe("45")
      yield* call(open)(wrap(buffer))
      expect(buffer.toString()).toBe("01")
    })
}

const writing = {
  offset: (
    call: (file: AioFile.AioFile) => Call,
    place: Place,
    wrap: (buffer: Buffer) => unknown = (buffer) => buffer
  ) =>
    Effect.gen(function* () {
      const open = yield* digits(place)
      yield* call(open)(wrap(Buffer.from("X")), { offset: 4 })
      yield* call(open)(wrap(Buffer.from("Y")))
      expect(yield* contentOf(place)).toBe("Y123X56789")
    })
}

/** What the mock was asked for; elsewhere a range leaves no trace but in what the kernel refuses. */
const range =
  (name: string, option: "offset" | "length", first: ReadonlyArray<unknown>, rest: object) =>
  (call: (file: AioFile.AioFile) => Call, place: Place) =>
    Effect.gen(function* () {
      const open = yield* digits(place)
      expect(yield* Effect.flip(call(open)(...first, { ...rest, [option]: -1 }))).toMatchObject({ argument: option })
      yield* call(open)(...first, { ...rest, [option]: 4096 })
      yield* asked(place, name, { [option]: 4096 })
    })

/** On the mock: its last request of that name was this one. */
const asked = (place: Place, name: string, input: object) =>
  Effect.gen(function* () {
    if (place.real) return
    const mock = yield* Effect.flatten(Effect.serviceOption(MockAio.MockAio))
    const journal = yield* Effect.provideService(MockAio.journal, MockAio.MockAio, mock)
    expect(journal.filter(({ operation }) => operation === name).at(-1)!.input).toMatchObject(input)
  })

const sizeOf = (open: AioFile.AioFile) => Effect.map(open.stat, ({ size }) => Number(size))

export const operations: Lines = {
  ...operation("open", {
    flag: (call, { directory }) =>
      Effect.gen(function* () {
        const path = join(directory, "new")
        expect(yield* Effect.flip(call(path))).toMatchObject({ code: "ENOENT" })
        yield* Aio.close(yield* call(path, { flag: "wx" }))
      }),
    mode: (call, place) =>
      permissions((path, options) => Effect.flatMap(call(path, { flag: "wx", ...options }), Aio.close), place),
    at: (call, place) =>
      makesAt((name, options) => Effect.flatMap(call(name, { ...options, flag: "wx" }), Aio.close), place)
  }),
  ...operation("memfdCreate", {
    allowSealing: (call, place) => sealed(place, (options) => call("sealed", options), Aio.close)
  }),
  ...operation("eventfd", {
    semaphore: (call) =>
      Effect.gen(function* () {
        for (const [options, given] of [
          [undefined, 3],
          [{ semaphore: true }, 1]
        ] as const) {
          const fd = yield* call(3, options)
          const bytes = new Uint8Array(8)
          yield* Aio.read(fd, bytes)
          expect(bytes[0]).toBe(given)
          yield* Aio.close(fd)
        }
      })
  }),
  "AioFile.memory.allowSealing": {
    on: (place) =>
      sealed(
        place,
        (options) => Effect.map(AioFile.memory("sealed", options), ({ fd }) => fd),
        () => Effect.void
      )
  },
  ...operation("mkdir", { mode: permissions, at: makesAt }),
  ...operation("symlink", { at: (call, place) => makesAt((name, options) => call("nowhere", name, options), place) }),
  ...operation("stat", { at: relative(file) }),
  ...operation("link", {
    at: (call, place) => fromThere(place, (name, at) => call(name, join(place.directory, "made"), { at })),
    toAt: (call, place) => toThere(place, (path, name, toAt) => call(path, name, { toAt })),
    follow: (call, place) =>
      Effect.gen(function* () {
        const at = (name: string) => join(place.directory, name)
        yield* file(place, at("file"))
        yield* Aio.symlink("file", at("pointer"))
        yield* call(at("pointer"), at("itself"))
        yield* call(at("pointer"), at("followed"), { follow: true })
        const types = yield* Effect.forEach(["itself", "followed"], (name) => place.world.facts(at(name)))
        expect(types.map(({ type }) => type)).toEqual(["SymbolicLink", "File"])
      })
  }),
  ...operation("lstat", { at: relative(link) }),
  ...operation("statx", {
    at: relative(file),
    follow: (call, place) =>
      Effect.gen(function* () {
        const path = join(place.directory, "link")
        yield* link(place, path)
        expect(yield* Effect.flip(call(path))).toMatchObject({ code: "ENOENT" })
        expect(yield* call(path, { follow: false })).toMatchObject({ type: "SymbolicLink" })
      }),
    sync: (call, place) => synced("statx", (options) => call(place.directory, options), place),
    mountId: (call, place) => mounted((options) => call(place.directory, options))
  }),
  ...operation("fstatx", {
    sync: (call, place) =>
      Effect.flatMap(descriptorOf(place.directory), (fd) => synced("fstatx", (options) => call(fd, options), place)),
    mountId: (call, place) =>
      Effect.flatMap(descriptorOf(place.directory), (fd) => mounted((options) => call(fd, options)))
  }),
  ...operation("reflink", {
    offset: (call, place) => cloned(place, call, { offset: 4096 }, "b"),
    toOffset: (call, place) => cloned(place, call, { toOffset: 4096 }, `${"\0".repeat(4096)}${"a".repeat(4096)}b`),
    length: (call, place) => cloned(place, call, { length: 4096 }, "a".repeat(4096))
  }),
  ...operation("fiemap", {
    offset: (call, place) => mapped(place, call, { offset: 65536 }, [1, true]),
    length: (call, place) => mapped(place, call, { length: 4096 }, [1, true]),
    maxExtents: (call, place) => mapped(place, call, { maxExtents: 1 }, [1, false]),
    sync: (call, place) =>
      Effect.gen(function* () {
        yield* mapped(place, call, { sync: true }, [2, true])
        yield* asked(place, "fiemap", { sync: true })
      })
  }),
  ...operation("cachestat", {
    offset: (call, place) => inMemory(call, place, { offset: 4096 }),
    length: (call, place) => inMemory(call, place, { length: 8192 })
  }),
  ...operation("readlink", { at: relative(link) }),
  ...operation("unlink", { at: relative(file) }),
  ...operation("rmdir", { at: relative(directory) }),
  ...operation("truncate", { at: relative(file, (call, name, options) => call(name, 0, options)) }),
  ...operation("statvfs", { at: relative(file) }),
  ...operation("rename", {
    at: (call, place) => fromThere(place, (name, at) => call(name, join(place.directory, "made"), { at })),
    toAt: (call, place) => toThere(place, (path, name, toAt) => call(path, name, { toAt })),
    existing: (call, place) =>
      Effect.gen(function* () {
        const [from, to] = [join(place.directory, "from"), join(place.directory, "to")]
        yield* file(place, from)
        yield* file(place, to)
        expect(yield* Effect.flip(call(from, to, { existing: "noReplace" }))).toMatchObject({ code: "EEXIST" })
        yield* call(from, to)
      }),
    whiteout: (call, place) =>
      Effect.gen(function* () {
        const [from, to] = [join(place.directory, "from"), join(place.directory, "to")]
        yield* file(place, from)
        yield* call(from, to, { whiteout: true })
        expect((yield* place.world.facts(from)).type).toBe("CharacterDevice")
        yield* call(to, from, { whiteout: false })
        expect(yield* place.world.list(place.directory)).toEqual(["from"])
      })
  }),
  ...operation("mknod", {
    mode: (call, place) => permissions((path, options) => call(path, "FIFO", options), place),
    at: (call, place) => makesAt((name, options) => call(name, "Socket", options), place),
    major: (call, place) => ofDevice(call, place, "major"),
    minor: (call, place) => ofDevice(call, place, "minor")
  }),
  ...operation("readdir", {
    bufferSize: (call, place) =>
      Effect.gen(function* () {
        for (let i = 0; i < 40; i++) yield* file(place, join(place.directory, `a name of some length, number ${i}`))
        const chunk = (options?: object) =>
          Effect.acquireUseRelease(
            Aio.open(place.directory),
            (fd) => call(fd, options),
            (fd) => Effect.ignore(Aio.close(fd))
          )
        expect((yield* chunk()).entries.length).toBe(40)
        expect((yield* chunk({ bufferSize: 288 })).entries.length).toBeLessThan(10)
      })
  }),
  ...operation("chmod", {
    follow: (call, place) =>
      Effect.gen(function* () {
        const [path, to] = [join(place.directory, "link"), join(place.directory, "file")]
        yield* file(place, to)
        yield* Aio.symlink(to, path)
        // No link has permissions of its own; a kernel before Linux 6.6 cannot be asked.
        const refused = yield* Effect.flip(call(path, 0o600, { follow: false }))
        expect(["EOPNOTSUPP", "ENOSYS"]).toContain(refused.code)
        yield* call(path, 0o600)
      }),
    at: relative(file, (call, name, options) => call(name, 0o600, options))
  }),
  ...operation("fchown", {
    uid: (call, place) => owned(place, onDescriptor(call, { uid: 4711 }), { uid: 4711 }),
    gid: (call, place) => owned(place, onDescriptor(call, { gid: 4711 }), { gid: 4711 })
  }),
  ...operation("futimes", {
    atimeNs: (call, place) => timed(place, onDescriptor(call, { atimeNs: 5_000_000_000n }), "atimeNs"),
    mtimeNs: (call, place) => timed(place, onDescriptor(call, { mtimeNs: 5_000_000_000n }), "mtimeNs")
  }),
  ...operation("chown", {
    at: relative(file),
    uid: (call, place) => owned(place, (path) => call(path, { uid: 4711 }), { uid: 4711 }),
    gid: (call, place) => owned(place, (path) => call(path, { gid: 4711 }), { gid: 4711 }),
    follow: (call, place) =>
      Effect.gen(function* () {
        const [path, to] = [join(place.directory, "link"), join(place.directory, "file")]
        yield* file(place, to)
        yield* Aio.symlink(to, path)
        if (place.real && !isRoot) return yield* Effect.flip(call(path, { uid: 4711, follow: false }))
        yield* call(path, { uid: 4711, follow: false })
        expect((yield* place.world.facts(path)).uid).toBe(4711)
        expect((yield* place.world.facts(to)).uid).not.toBe(4711)
      })
  }),
  ...operation("utimes", {
    at: relative(file, (call, name, options) => call(name, { ...options, mtimeNs: 1n })),
    atimeNs: (call, place) => timed(place, (path) => call(path, { atimeNs: 5_000_000_000n }), "atimeNs"),
    mtimeNs: (call, place) => timed(place, (path) => call(path, { mtimeNs: 5_000_000_000n }), "mtimeNs"),
    follow: (call, place) =>
      Effect.gen(function* () {
        const [path, to] = [join(place.directory, "link"), join(place.directory, "file")]
        yield* file(place, to)
        yield* Aio.symlink(to, path)
        yield* call(path, { mtimeNs: 5_000_000_000n, follow: false })
        expect((yield* place.world.facts(path)).mtimeNs).toBe(5_000_000_000n)
        expect((yield* place.world.facts(to)).mtimeNs).not.toBe(5_000_000_000n)
      })
  }),
  ...operation("setxattr", {
    at: relative(file, (call, name, options) => call(name, "user.name", Uint8Array.of(1), options)),
    mode: (call, place) =>
      Effect.flatMap(noted(place), ({ path }) =>
        ofMode((name, options) => call(path, name, Buffer.from("value"), options))
      ),
    follow: (call, place) =>
      Effect.gen(function* () {
        const { link } = yield* noted(place)
        yield* call(link, "user.new", Buffer.from("value"))
        const ofLink = yield* Effect.flip(call(link, "user.new", Buffer.from("value"), { follow: false }))
        expect(ofLink).toMatchObject({ code: "EPERM" })
      })
  }),
  ...operation("fsetxattr", {
    mode: (call, place) =>
      Effect.flatMap(digits(place), (open) =>
        ofMode((name, options) => call(open, name, Buffer.from("value"), options))
      )
  }),
  // A link has no attributes of users.
  ...operation("getxattr", {
    at: relative(withAttribute, ofAttribute),
    follow: (call, place) =>
      Effect.gen(function* () {
        const { link } = yield* noted(place)
        expect(yield* call(link, "user.here")).toEqual(Uint8Array.of(1))
        const ofLink = yield* Effect.flip(call(link, "user.here", { follow: false }))
        expect(ofLink).toMatchObject({ code: "ENODATA" })
      })
  }),
  ...operation("listxattr", {
    at: relative(file),
    follow: (call, place) =>
      Effect.gen(function* () {
        const { link } = yield* noted(place)
        expect(yield* call(link)).toContain("user.here")
        expect(yield* call(link, { follow: false })).not.toContain("user.here")
      })
  }),
  ...operation("removexattr", {
    at: relative(withAttribute, ofAttribute),
    follow: (call, place) =>
      Effect.gen(function* () {
        const { link } = yield* noted(place)
        expect(yield* Effect.flip(call(link, "user.here", { follow: false }))).toMatchObject({ code: "EPERM" })
        yield* call(link, "user.here")
      })
  }),
  ...each(
    ["Aio", "AioOperation", "AioDirectory.AioDirectory"].map((way) => `${way}.access.effective`),
    () => shownBy("conformance/operations/attributes.test.ts", "access: of the real user, or of the one in force")
  ),
  ...operation("access", {
    at: relative(file),
    follow: (call, place) =>
      Effect.gen(function* () {
        const path = join(place.directory, "link")
        yield* link(place, path)
        expect(yield* Effect.flip(call(path))).toMatchObject({ code: "ENOENT" })
        yield* call(path, { follow: false })
      }),
    execute: (call, place) =>
      Effect.gen(function* () {
        const path = join(place.directory, "file")
        yield* file(place, path)
        yield* call(path)
        expect(yield* Effect.flip(call(path, { execute: true }))).toMatchObject({ code: "EACCES" })
      }),
    // Root may do anything: somebody else is asked for, on the mock. Others see it themselves.
    read: (call, place) => denied(place, 0o300, (path, options) => call(path, options), { read: true }),
    write: (call, place) => denied(place, 0o500, (path, options) => call(path, options), { write: true })
  }),
  ...ofFile("copyFileRange", "copyFileRange", {
    offset: (call, place) => copied(place, call, { offset: 4, length: 2 }, "45"),
    toOffset: (call, place) => copied(place, call, { toOffset: 2, length: 2 }, "\0\x0001"),
    length: (call, place) => copied(place, call, { length: 3 }, "012")
  }),
  ...ofFile("sendfile", "sendfile", {
    offset: (call, place) => copied(place, call, { offset: 4, length: 2 }, "45"),
    length: (call, place) => copied(place, call, { length: 3 }, "012")
  }),
  ...operation("splice", {
    offset: (call, place) =>
      Effect.gen(function* () {
        const [from, [reader, writer]] = [yield* digits(place), yield* place.world.pipe]
        yield* call(from, writer, { offset: 4, length: 2 })
        expect(yield* textFrom(reader)).toBe("45")
      }),
    toOffset: (call, place) =>
      Effect.gen(function* () {
        const [to, [reader, writer]] = [yield* digits(place), yield* place.world.pipe]
        yield* Aio.write(writer, Buffer.from("ab"))
        yield* call(reader, to, { toOffset: 4, length: 2 })
        expect(yield* contentOf(place)).toBe("0123ab6789")
      }),
    length: (call, place) => shortened(place, call, "cd")
  }),
  ...operation("syncFileRange", {
    offset: (call, place) => range("syncFileRange", "offset", [], {})(forFile(call), place),
    length: (call, place) => range("syncFileRange", "length", [], {})(forFile(call), place),
    waitBefore: (call, place) => switched(place, call, "waitBefore"),
    write: (call, place) => switched(place, call, "write"),
    waitAfter: (call, place) => switched(place, call, "waitAfter")
  }),
  ...operation("tee", { length: (call, place) => shortened(place, call, "abcd") }),
  ...operation("flock", {
    wait: (call, place) =>
      Effect.gen(function* () {
        const path = join(place.directory, "lock")
        yield* file(place, path)
        const [holder, other] = [yield* descriptorOf(path), yield* descriptorOf(path)]
        yield* Aio.flock(holder, "exclusive")
        expect(yield* Effect.flip(call(other, "exclusive", { wait: false }))).toMatchObject({ code: "EAGAIN" })
        const waiting = yield* Effect.fork(call(other, "exclusive"))
        yield* Effect.yieldNow()
        yield* Aio.flock(holder, "unlock")
        yield* Fiber.join(waiting)
      })
  }),
  ...operation("lockRange", {
    offset: (call, place) =>
      Effect.gen(function* () {
        const [holder, other] = yield* lockable(place)
        yield* call(holder, "exclusive", { offset: 5 })
        expect(yield* Aio.lockHolder(other, "shared", { length: 5 })).toBeUndefined()
        expect(yield* Aio.lockHolder(other, "shared")).toMatchObject({ offset: 5n })
      }),
    length: (call, place) =>
      Effect.gen(function* () {
        const [holder, other] = yield* lockable(place)
        yield* call(holder, "exclusive", { length: 5 })
        expect(yield* Aio.lockHolder(other, "shared", { offset: 5 })).toBeUndefined()
        expect(yield* Aio.lockHolder(other, "shared")).toMatchObject({ length: 5n })
      }),
    wait: (call, place) =>
      Effect.gen(function* () {
        const [holder, other] = yield* lockable(place)
        yield* Aio.lockRange(holder, "exclusive")
        expect(yield* Effect.flip(call(other, "exclusive", { wait: false }))).toMatchObject({ code: "EAGAIN" })
        const waiting = yield* Effect.fork(call(other, "exclusive"))
        yield* Effect.yieldNow()
        yield* Aio.lockRange(holder, "unlock")
        yield* Fiber.join(waiting)
      })
  }),
  ...operation("lockHolder", {
    offset: (call, place) =>
      Effect.gen(function* () {
        const [holder, other] = yield* lockable(place)
        yield* Aio.lockRange(holder, "exclusive", { length: 5 })
        expect(yield* call(other, "shared", { offset: 5 })).toBeUndefined()
        expect(yield* call(other, "shared", { offset: 4 })).toMatchObject({ lock: "exclusive" })
      }),
    length: (call, place) =>
      Effect.gen(function* () {
        const [holder, other] = yield* lockable(place)
        yield* Aio.lockRange(holder, "exclusive", { offset: 5 })
        expect(yield* call(other, "shared", { length: 5 })).toBeUndefined()
        expect(yield* call(other, "shared", { length: 6 })).toMatchObject({ lock: "exclusive" })
      })
  }),
  ...operation("pollFd", {
    readable: (call, place) => polled(place, call, "readable"),
    writable: (call, place) => polled(place, call, "writable"),
    priority: (call, place) => polled(place, call, "priority")
  }),
  ...ofFile("read", "read", { offset: (call, place) => reading.offset(call, place) }),
  ...ofFile("readv", "readv", { offset: (call, place) => reading.offset(call, place, (buffer) => [buffer]) }),
  ...ofFile("write", "write", { offset: (call, place) => writing.offset(call, place) }),
  ...ofFile("writev", "writev", { offset: (call, place) => writing.offset(call, place, (buffer) => [buffer]) }),
  ...ofFile("fallocate", "allocate", {
    length: (call, place) =>
      Effect.gen(function* () {
        const open = yield* digits(place)
        yield* call(open)({ length: 20 })
        expect(yield* sizeOf(open)).toBe(20)
      }),
    offset: (call, place) =>
      Effect.gen(function* () {
        const open = yield* digits(place)
        yield* call(open)({ length: 20, offset: 30 })
        expect(yield* sizeOf(open)).toBe(50)
      }),
    mode: (call, place) =>
      Effect.gen(function* () {
        const open = yield* digits(place)
        yield* call(open)({ length: 20, mode: "keepSize" })
        expect(yield* sizeOf(open)).toBe(10)
      })
  }),
  ...ofFile("fadvise", "advise", {
    offset: range("fadvise", "offset", ["random"], {}),
    length: range("fadvise", "length", ["random"], {})
  }),
  ...ofFile("readahead", "readahead", {
    offset: range("readahead", "offset", [], { length: 10 }),
    length: range("readahead", "length", [], {})
  })
}

/** Only root may make a device; whoever may not is told so, and not that the number is wrong. */
const ofDevice = (call: Call, place: Place, number: "major" | "minor") =>
  Effect.gen(function* () {
    const path = join(place.directory, "device")
    const refused = yield* Effect.flip(call(path, "CharacterDevice", { major: 1, minor: 1, [number]: -1 }))
    expect(refused).toMatchObject({ argument: number })
    const numbers = { major: 7, minor: 7, [number]: 300 }
    const made = yield* Effect.either<void, any, Aio.Aio>(call(path, "CharacterDevice", numbers))
    if (made._tag === "Left") return expect([isRoot, made.left.code]).toEqual([false, "EPERM"])
    expect(Aio.deviceNumbers((yield* Aio.lstat(path)).rdev)).toEqual(numbers)
  })

/** Nothing shows on a local file system, but what is refused, and what the mock was asked for. */
const synced = (name: string, ask: (options: object) => Effect.Effect<any, any, Aio.Aio>, place: Place) =>
  Effect.gen(function* () {
    expect(yield* Effect.flip(ask({ sync: "now" }))).toMatchObject({ argument: "sync" })
    yield* ask({ sync: "force" })
    yield* asked(place, name, { sync: "force" })
  })

const mounted = (ask: (options?: object) => Effect.Effect<any, any, Aio.Aio>) =>
  Effect.gen(function* () {
    const [plain, unique] = [yield* ask(), yield* ask({ mountId: "unique" })]
    expect([plain.uniqueMountId, typeof plain.mountId]).toEqual([undefined, "bigint"])
    // Linux 6.8 has the other number.
    if (unique.uniqueMountId !== undefined) expect(unique.mountId).toBe(undefined)
  })

/** Of a file of three pages. */
const inMemory = (call: Call, { directory, world }: Place, options: object) =>
  Effect.gen(function* () {
    const path = join(directory, "pages")
    let found: ReadonlyArray<number> = []
    // Others empty the page cache now and then.
    for (let tries = 0; tries < 20 && found.join() !== "3,2"; tries++) {
      yield* world.writeFile(path, "x".repeat(3 * 4096))
      const fd = yield* descriptorOf(path)
      found = [(yield* call(fd)).cached, (yield* call(fd, options)).cached]
    }
    expect(found).toEqual([3, 2])
  })

const isLacking = (error: any): boolean => error.code === "EOPNOTSUPP" || error.code === "ENOTTY"

/** A block of "a" and one "b", shared by a second file: where the file system can. */
const cloned = ({ directory, world }: Place, call: Call, options: object, content: string) =>
  Effect.gen(function* () {
    const [from, to] = [join(directory, "from"), join(directory, "to")]
    yield* world.writeFile(from, `${"a".repeat(4096)}b`)
    const fds = [yield* descriptorOf(from), yield* descriptorOf(to, "w+")]
    const end = yield* Effect.either(call(...fds, options))
    if (end._tag === "Left") return expect(isLacking(end.left)).toBe(true)
    expect((yield* world.readFile(to)).toString()).toBe(content)
  })

/** Of a file of two pieces: how many are told, and whether these are all. */
const mapped = ({ directory, world }: Place, call: Call, options: object, expected: ReadonlyArray<unknown>) =>
  Effect.gen(function* () {
    const path = join(directory, "pieces")
    yield* world.writeFile(path, "first")
    const fd = yield* descriptorOf(path, "r+")
    yield* Aio.write(fd, Buffer.from("second"), { offset: 131072 })
    yield* Aio.fsync(fd)
    const end = yield* Effect.either(call(fd, options))
    if (end._tag === "Left") return expect(isLacking(end.left)).toBe(true)
    expect([end.right.extents.length, end.right.done]).toEqual(expected)
  })

/** A file with an attribute, and a link to it. */
const noted = (place: Place) =>
  Effect.gen(function* () {
    const [path, link] = [join(place.directory, "noted"), join(place.directory, "link")]
    yield* file(place, path)
    yield* Aio.setxattr(path, "user.here", Uint8Array.of(1))
    yield* Aio.symlink(path, link)
    return { path, link }
  })

const ofMode = (set: (name: string, options?: object) => Effect.Effect<any, any, Aio.Aio>) =>
  Effect.gen(function* () {
    expect(yield* Effect.flip(set("user.of", { mode: "replace" }))).toMatchObject({ code: "ENODATA" })
    yield* set("user.of", { mode: "create" })
    expect(yield* Effect.flip(set("user.of", { mode: "create" }))).toMatchObject({ code: "EEXIST" })
    yield* set("user.of", { mode: "replace" })
  })

const owned = (place: Place, change: (path: string) => Effect.Effect<any, any, Aio.Aio>, to: object) =>
  Effect.gen(function* () {
    const path = join(place.directory, "file")
    yield* file(place, path)
    if (place.real && !isRoot) return expect(yield* Effect.flip(change(path))).toMatchObject({ code: "EPERM" })
    const before = yield* place.world.facts(path)
    yield* change(path)
    const { gid, uid } = before
    expect(yield* place.world.facts(path)).toMatchObject({ gid, uid, ...to })
  })

const timed = (place: Place, change: (path: string) => Effect.Effect<any, any, Aio.Aio>, time: "atimeNs" | "mtimeNs") =>
  Effect.gen(function* () {
    const path = join(place.directory, "file")
    yield* file(place, path)
    const before = yield* place.world.facts(path)
    yield* change(path)
    const { atimeNs, mtimeNs } = before
    expect(yield* place.world.facts(path)).toMatchObject({ atimeNs, mtimeNs, [time]: 5_000_000_000n })
  })

const denied = (
  place: Place,
  mode: number,
  ask: (path: string, options?: object) => Effect.Effect<any, any, Aio.Aio>,
  options: object
) =>
  Effect.gen(function* () {
    const path = join(place.directory, "file")
    yield* file(place, path)
    yield* Aio.chmod(path, mode)
    yield* Aio.chmod(place.directory, 0o777)
    yield* ask(path)
    if (place.real && isRoot) return yield* ask(path, options)
    const mock = yield* Effect.serviceOption(MockAio.MockAio)
    if (mock._tag === "Some") {
      const other = MockAio.configure({ user: { uid: 1000, gid: 1000 } })
      yield* Effect.provideService(other, MockAio.MockAio, mock.value)
    }
    expect(yield* Effect.flip(ask(path, options))).toMatchObject({ code: "EACCES" })
  })

const forFile =
  (call: Call) =>
  (file: AioFile.AioFile): Call =>
  (...args) =>
    call(file, ...args)

/** What the mock was asked for, as of `range`. */
const switched = (place: Place, call: Call, option: string) =>
  Effect.gen(function* () {
    const open = yield* digits(place)
    expect(yield* Effect.flip(call(open, { [option]: 1 }))).toMatchObject({ argument: option })
    yield* call(open, { [option]: false })
    if (place.real) return
    const mock = yield* Effect.flatten(Effect.serviceOption(MockAio.MockAio))
    const journal = yield* Effect.provideService(MockAio.journal, MockAio.MockAio, mock)
    expect(journal.at(-1)!.input).toMatchObject({ [option]: false })
  })

const F_GET_SEALS = 1034

/** F_SEAL_SEAL says that there will be no other. */
const sealed = (
  { real }: Place,
  make: (options?: object) => Effect.Effect<number, unknown, Aio.Aio | Scope.Scope>,
  close: (fd: number) => Effect.Effect<void, unknown, Aio.Aio>
) =>
  Effect.gen(function* () {
    for (const [options, seals] of [
      [undefined, 1],
      [{ allowSealing: true }, 0]
    ] as const) {
      const fd = yield* make(options)
      if (real) expect(systemCall("fcntl", fd, F_GET_SEALS)).toBe(seals)
      yield* close(fd)
    }
    expect(yield* Effect.flip(make({ allowSealing: 1 }))).toMatchObject({ argument: "allowSealing" })
  })

const textFrom = (reader: number) => {
  const into = Buffer.alloc(10)
  return Effect.map(Aio.read(reader, into), (count) => into.toString("latin1", 0, count))
}

/** Two bytes of four get to another pipe, and `left` is in the first one afterwards. */
const shortened = ({ world }: Place, call: Call, left: string) =>
  Effect.gen(function* () {
    const [[from, filler], [to, into]] = [yield* world.pipe, yield* world.pipe]
    yield* Aio.write(filler, Buffer.from("abcd"))
    expect(yield* call(from, into, { length: 2 })).toBe(2)
    expect([yield* textFrom(to), yield* textFrom(from)]).toEqual(["ab", left])
  })

const copied = (place: Place, copy: (file: AioFile.AioFile) => Call, options: object, content: string) =>
  Effect.gen(function* () {
    const from = yield* digits(place)
    const path = join(place.directory, "to")
    const to = yield* descriptorOf(path, constants.O_RDWR | constants.O_CREAT)
    yield* copy(from)(to, options)
    expect((yield* place.world.readFile(path)).toString()).toBe(content)
  })

/** Of a pipe: nothing that is asked for is refused, anything else answered. */
const polled = ({ world }: Place, poll: Call, interest: "readable" | "writable" | "priority") =>
  Effect.gen(function* () {
    const [reader, writer] = yield* world.pipe
    yield* Aio.write(writer, Buffer.from("x"))
    const fd = interest === "writable" ? writer : reader
    expect(yield* Effect.flip(poll(fd, { [interest]: false }))).toMatchObject({ argument: "interest" })
    // A hang-up is told whoever is waited for.
    if (interest === "priority") yield* Aio.close(writer)
    expect(yield* poll(fd, { [interest]: true })).toMatchObject({
      readable: interest === "readable",
      writable: interest === "writable",
      hangUp: interest === "priority"
    })
  })
