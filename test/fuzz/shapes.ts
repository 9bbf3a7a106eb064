/**
 * What fits where, by the name of a function. One that is not here is called all the same, with arguments of any kind; the members of what
 * functions give have to be here: their records do not compile without.
 */
import type { FileSystem } from "@effect/platform"
import type { AioDirectory, AioFile, AioGroup, AioLock, AioLog, AioOperation, AioTree } from "effect-aio"
import type { OperationName } from "../support/operationCalls.ts"
import * as r from "./roles.ts"

const at = { at: r.directory }
const both = { ...at, toAt: r.directory }
const existing = { existing: r.choice("replace", "noReplace", "exchange", undefined), whiteout: r.boolean }
const from = r.options({ offset: r.offset })
const reading = { highPriority: r.boolean, uncached: r.boolean, noWait: r.boolean }
const writing = {
  dataSync: r.boolean,
  sync: r.boolean,
  append: r.boolean,
  highPriority: r.boolean,
  uncached: r.boolean
}
const read = r.options({ offset: r.offset, ...reading })
const writeAll = r.options({ offset: r.offset, ...writing })
const write = r.options({ offset: r.offset, ...writing, atomic: r.boolean, noWait: r.boolean })
const range = { offset: r.offset, length: r.size }
const engine = {
  maxPollRequests: r.count,
  maxPollTime: r.duration,
  maxOutstanding: r.count,
  inline: r.choice(false, undefined, { requests: 1 }, { bytes: 0 }, {})
}
const threads = r.choice(0, 1, 2, 4, undefined)
const controls = { minParallel: threads, maxParallel: threads, maxIdle: threads, idleTimeout: r.duration }
const openOptions = r.options({ flag: r.flag, mode: r.mode, direct: r.boolean, ...at })
const advice = r.choice("normal", "random", "sequential", "willNeed", "dontNeed", "noReuse")
const allocate = r.options({
  ...range,
  mode: r.choice(
    "allocate",
    "keepSize",
    "punchHole",
    "collapseRange",
    "zeroRange",
    "zeroRangeKeepSize",
    "insertRange",
    "unshareRange",
    undefined
  )
})
const chunks = { offset: r.offset, length: r.size, chunkSize: r.size }
const group = r.options({
  name: r.choice("a", "b", undefined),
  limit: r.choice(0, 1, 4, undefined),
  onFailure: r.choice("cancel", "continue", undefined),
  requestsPerSecond: r.choice(1000, 1e6, undefined),
  bytesPerSecond: r.choice(1e6, undefined)
})
const follow = { follow: r.boolean }
const xattrMode = { mode: r.choice("create", "replace", undefined) }
const statx = { sync: r.choice("asStat", "force", "dont"), mountId: r.choice("reusable", "unique", undefined) }
const batch = r.options({ mode: r.choice("values", "exits", undefined) })

const lock = {
  ...range,
  kind: r.choice("shared", "exclusive", undefined),
  upgradable: r.boolean,
  create: r.boolean,
  mode: r.mode
}

