/** The three answers of aio_cancel(3), at their source and through fibers. */
import { closeSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Fiber, Option } from "effect"
import { Aio, AioFile, AioGroup, AioOperation } from "effect-aio"
import {
  AIO_ALLDONE,
  AIO_CANCELED,
  AIO_NOTCANCELED,
  ControlBlocks,
  LIO_READ
} from "effect-aio/internal/native/posixAio"
import * as PosixAio from "effect-aio/PosixAio"
import { byHand, statsReach } from "../../support/engine.ts"
import { idlePipe } from "../../support/fifo.ts"
import { settled } from "../../support/processState.ts"
import { addressOf } from "../../support/systemCalls.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"
import { cancelAll, duplicateTo, isBeingRead, stalled } from "./fixtures/stall.ts"

const ECANCELED = 125
const layer = PosixAio.layer({ inline: false })

const temporaryFile = Effect.map(temporaryDirectory, (directory) => {
  const path = join(directory, "file")
  writeFileSync(path, new Uint8Array(65536).fill(7))
  return path
})

const read = (fd: number, buffer: Uint8Array) => Aio.read(fd, buffer, { offset: 0 })

it.scopedLive("the answers themselves", () =>
  Effect.gen(function* () {
    const pipe = yield* idlePipe
    const blocks = new ControlBlocks(3)
    const buffers = [0, 1, 2].map(() => new Uint8Array(4))
    buffers.forEach((buffer, slot) => {
      blocks.prepare(slot, pipe, LIO_READ, 0, addressOf(buffer), 4, 0)
      expect(blocks.startTransfer(slot)).toBe(0)
    })
    expect(yield* settled(() => isBeingRead(pipe), true, 20_000)).toBe(true)
    expect(blocks.cancel(pipe, 0)).toBe(AIO_NOTCANCELED)
    expect(blocks.cancel(pipe, 2)).toBe(AIO_CANCELED)
    expect([blocks.isComplete(0), blocks.isComplete(1), blocks.isComplete(2)]).toEqual([false, false, true])
    expect(blocks.result(2)).toBe(-ECANCELED)
    writeSync(pipe, "abcdefgh")
    expect(yield* settled(() => blocks.isComplete(0) && blocks.isComplete(1), true, 20_000)).toBe(true)
    expect(blocks.cancel(pipe, 0)).toBe(AIO_ALLDONE)
    blocks.synchronise(0)
    expect([blocks.result(0), blocks.result(1)]).toEqual([4, 4])
    expect(buffers.map((buffer) => Buffer.from(buffer).toString())).toEqual(["abcd", "efgh", "\0\0\0\0"])
    blocks.close()
  })
)

describe("through fibers", () => {
  it.scopedLive("AIO_CANCELED: one that no thread has begun ends at once, the others go on", () =>
    Effect.gen(function* () {
      const { fd, release } = yield* stalled(yield* temporaryFile)
      const buffers = Array.from({ length: 50 }, () => new Uint8Array(16))
      const fibers = yield* Effect.forEach(buffers, (buffer) => Effect.fork(read(fd, buffer)))
      yield* statsReach({ executing: 50 })
      for (const victim of [49, 30, 0]) {
        expect(Exit.isInterrupted(yield* Fiber.interrupt(fibers[victim]))).toBe(true)
      }
      expect((yield* Aio.stats).outstanding).toBe(47)
      release()
      const exits = yield* Effect.forEach(fibers, (fiber) => Fiber.await(fiber))
      expect(exits.filter((exit) => Exit.isSuccess(exit) && exit.value === 16).length).toBe(47)
      expect(buffers.map((buffer) => buffer[0]).filter((byte) => byte === 0).length).toBe(3)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("AIO_NOTCANCELED: one that is running is waited for", () =>
    Effect.gen(function* () {
      const fd = openSync(yield* temporaryFile, "r")
      const pipe = yield* idlePipe
      const file = yield* AioFile.fromDescriptor(fd)
      // It is known to be a regular file now; that it becomes a pipe, which may wait for ever, only a test does.
      yield* file.read(new Uint8Array(1), { offset: 0 })
      duplicateTo(pipe, fd)
      const buffer = new Uint8Array(4)
      const fiber = yield* Effect.fork(file.read(buffer, { offset: 0 }))
      expect(yield* settled(() => isBeingRead(fd), true, 20_000)).toBe(true)
      const interrupted = yield* Effect.fork(Fiber.interrupt(fiber))
      expect(Option.isNone(yield* Effect.timeoutOption(Fiber.await(interrupted), "100 millis"))).toBe(true)
      expect((yield* Aio.stats).outstanding).toBe(1)
      writeSync(pipe, "late")
      expect(Exit.isInterrupted(yield* Fiber.join(interrupted))).toBe(true)
      // It ended after its buffer was written, not before.
      expect(Buffer.from(buffer).toString()).toBe("late")
      closeSync(fd)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("AIO_ALLDONE: one that has ended keeps its result", () =>
    Effect.gen(function* () {
      const hand = yield* byHand
      const fd = openSync(yield* temporaryFile, "r")
      const buffer = new Uint8Array(16)
      const group = yield* AioGroup.make()
      const handle = yield* group.add(AioOperation.read(fd, buffer, { offset: 0 }))
      // Completed without the event loop's knowing: then it is asked to end.
      yield* Effect.sync(() => {
        while (hand.stats().pending === 0) hand.wait(10)
      })
      expect(yield* Aio.stats).toMatchObject({ outstanding: 1, pending: 1 })
      yield* handle.cancel
      expect(yield* handle.result).toBe(16)
      expect(buffer.every((byte) => byte === 7)).toBe(true)
      closeSync(fd)
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("an interrupted write that has not begun writes nothing", () =>
    Effect.gen(function* () {
      const path = yield* temporaryFile
      const { fd, release } = yield* stalled(path)
      const first = yield* Effect.fork(Aio.write(fd, Buffer.from("first"), { offset: 0 }))
      const second = yield* Effect.fork(Aio.write(fd, Buffer.from("second"), { offset: 100 }))
      yield* statsReach({ executing: 2 })
      yield* Fiber.interrupt(second)
      release()
      expect(yield* Fiber.join(first)).toBe(5)
      const bytes = readFileSync(path)
      expect([bytes.toString("latin1", 0, 5), bytes[100]]).toEqual(["first", 7])
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("what somebody else calls back is submitted again", () =>
    Effect.gen(function* () {
      const { fd, release } = yield* stalled(yield* temporaryFile)
      const buffers = Array.from({ length: 8 }, () => new Uint8Array(16))
      const fibers = yield* Effect.forEach(buffers, (buffer) => Effect.fork(read(fd, buffer)))
      const sync = yield* Effect.fork(Aio.fsync(fd))
      yield* statsReach({ executing: 8 })
      expect(cancelAll(fd)).toBe(AIO_NOTCANCELED)
      release()
      expect(yield* Effect.forEach(fibers, (fiber) => Fiber.join(fiber))).toEqual(buffers.map(() => 16))
      yield* Fiber.join(sync)
      expect(buffers.every((buffer) => buffer.every((byte) => byte === 7))).toBe(true)
    }).pipe(Effect.provide(layer))
  )
})
