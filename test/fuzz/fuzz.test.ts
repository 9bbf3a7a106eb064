/**
 * The whole public API, called with values of all kinds on every backend, each in a process of its own: none ends by a signal, nothing is
 * thrown that nobody catches, nothing hangs, nothing ends in a way that is not documented or fails with what its type does not say, and no
 * call touches what it was not told.
 *
 * `SEED=... CALLS=... npx vitest run test/fuzz` runs others, or more of them. What is wrong is printed with its call.
 */
import { execFileSync } from "node:child_process"
import { mkdtempSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { isRoot, runFixture } from "../fixtures/child.ts"
import { backends } from "../support/backends.ts"
import { declaredFailures } from "./declared.ts"
import type { Report } from "./program.ts"

/** The same for every run that is not told otherwise: what fails fails for everybody. */
const SEED = Number(process.env.SEED ?? 20_261_126)
const CALLS = Number(process.env.CALLS ?? 10_000)

/** A process that says nothing for so long stands still. */
const SILENCE = 100_000

/** A small file system of its own, and nothing else that could be written to: mount_namespaces(7). */
const CONFINED = 'mount -t tmpfs -o size=64m,mode=700 fuzz "$0" && mount -o remount,bind,ro / && exec "$@"'

const confinement = (directory: string): ReadonlyArray<string> => [
  "unshare",
  "--mount",
  "--propagation",
  "private",
  "sh",
  "-c",
  CONFINED,
  directory
]

const canConfine = (directory: string): boolean => {
  if (!isRoot) return false
  const [command, ...args] = [...confinement(directory), "true"]
  try {
    execFileSync(command, args, { stdio: "ignore" })
    return true
  } catch {
    return false
  }
}

/** What types say of failures: what fails with anything else is found. */
const declared = JSON.stringify(declaredFailures())

const mechanisms = [...new Set(backends.map(({ mechanism }) => mechanism))]

const run = async (backend: string): Promise<Report> => {
  const directory = mkdtempSync(join(tmpdir(), "effect-aio-fuzz-"))
  let silence: NodeJS.Timeout | undefined
  try {
    const { code, signal, stderr, stdout } = await runFixture("../fuzz/program.ts", {
      args: [backend, String(SEED), String(CALLS), directory],
      env: { TMPDIR: join(directory, "tmp"), DECLARED: declared },
      // Files of a few MiB, wherever they are.
      under: [...(canConfine(directory) ? confinement(directory) : []), "prlimit", "--fsize=4194304", "--core=0"],
      timeout: 2 ** 31 - 1,
      onOutput: (_, { kill }) => {
        clearTimeout(silence)
        silence = setTimeout(() => kill("SIGKILL"), SILENCE)
      }
    })
    const lines = stdout.trimEnd().split("\n")
    const last = lines[lines.length - 1]
    if (signal !== null || code !== 0 || !last.startsWith("{")) {
      const found = lines.filter((line) => line.startsWith("FOUND"))
      throw new Error(
        [`SEED=${SEED}: ended with ${signal ?? code}; the last calls:`, ...lines.slice(-60), ...found, stderr].join(
          "\n"
        )
      )
    }
    return JSON.parse(last)
  } finally {
    clearTimeout(silence)
    rmSync(directory, { recursive: true, force: true })
  }
}

describe("any values", () => {
  it.concurrent.each(mechanisms)(
    `%s: ${CALLS} calls (SEED=${SEED})`,
    async (backend) => {
      const { calls, findings, succeeded, uncalled } = await run(backend)
      console.log(`${backend}: ${calls} calls, ${succeeded} of them with success (SEED=${SEED})`)
      const found = findings.map(({ call, kind, times }) => `${kind} (${times} times): ${call}`)
      // In the message, which is all that a reader of a long log sees.
      expect(found, found.join("; ")).toEqual([])
      expect(calls).toBeGreaterThanOrEqual(CALLS)
      // Chance has to have had its chances.
      if (CALLS >= 10_000) expect(uncalled).toEqual([])
    },
    1_800_000
  )
})
