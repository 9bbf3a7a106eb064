/**
 * Random programs of operations on small files, run through a backend and, step by step, by the operating system itself: every result
 * is the same, bytes and error codes, and so is what is there at the end.
 *
 * A failing program is shrunk and printed with its seed: `SEED=... npx vitest run test/conformance/operations/programs.property.test.ts` runs it
 * again, `PROGRAMS=...` sets how many there are for each backend.
 */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { inspect, isDeepStrictEqual } from "node:util"
import { describe, it } from "@effect/vitest"
import { Cause, Effect, Exit, ManagedRuntime } from "effect"
import * as fc from "effect/FastCheck"
import type { Aio } from "effect-aio"
import { backends, type TestBackend } from "../../support/backends.ts"
import { seed } from "../../support/random.ts"
import { nodeWorld, type World } from "../../support/world.ts"
import { anyCommand, type Command, type Kind, kinds, particularModes, type Side } from "./programs/commands.ts"

/** For each backend: half of them with the try on the spot, half without, and not the same ones. */
const PROGRAMS = Math.ceil(Number(process.env.PROGRAMS ?? 200) / 2)
const STEPS = 40

const kindOf = (command: Command): Kind<unknown> => kinds[command.command] as unknown as Kind<unknown>

/** A result as both sides give it: what there was, or the name of the error. */
type Result = { readonly value: unknown } | { readonly code: string | undefined }

const runOurs = (command: Command, side: Side): Effect.Effect<Result, never, Aio.Aio> =>
  Effect.match(kindOf(command).ours(command.input, side), {
    onFailure: (error): Result => ({ code: error.code ?? error._tag }),
    onSuccess: (value): Result => ({ value })
  })

const runTheirs = (command: Command, side: Side): Result => {
  try {
    return { value: kindOf(command).theirs(command.input, side) }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    // A mistake of this test is none of the operating system's answers.
    if (code === undefined || code.startsWith("ERR_")) throw error
    return { code }
  }
}

/** Everything below a directory: types, modes, links, bytes. */
const tree = (world: World, path: string): Effect.Effect<unknown, never, Aio.Aio> =>
  Effect.gen(function* () {
    const { mode, nlink, target, type } = yield* world.facts(path)
    if (type === "File") return { mode, nlink, bytes: yield* world.readFile(path) }
    if (type !== "Directory") return { type, target }
    const below: Record<string, unknown> = {}
    for (const name of yield* world.list(path)) below[name] = yield* tree(world, join(path, name))
    return { mode, nlink, below }
  })

const show = (value: unknown): string => inspect(value, { depth: 10, breakLength: 120, maxArrayLength: 20 })

const differ = (what: string, command: Command | undefined, ours: unknown, theirs: unknown): Effect.Effect<never> =>
  Effect.die(
    new Error(
      `${what}${command === undefined ? "" : ` ${command.command} ${show(command.input)}`}\n  ours:   ${show(ours)}\n  theirs: ${show(theirs)}`
    )
  )

const START = Buffer.from(Array.from({ length: 5000 }, (_, i) => i % 251))

/** Both sides start with two files, a directory and three descriptors. */
const prologue: ReadonlyArray<Command> = [
  { command: "mkdir", input: { name: "d", mode: 0o755 } },
  { command: "open", input: { place: 0, name: "a", flag: "r+", mode: 0o644 } },
  { command: "open", input: { place: 1, name: "b", flag: "w+", mode: 0o644 } },
  { command: "open", input: { place: 2, name: "a", flag: "r+", mode: 0o644 } }
]

const sideIn = (directory: string): Side => ({
  at: (name) => `${directory}/${name}`,
  fds: [undefined, undefined, undefined]
})

const run = (program: ReadonlyArray<Command>, world: World, directory: string): Effect.Effect<void, never, Aio.Aio> =>
  Effect.gen(function* () {
    const here = yield* world.directory
    yield* world.writeFile(join(here, "a"), START)
    writeFileSync(join(directory, "a"), START)
    const [us, them] = [sideIn(here), sideIn(directory)]
    // Whatever comes of it, descriptors do not pile up.
    const epilogue = [0, 1, 2].map((place): Command => ({ command: "close", input: { place } }))
    const step = (command: Command, index: number) =>
      Effect.gen(function* () {
        const theirs = runTheirs(command, them)
        const ours = yield* runOurs(command, us)
        if (!isDeepStrictEqual(ours, theirs)) yield* differ(`step ${index - prologue.length}`, command, ours, theirs)
      })
    yield* Effect.ensuring(
      Effect.forEach([...prologue, ...program], step, { discard: true }),
      Effect.forEach(epilogue, (command) =>
        Effect.zip(
          Effect.sync(() => runTheirs(command, them)),
          runOurs(command, us)
        )
      )
    )
    const [ours, theirs] = [yield* tree(world, here), yield* tree(nodeWorld, directory)]
    if (!isDeepStrictEqual(ours, theirs)) yield* differ("at the end", undefined, ours, theirs)
  }).pipe(Effect.scoped)

/** Mechanisms of the operating system share its file system; what has one of its own does not know of that one's blocks. */
const allowed =
  ({ real }: TestBackend) =>
  ({ command, input }: Command): boolean =>
    real || command !== "fallocate" || !particularModes.includes(input.mode)

describe.each(backends)("$name: random programs", (backend) => {
  const { layer, mechanism, name, world } = backend

  it(`${PROGRAMS} of them do what the operating system does (SEED=${seed})`, async () => {
    const runtime = ManagedRuntime.make(layer)
    const root = mkdtempSync(join(tmpdir(), "effect-aio-"))
    let made = 0
    const property = fc.asyncProperty(
      fc.array(anyCommand(allowed(backend)), { maxLength: STEPS, size: "max" }),
      async (program) => {
        const directory = mkdtempSync(join(root, `${made++}-`))
        const exit = await runtime.runPromiseExit(Effect.timeout(run(program, world, directory), "45 seconds"))
        rmSync(directory, { recursive: true })
        if (Exit.isFailure(exit)) throw Cause.squash(exit.cause)
      }
    )
    try {
      await fc.assert(property, {
        numRuns: PROGRAMS,
        seed: name === mechanism ? seed : ~seed,
        endOnFailure: false,
        reporter: (details) => {
          if (!details.failed) return
          const [program] = details.counterexample ?? [[]]
          const steps = program.map(({ command, input }, index) => `  ${index} ${command} ${show(input)}`)
          throw new Error(
            `SEED=${seed}, after ${details.numRuns} programs and ${details.numShrinks} steps of shrinking:\n${steps.join("\n")}\n${String(details.errorInstance)}`
          )
        }
      })
    } finally {
      await runtime.dispose()
      rmSync(root, { recursive: true, force: true })
    }
  }, 600_000)
})
