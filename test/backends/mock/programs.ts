/** Random programs of requests that run in any directory of any backend, and what they see. */
import { constants } from "node:fs"
import { release } from "node:os"
import { Effect, Either } from "effect"
import { Aio, AioDirectory } from "effect-aio"
import type { Random } from "../../support/random.ts"

/** One request of a program: told what it saw, in words that are the same wherever it ran. */
export type Step = (place: Place) => Effect.Effect<string, never, Aio.Aio>

/** Where a program runs, and the descriptors it has opened so far: the same ones in the same order everywhere. */
export interface Place {
  readonly directory: string
  readonly open: Array<number | undefined>
}

export interface Choices {
  /** Modes of fallocate that the real file system has. */
  readonly modes: ReadonlyArray<Aio.AllocateMode>
  /** Whether the user in force is the real one, of whom access(2) asks. */
  readonly asks: boolean
}

const { O_APPEND, O_CREAT, O_DIRECTORY, O_EXCL, O_NOFOLLOW, O_NONBLOCK, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } =
  constants
const O_PATH = 0o10000000
/** No process has so many. */
const NO_DESCRIPTOR = 2_000_000_000

const long = "n".repeat(255)

/**
 * A path. `..` stands at most once, and at the end: even through a symbolic link (which gets no such path) it leads no further than to
 * the directory around the program's own.
 */
export const pathIn = (random: Random, mayGoUp = true): string => {
  const part = (): string => {
    const choice = random.integer(40)
    if (choice === 0) return long
    if (choice === 1) return `${long}n`
    if (choice === 2) return "."
    if (choice === 3) return "fifo"
    return random.pick(["a", "b", "c", "d", "l"])
  }
  const parts = Array.from({ length: 1 + random.integer(3) * random.integer(2) }, part)
  if (random.integer(15) === 0 && mayGoUp && /^[a-z]$/.test(parts[0])) parts.push("..")
  return parts.join("/") + (random.integer(12) === 0 ? "/" : "")
}

const told = (value: unknown): string =>
  JSON.stringify(value, (_, item) => (typeof item === "bigint" ? `${item}n` : item)) ?? "done"

const see = <A>(
  what: string,
  effect: Effect.Effect<A, { readonly message: string }, Aio.Aio>,
  show: (value: A) => unknown = (value) => value
): Effect.Effect<string, never, Aio.Aio> =>
  Effect.map(Effect.either(effect), (result) =>
    Either.isRight(result)
      ? `${what} = ${told(show(result.right))}`
      : `${what} ! ${"code" in result.left ? result.left.code : result.left.message}`
  )

/** What must be equal everywhere: not numbers of inodes, not times, not how a directory counts its size and links. */
const stable = ({ gid, mode, nlink, size, type, uid }: Aio.Stat) =>
  type === "Directory" ? { type, mode, uid, gid } : { type, mode, uid, gid, nlink, size }

const bytes = (random: Random): Buffer => {
  const length = random.pick([0, 1, 100, 512, 4096, 5000, 12_288])
  return Buffer.alloc(length, 1 + random.integer(255))
}

const offsetIn = (random: Random): number | undefined =>
  random.integer(3) === 0 ? undefined : random.pick([0, 1, 4095, 4096, 8192, 10_000, 40_000, 2 ** 33])

const withDescriptor =
  (index: number, use: (fd: number) => Effect.Effect<string, never, Aio.Aio>): Step =>
  ({ open }) =>
    use(open[index % Math.max(open.length, 1)] ?? NO_DESCRIPTOR)

/** A transfer, but at no position of a FIFO: that may wait for its peer, which no program has. */
const withoutWaiting =
  (offset: number | undefined, transfer: (fd: number) => Effect.Effect<string, never, Aio.Aio>) => (fd: number) =>
    offset !== undefined
      ? transfer(fd)
      : Effect.flatMap(Effect.either(Aio.fstat(fd)), (stat) =>
          Either.isRight(stat) && stat.right.type === "FIFO" ? Effect.succeed("a transfer that may wait") : transfer(fd)
        )

const onPath =
  (path: string, use: (path: string) => Effect.Effect<string, never, Aio.Aio>): Step =>
  ({ directory }) =>
    use(`${directory}/${path}`)

const onPaths =
  (from: string, to: string, use: (from: string, to: string) => Effect.Effect<string, never, Aio.Aio>): Step =>
  ({ directory }) =>
    use(`${directory}/${from}`, `${directory}/${to}`)

