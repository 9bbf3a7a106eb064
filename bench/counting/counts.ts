/** What a request costs that no clock tells: the same on a fast machine and on a slow one, on an idle one and on a busy one, or nearly. */
import { readFileSync } from "node:fs"
import * as Effect from "effect/Effect"
import type { Run } from "../measure.ts"
import { type Calls, traced } from "./strace.ts"

export interface Counts {
  /** By strace, which sees all calls; where it cannot be had, by /proc and getrusage(2), which tell less. */
  readonly by: "strace" | "/proc"
  /** System calls that do the work: without those that have a count of their own. Of /proc: those that read or write, wake-ups among them. */
  readonly systemCalls: number
  /** Calls that hand over requests, as many as there are: io_uring_enter(2), io_submit(2). Not of /proc. */
  readonly submissions?: number
  /**
   * Calls that wake somebody up, or that end a wait: futex(2), signals, and read(2) and write(2) of eventfds, since files are read at offsets.
   * Not of /proc.
   */
  readonly wakeUps?: number
  /** Calls of epoll_wait(2), which is how often the event loop asked or waited. Not of /proc. */
  readonly epollWaits?: number
  /** Calls that get or give back memory, and that start and end threads: of V8, malloc(3) and glibc's AIO, unless something is wrong. Not of /proc. */
  readonly housekeeping?: number
  /** Voluntary context switches: how often a thread had to wait. Of a run that nobody watches. */
  readonly switches: number
  /** Each system call that is made once in a hundred requests or more. Not of /proc. */
  readonly calls?: Calls
}

/** What is counted by itself, and why calls of that name are made. All others do the work. */
const NAMES = {
  submissions: ["io_uring_enter", "io_submit"],
  wakeUps: ["futex", "read", "write", "tgkill", "rt_sigreturn"],
  epollWaits: ["epoll_wait", "epoll_pwait", "epoll_pwait2"],
  housekeeping: [
    ...["brk", "madvise", "mmap", "mprotect", "mremap", "munmap", "membarrier"],
    ...["clone", "clone3", "exit", "rseq", "rt_sigprocmask", "sched_setscheduler", "set_robust_list"]
  ]
} satisfies Partial<Record<keyof Counts, ReadonlyArray<string>>>

const kindByName: ReadonlyMap<string, keyof typeof NAMES> = new Map(
  (Object.keys(NAMES) as Array<keyof typeof NAMES>).flatMap((kind) => NAMES[kind].map((name) => [name, kind] as const))
)

/** Under which count a system call of this name is. */
export const kindOf = (name: string): keyof typeof NAMES | "systemCalls" => kindByName.get(name) ?? "systemCalls"

/** A call that strace has interrupted begins again: nobody made it. */
const NOBODYS = "restart_syscall"

const rounded = (value: number): number => Number(value.toFixed(4))

/** Of what so many requests did in all. */
export const perRequest = (calls: Calls, switches: number, requests: number): Counts => {
  const made = Object.entries(calls).filter(([name]) => name !== NOBODYS)
  const of = (kind: ReturnType<typeof kindOf>): number =>
    rounded(made.reduce((sum, [name, count]) => (kindOf(name) === kind ? sum + count : sum), 0) / requests)
  return {
    by: "strace",
    systemCalls: of("systemCalls"),
    submissions: of("submissions"),
    wakeUps: of("wakeUps"),
    epollWaits: of("epollWaits"),
    housekeeping: of("housekeeping"),
    switches: rounded(switches / requests),
    calls: Object.fromEntries(
      made
        .map(([name, count]): [string, number] => [name, rounded(count / requests)])
        .filter(([, count]) => count >= 0.01)
        .sort(([one], [other]) => (one < other ? -1 : 1))
    )
  }
}

/** Of this process, proc_pid_io(5). */
const readsAndWrites = (): number => {
  const text = readFileSync("/proc/self/io", "utf8")
  const of = (name: string): number => Number(new RegExp(`^${name}: (\\d+)$`, "m").exec(text)?.[1] ?? 0)
  return of("syscr") + of("syscw")
}

/** Runs it for the counts, and not for its time. Its `switches` come from runs that nobody watched. */
export const counted = (run: Run, requests: number, switches: number): Effect.Effect<Counts, unknown> =>
  Effect.gen(function* () {
    let done = 0
    const work = Effect.tap(run(requests), (sample) =>
      Effect.sync(() => {
        done = sample.requests
      })
    )
    const calls = yield* Effect.option(traced(work))
    if (calls._tag === "Some") return perRequest(calls.value, switches * done, done)
    const before = readsAndWrites()
    yield* work
    return {
      by: "/proc",
      systemCalls: rounded((readsAndWrites() - before) / done),
      switches: rounded(switches)
    }
  })
