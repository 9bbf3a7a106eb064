/**
 * What random programs are made of: one entry a command, with what it may be given, and the two ways to run it. Both sides have a
 * directory of their own, in which the same names stand for the same things, and three places for descriptors.
 */
import * as fs from "node:fs"
import { Effect } from "effect"
import * as fc from "effect/FastCheck"
import { Aio, AioDirectory, AioFile } from "effect-aio"
import { typeOf } from "../../../support/world.ts"
import * as oracle from "./oracle.ts"

/** One side: where its names are, and which descriptors it has. */
export interface Side {
  readonly at: (name: string) => string
  readonly fds: Array<number | undefined>
}

type Failure = { readonly _tag: string; readonly code?: string }

export interface Kind<I> {
  readonly input: fc.Arbitrary<I>
  /** Through Aio. */
  readonly ours: (input: I, side: Side) => Effect.Effect<unknown, Failure, Aio.Aio>
  /** On the spot. Throws something with a `code`. */
  readonly theirs: (input: I, side: Side) => unknown
}

/** A command that needs a descriptor fails with this where its place is empty. */
const EMPTY = "no descriptor here"

const kind = <I>(
  input: { readonly [Key in keyof I]: fc.Arbitrary<I[Key]> },
  ours: Kind<I>["ours"],
  theirs: Kind<I>["theirs"]
): Kind<I> => ({ input: fc.record(input) as fc.Arbitrary<I>, ours, theirs })

/** A command on one descriptor, or on nothing. */
const onDescriptor = <I>(
  input: { readonly [Key in keyof I]: fc.Arbitrary<I[Key]> },
  ours: (fd: number, input: I, side: Side) => Effect.Effect<unknown, Failure, Aio.Aio>,
  theirs: (fd: number, input: I, side: Side) => unknown
): Kind<I & { readonly place: number }> => ({
  input: fc.record({ place, ...input }) as unknown as fc.Arbitrary<I & { readonly place: number }>,
  ours: (given, side) => {
    const fd = side.fds[given.place]
    return fd === undefined ? Effect.succeed(EMPTY) : ours(fd, given, side)
  },
  theirs: (given, side) => {
    const fd = side.fds[given.place]
    return fd === undefined ? EMPTY : theirs(fd, given, side)
  }
})

const place = fc.nat(2)
const name = fc.constantFrom("a", "b", "c", "d", "d/a", "d/e", "d/e/f", "l", "l/a", "a/", "a/b", "none/a", "d/../b")
const offset = fc.oneof(fc.nat(9000), fc.constantFrom(0, 4095, 4096, 8192))
const position = fc.option(offset, { nil: undefined })
const length = fc.oneof({ weight: 4, arbitrary: fc.nat(6000) }, { weight: 1, arbitrary: fc.constantFrom(0, 1, 4096) })
/** The owner may always do everything with what there is: the rest takes other users. */
const mode = fc.constantFrom(0o700, 0o755, 0o777, 0o1777, 0o711)
const fileMode = fc.constantFrom(0o600, 0o644, 0o666, 0o700)
const time = fc.constantFrom(undefined, "now" as const, 0n, 1n, -1n, -1_500_000_001n, 1_000_000_000_123_456_789n)
const content = fc.record({ length, byte: fc.nat(255) })

const { O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_RDWR, O_TRUNC, O_WRONLY } = fs.constants
const flag = fc.constantFrom(
  ...(["r", "r+", "r+", "w", "wx", "w+", "w+", "wx+", "a", "a+", "ax"] as const),
  O_RDWR | O_CREAT,
  O_RDWR | O_CREAT | O_APPEND,
  O_WRONLY | O_TRUNC,
  O_RDWR | O_CREAT | O_EXCL,
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NOFOLLOW | O_RDWR
)

/** Bytes that tell where they came from. */
const bytesOf = ({ byte, length }: { readonly byte: number; readonly length: number }): Buffer => {
  const bytes = Buffer.alloc(length)
  for (let i = 0; i < length; i++) bytes[i] = (byte + i) & 0xff
  return bytes
}

/** Buffers to read into, all but what is read still as they were. */
const blanks = (lengths: ReadonlyArray<number>): Array<Buffer> => lengths.map((each) => Buffer.alloc(each, 0xee))

/** What can be compared of two files in different places. A directory's size is the file system's own affair. */
const comparable = ({
  gid,
  mode,
  nlink,
  size,
  type,
  uid
}: Pick<Aio.Stat, "gid" | "mode" | "nlink" | "size" | "uid" | "type">) => ({
  type,
  mode,
  nlink,
  uid,
  gid,
  size: type === "Directory" ? undefined : size
})

const statOf = (stat: fs.BigIntStats) =>
  comparable({
    type: typeOf(stat),
    size: stat.size,
    mode: Number(stat.mode),
    nlink: Number(stat.nlink),
    uid: Number(stat.uid),
    gid: Number(stat.gid)
  })

const bigint = { bigint: true } as const

const byName = (entries: ReadonlyArray<{ readonly name: string; readonly type: string }>) =>
  entries.map(({ name, type }) => `${name} ${type}`).sort()