const flagsIn = (random: Random): number => {
  let flag = random.pick([O_RDONLY, O_RDONLY, O_WRONLY, O_RDWR, O_RDWR])
  const extra: ReadonlyArray<readonly [number, number]> = [
    [O_CREAT, 2],
    [O_EXCL, 6],
    [O_TRUNC, 6],
    [O_APPEND, 6],
    [O_DIRECTORY, 10],
    [O_NOFOLLOW, 6],
    [O_PATH, 20]
  ]
  for (const [bit, rarity] of extra) if (random.integer(rarity) === 0) flag |= bit
  // What older kernels do with both is a bug of theirs.
  if ((flag & O_CREAT) !== 0) flag &= ~O_DIRECTORY
  // The open of a FIFO must not wait.
  return flag | O_NONBLOCK
}

const opening = (random: Random): Step => {
  const path = pathIn(random)
  const flag = flagsIn(random)
  const mode = random.pick([0o666, 0o600, 0o444, 0o222, 0o777, 0o6755])
  return ({ directory, open }) =>
    Effect.flatMap(Effect.either(Aio.open(`${directory}/${path}`, { flag, mode })), (result) => {
      const what = `open ${path} ${flag.toString(8)}`
      if (Either.isRight(result)) open.push(result.right)
      return Effect.succeed(
        Either.isRight(result) ? `${what} = ok` : `${what} ! ${"code" in result.left ? result.left.code : result.left}`
      )
    })
}

const closing = (random: Random): Step => {
  const index = random.integer(1000)
  return (place) => {
    const { open } = place
    const fd = open[index % Math.max(open.length, 1)]
    if (fd === undefined) return see("close", Aio.close(NO_DESCRIPTOR))
    open.splice(index % open.length, 1)
    return see("close", Aio.close(fd))
  }
}

const reading = (random: Random): Step => {
  const into = Buffer.alloc(random.pick([0, 1, 4096, 10_000, 20_000]))
  const offset = offsetIn(random)
  const splits = random.integer(3) === 0
  return withDescriptor(
    random.integer(1000),
    withoutWaiting(offset, (fd) => {
      into.fill(0xee)
      const effect = splits
        ? Aio.readv(fd, [into.subarray(0, 10), into.subarray(10)], { offset })
        : Aio.read(fd, into, { offset })
      return see(`read ${into.length}@${offset}`, effect, (count) => [count, digest(into)])
    })
  )
}

/** Short, and different for different bytes. */
const digest = (view: Uint8Array): number => {
  let sum = 7
  for (const byte of view) sum = (Math.imul(sum, 31) + byte) | 0
  return sum
}

const writing = (random: Random): Step => {
  const from = bytes(random)
  const offset = offsetIn(random)
  const splits = random.integer(3) === 0
  return withDescriptor(
    random.integer(1000),
    withoutWaiting(offset, (fd) =>
      see(
        `write ${from.length}@${offset}`,
        splits ? Aio.writev(fd, [from.subarray(0, 10), from.subarray(10)], { offset }) : Aio.write(fd, from, { offset })
      )
    )
  )
}

const copying = (random: Random): Step => {
  const [index, other] = [random.integer(1000), random.integer(1000)]
  const [offset, toOffset] = [offsetIn(random), offsetIn(random)]
  const length = random.pick([0, 100, 5000, 20_000])
  return (place) =>
    withDescriptor(index, (fd) =>
      withDescriptor(other, (to) =>
        see(`copyFileRange ${length}@${offset}->${toOffset}`, Aio.copyFileRange(fd, to, { offset, toOffset, length }))
      )(place)
    )(place)
}

const arranging = (random: Random, modes: Choices["modes"]): Step => {
  const mode = random.pick(modes)
  const offset = random.pick([0, 100, 4096, 8192])
  const length = random.pick([0, 1, 4096, 5000, 8192])
  return withDescriptor(random.integer(1000), (fd) =>
    see(`fallocate ${mode} ${length}@${offset}`, Aio.fallocate(fd, { mode, offset, length }))
  )
}

/**
 * Not of directories, whose positions are the file system's own. Nor to data and holes: what is only allocated is a hole to Linux until somebody
 * reads it, and data while that page is cached.
 */
const seeking = (random: Random, index: number): Step => {
  const from = random.pick(["start", "current", "end"] as const)
  const offset = random.pick(from === "current" || from === "end" ? [0, -10, -5000, 10, 4096] : [0, 1, 4096, 10_000])
  return withDescriptor(index, (fd) =>
    Effect.flatMap(Effect.either(Aio.fstat(fd)), (stat) =>
      Either.isRight(stat) && stat.right.type === "Directory"
        ? Effect.succeed("a directory's position")
        : see(`seek ${offset} ${from}`, Aio.seek(fd, offset, from))
    )
  )
}

