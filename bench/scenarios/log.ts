/** Records that are on the disk when they are acknowledged, of many fibers at once. */
import { constants } from "node:fs"
import * as fs from "node:fs/promises"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import { type Aio, AioFile, AioLog } from "effect-aio"
import { fibers, promises } from "../loops.ts"
import { type Comparison, type Side, side } from "../measure.ts"
import type { Settings } from "../settings.ts"
import { layerOf } from "../sides/aio.ts"

const FIBERS = 64
const RECORD = new Uint8Array(200).fill(0x78)

const recordLength = (): number => RECORD.length

/** Each side appends to a file of its own. */
export const log = ({ backends, fixtures }: Settings): Effect.Effect<Comparison> =>
  Effect.sync(() => {
    const { directory } = fixtures
    const [backend] = backends
    const appending = <E>(
      name: string,
      open: (path: string) => Effect.Effect<Effect.Effect<unknown, unknown>, E, Aio.Aio | Scope.Scope>
    ): Side =>
      side(
        name,
        RECORD.length,
        Effect.flatMap(Layer.build(layerOf(backend)), (context) =>
          Effect.map(Effect.provide(open(join(directory, name)), context), (append) => (requests: number) => {
            const one = () => append
            return fibers(FIBERS, requests, one, recordLength)
          })
        )
      )
    const toFile = (name: string, append: (file: AioFile.AioFile) => Effect.Effect<unknown, unknown>): Side =>
      appending(name, (path) => Effect.map(AioFile.open(path, { flag: "a" }), append))
    const own = (file: AioFile.AioFile) => file.write(RECORD, { dataSync: true })
    const merged = (file: AioFile.AioFile) => Effect.zipRight(file.write(RECORD), file.datasync)
    return {
      name: "log",
      title: `${FIBERS} fibers append ${RECORD.length} bytes each, and go on when they are on the disk`,
      unit: "records",
      stretch: 2,
      sides: [
        appending("AioLog", (path) => Effect.map(AioLog.open(path), (log) => log.append(RECORD))),
        toFile("a datasync each", own),
        toFile("write, then datasync", merged),
        side(
          "fs.promises write, then datasync",
          RECORD.length,
          Effect.map(
            Effect.acquireRelease(
              Effect.promise(() => fs.open(join(directory, "fs.promises"), constants.O_CREAT | constants.O_APPEND | 1)),
              (handle) => Effect.promise(() => handle.close())
            ),
            (handle) => (requests: number) => {
              const append = async () => {
                await handle.write(RECORD)
                await handle.datasync()
              }
              return promises(FIBERS, requests, append, recordLength)
            }
          )
        )
      ]
    }
  })
