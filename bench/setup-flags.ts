/**
 * Which flags the ring is set up with: `npx tsx bench/setup-flags.ts`, after a build.
 *
 * The engine's own callbacks, nothing tried inline, so that every read goes through the ring. DEFER_TASKRUN is not among them: the
 * ring's own descriptor does not become readable with it.
 */

import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import { AioBuffer, AioFile, IoUring } from "effect-aio"
import { defaultLimits, IORING_SETUP } from "./built.ts"
import { makeFixtures, PAGE } from "./fixtures.ts"
import { compare, type Side, side } from "./measure.ts"
import { comparisonText } from "./report.ts"
import { engineWith, pageBuffers, pageReads, straight } from "./straight.ts"

const { CLAMP, COOP_TASKRUN, SINGLE_ISSUER, SUBMIT_ALL, TASKRUN_FLAG } = IORING_SETUP

const candidates: ReadonlyArray<readonly [name: string, flags: number]> = [
  ["COOP_TASKRUN | TASKRUN_FLAG", COOP_TASKRUN | TASKRUN_FLAG],
  ["none", 0],
  ["COOP_TASKRUN", COOP_TASKRUN],
  ["SINGLE_ISSUER", SINGLE_ISSUER],
  ["SINGLE_ISSUER | COOP_TASKRUN | TASKRUN_FLAG", SINGLE_ISSUER | COOP_TASKRUN | TASKRUN_FLAG]
]

const limits = { ...defaultLimits(), inlineRequests: 0 }

const reads = (name: string, flags: number, path: string, direct: boolean, depth: number): Side =>
  side(
    name,
    PAGE,
    Effect.gen(function* () {
      const engine = yield* engineWith(CLAMP | SUBMIT_ALL | flags, limits)
      const file = yield* Effect.provide(AioFile.open(path, { direct }), IoUring.layer())
      const operation = pageReads(file, pageBuffers(depth, AioBuffer.aligned))
      return (requests: number) => straight(engine, depth, requests, operation)
    })
  )

const program = Effect.gen(function* () {
  const fixtures = yield* makeFixtures({ smallFiles: 0, bigFile: 0 })
  const cases = [
    { kind: "cached", path: yield* fixtures.cachedFile, direct: false, depth: 1 },
    { kind: "cached", path: yield* fixtures.cachedFile, direct: false, depth: 64 },
    { kind: "O_DIRECT", path: yield* fixtures.directFile, direct: true, depth: 1 },
    { kind: "O_DIRECT", path: yield* fixtures.directFile, direct: true, depth: 256 }
  ]
  for (const { depth, direct, kind, path } of cases) {
    const result = yield* compare(
      {
        name: "setup-flags",
        title: `${kind} reads of 4 KiB, depth ${depth}`,
        unit: "reads",
        sides: candidates.map(([name, flags]) => reads(name, flags, path, direct, depth))
      },
      { rounds: 7, interval: 0.25 }
    )
    yield* Console.log(comparisonText(result))
  }
})

NodeRuntime.runMain(Effect.scoped(program))