const listing = (path: string): Step =>
  onPath(path, (at) =>
    see(`readdir ${path}`, AioDirectory.read(at), (entries) => entries.map(({ name, type }) => [name, type]).sort())
  )

/** Of a namespace that everybody has, that root has, that nobody has; and one without a name. */
const attributes = ["user.a", "user.a", "user.b", "trusted.a", "user.", "a"]

const noting = (random: Random, path: string, follow: boolean): Step => {
  const name = random.pick(attributes)
  const index = random.integer(1000)
  const value = Buffer.from(random.pick(["", "1", "22"]))
  const mode = random.pick(["create", "replace", undefined, undefined] as const)
  // Security modules have theirs.
  const ours = (names: ReadonlyArray<Aio.XattrName>) =>
    names
      .map(String)
      .filter((own) => /^(user|trusted)/.test(own))
      .sort()
  const steps: ReadonlyArray<Step> = [
    onPath(path, (at) => see(`setxattr ${path} ${name} ${mode}`, Aio.setxattr(at, name, value, { mode, follow }))),
    withDescriptor(index, (fd) => see(`fsetxattr ${name} ${mode}`, Aio.fsetxattr(fd, name, value, { mode }))),
    onPath(path, (at) => see(`getxattr ${path} ${name}`, Aio.getxattr(at, name, { follow }), String)),
    withDescriptor(index, (fd) => see(`fgetxattr ${name}`, Aio.fgetxattr(fd, name), String)),
    onPath(path, (at) => see(`listxattr ${path}`, Aio.listxattr(at, { follow }), ours)),
    withDescriptor(index, (fd) => see("flistxattr", Aio.flistxattr(fd), ours)),
    onPath(path, (at) => see(`removexattr ${path} ${name}`, Aio.removexattr(at, name, { follow }))),
    withDescriptor(index, (fd) => see(`fremovexattr ${name}`, Aio.fremovexattr(fd, name)))
  ]
  return random.pick(steps)
}

/** A program's next request. */
export const stepIn = (random: Random, { asks, modes }: Choices): Step => {
  const path = pathIn(random)
  const other = pathIn(random)
  const target = pathIn(random, false)
  const index = random.integer(1000)
  const follow = random.integer(2) === 0
  const length = random.pick([0, 10, 4096, 9000])
  const lock = random.pick(["shared", "exclusive", "unlock"] as const)
  const mode = random.pick([0o644, 0o000, 0o755, 0o2755, 0o4711, 0o1777])
  const owner = random.pick([0, 1000, 65_534])
  const times = random.pick(someTimes)
  const kinds: ReadonlyArray<() => Step> = [
    () => opening(random),
    () => opening(random),
    () => opening(random),
    () => opening(random),
    () => closing(random),
    () => reading(random),
    () => reading(random),
    () => writing(random),
    () => writing(random),
    () => writing(random),
    () => copying(random),
    () => arranging(random, modes),
    () => listing(path),
    () => onPath(path, (at) => see(`mkdir ${path}`, Aio.mkdir(at, { mode: 0o7777 }))),
    () => onPath(path, (at) => see(`mkdir ${path}`, Aio.mkdir(at))),
    () => onPath(path, (at) => see(`rmdir ${path}`, Aio.rmdir(at))),
    () => onPath(path, (at) => see(`unlink ${path}`, Aio.unlink(at))),
    () => onPath(path, (at) => see(`symlink ${target} ${path}`, Aio.symlink(target, at))),
    () => onPath(path, (at) => see(`readlink ${path}`, Aio.readlink(at))),
    () => onPaths(path, other, (from, to) => see(`link ${path} ${other}`, Aio.link(from, to))),
    () => renaming(path, other, { existing: random.pick(["replace", "replace", "noReplace", "exchange"] as const) }),
    () => renaming(path, other, { existing: random.pick(["replace", "noReplace"] as const), whiteout: follow }),
    () => making(path, random.pick(["File", "Socket", "FIFO", "CharacterDevice", "BlockDevice"] as const), mode),
    () => onPath(path, (at) => see(`stat ${path}`, Aio.stat(at), stable)),
    () => onPath(path, (at) => see(`lstat ${path}`, Aio.lstat(at), stable)),
    () => withDescriptor(index, (fd) => see("fstat", Aio.fstat(fd), stable)),
    () => truncating(path, length),
    () => withDescriptor(index, (fd) => see("ftruncate", Aio.ftruncate(fd, length))),
    () => chmoding(path, mode, follow || !hasFchmodat2),
    () => withDescriptor(index, (fd) => see("fchmod", Aio.fchmod(fd, mode))),
    () => chowning(path, owner, follow),
    () => withDescriptor(index, (fd) => see("fchown", Aio.fchown(fd, { uid: owner, gid: owner }))),
    () => timing(path, follow, times),
    () => withDescriptor(index, (fd) => see("futimes", Aio.futimes(fd, times))),
    () => noting(random, path, follow),
    () => noting(random, path, follow),
    () => noting(random, other, follow),
    () => accessing(path, random.integer(8), asks, follow),
    () => seeking(random, index),
    () => seeking(random, index),
    () => withDescriptor(index, (fd) => see("fsync", Aio.fsync(fd))),
    () => withDescriptor(index, (fd) => see("fadvise", Aio.fadvise(fd, "willNeed"))),
    () => withDescriptor(index, (fd) => see("readahead", Aio.readahead(fd, { length: 100 }))),
    () => withDescriptor(index, (fd) => see("flock", Aio.flock(fd, lock, { wait: false }))),
    () => onPath("", () => see("stat", Aio.stat("")))
  ]
  return random.pick(kinds)()
}

