/**
 * Everything that takes a path, and the directory where it starts (`at`): what tests of directories that paths do not leave go through. Named after
 * the function, with what tells uses of the same one apart behind a comma. A function that is missing here is found by
 * operations/every-option.test.ts.
 */
import { Effect, type Scope } from "effect"
import { Aio, AioDirectory, type AioError, AioFile, AioLock, AioLog } from "effect-aio"

export type Use = (
  path: string,
  at: Aio.AtOptions["at"]
) => Effect.Effect<unknown, AioError.AioFailure | AioError.AioUnavailable, Aio.Aio | Scope.Scope>

const value = new Uint8Array([1])

/** They follow a link at the end of the path, and change nothing that shows in another use. */
export const following: Readonly<Record<string, Use>> = {
  "Aio.stat": (path, at) => Aio.stat(path, { at }),
  "Aio.statx": (path, at) => Aio.statx(path, { at }),
  "Aio.access": (path, at) => Aio.access(path, { at, read: true }),
  "Aio.truncate": (path, at) => Aio.truncate(path, 6, { at }),
  "Aio.chmod": (path, at) => Aio.chmod(path, 0o700, { at }),
  "Aio.chown": (path, at) => Aio.chown(path, { at, uid: process.getuid!() }),
  "Aio.utimes": (path, at) => Aio.utimes(path, { at, mtimeNs: 1n }),
  "Aio.statvfs": (path, at) => Aio.statvfs(path, { at }),
  "Aio.listxattr": (path, at) => Aio.listxattr(path, { at }),
  "Aio.setxattr": (path, at) => Aio.setxattr(path, "user.name", value, { at }),
  "Aio.getxattr": (path, at) => Aio.getxattr(path, "user.other", { at }),
  "Aio.removexattr": (path, at) => Aio.removexattr(path, "user.other", { at }),
  "Aio.open": (path, at) => Effect.flatMap(Aio.open(path, { at }), Aio.close),
  "Aio.link, followed": (path, at) =>
    Effect.zipRight(Aio.link(path, "linked", { at, follow: true }), Aio.unlink("linked", { at })),
  "Aio.realpath": (path, at) => Aio.realpath(path, { at }),
  "AioFile.open": (path, at) => AioFile.open(path, { at }),
  "AioFile.withFile": (path, at) => AioFile.withFile(path, { at }, () => Effect.void),
  "AioFile.readFile": (path, at) => AioFile.readFile(path, { at }),
  "AioFile.readFileString": (path, at) => AioFile.readFileString(path, "utf-8", { at }),
  "AioFile.pathsync": (path, at) => AioFile.pathsync(path, { at }),
  "AioDirectory.open": (path, at) => AioDirectory.open(path, { at }),
  "AioDirectory.read": (path, at) => AioDirectory.read(path, { at }),
  "AioLock.acquire": (path, at) => AioLock.acquire(path, { at, create: false, kind: "shared" }),
  "AioLock.tryAcquire": (path, at) => AioLock.tryAcquire(path, { at, create: false, kind: "shared" }),
  "AioLock.withLock": (path, at) => AioLock.withLock(path, { at, create: false, kind: "shared" }, () => Effect.void),
  "AioLock.holder": (path, at) => AioLock.holder(path, { at })
}

/** They are about a link itself. */
export const ofTheName: Readonly<Record<string, Use>> = {
  "Aio.lstat": (path, at) => Aio.lstat(path, { at }),
  "Aio.readlink": (path, at) => Aio.readlink(path, { at }),
  "Aio.utimes, a link": (path, at) => Aio.utimes(path, { at, mtimeNs: 1n, follow: false }),
  "Aio.access, a link": (path, at) => Aio.access(path, { at, read: true, follow: false }),
  "Aio.chmod, a link": (path, at) => Aio.chmod(path, 0o700, { at, follow: false }),
  "Aio.listxattr, a link": (path, at) => Aio.listxattr(path, { at, follow: false }),
  "Aio.getxattr, a link": (path, at) => Aio.getxattr(path, "user.other", { at, follow: false })
}

/** They change what is there; the names with a slash behind them, which the kernel does not follow. */
export const changing: Readonly<Record<string, Use>> = {
  "Aio.mkdir": (path, at) => Aio.mkdir(path, { at }),
  "Aio.symlink": (path, at) => Aio.symlink("target", path, { at }),
  "Aio.mknod": (path, at) => Aio.mknod(path, "FIFO", { at }),
  "Aio.link, to": (path, at) => Aio.link("file", path, { at }),
  "Aio.rename, to": (path, at) => Aio.rename("file", path, { at }),
  "Aio.link, from": (path, at) => Aio.link(path, "linked", { at }),
  "Aio.rename, from": (path, at) => Aio.rename(path, "renamed", { at }),
  "Aio.rename, exchange": (path, at) => Aio.rename(path, "file", { at, existing: "exchange" }),
  "Aio.unlink": (path, at) => Aio.unlink(path, { at }),
  "Aio.rmdir": (path, at) => Aio.rmdir(path, { at }),
  "Aio.open, a new file": (path, at) => Effect.flatMap(Aio.open(path, { at, flag: "wx" }), Aio.close)
}

/** The same, of links that are followed at the end, also to make what they lead to. */
export const writing: Readonly<Record<string, Use>> = {
  "AioFile.writeFile": (path, at) => AioFile.writeFile(path, "written", { at }),
  "AioFile.writeAtomic": (path, at) => AioFile.writeAtomic(path, "written", { at, durable: false }),
  "AioLog.open": (path, at) => AioLog.open(path, { at }),
  "AioLock.acquire, a new file": (path, at) => AioLock.acquire(path, { at })
}

export const pathUses: Readonly<Record<string, Use>> = { ...following, ...ofTheName, ...changing, ...writing }