/** The catalogue's: of `AioOperation` and of `Aio`. */
export const operations: Record<OperationName, r.Shape> = {
  nop: [],
  open: [r.path, r.options({ flag: r.flag, mode: r.mode, ...at })],
  memfdCreate: [r.text, r.options({ allowSealing: r.boolean })],
  addSeals: [r.target, r.choice(["grow"], ["shrink", "seal"], ["write"], [])],
  getSeals: [r.target],
  eventfd: [r.choice(0, 1, 2 ** 32 - 1, undefined), r.options({ semaphore: r.boolean })],
  // No process that is there: nothing is to be signalled.
  pidfdOpen: [r.choice(0, -1, 2 ** 31 - 1, 2 ** 31)],
  pidfdSendSignal: [r.fd, r.choice(0)],
  pidfdGetfd: [r.fd, r.fd],
  close: [r.expendable],
  read: [r.target, r.bytes, read],
  write: [r.target, r.bytes, write],
  readv: [r.target, r.vector, read],
  writev: [r.target, r.vector, write],
  fsync: [r.target],
  fdatasync: [r.target],
  syncFileRange: [r.target, r.options({ ...range, waitBefore: r.boolean, write: r.boolean, waitAfter: r.boolean })],
  syncfs: [r.target],
  sync: [],
  stat: [r.path, r.options(at)],
  lstat: [r.path, r.options(at)],
  fstat: [r.target],
  statx: [r.path, r.options({ ...statx, ...follow, ...at })],
  fstatx: [r.target, r.options(statx)],
  seek: [r.target, r.offset, r.choice("start", "current", "end", "data", "hole", undefined)],
  cachestat: [r.target, r.options(range)],
  ftruncate: [r.target, r.offset],
  truncate: [r.path, r.offset, r.options(at)],
  fallocate: [r.target, allocate],
  fadvise: [r.target, advice, r.options(range)],
  readahead: [r.target, r.options(range)],
  unlink: [r.path, r.options(at)],
  rmdir: [r.path, r.options(at)],
  rename: [r.path, r.path, r.options({ ...existing, ...both })],
  mkdir: [r.path, r.options({ mode: r.mode, ...at })],
  mknod: [
    r.path,
    r.choice("File", "FIFO", "Socket", "CharacterDevice", "BlockDevice"),
    r.options({ mode: r.mode, major: r.choice(0, 1, undefined), minor: r.choice(0, 1 << 19, undefined), ...at })
  ],
  link: [r.path, r.path, r.options({ ...both, ...follow })],
  symlink: [r.path, r.path, r.options(at)],
  readlink: [r.path, r.options(at)],
  readdir: [r.target, r.options({ bufferSize: r.choice(32768, 100, 1 << 20, undefined) })],
  access: [
    r.path,
    r.options({ read: r.boolean, write: r.boolean, execute: r.boolean, effective: r.boolean, ...follow, ...at })
  ],
  chmod: [r.path, r.mode, r.options({ ...follow, ...at })],
  fchmod: [r.target, r.mode],
  chown: [r.path, r.options({ uid: r.owner, gid: r.owner, ...follow, ...at })],
  fchown: [r.target, r.options({ uid: r.owner, gid: r.owner })],
  utimes: [r.path, r.options({ atimeNs: r.time, mtimeNs: r.time, ...follow, ...at })],
  futimes: [r.target, r.options({ atimeNs: r.time, mtimeNs: r.time })],
  setxattr: [r.path, r.xattrName, r.bytes, r.options({ ...at, ...xattrMode, ...follow })],
  fsetxattr: [r.target, r.xattrName, r.bytes, r.options(xattrMode)],
  getxattr: [r.path, r.xattrName, r.options({ ...at, ...follow })],
  fgetxattr: [r.target, r.xattrName],
  listxattr: [r.path, r.options({ ...at, ...follow })],
  flistxattr: [r.target],
  removexattr: [r.path, r.xattrName, r.options({ ...at, ...follow })],
  fremovexattr: [r.target, r.xattrName],
  copyFileRange: [r.target, r.target, r.options({ offset: r.offset, toOffset: r.offset, length: r.size })],
  getPipeSize: [r.target],
  setPipeSize: [r.target, r.choice(1, 4096, 65536, 1 << 20)],
  sendfile: [r.target, r.target, r.options({ offset: r.offset, length: r.size })],
  splice: [r.target, r.target, r.options({ offset: r.offset, toOffset: r.offset, length: r.size })],
  tee: [r.target, r.target, r.options({ length: r.size })],
  reflink: [r.target, r.target, r.options({ offset: r.offset, toOffset: r.offset, length: r.size })],
  fiemap: [r.target, r.options({ ...range, sync: r.boolean, maxExtents: r.choice(1, 2, 1000, undefined) })],
  getInodeFlags: [r.target],
  setInodeFlags: [r.target, r.choice(0x80000, 0x80040, ["extents"], ["noDump", "extents"])],
  pollFd: [r.target, r.options({ readable: r.boolean, writable: r.boolean, priority: r.boolean })],
  flock: [r.target, r.choice("shared", "exclusive", "unlock"), r.options({ wait: r.boolean })],
  lockRange: [r.target, r.choice("shared", "exclusive", "unlock"), r.options({ ...range, wait: r.boolean })],
  lockHolder: [r.target, r.choice("shared", "exclusive"), r.options(range)],
  statvfs: [r.path, r.options(at)],
  fstatvfs: [r.target]
}

/** Those that give an operation instead of a result have the same. */
const named = (prefix: string, shapes: Record<string, r.Shape>): Record<string, r.Shape> =>
  Object.fromEntries(Object.entries(shapes).map(([name, shape]) => [`${prefix}.${name}`, shape]))

