/** The methods of an open directory: the operations of the catalogue, whose paths start there. */
import { constants } from "node:fs"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { NodeInspectSymbol } from "effect/Inspectable"
import type * as Scope from "effect/Scope"
import type {
  AioDirectory,
  ChildOptions,
  OpenOptions as DirectoryOptions,
  TypeId as PublicTypeId
} from "../../AioDirectory.ts"
import { type AioFailure, AioUnavailable } from "../../AioError.ts"
import type { AioFile, OpenOptions, WriteAtomicOptions, WriteFileOptions } from "../../AioFile.ts"
import { withArguments } from "../effect/arguments.ts"
import { execute, executeMasked } from "../effect/execute.ts"
import { exitOf } from "../effect/exits.ts"
import { release, scoped } from "../effect/release.ts"
import { runSequence } from "../effect/run.ts"
import type { Restore } from "../effect/wait.ts"
import type { Offset, Path } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { descriptorOf, OpenDirectory } from "../engine/openDescriptor.ts"
import type { Operation } from "../engine/operation.ts"
import { optionsReader } from "../engine/options.ts"
import { textOfPath } from "../engine/pathNames.ts"
import { errno } from "../native/errno.ts"
import { type AtOptions, readAt } from "../operation/at.ts"
import type { AccessOptions, ChmodOptions, OwnerOptions, TimesOptions } from "../operation/attributes.ts"
import * as catalogue from "../operation/catalogue.ts"
import type { DirectoryEntry } from "../operation/directories.ts"
import type { SetxattrOptions, XattrName } from "../operation/extendedAttributes.ts"
import type { LinkOptions } from "../operation/links.ts"
import type { Stat, StatVfs } from "../operation/metadata.ts"
import type { HardLinkOptions, MkdirOptions, MknodOptions, NodeType, RenameOptions } from "../operation/names.ts"
import type { Statx, StatxOptions } from "../operation/statx.ts"
import { ListDirectory } from "../task/listDirectory.ts"
import { openScoped } from "./file.ts"
import * as wholeFiles from "./wholeFiles.ts"

export const TypeId: PublicTypeId = Symbol.for("effect-aio/AioDirectory") as PublicTypeId

/** Directories are never opened for direct I/O, nor read at an offset. */
const directory = { seekable: false, alignment: undefined }

/** statfs(2): file systems with links that are no paths. */
const PROC_SUPER_MAGIC = 0x9fa0
const SECURITYFS_MAGIC = 0x73636673

/** Error numbers of openat2(2) for what leaves a directory of a file system. */
const leaving = [errno.EXDEV]
/** With such links, which it calls ELOOP, as it does a loop, and a link that is not to be followed. There, all three are refused alike. */
const leavingByMagic = [errno.EXDEV, errno.ELOOP]

/** The program's options, less the place, which is not for it to say. What they are is looked at where they are read. */
const startingAt = <O extends AtOptions>(options: Omit<O, "at"> | undefined, at: OpenDirectory): O => {
  if (options === undefined) return { at } as AtOptions as O
  // Nothing of a Proxy or a getter runs here.
  return typeof options === "object" && options !== null
    ? Object.create(options, { at: { value: at } })
    : (options as O)
}

export class DirectoryImpl implements AioDirectory {
  readonly [TypeId]: PublicTypeId = TypeId

  constructor(
    private readonly engine: Engine,
    readonly state: OpenDirectory
  ) {}

  get [descriptorOf](): OpenDirectory {
    return this.state
  }

  get fd(): number {
    return this.state.fd
  }

  get beneath(): boolean {
    return this.state.beneath !== undefined
  }

  toJSON(): unknown {
    const { beneath, fd, state } = this
    const shown = state.path === undefined ? undefined : textOfPath(state.path)
    return { _id: "AioDirectory", fd, path: shown, beneath, closed: state.closed }
  }

  [NodeInspectSymbol](): unknown {
    return this.toJSON()
  }

  toString(): string {
    return `AioDirectory(${this.fd})`
  }

  get release(): Effect.Effect<void> {
    return release(this.engine, this.state)
  }

  private run<A>(operation: Operation<A>): Effect.Effect<A, AioFailure> {
    return execute(this.engine, operation)
  }

  private from<O extends AtOptions>(options?: Omit<O, "at">): O {
    return startingAt<O>(options, this.state)
  }

  open(path: Path, options?: Omit<OpenOptions, "at">): Effect.Effect<AioFile, AioFailure, Scope.Scope> {
    return openScoped(this.engine, path, this.from<OpenOptions>(options))
  }

