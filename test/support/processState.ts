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

/** What `value` gives when it has given the same so many times, one look after the other: time alone passes also for who stands still. */
export const steady = <A>(value: () => A, looks = 60): Effect.Effect<A> =>
  Effect.gen(function* () {
    let last = value()
    for (let same = 0; same < looks; same++) {
      yield* Effect.sleep(5)
      const now = value()
      if (JSON.stringify(now) !== JSON.stringify(last)) same = 0
      last = now
    }
    return last
  })

/**
 * Waits until `value` gives `expected`, at most `milliseconds`; what it gave at last. What does not come at all may take long to be
 * seen: a machine that stands still for a while is no reason.
 */
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
