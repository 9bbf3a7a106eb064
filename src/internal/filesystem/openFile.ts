/** `File` of @effect/platform: an open file with a position of its own. */
import { constants } from "node:fs"
import type { PlatformError } from "@effect/platform/Error"
import {
  type File,
  FileDescriptor,
  FileTypeId,
  type OpenFileOptions,
  type SeekMode,
  type Size,
  type SizeInput
} from "@effect/platform/FileSystem"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import type * as Scope from "effect/Scope"
import { execute, executeMasked } from "../effect/execute.ts"
import { release, scoped } from "../effect/release.ts"
import { engineOrReplacement } from "../effect/replacementEngine.ts"
import { runMasked } from "../effect/run.ts"
import { inSpan, wantsSpan } from "../effect/spans.ts"
import { submitContextOf } from "../effect/submitContext.ts"
import type { Restore } from "../effect/wait.ts"
import { BadArgument, bad, show } from "../engine/arguments.ts"
import { checkBytes, checkView, newBuffer } from "../engine/buffers.ts"
import type { Engine } from "../engine/engine.ts"
import { Failed, LATER } from "../engine/failed.ts"
import { OpenDescriptor } from "../engine/openDescriptor.ts"
import type { Operation } from "../engine/operation.ts"
import { errno } from "../native/errno.ts"
import * as catalogue from "../operation/catalogue.ts"
import { openFile } from "../operation/openFile.ts"
import { mayWrite, openFlags } from "../operation/openFlags.ts"
import { Move } from "../task/move.ts"
import { numberOf } from "./checked.ts"
import { badArgument, fromWrongArgument, type Subject, systemError, translate } from "./errors.ts"
import { fstatInfo } from "./info.ts"
import { toPlatformExit } from "./sequence.ts"

const asSize = (count: number): Size => BigInt(count) as Size
const asNothing = (): void => {}

/**
 * A transfer takes its range when it starts: the position moves on by the whole length at once, so that the next transfer, which may run
 * beside it, has the range after it. If the transfer then moves fewer bytes (the end of the file, an error, an interrupt), the position
 * goes back to where its bytes ended, unless the program has set the position meanwhile. Of several transfers that meet the end of the file
 * side by side, the lowest such place counts, so that nothing is ever skipped.
 *
 * A file that is appended to has no ranges, so a transfer waits for its turn: writes of one File do not mix, and keep the order in which
 * they began.
 */
export class OpenFile implements File {
  readonly [FileTypeId]: FileTypeId = FileTypeId
  readonly fd: File.Descriptor
  private position = 0
  /** Transfers that have taken a range and not ended. */
  private taken = 0
  /** The position has been set while transfers were under way that have not ended yet. */
  private isSet = false
  private readonly turn: Effect.Semaphore | undefined

  constructor(
    private readonly own: Engine,
    readonly state: OpenDescriptor,
    append: boolean
  ) {
    this.fd = FileDescriptor(state.fd)
    this.turn = append ? Effect.unsafeMakeSemaphore(1) : undefined
  }

  /** The engine that serves it now. */
  get engine(): Engine {
    return engineOrReplacement(this.own)
  }

  get release(): Effect.Effect<void> {
    // After the Layer's end the descriptor is closed without an engine, unless requests have to be ended before.
    return Effect.suspend(() => release(this.state.isUsed ? this.engine : this.own, this.state))
  }

  /** A transfer that took `length` bytes from `offset` on has ended. */
  private moved(offset: number, count: number, length: number): void {
    this.taken--
    if (count < length && !this.isSet && offset + count < this.position) this.position = offset + count
    if (this.taken === 0) this.isSet = false
  }

  private place(position: number): void {
    this.position = position
    this.isSet = this.taken > 0
  }

  private closedFailure(method: string, syscall: string): Exit.Exit<never, PlatformError> {
    return Exit.fail(systemError(errno.EBADF, syscall, { method, of: this.fd }))
  }

  private transfer<A>(
    operation: typeof catalogue.read,
    method: string,
    makeBuffer: () => Uint8Array,
    all: boolean,
    finish: (count: number, buffer: Uint8Array) => A,
    positional: boolean
  ): Effect.Effect<A, PlatformError> {
    return Effect.withFiberRuntime((fiber): Effect.Effect<A, PlatformError> => {
      const { engine, state } = this
      if (state.closed) return this.closedFailure(method, operation.entry.name)
      const { entry } = operation
      if (wantsSpan(fiber)) {
        const transfer = this.transfer(operation, method, makeBuffer, all, finish, positional)
        return inSpan({ entry, input: { fd: this.fd, file: state } }, transfer)
      }
      let buffer: Uint8Array
      let length: number
      try {
        buffer = makeBuffer()
        length = checkView(buffer, "buffer")
      } catch (problem) {
        return problem instanceof BadArgument ? Exit.fail(fromWrongArgument(method, problem)) : Exit.die(problem)
      }
      // Node makes no system call for no bytes.
      if (length === 0 && (all || operation === catalogue.read)) return Exit.succeed(finish(0, buffer))
      if (positional && engine.mayTry(entry)) {
        const end = engine.attempt({ entry, input: { fd: this.fd, file: state, buffer, offset: this.position } })
        if (end instanceof Failed) {
          return toPlatformExit<never>(new Failed(end.operation, { method, of: this.fd }, end.errno, end.problem))
        }
        if (end !== LATER) {
          this.position += end
          return Exit.succeed(finish(end, buffer))
        }
      }
      return Effect.uninterruptibleMask((restore) => {
        const offset = positional ? this.position : undefined
        if (offset !== undefined) {
          this.taken++
          this.position = offset + length
        }
        const move = new Move({
          engine: () => this.engine,
          file: state,
          operation,
          buffer,
          length,
          offset,
          all,
          about: { method, of: this.fd } satisfies Subject,
          context: submitContextOf(engine, fiber),
          moved: (count) => {
            if (offset !== undefined) this.moved(offset, count, length)
          }
        })
        return runMasked(move, restore, (end) => Exit.map(toPlatformExit(end), (count) => finish(count, buffer)))
      })
    })
  }

