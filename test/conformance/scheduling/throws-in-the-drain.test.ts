/** Whatever is thrown where a request's end is delivered: its own fiber ends, and nothing else notices. */

import { FileSystem } from "@effect/platform"
import type { PlatformError } from "@effect/platform/Error"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Scope } from "effect"
import { Aio, AioFileSystem, AioGroup, AioOperation } from "effect-aio"
import { seenOf } from "../../../src/internal/effect/publicOperation.ts"
import { currentEngine } from "../../../src/internal/effect/service.ts"
import type { Engine } from "../../../src/internal/engine/engine.ts"
import { type Operation, operation as operationWith } from "../../../src/internal/engine/operation.ts"
import { Request } from "../../../src/internal/engine/request.ts"
import { FileSystemSequence, runSequence } from "../../../src/internal/filesystem/sequence.ts"
import * as catalogue from "../../../src/internal/operation/catalogue.ts"
import { backends } from "../../support/backends.ts"

const boom = new Error("boom")
const explode = (): never => {
  throw boom
}

/** `settled` throws, as one of ours with a mistake would. */
class Broken extends Request {
  constructor(
    operation: Operation<any>,
    private readonly told: (defect: unknown) => void
  ) {
    super(operation)
  }

  override settled(): void {
    explode()
  }

  override died(defect: unknown): void {
    this.told(defect)
  }
}

/** What follows a request throws, with a descriptor open. */
class BrokenSequence extends FileSystemSequence<void> {
  protected readonly subject = { method: "broken", of: "/" }
  opened = -1

  protected begin(): void {
    this.run(catalogue.open("/"), (fd) => {
      this.fd = fd
      this.opened = fd
      this.run(catalogue.nop(), explode)
    })
  }
}

const broken = (engine: Engine, operation: Operation<any>) =>
  Effect.async<unknown>((resume) => engine.submit(new Broken(operation, (defect) => resume(Effect.succeed(defect)))))

const diedOf = (exit: Exit.Exit<any, any>): unknown =>
  Exit.isFailure(exit) ? [...Cause.defects(exit.cause)][0] : undefined

/** The Layer in a Scope of its own, which closes: nothing is left that it would wait for. */
const closing = <E>(layer: Layer.Layer<Aio.Aio, any>, body: (engine: Engine) => Effect.Effect<void, E, Aio.Aio>) =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const context = yield* Effect.orDie(Layer.buildWithScope(layer, scope))
    yield* Effect.provide(
      Effect.flatMap(currentEngine, (engine) => body(engine)),
      context
    )
    const engine = yield* Effect.provide(currentEngine, context)
    expect(yield* Effect.provide(Aio.stats, context)).toMatchObject({ outstanding: 0, executing: 0, ready: 0, held: 0 })
    expect(engine.backends.map(({ inFlight }) => inFlight)).toEqual(engine.backends.map(() => 0))
    yield* Scope.close(scope, Exit.void)
  })

describe.each(backends)("$name", ({ layer, layerWith }) => {
  it.live("requests whose end throws, in the middle of others", () =>
    closing(layerWith({ maxOutstanding: 8 }), (engine) =>
      Effect.gen(function* () {
        const operations = [catalogue.nop(), catalogue.stat("/"), catalogue.stat("/none"), catalogue.open("/")]
        const mixed = Array.from({ length: 40 }, (_, index) => operations[index % operations.length])
        const ends = yield* Effect.forEach(
          mixed,
          (operation, index) =>
            index % 3 === 0
              ? Effect.map(broken(engine, operation), (defect) => defect === boom)
              : Effect.map(Effect.exit(Aio.nop()), Exit.isSuccess),
          { concurrency: "unbounded" }
        )
        expect(ends).toEqual(mixed.map(() => true))
        // One that is given up, too.
        const waiting = new Broken(catalogue.nop(), () => {})
        engine.submit(waiting)
        engine.cancel(waiting)
        yield* Aio.nop()
      })
    )
  )

  it.live("a decoder that throws is a defect of its fiber, alone, in a batch, and in a group", () =>
    closing(layer, (engine) =>
      Effect.gen(function* () {
        const operation = seenOf(operationWith<never>({ ...catalogue.nop().entry, decode: explode }, {}))
        expect(diedOf(yield* Effect.exit(AioOperation.submit(operation)))).toBe(boom)
        const [first, second] = yield* AioOperation.submitAll([operation, AioOperation.nop()], { mode: "exits" })
        expect([diedOf(first), Exit.isSuccess(second)]).toEqual([boom, true])
        const told = yield* Effect.exit(
          Effect.scoped(
            Effect.flatMap(AioGroup.make(), (group) =>
              group.feed([AioOperation.nop(), AioOperation.nop()], { onExit: explode })
            )
          )
        )
        expect(diedOf(told)).toBe(boom)
        expect(engine.outstanding).toBe(0)
      })
    )
  )

  it.live("what follows a request of a sequence throws: a defect, and the descriptor is closed", () =>
    closing(layer, (engine) =>
      Effect.gen(function* () {
        const sequence = new BrokenSequence(engine)
        expect(diedOf(yield* Effect.exit(runSequence(() => sequence)))).toBe(boom)
        expect(sequence.opened).toBeGreaterThanOrEqual(0)
        // The lowest free number is given again.
        const fd = yield* Aio.open("/")
        yield* Aio.close(fd)
        expect(fd).toBeLessThanOrEqual(sequence.opened)
      })
    )
  )

  it.live("FileSystem, given a path of bytes that fails: its typed error", () =>
    closing(layer, () =>
      Effect.gen(function* () {
        const fs = yield* FileSystem.FileSystem
        const path = Buffer.from("/none/at all") as never
        const calls: Record<string, Effect.Effect<unknown, PlatformError>> = {
          access: fs.access(path),
          stat: fs.stat(path),
          readFile: fs.readFile(path),
          readFileString: fs.readFileString(path),
          writeFile: fs.writeFile(path, new Uint8Array(1)),
          writeFileString: fs.writeFileString(path, "a"),
          readDirectory: fs.readDirectory(path),
          readDirectoryRecursive: fs.readDirectory(path, { recursive: true }),
          realPath: fs.realPath(path),
          readLink: fs.readLink(path),
          open: Effect.scoped(fs.open(path)),
          chmod: fs.chmod(path, 0o600),
          chown: fs.chown(path, 0, 0),
          truncate: fs.truncate(path),
          utimes: fs.utimes(path, 1, 1),
          link: fs.link(path, path),
          symlink: fs.symlink(path, path),
          rename: fs.rename(path, path),
          copyFile: fs.copyFile(path, path),
          makeDirectory: fs.makeDirectory(path),
          remove: fs.remove(path),
          removeRecursive: fs.remove(path, { recursive: true })
        }
        for (const [name, call] of Object.entries(calls)) {
          const error = yield* Effect.flip(call)
          if (error._tag !== "SystemError") throw error
          expect([name, error.reason, typeof error.pathOrDescriptor]).toEqual([name, "NotFound", "string"])
        }
        // It takes paths apart, and so does Node's, which takes text only.
        expect(yield* Effect.flip(fs.copy(path, path))).toMatchObject({ _tag: "BadArgument", method: "copy" })
      }).pipe(Effect.provide(AioFileSystem.layer))
    )
  )
})
