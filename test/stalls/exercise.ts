/** Every operation on files, one after the other, each on names and bytes that are not in memory: what may wait for a disk or a server. */
import { closeSync, constants, mkdirSync, openSync, symlinkSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { FileSystem } from "@effect/platform"
import { Effect, Stream } from "effect"
import { Aio, AioBuffer, AioDirectory, AioFile, AioTree } from "effect-aio"
import type { StallWatch } from "../support/stalls.ts"
import { nativePipe } from "../support/waitable.ts"
import { setXattr } from "../support/xattrs.ts"

const SMALL = 4096
/** Blocks of 4096 bytes with holes between them: more places on the disk than an inode has room for. */
const PIECES = 64

/** More than one block of a map of places has room for. */
const SHREDS = 600

const names =
  "read readv write fsync append truncated shortened allocated advised ahead copied spliced old linked moded owned timed polled noted-1 noted-2 noted-3 noted-4 noted-5 noted-6 noted-7 noted-8"
const FILES = names.split(" ")

const scattered = (path: string, pieces = PIECES): void => {
  const fd = openSync(path, "w")
  for (let i = 0; i < pieces; i++) writeSync(fd, Buffer.alloc(4096, i), 0, 4096, i * 8192)
  closeSync(fd)
}

/** What `exercise` needs, in a directory that is there. */
export const prepare = (directory: string): void => {
  for (const name of FILES) writeFileSync(join(directory, name), Buffer.alloc(SMALL, 1))
  for (let i = 0; i < 4; i++) writeFileSync(join(directory, `small-${i}`), Buffer.alloc(SMALL, i))
  for (const name of [
    "scattered-1",
    "scattered-2",
    "scattered-3",
    "scattered-4",
    "scattered-5",
    "scattered-6",
    "scattered-7"
  ])
    scattered(join(directory, name))
  scattered(join(directory, "shredded"), SHREDS)
  // Too long for an inode; not all file systems keep them.
  setXattr(
    [3, 4, 5, 6, 7, 8].map((i) => join(directory, `noted-${i}`)),
    "user.note",
    "n".repeat(2000)
  )
  symlinkSync("old", join(directory, "symbolic"))
  mkdirSync(join(directory, "empty"))
  for (const tree of ["listed", "scanned", "removed", "tree"]) {
    for (let i = 0; i < 2; i++) {
      mkdirSync(join(directory, tree, `${i}`), { recursive: true })
      writeFileSync(join(directory, tree, `${i}`, "file"), Buffer.alloc(SMALL, i))
    }
  }
}

export const exercise = (directory: string, watch: StallWatch) => {
  const at = (name: string) => join(directory, name)
  const step = <A, E, R>(label: string, effect: Effect.Effect<A, E, R>) => watch.watch(label, effect)
  const bytes = new Uint8Array(SMALL)
  /** Opens, does something with the descriptor, closes: three steps. */
  const withFd = <A, E, R>(label: string, name: string, flag: number, use: (fd: number) => Effect.Effect<A, E, R>) =>
    Effect.gen(function* () {
      const fd = yield* step(`open for ${label}`, Aio.open(at(name), { flag }))
      yield* step(label, use(fd))
      yield* step(`close after ${label}`, Aio.close(fd))
    })
  const { O_DIRECT, O_DIRECTORY, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants
  return Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    // Threads that start are in the way of each other, and of this one, for memory.
    yield* Effect.all(
      Array.from({ length: 8 }, () => Aio.statvfs("/")),
      { concurrency: "unbounded" }
    )
    yield* step("memfdCreate", Effect.flatMap(Aio.memfdCreate("stalls"), Aio.close))
    yield* step(
      "what is about no disk",
      Effect.scoped(
        Effect.gen(function* () {
          const opened = <E, R>(open: Effect.Effect<number, E, R>) =>
            Effect.acquireRelease(open, (fd) => Effect.orDie(Aio.close(fd)))
          const memory = yield* opened(Aio.memfdCreate("stalls", { allowSealing: true }))
          yield* Aio.addSeals(memory, ["shrink"])
          yield* Aio.getSeals(memory)
          yield* opened(Aio.eventfd(1))
          const own = yield* opened(Aio.pidfdOpen(process.pid))
          yield* Aio.pidfdSendSignal(own, 0)
          yield* opened(Aio.pidfdGetfd(own, memory))
        })
      )
    )
    yield* step("stat", Aio.stat(at("read")))
    yield* step("lstat", Aio.lstat(at("readv")))
    yield* step("access", Aio.access(at("moded"), { read: true }))
    yield* step("readlink", Aio.readlink(at("symbolic")))
    yield* step("realpath", Aio.realpath(at("symbolic")))
    yield* step("statvfs", Aio.statvfs(at("owned")))
    yield* withFd("fstatvfs", "owned", O_RDONLY, (fd) => Aio.fstatvfs(fd))
    yield* withFd("read", "read", O_RDONLY, (fd) => Aio.read(fd, bytes, { offset: 0 }))
    yield* withFd("readv", "readv", O_RDONLY, (fd) => Aio.readv(fd, [bytes], { offset: 0 }))
    yield* withFd("read at its position", "polled", O_RDONLY, (fd) => Aio.read(fd, bytes))
    yield* withFd("fstat", "fsync", O_RDONLY, (fd) => Aio.fstat(fd))
    yield* step("statx", Aio.statx(at("readv"), { sync: "force" }))
    yield* withFd("fstatx", "fsync", O_RDONLY, (fd) => Aio.fstatx(fd))
    yield* withFd("seek", "scattered-1", O_RDONLY, (fd) => Effect.ignore(Aio.seek(fd, 4096, "data")))
    yield* withFd("cachestat", "scattered-1", O_RDONLY, (fd) => Effect.ignore(Aio.cachestat(fd)))
    yield* withFd("getPipeSize", "advised", O_RDONLY, (fd) => Effect.flip(Aio.getPipeSize(fd)))
    yield* withFd("setPipeSize", "advised", O_RDONLY, (fd) => Effect.flip(Aio.setPipeSize(fd, 4096)))
    yield* withFd("write", "write", O_WRONLY, (fd) => Aio.write(fd, bytes.subarray(100, 200), { offset: 10 }))
    yield* withFd("writev", "append", O_WRONLY, (fd) => Aio.writev(fd, [bytes.subarray(0, 100)], { offset: 10 }))
    yield* withFd("write over what was emptied", "truncated", O_WRONLY | O_TRUNC, (fd) => Aio.write(fd, bytes))
    yield* withFd("fsync", "fsync", O_RDWR, (fd) => Effect.zipRight(Aio.write(fd, bytes, { offset: 0 }), Aio.fsync(fd)))
    yield* withFd("fdatasync", "fsync", O_RDWR, (fd) => Aio.fdatasync(fd))
    yield* withFd("syncFileRange", "fsync", O_RDWR, (fd) =>
      Effect.zipRight(Aio.write(fd, bytes, { offset: 0 }), Aio.syncFileRange(fd, { waitAfter: true }))
    )
    yield* withFd("syncfs", "fsync", O_RDWR, (fd) =>
      Effect.zipRight(Aio.write(fd, bytes, { offset: 0 }), Aio.syncfs(fd))
    )
    yield* withFd("sync", "fsync", O_RDWR, (fd) => Effect.zipRight(Aio.write(fd, bytes, { offset: 0 }), Aio.sync()))
    yield* step("AioFile.pathsync", AioFile.pathsync(at("listed")))
    yield* withFd("ftruncate", "shortened", O_RDWR, (fd) => Aio.ftruncate(fd, 100))
    yield* withFd("fallocate", "allocated", O_RDWR, (fd) => Effect.ignore(Aio.fallocate(fd, { length: 65536 })))
    yield* withFd("fadvise", "advised", O_RDONLY, (fd) => Aio.fadvise(fd, "willNeed"))
    yield* withFd("readahead", "ahead", O_RDONLY, (fd) => Effect.ignore(Aio.readahead(fd, { length: SMALL })))
    yield* withFd("copyFileRange", "scattered-1", O_RDONLY, (fd) =>
      Effect.acquireUseRelease(
        Aio.open(at("copied"), { flag: O_WRONLY }),
        (to) => Effect.ignore(Aio.copyFileRange(fd, to, { length: 65536 })),
        (to) => Effect.orDie(Aio.close(to))
      )
    )
    yield* step(
      "pipes",
      Effect.scoped(
        Effect.gen(function* () {
          const [reader, writer] = yield* nativePipe
          const [other, into] = yield* nativePipe
          yield* withFd("sendfile", "scattered-6", O_RDONLY, (fd) =>
            Effect.ignore(Aio.sendfile(fd, writer, { offset: 0, length: SMALL }))
          )
          yield* step("tee", Aio.tee(reader, into, { length: SMALL }))
          yield* withFd("splice to a file", "spliced", O_WRONLY, (fd) =>
            Effect.ignore(Aio.splice(other, fd, { toOffset: 0, length: SMALL }))
          )
          yield* withFd("splice from a file", "scattered-7", O_RDONLY, (fd) =>
            Effect.ignore(Aio.splice(fd, writer, { offset: 0, length: SMALL }))
          )
        })
      )
    )
    yield* withFd("reflink", "scattered-1", O_RDONLY, (fd) =>
      Effect.acquireUseRelease(
        Aio.open(at("copied"), { flag: O_WRONLY }),
        (to) => Effect.ignore(Aio.reflink(fd, to)),
        (to) => Effect.orDie(Aio.close(to))
      )
    )
    yield* withFd("fiemap", "scattered-2", O_RDONLY, (fd) => Effect.ignore(Aio.fiemap(fd)))
    yield* withFd("getInodeFlags", "moded", O_RDONLY, (fd) => Effect.ignore(Aio.getInodeFlags(fd)))
    yield* withFd("setInodeFlags", "moded", O_RDONLY, (fd) => Effect.ignore(Aio.setInodeFlags(fd, ["extents"])))
    yield* withFd("flock", "timed", O_RDONLY, (fd) => Aio.flock(fd, "exclusive"))
    yield* withFd("lockRange", "timed", O_RDWR, (fd) => Aio.lockRange(fd, "exclusive", { length: 1 }))
    yield* withFd("lockHolder", "timed", O_RDONLY, (fd) => Aio.lockHolder(fd, "exclusive"))
    yield* withFd("pollFd", "polled", O_RDONLY, (fd) => Effect.ignore(Aio.pollFd(fd, { readable: true })))
    yield* withFd("a direct read", "scattered-2", O_RDONLY | O_DIRECT, (fd) =>
      Effect.ignore(Aio.read(fd, AioBuffer.aligned(4096), { offset: 0 }))
    )
    yield* step(
      "a file opened for direct I/O",
      Effect.scoped(
        Effect.flatMap(AioFile.open(at("scattered-3"), { direct: true }), (file) =>
          Effect.ignore(file.read(AioBuffer.aligned(4096), { offset: 8192 }))
        )
      )
    )
    yield* step(
      "reads all over a file of many pieces",
      Effect.scoped(
        Effect.flatMap(AioFile.open(at("shredded")), (file) =>
          Effect.forEach([0, 3, 1, 5, 2, 4], (part) => file.read(bytes, { offset: part * 100 * 8192 }))
        )
      )
    )
    yield* withFd("readdir", "listed", O_RDONLY | O_DIRECTORY, (fd) => Aio.readdir(fd))
    const note = bytes.subarray(0, 100)
    yield* step("setxattr", Effect.ignore(Aio.setxattr(at("noted-1"), "user.new", note)))
    yield* withFd("fsetxattr", "noted-2", O_RDONLY, (fd) => Effect.ignore(Aio.fsetxattr(fd, "user.new", note)))
    yield* step("getxattr", Effect.ignore(Aio.getxattr(at("noted-3"), "user.note")))
    yield* withFd("fgetxattr", "noted-4", O_RDONLY, (fd) => Effect.ignore(Aio.fgetxattr(fd, "user.note")))
    yield* step("listxattr", Effect.ignore(Aio.listxattr(at("noted-5"))))
    yield* withFd("flistxattr", "noted-6", O_RDONLY, (fd) => Effect.ignore(Aio.flistxattr(fd)))
    yield* step("removexattr", Effect.ignore(Aio.removexattr(at("noted-7"), "user.note")))
    yield* withFd("fremovexattr", "noted-8", O_RDONLY, (fd) => Effect.ignore(Aio.fremovexattr(fd, "user.note")))
    yield* step("truncate", Aio.truncate(at("shortened"), 10))
    yield* step("chmod", Aio.chmod(at("moded"), 0o600))
    yield* withFd("fchmod", "moded", O_RDONLY, (fd) => Aio.fchmod(fd, 0o640))
    yield* step("chown", Aio.chown(at("owned"), { uid: process.getuid!() }))
    yield* withFd("fchown", "owned", O_RDONLY, (fd) => Aio.fchown(fd, { uid: process.getuid!() }))
    yield* step("utimes", Aio.utimes(at("timed"), { mtimeNs: 1n }))
    yield* withFd("futimes", "timed", O_RDONLY, (fd) => Aio.futimes(fd, { mtimeNs: 2n }))
    yield* step("link", Aio.link(at("linked"), at("linked-too")))
    yield* step("symlink", Aio.symlink("old", at("symbolic-too")))
    yield* step("rename", Aio.rename(at("old"), at("new")))
    yield* step("mkdir", Aio.mkdir(at("made")))
    yield* step("mknod", Effect.ignore(Aio.mknod(at("made-too"), "FIFO")))
    yield* step("rmdir", Aio.rmdir(at("empty")))
    yield* step("unlink", Aio.unlink(at("linked")))
    for (let i = 0; i < 2; i++) yield* step("AioFile.readFile", AioFile.readFile(at(`small-${i}`)))
    yield* step("AioFile.readFile, scattered", AioFile.readFile(at("scattered-4")))
    yield* step("FileSystem.readFile", fs.readFile(at("small-2")))
    yield* step("FileSystem.stream", Stream.runDrain(fs.stream(at("scattered-5"))))
    yield* step(
      "a file's stream and sink",
      Effect.scoped(
        Effect.gen(function* () {
          const from = yield* AioFile.open(at("small-3"))
          const to = yield* AioFile.open(at("sunk"), { flag: "w" })
          yield* Stream.run(from.stream(), to.sink())
        })
      )
    )
    yield* step("FileSystem.writeFile", fs.writeFile(at("truncated"), bytes))
    yield* step("FileSystem.sink", Stream.run(Stream.make(bytes), fs.sink(at("write"))))
    yield* step("AioDirectory.read", AioDirectory.read(at("listed/0")))
    yield* step("AioTree.scan", Stream.runDrain(AioTree.scan(at("scanned"))))
    yield* step("AioTree.copy", AioTree.copy(at("tree"), at("tree-too")))
    yield* step("AioTree.remove", AioTree.remove(at("removed")))
  })
}