  openDirectory(
    path: Path,
    options?: ChildOptions
  ): Effect.Effect<AioDirectory, AioFailure | AioUnavailable, Scope.Scope> {
    return openDirectoryScoped(this.engine, path, this.from<DirectoryOptions>(options))
  }

  read(path: Path = "."): Effect.Effect<ReadonlyArray<DirectoryEntry>, AioFailure> {
    return list(this.engine, path, this.from())
  }

  readFile(path: Path): Effect.Effect<Uint8Array, AioFailure> {
    return wholeFiles.readFile(this.engine, path, this.from())
  }

  writeFile(
    path: Path,
    data: Uint8Array | string,
    options?: Omit<WriteFileOptions, "at">
  ): Effect.Effect<void, AioFailure> {
    return wholeFiles.writeFile(this.engine, path, data, this.from<WriteFileOptions>(options))
  }

  writeAtomic(
    path: Path,
    data: Uint8Array | string,
    options?: Omit<WriteAtomicOptions, "at">
  ): Effect.Effect<void, AioFailure> {
    return wholeFiles.writeAtomic(this.engine, path, data, this.from<WriteAtomicOptions>(options))
  }

  realpath(path: Path = "."): Effect.Effect<Path, AioFailure> {
    return wholeFiles.realpath(this.engine, path, this.from())
  }

  get sync(): Effect.Effect<void, AioFailure> {
    return this.run(catalogue.fsync(this.state))
  }

  stat(path: Path): Effect.Effect<Stat, AioFailure> {
    return this.run(catalogue.stat(path, this.from()))
  }

  lstat(path: Path): Effect.Effect<Stat, AioFailure> {
    return this.run(catalogue.lstat(path, this.from()))
  }

  statx(path: Path, options?: Omit<StatxOptions, "at">): Effect.Effect<Statx, AioFailure> {
    return this.run(catalogue.statx(path, this.from<StatxOptions>(options)))
  }

  statvfs(path: Path): Effect.Effect<StatVfs, AioFailure> {
    return this.run(catalogue.statvfs(path, this.from()))
  }

  access(path: Path, options?: Omit<AccessOptions, "at">): Effect.Effect<void, AioFailure> {
    return this.run(catalogue.access(path, this.from<AccessOptions>(options)))
  }

  unlink(path: Path): Effect.Effect<void, AioFailure> {
    return this.run(catalogue.unlink(path, this.from()))
  }

  rmdir(path: Path): Effect.Effect<void, AioFailure> {
    return this.run(catalogue.rmdir(path, this.from()))
  }

  mkdir(path: Path, options?: Omit<MkdirOptions, "at">): Effect.Effect<void, AioFailure> {
    return this.run(catalogue.mkdir(path, this.from<MkdirOptions>(options)))
  }

  mknod(path: Path, type: NodeType, options?: Omit<MknodOptions, "at">): Effect.Effect<void, AioFailure> {
    return this.run(catalogue.mknod(path, type, this.from<MknodOptions>(options)))
  }

  rename(path: Path, to: Path, options?: Omit<RenameOptions, "at">): Effect.Effect<void, AioFailure> {
    return this.run(catalogue.rename(path, to, this.from<RenameOptions>(options)))
  }

  link(path: Path, to: Path, options?: Omit<HardLinkOptions, "at">): Effect.Effect<void, AioFailure> {
    return this.run(catalogue.link(path, to, this.from<HardLinkOptions>(options)))
  }

  symlink(target: Path, path: Path): Effect.Effect<void, AioFailure> {
    return this.run(catalogue.symlink(target, path, this.from()))
  }

  readlink(path: Path): Effect.Effect<Path, AioFailure> {
    return this.run(catalogue.readlink(path, this.from()))
  }

  chmod(path: Path, mode: number, options?: Omit<ChmodOptions, "at">): Effect.Effect<void, AioFailure> {
    return this.run(catalogue.chmod(path, mode, this.from<ChmodOptions>(options)))
  }

  chown(path: Path, owner: Omit<OwnerOptions, "at">): Effect.Effect<void, AioFailure> {
    return this.run(catalogue.chown(path, this.from<OwnerOptions>(owner)))
  }

  utimes(path: Path, times: Omit<TimesOptions, "at">): Effect.Effect<void, AioFailure> {
    return this.run(catalogue.utimes(path, this.from<TimesOptions>(times)))
  }

