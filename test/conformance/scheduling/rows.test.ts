/**
 * Transfers past the page cache end in rows: what the fibers of a row ask for next is under way while the others wait for theirs. Where all
 * that is there were delivered at once, disk and event loop would wait for each other.
 */
import { closeSync, fsyncSync, openSync, writeSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Fiber } from "effect"
import { AioBuffer, AioFile } from "effect-aio"
import { block } from "../../backends/threads/fixtures/pool.ts"
import { realBackends } from "../../support/backends.ts"
import { byHand } from "../../support/engine.ts"
import { slowDisk, slowDiskKinds } from "../../support/slowDisk.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const READS = 64
const PAGE = 4096
/** Milliseconds that the disk takes for each read. */
const DELAY = 3

const mechanisms = realBackends.filter(({ mechanism, name }) => name === mechanism)

/** Rounds of which one has to end in rows: what a backend does not take itself, its pool ends in one go. */
const ROUNDS = 20

/** Of direct reads of a file in this directory, all of which are complete before one is delivered: how many have been when the first fiber goes on. */
const firstEnds = (directory: string, slow: Effect.Effect<void>) =>
  Effect.gen(function* () {
    const path = join(directory, "file")
    const fd = openSync(path, "w")
    writeSync(fd, Buffer.alloc(READS * PAGE, "effect-aio "))
    // What is not on the disk yet is read in other ways.
    fsyncSync(fd)
    closeSync(fd)
    const file = yield* AioFile.open(path, { direct: true })
    yield* slow
    const hand = yield* byHand
    const round = Effect.gen(function* () {
      const before = hand.stats().completed
      let first = 0
      const fibers = yield* Effect.forEach(Array.from({ length: READS }), (_, index) =>
        Effect.fork(
          Effect.map(file.read(AioBuffer.aligned(PAGE), { offset: index * PAGE }), (read) => {
            if (first === 0) first = hand.stats().completed - before
            return read
          })
        )
      )
      yield* Effect.yieldNow()
      yield* Effect.sync(() => {
        // Hands them over, and takes nothing.
        hand.wait(0)
        const end = performance.now() + 20_000
        while (hand.stats().pending < READS && performance.now() < end) block(1)
      })
      expect(yield* Fiber.joinAll(fibers)).toEqual(Array.from({ length: READS }, () => PAGE))
      return first
    })
    const seen: Array<number> = []
    while (seen.length < ROUNDS && !seen.some(isInRow)) seen.push(yield* round)
    return seen
  })

/** What goes on first does so when an eighth of them has ended, not all. */
const isInRow = (first: number): boolean => first <= READS / 4

describe.each(mechanisms.filter(({ name }) => name === "kernel"))("$name", ({ layer }) => {
  it.scopedLive("direct reads that are all complete resume their fibers row by row", () =>
    Effect.gen(function* () {
      expect(yield* firstEnds(yield* temporaryDirectory, Effect.void)).toSatisfy((seen) => seen.some(isInRow))
    }).pipe(Effect.provide(layer))
  )
})

/** On io_uring where the disk takes its time: what it answers at once is not worth rows. */
const uring = mechanisms.filter(({ name }) => name === "io_uring" && slowDiskKinds.includes("ext4"))

describe.each(uring)("$name", ({ layer }) => {
  it.scopedLive("direct reads that are all complete resume their fibers row by row", () =>
    Effect.gen(function* () {
      const disk = yield* slowDisk("ext4")
      expect(yield* firstEnds(disk.path, disk.slow(DELAY))).toSatisfy((seen) => seen.some(isInRow))
    }).pipe(Effect.provide(layer))
  )
})