const renaming = (path: string, other: string, options: Aio.RenameOptions): Step =>
  onPaths(path, other, (from, to) => see(`rename ${path} ${other} ${told(options)}`, Aio.rename(from, to, options)))

/** Of devices only that without a driver: it cannot be opened anywhere. */
const making = (path: string, type: Aio.NodeType, mode: number): Step => {
  const device = type.endsWith("Device") ? { major: 0, minor: 0 } : {}
  return onPath(path, (at) =>
    see(`mknod ${path} ${type} ${mode.toString(8)}`, Aio.mknod(at, type, { mode, ...device }))
  )
}

const truncating = (path: string, length: number): Step =>
  onPath(path, (at) => see(`truncate ${path} ${length}`, Aio.truncate(at, length)))

/** Linux 6.6. */
const [major, minor] = release().split(".").map(Number)
const hasFchmodat2 = major > 6 || (major === 6 && minor >= 6)

const chmoding = (path: string, mode: number, follow: boolean): Step =>
  onPath(path, (at) => see(`chmod ${path} ${mode.toString(8)}`, Aio.chmod(at, mode, { follow })))

const chowning = (path: string, id: number, follow: boolean): Step =>
  onPath(path, (at) => see(`chown ${path} ${id}`, Aio.chown(at, { uid: id, gid: id, follow })))

const accessing = (path: string, bits: number, isRealUser: boolean, follow: boolean): Step => {
  const wanted = { read: (bits & 4) > 0, write: (bits & 2) > 0, execute: (bits & 1) > 0 }
  return onPath(path, (at) =>
    see(`access ${path} ${bits} ${follow}`, Aio.access(at, { ...wanted, follow, effective: !isRealUser }))
  )
}

const someTimes: ReadonlyArray<Aio.Times> = [
  { atimeNs: 5_000_000_001n, mtimeNs: -7_000_000_000n },
  { atimeNs: "now", mtimeNs: "now" },
  {},
  { mtimeNs: 1n }
]

const timing = (path: string, follow: boolean, times: Aio.Times): Step =>
  onPath(path, (at) => see(`utimes ${path}`, Aio.utimes(at, { ...times, follow })))

/** Everything below a directory, as requests tell it. */
export const treeOf = (directory: string, prefix = ""): Effect.Effect<ReadonlyArray<string>, unknown, Aio.Aio> =>
  Effect.gen(function* () {
    const lines: Array<string> = []
    const entries = [...(yield* AioDirectory.read(directory))].sort((a, b) => (a.name < b.name ? -1 : 1))
    for (const { name } of entries) {
      const path = `${directory}/${name}`
      const stat = yield* Aio.lstat(path)
      let content = ""
      if (stat.type === "SymbolicLink") content = String(yield* Aio.readlink(path))
      if (stat.type === "File" && stat.size < 1_000_000n) {
        const fd = yield* Aio.open(path)
        const into = Buffer.alloc(Number(stat.size) + 1)
        content = String([yield* Aio.read(fd, into, { offset: 0 }), digest(into)])
        yield* Aio.close(fd)
      }
      const noted = yield* Effect.filter(yield* Aio.listxattr(path, { follow: false }), (own) =>
        Effect.succeed(/^(user|trusted)/.test(String(own)))
      )
      const values = yield* Effect.forEach(noted.sort(), (own) =>
        Effect.map(Aio.getxattr(path, own, { follow: false }), (value) => `${own}=${value}`)
      )
      lines.push(`${prefix}${name} ${told(stable(stat))} ${content} ${values}`)
      if (stat.type === "Directory") lines.push(...(yield* treeOf(path, `${prefix}${name}/`)))
    }
    return lines
  })
