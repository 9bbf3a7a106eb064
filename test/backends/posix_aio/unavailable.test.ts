/** Where POSIX AIO cannot be had, or refuses: an error that says why, or the pool. */
import { openSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import { describe, expect, it } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { Aio } from "effect-aio"
import { PosixAioBackend } from "effect-aio/internal/backend/posix_aio/backend"
import { Notification } from "effect-aio/internal/backend/posix_aio/notification"
import { ThreadsBackend } from "effect-aio/internal/backend/threads/backend"
import { limitsFrom, makeService } from "effect-aio/internal/effect/layer"
import { ControlBlocks } from "effect-aio/internal/native/posixAio"
import * as PosixAio from "effect-aio/PosixAio"
import { runFixture } from "../../fixtures/child.ts"
import { runWithFailing } from "../../fixtures/strace.ts"
import { temporaryDirectory } from "../../support/temporaryDirectory.ts"

const program = "../backends/posix_aio/fixtures/build.ts"
const parse = (stdout: string) => JSON.parse(stdout.trim().split("\n").at(-1)!)

describe("a Layer that cannot be built says why", () => {
  it("it can be built here", async () => {
    expect(parse((await runFixture(program)).stdout)).toEqual({ ok: 4 })
  })

  it("a C library without these functions", async () => {
    const preload = [fileURLToPath(new URL("fixtures/otherLibc.mjs", import.meta.url))]
    const { code, stdout } = await runFixture(program, { preload })
    const found = parse(stdout)
    expect(found).toMatchObject({ tag: "AioUnavailable", backend: "posix", errno: 38 })
    expect(found.reason).toContain("not glibc")
    expect(found.remedy).toContain("AIO_BACKEND=threads")
    expect(code).toBe(0)
  })

  it("no descriptors left", async () => {
    const { stdout } = await runWithFailing(["memfd_create:error=EMFILE"], program)
    expect(parse(stdout)).toMatchObject({ tag: "AioUnavailable", backend: "posix", errno: 24 })
  })

  it.effect("options that are no counts", () =>
    Effect.gen(function* () {
      for (const options of [{ threads: 0 }, { requests: 1.5 }, { maxOutstanding: -1 }]) {
        const error = yield* Effect.flip(Effect.scoped(Layer.build(PosixAio.layer(options))))
        expect(error.reason).toContain(Object.keys(options)[0])
      }
    })
  )
})

/** Every third request is not taken by glibc. */
class Refusing extends ControlBlocks {
  private readonly refused = new Set<number>()
  private asked = 0
  refusals = 0

  private isNext(): boolean {
    const refuses = this.asked++ % 3 === 1
    if (refuses) this.refusals++
    return refuses
  }

  override startTransfer(slot: number): number {
    return this.isNext() ? -11 : super.startTransfer(slot)
  }

  override start(slots: ReadonlyArray<number>): boolean {
    this.refused.clear()
    for (const slot of slots) if (this.isNext()) this.refused.add(slot)
    super.start(slots.filter((slot) => !this.refused.has(slot)))
    return this.refused.size === 0
  }

  override isRefused(slot: number): boolean {
    const answer = super.isRefused(slot)
    // The real one has to see it in the block, which nobody has touched.
    if (answer !== this.refused.has(slot)) throw new Error(`slot ${slot}: ${answer}`)
    return answer
  }

  override startSync(slot: number, flag: number): boolean {
    return this.isNext() ? false : super.startSync(slot, flag)
  }
}

it.scopedLive("requests that glibc does not take run in the pool, the others as ever", () =>
  Effect.gen(function* () {
    const path = join(yield* temporaryDirectory, "file")
    writeFileSync(path, new Uint8Array(8192).fill(7))
    const fd = openSync(path, "r+")
    const blocks = new Refusing(64)
    const aio = yield* makeService(
      "posix",
      () => ({ limits: limitsFrom({ inline: false }) }),
      (host) => [new PosixAioBackend(blocks, new Notification(host), host), new ThreadsBackend(host)]
    )
    const buffers = Array.from({ length: 200 }, () => new Uint8Array(64))
    const results = yield* Effect.forEach(
      buffers,
      (buffer, i) => (i % 10 === 9 ? Effect.as(Aio.fsync(fd), 64) : Aio.read(fd, buffer, { offset: i })),
      { concurrency: 20 }
    ).pipe(Effect.provideService(Aio.Aio, aio))
    expect(results).toEqual(buffers.map(() => 64))
    expect(buffers.filter((buffer) => buffer.every((byte) => byte === 7)).length).toBe(180)
    expect(blocks.refusals).toBeGreaterThan(50)
  })
)