  truncate(path: Path, length?: Offset): Effect.Effect<void, AioFailure> {
    return this.run(catalogue.truncate(path, length, this.from()))
  }

  getxattr(path: Path, name: XattrName, options?: Omit<LinkOptions, "at">): Effect.Effect<Uint8Array, AioFailure> {
    return this.run(catalogue.getxattr(path, name, this.from<LinkOptions>(options)))
  }

  setxattr(
    path: Path,
    name: XattrName,
    value: Uint8Array,
    options?: Omit<SetxattrOptions, "at">
  ): Effect.Effect<void, AioFailure> {
    return this.run(catalogue.setxattr(path, name, value, this.from<SetxattrOptions>(options)))
  }

  removexattr(path: Path, name: XattrName, options?: Omit<LinkOptions, "at">): Effect.Effect<void, AioFailure> {
    return this.run(catalogue.removexattr(path, name, this.from<LinkOptions>(options)))
  }

  listxattr(path: Path, options?: Omit<LinkOptions, "at">): Effect.Effect<ReadonlyArray<XattrName>, AioFailure> {
    return this.run(catalogue.listxattr(path, this.from<LinkOptions>(options)))
  }
}

/** The names in a directory. */
export const list = (
  engine: Engine,
  path: Path,
  options: AtOptions | undefined
): Effect.Effect<ReadonlyArray<DirectoryEntry>, AioFailure> =>
  withArguments(
    "readdir",
    () => readAt(options),
    ({ at }) =>
      runSequence(
        () => new ListDirectory(engine, path, { method: "readdir", about: () => ({ path }) }, catalogue.readdir, at),
        (end) => exitOf(engine, end)
      )
  )

const directoryOptions = optionsReader<DirectoryOptions>({ at: true, beneath: true })

/** A directory that is closed with its Scope. */
export const openDirectoryScoped = (
  engine: Engine,
  path: Path,
  options?: DirectoryOptions
): Effect.Effect<AioDirectory, AioFailure | AioUnavailable, Scope.Scope> =>
  withArguments(
    "open",
    () => directoryOptions(options),
    (how) => scoped((restore) => acquire(engine, path, how, restore))
  )

const acquire = (
  engine: Engine,
  path: Path,
  { at, beneath }: DirectoryOptions,
  restore: Restore
): Effect.Effect<DirectoryImpl, AioFailure | AioUnavailable> => {
  const operation = catalogue.open(path, { at, flag: constants.O_DIRECTORY })
  // What is in a directory that paths do not leave is another one, on the same file system.
  const around: OpenDirectory | undefined = operation.input.beneath
  return Effect.flatMap(executeMasked(engine, operation, restore), (fd) => {
    const state = new OpenDirectory(fd, directory, path, false)
    const opened = new DirectoryImpl(engine, state)
    if (around !== undefined) state.beneath = around.beneath
    if (around !== undefined || beneath !== true) return Effect.succeed(opened)
    return Effect.onExit(confine(engine, opened, restore), (exit) =>
      Exit.isSuccess(exit) ? Effect.void : opened.release
    )
  })
}

/** Asks for a path of the directory's own, which shows whether the kernel can keep paths in it, and what is on the way. */
const confine = (
  engine: Engine,
  opened: DirectoryImpl,
  restore: Restore
): Effect.Effect<DirectoryImpl, AioFailure | AioUnavailable> => {
  opened.state.beneath = leaving
  return Effect.matchEffect(executeMasked(engine, catalogue.statvfs(".", { at: opened.state }), restore), {
    onFailure: (error) => Effect.fail(unavailable(error) ?? error),
    onSuccess: ({ type }) => {
      if (type === PROC_SUPER_MAGIC || type === SECURITYFS_MAGIC) opened.state.beneath = leavingByMagic
      return Effect.succeed(opened)
    }
  })
}

/** Never another way instead: a directory that does not keep what it promises is worse than none. */
const unavailable = (error: AioFailure): AioUnavailable | undefined => {
  if (error._tag !== "AioError" || (error.code !== "ENOSYS" && error.code !== "EPERM")) return undefined
  return new AioUnavailable({
    backend: "openat2",
    reason:
      error.code === "ENOSYS"
        ? "this kernel cannot keep paths in a directory"
        : "this process may not call openat2: a seccomp filter forbids it",
    remedy:
      error.code === "ENOSYS"
        ? "It takes Linux 5.6."
        : "Allow the system call openat2 in the filter, as the containers of Docker 20.10 and Podman 3 do.",
    errno: error.errno
  })
}
