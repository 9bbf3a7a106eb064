/** The process of million.ts: `millionProcess.ts FILE ROUNDS`, figures to the parent. */

import * as Effect from "effect/Effect"
import { Aio, AioFile, AioOperation, IoUring } from "effect-aio"
import { type Engine, engineOf } from "../built.ts"
import { report } from "../child.ts"
import { PAGE } from "../fixtures.ts"
import { type Figure, median } from "../measure.ts"
import { bytesHeld, collectGarbage } from "../memory.ts"
import { allAtOnce, pageBuffers, pageReads } from "../straight.ts"

const MILLION = 1_000_000
const THOUSAND = 1_000

type Operations = (index: number) => AioOperation.AioOperation<unknown>

/** Nanoseconds a request, a million requests in all, so many of them at once. */
const time = async (engine: Engine, operation: Operations, atOnce: number): Promise<number> => {
  collectGarbage()
  const start = performance.now()
  for (let done = 0; done < MILLION; done += atOnce) await allAtOnce(engine, atOnce, operation)
  return performance.now() - start
}

/** Bytes held for each of a million requests that are submitted and have not ended. */
const memory = async (engine: Engine, operation: Operations): Promise<number> => {
  let during = 0
  const before = bytesHeld()
  await allAtOnce(engine, MILLION, operation, () => {
    during = bytesHeld()
  })
  return (during - before) / MILLION
}

const figures = async (
  engine: Engine,
  name: string,
  operation: Operations,
  rounds: number
): Promise<ReadonlyArray<Figure>> => {
  const bytes = await memory(engine, operation)
  await time(engine, operation, THOUSAND)
  const thousand: Array<number> = []
  const million: Array<number> = []
  for (let round = 0; round < rounds; round++) {
    thousand.push(await time(engine, operation, THOUSAND))
    million.push(await time(engine, operation, MILLION))
  }
  return [
    { name: `${name}, memory`, unit: "bytes a request", value: bytes },
    { name: `${name}, a thousand at once`, unit: "ns a request", value: median(thousand) },
    { name: `${name}, a million at once`, unit: "ns a request", value: median(million) },
    {
      name: `${name}, million to thousand`,
      unit: "times",
      value: median(million.map((time, round) => time / thousand[round]))
    }
  ]
}

const [path, rounds] = process.argv.slice(2)

const program = Effect.gen(function* () {
  // Nothing is finished on the spot: all of them have to be outstanding.
  const service = yield* IoUring.make({ inline: false })
  const engine = engineOf(service)
  const file = yield* Effect.provideService(AioFile.open(path), Aio.Aio, service)
  // One operation value, one buffer for all: what remains is the engine's own.
  const nop = AioOperation.nop()
  const read = pageReads(
    file,
    pageBuffers(1, (length) => new Uint8Array(length))
  )(PAGE)
  return yield* Effect.promise(async () => [
    ...(await figures(engine, "nop", () => nop, Number(rounds))),
    ...(await figures(engine, "read", () => read, Number(rounds)))
  ])
})

report(await Effect.runPromise(Effect.scoped(program)))