const which = r.choice("read", "write", "open", "stat", ["read", "write"], undefined)
const condition = { path: r.text, after: r.count, times: r.count, probability: r.choice(0.5, 1, undefined) }
const settings = {
  latency: r.choice(0, "1 millis", { read: 2 }, () => 1),
  cancellation: r.choice("immediate", "completion", { read: "completion" }),
  capacity: r.choice(2 ** 30, 1 << 20),
  maxDescriptors: r.choice(1000, 1_000_000),
  maxFileSize: r.choice(1 << 20, 2 ** 40),
  user: r.choice({ uid: 0, gid: 0 }, { uid: 1000, gid: 1000, groups: [1] }),
  umask: r.choice(0, 0o022)
}
const mockOptions = { ...settings, seed: r.count, journal: r.count, files: r.choice({ "/a": "b" }, { "/d": null }, {}) }
const contents = r.choice("text", null, new Uint8Array(0))

const atomic = { mode: r.mode, preserve: r.boolean, durable: r.boolean, follow: r.boolean }

export const shapes: Readonly<Record<string, r.Shape>> = {
  ...named("Aio", operations),
  ...named("AioOperation", operations),
  "Aio.realpath": [r.path, r.options(at)],
  "Aio.deviceNumbers": [r.choice(0n, 259n, -1n, 2n ** 64n)],
  "AioOperation.isAioOperation": [r.operation],
  "AioOperation.submit": [r.operation],
  "AioOperation.submitAll": [r.operations, batch],
  "AioOperation.linked": [r.operations, batch],
  "AioOperation.asCompleted": [r.operations, r.options({ concurrency: r.count })],
  "AioOperation.prepare": [r.operation],
  "AioOperation.withDeadline": [r.operation, r.duration],
  "AioMetrics.layer": [r.options({ interval: r.duration })],
  "Aio.withPriority": [r.effect, r.level],
  "Aio.nice": [r.effect, r.level],
  "AioEvents.withSpans": [r.effect],
  "Aio.setLimits": [r.options({ maxPollRequests: r.count, maxPollTime: r.duration, maxOutstanding: r.count })],
  "AioBlocking.wait": [r.options({ timeout: r.duration })],
  "AioEvents.completions": [
    r.options({ strategy: r.choice("sliding", "backpressure"), capacity: r.count, scoped: r.boolean })
  ],
  "Aio.layer": [
    r.options({
      ...engine,
      backend: r.choice("io_uring", "kernel", "posix", "threads", undefined),
      io_uring: r.options({ entries: r.count }),
      kernel: r.options({ entries: r.count }),
      posix: r.options({ requests: r.count, threads: r.count, idleTimeout: r.duration }),
      threads: r.options(controls)
    })
  ],
  "AioBuffer.aligned": [r.size, r.options({ alignment: r.choice(1, 512, 4096, undefined) })],
  "AioDirectory.open": [r.path, r.options({ ...at, beneath: r.boolean })],
  "AioDirectory.read": [r.path, r.options(at)],
  "AioFile.open": [r.path, openOptions],
  "AioFile.withFile": [r.path, openOptions, r.callback],
  "AioFile.readFile": [r.path, r.options(at)],
  "AioFile.readFileString": [r.path, r.choice("utf-8", "latin1", "nonsense", undefined), r.options(at)],
  "AioFile.writeFile": [
    r.path,
    r.bytes,
    r.options({ ...at, flag: r.choice("w", "a", "wx", "nonsense"), mode: r.count })
  ],
  "AioFile.writeAtomic": [r.path, r.bytes, r.options({ ...at, ...atomic })],
  "AioFile.pathsync": [r.path, r.options(at)],
  "AioFile.memory": [r.text, r.options({ allowSealing: r.boolean })],
  "AioFile.fromDescriptor": [r.fd],
  "AioLock.acquire": [r.path, r.options({ ...at, ...lock, limit: r.duration })],
  "AioLock.tryAcquire": [r.path, r.options({ ...at, ...lock })],
  "AioLock.withLock": [r.path, r.options({ ...at, ...lock, limit: r.duration }), r.callback],
  "AioLock.holder": [r.path, r.options({ ...at, ...range, kind: lock.kind })],
  "AioLog.open": [r.path, r.options({ ...at, end: r.offset, mode: r.mode })],
  "AioGroup.make": [group],
  "AioTree.remove": [r.path, r.options({ force: r.boolean, parallel: r.count } satisfies Keys<AioTree.RemoveOptions>)],
  "AioTree.copy": [
    r.path,
    r.path,
    r.options({
      overwrite: r.boolean,
      preserveTimestamps: r.boolean,
      parallel: r.count,
      reflink: r.choice("auto", "always", "never", undefined)
    } satisfies Keys<AioTree.CopyOptions>)
  ],
  "AioTree.scan": [r.path, r.options({ maxDepth: r.count })],
  "IoUring.make": [r.options({ ...engine, entries: r.count })],
  "IoUring.layer": [r.options({ ...engine, entries: r.count })],
  "KernelAio.make": [r.options({ ...engine, requests: r.count })],
  "KernelAio.layer": [r.options({ ...engine, requests: r.count })],
  "PosixAio.make": [r.options({ ...engine, requests: r.count, threads: r.count, idleTimeout: r.duration })],
  "PosixAio.layer": [r.options({ ...engine, requests: r.count, threads: r.count, idleTimeout: r.duration })],
  "ThreadPool.make": [r.options({ ...engine, ...controls })],
  "ThreadPool.layer": [r.options({ ...engine, ...controls })],
  "ThreadPool.setControls": [r.options(controls)],
  "ThreadPool.setMinParallel": [threads],
  "ThreadPool.setMaxParallel": [threads],
  "ThreadPool.setMaxIdle": [threads],
  "ThreadPool.setIdleTimeout": [r.duration],
  "MockAio.make": [r.options({ ...engine, ...mockOptions })],
  "MockAio.layer": [r.options({ ...engine, ...mockOptions })],
  "MockAio.configure": [r.options(settings)],
  "MockAio.inject": [r.options({ operation: which, error: r.code, short: r.size, hang: r.boolean, ...condition })],
  "MockAio.fail": [which, r.code, r.options(condition)],
  "MockAio.short": [which, r.size, r.options(condition)],
  "MockAio.hang": [which, r.options(condition)],
  "MockAio.crash": [r.options({ seed: r.count })],
  "MockAio.tree": [r.path],
  "MockAio.contentOf": [r.path],
  "MockAio.put": [r.path, contents],
  "MockAio.mkfifo": [r.path, r.options({ mode: r.mode })]
}