const closeOurs = (at: number, side: Side): Effect.Effect<unknown, Failure, Aio.Aio> => {
  const fd = side.fds[at]
  side.fds[at] = undefined
  return fd === undefined ? Effect.succeed(EMPTY) : Aio.close(fd)
}

const closeTheirs = (at: number, side: Side): unknown => {
  const fd = side.fds[at]
  side.fds[at] = undefined
  return fd === undefined ? EMPTY : fs.closeSync(fd)
}

/** Modes of fallocate(2) that not every file system has, and that ask for whole blocks of it. */
export const particularModes: ReadonlyArray<string> = ["collapseRange", "insertRange"]

export const kinds = {
  open: kind(
    { place, name, flag, mode: fileMode },
    ({ flag, mode, name, place }, side) =>
      Effect.flatMap(Aio.open(side.at(name), { flag, mode }), (fd) =>
        Effect.map(closeOurs(place, side), () => {
          side.fds[place] = fd
        })
      ),
    ({ flag, mode, name, place }, side) => {
      const fd = fs.openSync(side.at(name), flag, mode)
      closeTheirs(place, side)
      side.fds[place] = fd
    }
  ),
  close: kind(
    { place },
    ({ place }, side) => closeOurs(place, side),
    ({ place }, side) => closeTheirs(place, side)
  ),
  read: onDescriptor(
    { length, offset: position },
    (fd, { length, offset }) => {
      const [into] = blanks([length])
      return Effect.map(Aio.read(fd, into, { offset }), (count) => [count, into])
    },
    (fd, { length, offset }) => {
      // Not readSync, which does not ask the kernel where no bytes are asked for.
      const into = blanks([length])
      return [fs.readvSync(fd, into, offset), into[0]]
    }
  ),
  readv: onDescriptor(
    // At least two: of one, node:fs makes a read(2), which for no bytes of a directory says EISDIR where readv(2) says 0.
    { lengths: fc.array(length, { minLength: 2, maxLength: 4 }), offset: position },
    (fd, { lengths, offset }) => {
      const into = blanks(lengths)
      return Effect.map(Aio.readv(fd, into, { offset }), (count) => [count, into])
    },
    (fd, { lengths, offset }) => {
      const into = blanks(lengths)
      return [fs.readvSync(fd, into, offset), into]
    }
  ),
  write: onDescriptor(
    { content, offset: position },
    (fd, { content, offset }) => Aio.write(fd, bytesOf(content), { offset }),
    (fd, { content, offset }) => fs.writevSync(fd, [bytesOf(content)], offset)
  ),
  writev: onDescriptor(
    { contents: fc.array(content, { minLength: 1, maxLength: 4 }), offset: position },
    (fd, { contents, offset }) => Aio.writev(fd, contents.map(bytesOf), { offset }),
    (fd, { contents, offset }) => fs.writevSync(fd, contents.map(bytesOf), offset)
  ),
  ftruncate: onDescriptor(
    { length: offset },
    (fd, { length }) => Aio.ftruncate(fd, length),
    (fd, { length }) => fs.ftruncateSync(fd, length)
  ),
  truncate: kind(
    { name, length: offset },
    ({ length, name }, side) => Aio.truncate(side.at(name), length),
    ({ length, name }, side) => void oracle.truncate(side.at(name), length)
  ),
  fallocate: onDescriptor(
    {
      mode: fc.constantFrom(
        ...(["allocate", "keepSize", "punchHole", "zeroRange", "collapseRange", "insertRange"] as const)
      ),
      offset,
      length: fc.oneof(length, fc.constantFrom(4096, 8192))
    },
    (fd, { length, mode, offset }) => Aio.fallocate(fd, { mode, offset, length }),
    (fd, { length, mode, offset }) => void oracle.fallocate(fd, mode, offset, length)
  ),
  fsync: onDescriptor(
    {},
    (fd) => Aio.fdatasync(fd),
    (fd) => fs.fdatasyncSync(fd)
  ),
  fstat: onDescriptor(
    {},
    (fd) => Effect.map(Aio.fstat(fd), comparable),
    (fd) => statOf(fs.fstatSync(fd, bigint))
  ),
  copyFileRange: onDescriptor(
    { to: place, offset: position, toOffset: position, length },
    (fd, { length, offset, to, toOffset }, side) => {
      const other = side.fds[to]
      return other === undefined ? Effect.succeed(EMPTY) : Aio.copyFileRange(fd, other, { offset, toOffset, length })
    },
    (fd, { length, offset, to, toOffset }, side) => {
      const other = side.fds[to]
      return other === undefined ? EMPTY : oracle.copyFileRange(fd, offset, other, toOffset, length)
    }
  ),
  flock: onDescriptor(
    { lock: fc.constantFrom(...(["shared", "exclusive", "unlock"] as const)) },
    (fd, { lock }) => Aio.flock(fd, lock, { wait: false }),
    (fd, { lock }) => void oracle.flock(fd, lock)
  ),
  stat: kind(
    { name },
    ({ name }, side) => Effect.map(Aio.stat(side.at(name)), comparable),
    ({ name }, side) => statOf(fs.statSync(side.at(name), bigint))
  ),
  lstat: kind(
    { name },
    ({ name }, side) => Effect.map(Aio.lstat(side.at(name)), comparable),
    ({ name }, side) => statOf(fs.lstatSync(side.at(name), bigint))
  ),
  readFile: kind(
    { name },
    ({ name }, side) => Effect.map(AioFile.readFile(side.at(name)), (bytes) => Buffer.from(bytes)),
    ({ name }, side) => fs.readFileSync(side.at(name))
  ),
  readdir: kind(
    { name },
    ({ name }, side) => Effect.map(AioDirectory.read(side.at(name)), byName),
    ({ name }, side) =>
      byName(
        fs.readdirSync(side.at(name), { withFileTypes: true }).map((entry) => ({
          name: entry.name,
          type: typeOf(entry as unknown as fs.BigIntStats)
        }))
      )
  ),
  mkdir: kind(
    { name, mode },
    ({ mode, name }, side) => Aio.mkdir(side.at(name), { mode }),
    ({ mode, name }, side) => void fs.mkdirSync(side.at(name), mode)
  ),
  rmdir: kind(
    { name },
    ({ name }, side) => Aio.rmdir(side.at(name)),
    ({ name }, side) => fs.rmdirSync(side.at(name))
  ),
  unlink: kind(
    { name },
    ({ name }, side) => Aio.unlink(side.at(name)),
    ({ name }, side) => fs.unlinkSync(side.at(name))
  ),
  rename: kind(
    { name, to: name, existing: fc.constantFrom(...(["replace", "replace", "noReplace", "exchange"] as const)) },
    ({ existing, name, to }, side) => Aio.rename(side.at(name), side.at(to), { existing }),
    ({ existing, name, to }, side) =>
      existing === "replace"
        ? fs.renameSync(side.at(name), side.at(to))
        : void oracle.rename(side.at(name), side.at(to), existing)
  ),
  link: kind(
    { name, to: name },
    ({ name, to }, side) => Aio.link(side.at(name), side.at(to)),
    ({ name, to }, side) => fs.linkSync(side.at(name), side.at(to))
  ),
  symlink: kind(
    { name, target: fc.constantFrom("a", "b", "d", "l", "d/e", ".", "none", "a/") },
    ({ name, target }, side) => Aio.symlink(target, side.at(name)),
    ({ name, target }, side) => fs.symlinkSync(target, side.at(name))
  ),
  readlink: kind(
    { name },
    ({ name }, side) => Aio.readlink(side.at(name)),
    ({ name }, side) => fs.readlinkSync(side.at(name))
  ),
  access: kind(
    { name, read: fc.boolean(), write: fc.boolean(), execute: fc.boolean() },
    ({ name, ...options }, side) => Aio.access(side.at(name), options),
    ({ execute, name, read, write }, side) =>
      fs.accessSync(side.at(name), (read ? 4 : 0) | (write ? 2 : 0) | (execute ? 1 : 0))
  ),
  chmod: kind(
    { name, mode },
    ({ mode, name }, side) => Aio.chmod(side.at(name), mode),
    ({ mode, name }, side) => fs.chmodSync(side.at(name), mode)
  ),
  utimes: kind(
    { name, atimeNs: time, mtimeNs: time, follow: fc.option(fc.boolean(), { nil: undefined }) },
    ({ name, ...times }, side) =>
      Effect.zipRight(
        Aio.utimes(side.at(name), times),
        Effect.match((times.follow === false ? Aio.lstat : Aio.stat)(side.at(name)), {
          onFailure: () => undefined,
          onSuccess: ({ atimeNs, mtimeNs }) => [
            typeof times.atimeNs === "bigint" && atimeNs,
            typeof times.mtimeNs === "bigint" && mtimeNs
          ]
        })
      ),
    ({ atimeNs, follow, mtimeNs, name }, side) => {
      oracle.utimes(side.at(name), [atimeNs, mtimeNs], follow)
      try {
        const stat = (follow === false ? fs.lstatSync : fs.statSync)(side.at(name), bigint)
        return [typeof atimeNs === "bigint" && stat.atimeNs, typeof mtimeNs === "bigint" && stat.mtimeNs]
      } catch {
        return undefined
      }
    }
  )
} as const

export type Name = keyof typeof kinds

/** One step of a program: which command, and what it is given. */
export interface Command {
  readonly command: Name
  readonly input: any
}

/** How often each is drawn: what moves bytes and what makes names more often than the rest. */
const weights: Partial<Record<Name, number>> = {
  open: 6,
  read: 4,
  write: 5,
  writev: 3,
  readv: 3,
  copyFileRange: 3,
  mkdir: 2
}

export const anyCommand = (allowed: (command: Command) => boolean): fc.Arbitrary<Command> =>
  fc
    .oneof(
      ...(Object.keys(kinds) as Array<Name>).map((command) => ({
        weight: weights[command] ?? 1,
        arbitrary: fc.record({ command: fc.constant(command), input: kinds[command].input as fc.Arbitrary<unknown> })
      }))
    )
    .filter(allowed)
