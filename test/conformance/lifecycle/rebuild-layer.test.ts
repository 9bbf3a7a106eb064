/** Layers may come and go: nothing piles up, and one may end at any moment of its beginning. */
import { randomFillSync } from "node:crypto"
import { closeSync, openSync, readFileSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Exit, Layer, Scope } from "effect"
import { Aio, AioFile } from "effect-aio"
import { vi } from "vitest"
import { realBackends } from "../../support/backends.ts"
import { idlePipe } from "../../support/fifo.ts"
import { nextTurn } from "../../support/moments.ts"
import { descriptorCounts, residentMebibytes, settled, steady, threads } from "../../support/processState.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

/** Each Layer's threads are waited for at its end; a ring has none. */
const times = (mechanism: string): number => (mechanism === "io_uring" ? 60 : 20)
const STARTS = 15

/** What is built and ended is the same whether calls are tried on the spot or not. */
const mechanisms = realBackends.filter(({ mechanism, name }) => name === mechanism)

// Hundreds of threads start one after the other: on a slow machine that takes minutes.
vi.setConfig({ testTimeout: 240_000 })

const MEBIBYTES = 80

/** What this process holds, once what went before has let go of its own. */
const held = steady(() => ({ descriptors: descriptorCounts(), running: threads().length }))

describe.each(mechanisms)("$name", ({ layer, mechanism }) => {
  it.scopedLive(`built, used and closed ${times(mechanism)} times`, () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const path = join(directory, "file")
      const bytes = randomFillSync(Buffer.alloc(10_000))
      writeFileSync(path, bytes)
      const use = Effect.gen(function* () {
        const file = yield* AioFile.open(path)
        expect(Buffer.compare(yield* file.readExactly(10_000, { offset: 0 }), bytes)).toBe(0)
        yield* Aio.fsync(file.fd)
      })
      const once = Effect.provide(Effect.scoped(use), layer)
      yield* Effect.repeatN(once, 10)
      const { descriptors, running } = yield* held
      const memory = residentMebibytes()
      yield* Effect.repeatN(once, times(mechanism) - 1)
      expect(yield* settled(descriptorCounts, descriptors)).toEqual(descriptors)
      expect(yield* settled(() => threads().length <= running, true)).toBe(true)
      expect(residentMebibytes() - memory).toBeLessThan(MEBIBYTES)
    })
  )

  it.scopedLive(`closed while its threads are starting, ${STARTS} times`, () =>
    Effect.gen(function* () {
      const pipe = yield* idlePipe
      const directory = yield* temporaryDirectory
      const witness = join(directory, "witness")
      const written: Array<string> = []
      const { descriptors, running } = yield* held
      for (let round = 0; round < STARTS; round++) {
        const scope = yield* Scope.make()
        const aio = yield* Layer.buildWithScope(layer, scope)
        // The second has no form in io_uring: it takes that backend's pool.
        yield* Effect.forkDaemon(Effect.exit(Effect.provide(Aio.read(pipe, new Uint8Array(8)), aio)))
        yield* Effect.forkDaemon(Effect.exit(Effect.provide(Aio.statvfs("/"), aio)))
        for (let turn = 0; turn < round % 4; turn++) yield* nextTurn
        if (round % 5 === 4) yield* Effect.sleep(round % 60)
        yield* Effect.timeout(Scope.close(scope, Exit.void), "30 seconds")
        // A thread that was left behind would write its wake-up into whoever has the eventfd's number now.
        const heirs = Array.from({ length: 8 }, () => openSync(witness, "w"))
        yield* Effect.sleep(round % 10 === 0 ? 100 : 1)
        heirs.forEach((fd) => void closeSync(fd))
        written.push(readFileSync(witness, "latin1"))
      }
      expect(new Set(written)).toEqual(new Set([""]))
      expect(yield* settled(descriptorCounts, descriptors)).toEqual(descriptors)
      expect(yield* settled(() => threads().length <= running, true)).toBe(true)
    })
  )
})
