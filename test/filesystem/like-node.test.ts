/** Random sequences of calls give the same results, the same failures and the same trees as with NodeFileSystem. */
import * as fs from "node:fs"
import { join } from "node:path"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { describe, expect, it } from "@effect/vitest"
import { Effect, FastCheck, Layer } from "effect"
import { AioFileSystem } from "effect-aio"
import { realBackends as backends } from "../support/backends.ts"
import { seed } from "../support/random.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"
import { call } from "./calls.ts"
import { play } from "./visible.ts"

/** Node's fs.cp asks for source and destination at once: of two that are wrong, chance decides which one it complains of. */
const withoutRace = <A extends { readonly seen: ReadonlyArray<unknown> }>(played: A) => ({
  ...played,
  seen: played.seen.map((step) => {
    const [name, outcome] = step as readonly [string, { readonly reason?: string }]
    const either = name.startsWith('["copy",') && ["NotFound", "BadResource"].includes(outcome?.reason ?? "")
    return either ? [name, { ...outcome, reason: "NotFound or BadResource" }] : step
  })
})

describe.each(backends)("$name", ({ layer }) => {
  it.scopedLive(
    `random calls (SEED=${seed})`,
    () =>
      Effect.gen(function* () {
        const ours = yield* Layer.build(Layer.provide(AioFileSystem.layer, layer))
        const theirs = yield* Layer.build(NodeFileSystem.layer)
        const directory = yield* temporaryDirectory
        let played = 0
        yield* Effect.promise(() =>
          FastCheck.assert(
            FastCheck.asyncProperty(FastCheck.array(call, { minLength: 5, maxLength: 25 }), async (calls) => {
              const roots = [join(directory, `${played}-x`), join(directory, `${played}-y`)]
              played++
              for (const root of roots) fs.mkdirSync(root)
              const expected = await Effect.runPromise(Effect.provide(play(calls, roots[0]), theirs))
              const actual = await Effect.runPromise(Effect.provide(play(calls, roots[1]), ours))
              for (const root of roots) fs.rmSync(root, { recursive: true })
              expect(withoutRace(actual)).toEqual(withoutRace(expected))
            }),
            { seed, numRuns: Number(process.env.RUNS ?? 60), endOnFailure: process.env.SHRINK === undefined }
          )
        )
      }),
    120_000
  )
})
