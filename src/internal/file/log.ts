/** Logs that are appended to: opened, appended to in groups, and closed. */
import { constants } from "node:fs"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { NodeInspectSymbol } from "effect/Inspectable"
import { AioBadArgument, AioError, type AioFailure, AioLogFailed } from "../../AioError.ts"
import type { AioLog, OpenOptions, TypeId as PublicTypeId } from "../../AioLog.ts"
import { withArguments } from "../effect/arguments.ts"
import { execute, executeMasked } from "../effect/execute.ts"
import { badArgument, exitOf, exitOfWrite } from "../effect/exits.ts"
import { release } from "../effect/release.ts"
import { runSequence } from "../effect/run.ts"
import type { Restore } from "../effect/wait.ts"
import { BadArgument, checkOffset, checkPath, type Path } from "../engine/arguments.ts"
import { checkBytes } from "../engine/buffers.ts"
import type { Engine } from "../engine/engine.ts"
import { Failed } from "../engine/failed.ts"
import { OpenDescriptor, regularFile, type Target } from "../engine/openDescriptor.ts"
import { optionsReader } from "../engine/options.ts"
import { textOfPath } from "../engine/pathNames.ts"
import { errno } from "../native/errno.ts"
import * as catalogue from "../operation/catalogue.ts"
import { GroupCommit } from "../task/groupCommit.ts"
import { SyncPath } from "../task/syncPath.ts"
import { directoryOf } from "../task/writeAtomic.ts"

export const TypeId: PublicTypeId = Symbol.for("effect-aio/AioLog") as PublicTypeId

const { O_CREAT, O_WRONLY } = constants

const encoder = new TextEncoder()

export class LogImpl implements AioLog {
  readonly [TypeId]: PublicTypeId = TypeId

  private isClosing = false

  constructor(
    private readonly engine: Engine,
    private readonly file: OpenDescriptor,
    private readonly group: GroupCommit
  ) {}

  get size(): Effect.Effect<number> {
    return Effect.sync(() => this.group.durable)
  }

  append(record: Uint8Array | string): Effect.Effect<number, AioBadArgument | AioLogFailed> {
    // Without a canceler, whose price is half of an append's: an interrupted fiber does not hear of the end any more. Its record is written all the same,
    // since its group must not lose bytes from its middle.
    return Effect.async((resume) => {
      const { group } = this
      let bytes: Uint8Array
      try {
        if (this.isClosing) throw new BadArgument("log", "it is closed")
        bytes = typeof record === "string" ? encoder.encode(record) : checkBytes(record, "record")
      } catch (problem) {
        return resume(badArgument("append", problem))
      }
      if (group.failure !== undefined) return resume(this.failed(group.failure))
      try {
        group.append(bytes, (end) => resume(end instanceof Failed ? this.failed(end) : Exit.succeed(end)))
      } catch {
        resume(badArgument("append", new BadArgument("record", `there is no memory for ${bytes.length} bytes`)))
      }
    })
  }

  private failed(failure: Failed): Effect.Effect<never, AioLogFailed> {
    return Effect.catchAll(exitOfWrite<never>(this.engine, failure, "append"), (cause) =>
      Effect.fail(new AioLogFailed({ path: this.file.path!, durable: this.group.durable, cause }))
    )
  }

  /** What was appended is written, then it is closed. */
  get release(): Effect.Effect<void> {
    return Effect.suspend(() => {
      this.isClosing = true
      const idle = Effect.async<void>((resume) => this.group.whenIdle(() => resume(Effect.void)))
      return Effect.zipRight(idle, release(this.engine, this.file))
    })
  }

  toJSON(): unknown {
    const { closed, path } = this.file
    return {
      _id: "AioLog",
      path: textOfPath(path!),
      size: this.group.durable,
      failed: this.group.failure !== undefined,
      closed
    }
  }

  [NodeInspectSymbol](): unknown {
    return this.toJSON()
  }
}

const openOptions = optionsReader<OpenOptions>({ at: true, end: true, mode: true })

/** So that a file that was made has its name after a crash. */
const syncDirectory = (engine: Engine, path: Path, at: Target | undefined): Effect.Effect<void, AioFailure> => {
  const directory = directoryOf(Buffer.from(path as Uint8Array))
  const place = directory.length === 0 ? "." : directory
  return Effect.catchIf(
    runSequence(
      () => new SyncPath(engine, place, { method: "open", about: () => ({ path }) }, at),
      (end) => exitOf(engine, end)
    ),
    // This file system has nothing to sync there.
    (error) => error._tag === "AioError" && error.code === "EINVAL",
    () => Effect.void
  )
}

/** Where the records end: what is behind is cut off. */
const prepare = (engine: Engine, file: OpenDescriptor, end: number | undefined): Effect.Effect<number, AioFailure> =>
  Effect.flatMap(execute(engine, catalogue.fstat(file)), ({ size, type }) => {
    const refuse = (number: number) => Effect.fail(AioError.fromErrno(number, "open", { file, fd: file.fd }))
    if (type !== "File") return refuse(errno.EINVAL)
    const found = Number(size)
    if (end !== undefined && end > found) {
      const description = `the file has ${found} bytes, and records cannot end at ${end}`
      return Effect.fail(new AioBadArgument({ operation: "open", argument: "end", description }))
    }
    const cut = end === undefined || end === found ? Effect.void : execute(engine, catalogue.ftruncate(file, end))
    // Also what was there: records are appended behind bytes that are on the disk.
    return Effect.as(Effect.zipRight(cut, execute(engine, catalogue.fdatasync(file))), end ?? found)
  })

/** Opens in the uninterruptible region that `restore` belongs to. Whoever calls it sees to `release`. */
export const open = (
  engine: Engine,
  path: Path,
  options: OpenOptions | undefined,
  restore: Restore
): Effect.Effect<LogImpl, AioFailure> =>
  withArguments(
    "open",
    () => {
      const { at, end, mode } = openOptions(options)
      const start = end === undefined ? undefined : checkOffset(end, "end")
      if (typeof start === "bigint") throw new BadArgument("end", `at most 2^53 - 1, not ${start}`)
      return { opens: catalogue.open(checkPath(path), { at, flag: O_WRONLY | O_CREAT, mode }), at, start }
    },
    ({ at, opens, start }) =>
      Effect.flatMap(executeMasked(engine, opens, restore), (fd) => {
        const file = new OpenDescriptor(fd, regularFile, path, true)
        const ready = restore(Effect.zipLeft(prepare(engine, file, start), syncDirectory(engine, path, at)))
        return Effect.matchCauseEffect(ready, {
          onFailure: (cause) => Effect.zipRight(release(engine, file), Effect.failCause(cause)),
          onSuccess: (end) => Effect.succeed(new LogImpl(engine, file, new GroupCommit(engine, file, end)))
        })
      })
  )