  read(buffer: Uint8Array): Effect.Effect<Size, PlatformError> {
    return this.transfer(catalogue.read, "read", () => buffer, false, asSize, true)
  }

  readAlloc(size: SizeInput): Effect.Effect<Option.Option<Uint8Array>, PlatformError> {
    const length = numberOf(size)
    if (!Number.isSafeInteger(length) || length < 0) {
      return Effect.fail(badArgument("readAlloc", "size", `must be a whole number of bytes from 0, not ${show(size)}`))
    }
    return this.transfer(
      catalogue.read,
      "readAlloc",
      () => newBuffer(length, undefined) ?? bad("size", `no array can have ${length} bytes here`),
      false,
      (count, buffer) =>
        count === 0 ? Option.none() : Option.some(count === length ? buffer : buffer.slice(0, count)),
      true
    )
  }

  write(buffer: Uint8Array): Effect.Effect<Size, PlatformError> {
    return this.inTurn(this.transfer(catalogue.write, "write", () => buffer, false, asSize, this.turn === undefined))
  }

  writeAll(buffer: Uint8Array): Effect.Effect<void, PlatformError> {
    const whole = () => checkBytes(buffer, "buffer")
    return this.inTurn(this.transfer(catalogue.write, "writeAll", whole, true, asNothing, this.turn === undefined))
  }

  private inTurn<A>(effect: Effect.Effect<A, PlatformError>): Effect.Effect<A, PlatformError> {
    return this.turn === undefined ? effect : this.turn.withPermits(1)(effect)
  }

  seek(offset: SizeInput, from: SeekMode): Effect.Effect<void> {
    return Effect.suspend((): Effect.Effect<never> => {
      // The interface has no failure: a value that is not a number of bytes is a defect, as NodeFileSystem throws for it.
      const isWhole = typeof offset === "bigint" || Number.isInteger(offset)
      if (!isWhole)
        return Effect.die(badArgument("seek", "offset", `must be a whole number of bytes, not ${show(offset)}`))
      if (from !== "start" && from !== "current") {
        return Effect.die(badArgument("seek", "from", `must be "start" or "current", not ${show(from)}`))
      }
      const position = Number(offset) + (from === "start" ? 0 : this.position)
      // A File without a position could not go on.
      if (!Number.isFinite(position)) return Effect.die(badArgument("seek", "offset", "beyond all numbers"))
      this.place(position)
      // As NodeFileSystem, which returns the new position although the interface does not.
      return Effect.succeed(BigInt(this.position)) as never
    })
  }

  truncate(length?: SizeInput): Effect.Effect<void, PlatformError> {
    const bytes = Math.max(0, numberOf(length ?? 0))
    return Effect.map(this.run(catalogue.ftruncate(this.state, bytes), "truncate"), () => {
      if (this.turn === undefined && this.position > bytes) this.place(bytes)
    })
  }

  get stat(): Effect.Effect<File.Info, PlatformError> {
    return this.run({ entry: fstatInfo, input: { fd: this.fd, file: this.state } }, "stat")
  }

  get sync(): Effect.Effect<void, PlatformError> {
    return this.run(catalogue.fsync(this.state), "sync")
  }

  private run<A>(operation: Operation<A>, method: string): Effect.Effect<A, PlatformError> {
    return Effect.suspend(() =>
      this.state.closed
        ? this.closedFailure(method, operation.entry.name)
        : Effect.mapError(execute(this.engine, operation), translate({ method, of: this.fd }))
    )
  }
}

/** Opens in the uninterruptible region that `restore` belongs to. The caller has to run `release`. */
export const acquire = (
  own: Engine,
  path: string,
  options: OpenFileOptions | undefined,
  restore: Restore
): Effect.Effect<OpenFile, PlatformError> =>
  Effect.suspend(() => {
    const { flag = "r", mode } = options ?? {}
    return Effect.mapBoth(executeMasked(engineOrReplacement(own), openFile(path, { flag, mode }), restore), {
      onFailure: translate({ method: "open", of: path, path }),
      onSuccess: (fd) =>
        new OpenFile(
          own,
          new OpenDescriptor(fd, own.descriptors.describe(fd, false), undefined, mayWrite(openFlags(flag))),
          (openFlags(flag) & constants.O_APPEND) !== 0
        )
    })
  })

/** Opens; closed with its Scope. */
export const open = (
  engine: Engine,
  path: string,
  options: OpenFileOptions | undefined
): Effect.Effect<OpenFile, PlatformError, Scope.Scope> => scoped((restore) => acquire(engine, path, options, restore))