type Keys<T> = { readonly [Key in keyof T]-?: r.Role }
type Members<T> = { readonly [Key in keyof T as Key extends string ? Key : never]-?: r.Shape }

/** What an open file has besides its number. */
const file: Members<Omit<AioFile.AioFile, "fd">> = {
  read: [r.bytes, read],
  readAlloc: [r.size, read],
  readExactly: [(material) => (material.draw.integer(2) === 0 ? r.size : r.bytes)(material), from],
  readv: [r.vector, read],
  readMany: [r.ranges, r.options({ maxGap: r.size, maxLength: r.size })],
  write: [r.bytes, write],
  writeAll: [r.bytes, writeAll],
  writev: [r.vector, write],
  sync: [],
  datasync: [],
  stat: [],
  truncate: [r.offset],
  allocate: [allocate],
  advise: [advice, r.options(range)],
  readahead: [r.options(range)],
  size: [],
  copyFileRange: [r.target, r.options({ offset: r.offset, toOffset: r.offset, length: r.size })],
  sendfile: [r.target, r.options({ offset: r.offset, length: r.size })],
  stream: [r.options(chunks)],
  borrowedStream: [r.options({ ...chunks, detach: r.boolean })],
  forEachChunk: [r.callback, r.options({ ...chunks, detach: r.boolean })],
  sink: [writeAll]
}

const wholeFile = r.options({ flag: r.choice("w", "a", "wx", "nonsense"), mode: r.mode })

const directory: Members<Omit<AioDirectory.AioDirectory, "fd" | "beneath">> = {
  open: [r.name, r.options({ flag: r.flag, mode: r.mode, direct: r.boolean })],
  openDirectory: [r.name, r.options({ beneath: r.boolean })],
  read: [r.name],
  readFile: [r.name],
  writeFile: [r.name, r.bytes, wholeFile],
  writeAtomic: [r.name, r.bytes, r.options(atomic)],
  realpath: [r.name],
  sync: [],
  stat: [r.name],
  lstat: [r.name],
  statx: [r.name, r.options({ ...statx, ...follow })],
  statvfs: [r.name],
  access: [
    r.name,
    r.options({ read: r.boolean, write: r.boolean, execute: r.boolean, effective: r.boolean, ...follow })
  ],
  unlink: [r.name],
  rmdir: [r.name],
  mkdir: [r.name, r.options({ mode: r.mode })],
  mknod: [
    r.name,
    r.choice("File", "FIFO", "Socket", "CharacterDevice"),
    r.options({ mode: r.mode, major: r.choice(0, 1, undefined), minor: r.choice(0, undefined) })
  ],
  rename: [r.name, r.name, r.options({ ...existing, toAt: r.directory })],
  link: [r.name, r.name, r.options({ ...follow, toAt: r.directory })],
  symlink: [r.name, r.name],
  readlink: [r.name],
  chmod: [r.name, r.mode, r.options(follow)],
  chown: [r.name, r.options({ uid: r.owner, gid: r.owner, follow: r.boolean })],
  utimes: [r.name, r.options({ atimeNs: r.time, mtimeNs: r.time, follow: r.boolean })],
  truncate: [r.name, r.offset],
  getxattr: [r.name, r.xattrName, r.options(follow)],
  setxattr: [r.name, r.xattrName, r.bytes, r.options({ ...xattrMode, ...follow })],
  removexattr: [r.name, r.xattrName, r.options(follow)],
  listxattr: [r.name, r.options(follow)]
}

