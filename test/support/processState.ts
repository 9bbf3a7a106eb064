/** What this process holds: descriptors, threads, memory. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs"
import { Effect } from "effect"

/** Open descriptors with what they stand for, as `/proc/self/fd` shows them. */
export const descriptors = (): ReadonlyMap<number, string> => {
  const found = new Map<number, string>()
  for (const name of readdirSync("/proc/self/fd")) {
    try {
      const target = readlinkSync(`/proc/self/fd/${name}`)
      // The listing's own descriptor shows itself.
      if (!/^\/proc\/\d+\/fd$/.test(target)) found.set(Number(name), target)
    } catch {
      // Closed since the listing.
    }
  }
  return found
}

/** Descriptors by what they stand for, counted. Numbers of pipes and sockets are left out: Node makes its own. */
export const descriptorCounts = (): Record<string, number> => {
  const counts: Record<string, number> = {}
  for (const target of descriptors().values()) {
    const kind = target.replace(/^(pipe|socket):\[\d+\]$/, "$1")
    counts[kind] = (counts[kind] ?? 0) + 1
  }
  return counts
}

/** How many descriptors stand for something in `directory`. */
export const descriptorsIn = (directory: string): number =>
  [...descriptors().values()].filter((target) => target.startsWith(`${directory}/`)).length

/** Threads of this process by number, but for the kernel's own workers, which outlive their work by seconds. */
export const threads = (): ReadonlyArray<string> => {
  const tids: Array<string> = []
  for (const tid of readdirSync("/proc/self/task")) {
    try {
      const name = readFileSync(`/proc/self/task/${tid}/comm`, "utf8").trim()
      if (!/^iou-(wrk|sqp)/.test(name)) tids.push(tid)
    } catch {
      // Ended since the listing.
    }
  }
  return tids
}

/** Resident memory in MiB, after a full collection. */
export const residentMebibytes = (): number => {
  globalThis.gc!()
  return process.memoryUsage.rss() / 2 ** 20
}

/** Waits until `value` gives `expected`, at most `milliseconds`; what it gave at last. A machine may stand still for seconds. */
export const settled = <A>(value: () => A, expected: A, milliseconds = 20_000): Effect.Effect<A> =>
  Effect.gen(function* () {
    const wanted = JSON.stringify(expected)
    const end = performance.now() + milliseconds
    for (;;) {
      const now = value()
      if (JSON.stringify(now) === wanted || performance.now() > end) return now
      yield* Effect.sleep(5)
    }
  })
