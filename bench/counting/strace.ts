/**
 * System calls of this process, counted by strace(1). It slows each of them down by 10 to 50 microseconds: what it watches is never what is
 * timed.
 */
import { spawn, spawnSync } from "node:child_process"
import * as Effect from "effect/Effect"
import koffi from "koffi"

/** How often each was called. */
export type Calls = Readonly<Record<string, number>>

/** Its version, or `undefined` where it is not installed. */
export const installed: string | undefined = (() => {
  const { error, status, stdout } = spawnSync("strace", ["--version"], { encoding: "utf8" })
  return error === undefined && status === 0 ? stdout.split("\n", 1)[0] : undefined
})()

/**
 * What `strace -c` has printed, without its line of totals: "% time, seconds, usecs/call, calls, errors, syscall", where a call that never failed
 * has nothing under "errors".
 */
export const parseSummary = (text: string): Calls => {
  const calls: Record<string, number> = {}
  for (const line of text.split("\n")) {
    const found = /^\s*[\d.]+\s+[\d.]+\s+\d+\s+(\d+)(?:\s+\d+)?\s+([a-z]\w*)$/.exec(line.trimEnd())
    if (found !== null && found[2] !== "total") calls[found[2]] = Number(found[1])
  }
  return calls
}

const PR_SET_PTRACER = 0x59616d61

/** Where Yama lets parents only trace their children (ptrace_scope 1), the child that is about to do it is allowed to. Elsewhere it is an error. */
const allow: (pid: number) => void = (() => {
  const prctl = koffi.load(null).func("int prctl(int, unsigned long, unsigned long, unsigned long, unsigned long)")
  return (pid) => void prctl(PR_SET_PTRACER, pid, 0, 0, 0)
})()

/** Without those of another summary. */
export const without = (calls: Calls, others: Calls): Calls =>
  Object.fromEntries(
    Object.entries(calls)
      .map(([name, count]): [string, number] => [name, count - (others[name] ?? 0)])
      .filter(([, count]) => count > 0)
  )

/**
 * The calls of all threads of this process while the effect runs, and the few that come with watching. Threads of the kernel that work for a ring make no system calls.
 */
const watched = <E>(effect: Effect.Effect<unknown, E>): Effect.Effect<Calls, E | string> =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      // With a shell in between, since the process has to be allowed before it begins.
      const child = spawn("sh", ["-c", 'read go; exec strace -c -f -p "$1"', "sh", String(process.pid)], {
        stdio: ["pipe", "ignore", "pipe"]
      })
      let text = ""
      let told = (): void => {}
      child.stderr.setEncoding("utf8").on("data", (piece: string) => {
        text += piece
        told()
      })
      const ended = new Promise<void>((resolve) => child.on("close", () => resolve()))
      const attached = new Promise<boolean>((resolve) => {
        // It says so once all threads are attached, and later of each new thread.
        told = () => {
          if (/ attached( with \d+ threads)?\n/.test(text)) resolve(true)
        }
        void ended.then(() => resolve(false))
      })
      allow(child.pid!)
      child.stdin.end("\n")
      return { child, ended, attached, text: () => text }
    }),
    ({ attached, child, ended, text }) =>
      Effect.gen(function* () {
        if (!(yield* Effect.promise(() => attached))) return yield* Effect.fail(text().trim())
        yield* effect
        child.kill("SIGINT")
        yield* Effect.promise(() => ended)
        return parseSummary(text())
      }),
    ({ child, ended }) =>
      Effect.promise(() => {
        child.kill("SIGINT")
        return ended
      })
  )

let nothing: Calls | undefined

/** The calls of all threads of this process while the effect runs. Fails with what strace said where it may not watch. */
export const traced = <E>(effect: Effect.Effect<unknown, E>): Effect.Effect<Calls, E | string> =>
  Effect.gen(function* () {
    nothing ??= yield* watched(Effect.void)
    return without(yield* watched(effect), nothing)
  })