const groupMembers: Members<Omit<AioGroup.AioGroup, "name">> = {
  add: [r.operation],
  addAll: [r.operations],
  feed: [r.operations, r.options({ onExit: r.listener })],
  results: [],
  group: [group],
  limit: [],
  setLimit: [r.choice(0, 1, 10, Number.POSITIVE_INFINITY)],
  stats: [],
  cancel: [],
  seal: [],
  done: []
}

const lockMembers: Members<Omit<AioLock.AioLock, "fd">> = {
  convert: [lock.kind, r.options({ ...range, limit: r.duration })],
  tryConvert: [lock.kind, r.options(range)],
  unlock: [r.options(range)],
  release: []
}

const logMembers: Members<AioLog.AioLog> = { append: [r.bytes], size: [] }

const handle: Members<Omit<AioGroup.Handle<unknown>, "operation">> = { result: [], poll: [], cancel: [] }

const platformFile: Members<Omit<FileSystem.File, "fd">> = {
  stat: [],
  seek: [r.choice(0, 10n, 100), r.choice("start", "current")],
  sync: [],
  read: [r.bytes],
  readAlloc: [r.size],
  truncate: [r.offset],
  write: [r.bytes],
  writeAll: [r.bytes]
}

/** Of what functions give, by what it is. */
export const members = {
  AioFile: file,
  AioDirectory: directory,
  AioGroup: groupMembers,
  AioLock: lockMembers,
  AioLog: logMembers,
  Handle: handle,
  Prepared: { run: [] } satisfies Members<Omit<AioOperation.Prepared<unknown>, "operation">>,
  File: platformFile
} as const satisfies Record<string, Record<string, r.Shape>>

const platformOpen = r.options({ flag: r.flag, mode: r.mode })
const temporary = { directory: r.text, prefix: r.choice("a", "b-", undefined) }

/** The FileSystem's. */
export const fileSystem: Members<FileSystem.FileSystem> = {
  access: [r.text, r.options({ ok: r.boolean, readable: r.boolean, writable: r.boolean })],
  copy: [r.text, r.text, r.options({ overwrite: r.boolean, preserveTimestamps: r.boolean })],
  copyFile: [r.text, r.text],
  chmod: [r.text, r.mode],
  chown: [r.text, r.owner, r.owner],
  exists: [r.text],
  link: [r.text, r.text],
  makeDirectory: [r.text, r.options({ recursive: r.boolean, mode: r.mode })],
  makeTempDirectory: [r.options(temporary)],
  makeTempDirectoryScoped: [r.options(temporary)],
  makeTempFile: [r.options({ ...temporary, suffix: r.choice(".txt", undefined) })],
  makeTempFileScoped: [r.options({ ...temporary, suffix: r.choice(".txt", undefined) })],
  open: [r.text, platformOpen],
  readDirectory: [r.text, r.options({ recursive: r.boolean })],
  readFile: [r.path],
  readFileString: [r.path, r.choice("utf-8", "latin1", "nonsense", undefined)],
  readLink: [r.text],
  realPath: [r.text],
  remove: [r.text, r.options({ recursive: r.boolean, force: r.boolean })],
  rename: [r.text, r.text],
  sink: [r.text, platformOpen],
  stat: [r.text],
  stream: [r.text, r.options({ bufferSize: r.count, bytesToRead: r.size, chunkSize: r.size, offset: r.offset })],
  symlink: [r.text, r.text],
  truncate: [r.text, r.offset],
  utimes: [r.text, r.date, r.date],
  watch: [r.text, r.options({ recursive: r.boolean })],
  writeFile: [r.path, r.bytes, platformOpen],
  writeFileString: [r.text, r.choice("abc", "", "abcdefgh".repeat(1000)), platformOpen]
}
