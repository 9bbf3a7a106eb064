/** Locks that open descriptions of their own hold: opened, waited for, converted and given up. */
import { constants } from "node:fs"
import * as Effect from "effect/Effect"
import { NodeInspectSymbol } from "effect/Inspectable"
import * as Option from "effect/Option"
import { AioError, type AioFailure } from "../../AioError.ts"
import type { AcquireOptions, AioLock, ConvertOptions, HolderOptions, TypeId as PublicTypeId } from "../../AioLock.ts"
import { checkMillis, withArguments } from "../effect/arguments.ts"
import { withDeadline } from "../effect/deadline.ts"
import { execute, executeMasked } from "../effect/execute.ts"
import { release } from "../effect/release.ts"
import type { Restore } from "../effect/wait.ts"
import { BadArgument, checkName, type Path } from "../engine/arguments.ts"
import type { Engine } from "../engine/engine.ts"
import { fileOf, OpenDescriptor, type Opened, regularFile, type Target } from "../engine/openDescriptor.ts"
import type { Operation } from "../engine/operation.ts"
import { optionsReader } from "../engine/options.ts"
import { textOfPath } from "../engine/pathNames.ts"
import { errno } from "../native/errno.ts"
import * as catalogue from "../operation/catalogue.ts"
import { checkRange, type LockHolder, type LockRange, lockOwnRange } from "../operation/rangeLocks.ts"

export const TypeId: PublicTypeId = Symbol.for("effect-aio/AioLock") as PublicTypeId

const kinds = { shared: 0, exclusive: 1 } as const
export type Kind = keyof typeof kinds

/** What is asked of a description: plain and checked. */
export interface Wish {
  readonly kind: Kind
  readonly range: LockRange
  /** Milliseconds. */
  readonly limit: number | undefined
}

/** Throws `BadArgument`. */
const wishOf = (kind: Kind, { length, limit, offset }: ConvertOptions): Wish => {
  checkName(kinds, kind, "kind")
  const range = { offset, length }
  checkRange(range)
  return { kind, range, limit: checkMillis("limit", limit) }
}

const acquireOptions = optionsReader<AcquireOptions>({
  at: true,
  kind: true,
  offset: true,
  length: true,
  limit: true,
  upgradable: true,
  create: true,
  mode: true
})
const convertOptions = optionsReader<ConvertOptions>({ offset: true, length: true, limit: true })
export const rangeOptions = optionsReader<LockRange>({ offset: true, length: true })

const isBusy = (error: AioFailure): boolean => error._tag === "AioError" && error.code === "EAGAIN"

/** One try: whether the description has the lock. */
export const attempt = (
  engine: Engine,
  file: OpenDescriptor,
  { kind, range }: Wish
): Effect.Effect<boolean, AioFailure> =>
  Effect.matchEffect(execute(engine, lockOwnRange(file, kind, { ...range, wait: false })), {
    onFailure: (error) => (isBusy(error) ? Effect.succeed(false) : Effect.fail(error)),
    onSuccess: () => Effect.succeed(true)
  })

/** Waits for the lock, for `limit` milliseconds at most. Interruptible where its caller is. */
export const take = (engine: Engine, file: OpenDescriptor, wish: Wish): Effect.Effect<void, AioFailure> => {
  const { kind, limit, range } = wish
  const waits = lockOwnRange(file, kind, range)
  if (limit === undefined) return execute(engine, waits)
  if (limit > 0) return withDeadline(engine, waits, limit)
  const timedOut = Effect.suspend(() =>
    Effect.fail(AioError.fromErrno(errno.ETIMEDOUT, "lockRange", { file, fd: file.fd }))
  )
  return Effect.flatMap(attempt(engine, file, wish), (has) => (has ? Effect.void : timedOut))
}

export class LockImpl implements AioLock {
  readonly [TypeId]: PublicTypeId = TypeId

  constructor(
    private readonly engine: Engine,
    private readonly state: OpenDescriptor,
    private readonly range: LockRange
  ) {}

  get fd(): number {
    return this.state.fd
  }

  toJSON(): unknown {
    const { closed, path } = this.state
    const shown = path === undefined ? undefined : textOfPath(path)
    return { _id: "AioLock", fd: this.fd, path: shown, released: closed }
  }

  [NodeInspectSymbol](): unknown {
    return this.toJSON()
  }

  toString(): string {
    return `AioLock(${this.fd})`
  }

  convert(kind: Kind, options?: ConvertOptions): Effect.Effect<void, AioFailure> {
    return withArguments(
      "convert",
      () => wishOf(kind, this.within(convertOptions(options))),
      (wish) => take(this.engine, this.state, wish)
    )
  }

  tryConvert(kind: Kind, range?: LockRange): Effect.Effect<boolean, AioFailure> {
    return withArguments(
      "tryConvert",
      () => wishOf(kind, this.within(rangeOptions(range, "range"))),
      (wish) => attempt(this.engine, this.state, wish)
    )
  }

  unlock(range?: LockRange): Effect.Effect<void, AioFailure> {
    return withArguments(
      "unlock",
      () => this.within(rangeOptions(range, "range")),
      (range) => execute(this.engine, lockOwnRange(this.state, "unlock", range))
    )
  }

  /** Without a range: the one that was asked for at first. */
  private within<O extends LockRange>(options: O): O {
    return options.offset === undefined && options.length === undefined ? { ...options, ...this.range } : options
  }

  get release(): Effect.Effect<void> {
    return Effect.suspend(() => (this.state.closed ? Effect.void : release(this.engine, this.state)))
  }
}

const { O_CREAT, O_RDONLY, O_RDWR } = constants

/** An open of the file that another description has open, also where it has no name any more. proc_pid_fd(5) */
export const reopening = (file: OpenDescriptor, flag: number): Operation<number> => {
  const { entry, input } = catalogue.open(`/proc/self/fd/${file.fd}`, { flag })
  return { entry, input: { ...input, file } }
}

/** The operation that opens a description of its own. A target of any other kind is a path that is refused. */
export const opening = (
  target: Path | Opened,
  flag: number,
  create: boolean,
  { at, mode }: { readonly at?: Target | undefined; readonly mode?: number | undefined }
): Operation<number> => {
  const file = fileOf(target as Opened)
  if (file === undefined) return catalogue.open(target as Path, { at, flag: create ? flag | O_CREAT : flag, mode })
  if (at !== undefined) throw new BadArgument("at", "the file is open: it is not looked for")
  return reopening(file, flag)
}

const pathOf = (target: Path | Opened): Path | undefined => {
  const file = fileOf(target as Opened)
  return file === undefined ? (target as Path) : file.path
}

/** Opens in the uninterruptible region that `restore` belongs to. Whoever calls it sees to `release`. */
export const acquire = <A>(
  engine: Engine,
  target: Path | Opened,
  options: AcquireOptions | undefined,
  restore: Restore,
  method: string,
  /** Takes the lock, if it can be had. */
  get: (engine: Engine, file: OpenDescriptor, wish: Wish) => Effect.Effect<A, AioFailure>
): Effect.Effect<readonly [lock: LockImpl, got: A], AioFailure> =>
  withArguments(
    method,
    () => {
      const { at, create = true, kind = "exclusive", mode, upgradable = false, ...rest } = acquireOptions(options)
      const wish = wishOf(kind, rest)
      const flag = kind === "exclusive" || upgradable ? O_RDWR : O_RDONLY
      return {
        wish,
        opens: opening(target, flag, create, { at, mode }),
        isForWriting: flag === O_RDWR ? undefined : false
      }
    },
    ({ isForWriting, opens, wish }) =>
      Effect.flatMap(executeMasked(engine, opens, restore), (fd) => {
        const state = new OpenDescriptor(fd, regularFile, pathOf(target), isForWriting)
        const lock = new LockImpl(engine, state, wish.range)
        return Effect.matchCauseEffect(restore(get(engine, state, wish)), {
          onFailure: (cause) => Effect.zipRight(lock.release, Effect.failCause(cause)),
          onSuccess: (got) => Effect.succeed([lock, got] as const)
        })
      })
  )

const holderOptions = optionsReader<HolderOptions>({ at: true, kind: true, offset: true, length: true })

/** A lock that excludes the one asked about. */
export const holder = (
  engine: Engine,
  target: Path | Opened,
  options: HolderOptions | undefined
): Effect.Effect<Option.Option<LockHolder>, AioFailure> =>
  withArguments(
    "holder",
    () => {
      const { at, kind = "exclusive", ...range } = holderOptions(options)
      return { ...wishOf(kind, range), opens: opening(target, O_RDONLY, false, { at }) }
    },
    ({ kind, opens, range }) =>
      Effect.uninterruptibleMask((restore) =>
        Effect.flatMap(executeMasked(engine, opens, restore), (fd) => {
          const state = new OpenDescriptor(fd, regularFile, pathOf(target), false)
          const asked = execute(engine, catalogue.lockHolder(state, kind, range))
          return Effect.ensuring(Effect.map(restore(asked), Option.fromNullable), release(engine, state))
        })
      )
  )
