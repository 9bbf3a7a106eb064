/** How system calls are counted (bench/counting): reading what strace prints, and judging counts by the committed table. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { type Counts, perRequest } from "../../bench/counting/counts.ts"
import { parseSummary, without } from "../../bench/counting/strace.ts"
import { compare, differenceText, type Row } from "../../bench/counting/table.ts"
import { isSteady, rowsOf } from "../../bench/counting/workloads.ts"
import { project } from "../support/build.ts"

const summary = `strace: Process 4711 attached with 12 threads
strace: Process 4712 attached
strace: Process 4711 detached
% time     seconds  usecs/call     calls    errors syscall
------ ----------- ----------- --------- --------- ----------------
 61.05    1.234567          60     20480           preadv2
 38.95    0.787655          19        41         3 epoll_pwait
  0.00    0.000000           0         8           futex
  0.00    0.000000           0        16           mmap
------ ----------- ----------- --------- --------- ----------------
100.00    2.022222          98     20545         3 total
`

describe("counts of system calls", () => {
  it("reads the summary of strace -c", () => {
    expect(parseSummary(summary)).toEqual({ preadv2: 20480, epoll_pwait: 41, futex: 8, mmap: 16 })
    expect(parseSummary("strace: attach: ptrace(PTRACE_SEIZE, 1): Operation not permitted\n")).toEqual({})
  })

  it("takes off what watching itself costs", () => {
    expect(without({ read: 5, write: 1, close: 2 }, { read: 3, write: 1, kill: 1 })).toEqual({ read: 2, close: 2 })
  })

  it("tells work from waits, wake-ups and housekeeping", () => {
    expect(perRequest({ ...parseSummary(summary), restart_syscall: 99 }, 5, 10_240)).toEqual({
      by: "strace",
      systemCalls: 2,
      submissions: 0,
      wakeUps: 0.0008,
      epollWaits: 0.004,
      housekeeping: 0.0016,
      switches: 0.0005,
      calls: { preadv2: 2 }
    })
  })
})

const row: Row = { systemCalls: 1, epollWaits: 0.004, switches: 0, calls: { preadv2: 1 } }
const counts = (systemCalls: number, calls: Counts["calls"] = { preadv2: 1 }): Counts => ({
  by: "strace",
  systemCalls,
  wakeUps: 3,
  epollWaits: 0.004,
  switches: 0.05,
  calls
})

const compared = (now: Counts, before = row) => compare({ io_uring: { reads: before } }, { io_uring: { reads: now } })

describe("the table of counts", () => {
  it("bears what is within the tolerance, and what it does not have", () => {
    expect(compared(counts(1.015))).toEqual({ worse: [], better: [], unknown: [], gone: [] })
  })

  it("says which system call a request makes too much", () => {
    const { worse } = compared(counts(2, { preadv2: 1, getpid: 1 }))
    expect(worse.map(differenceText)).toEqual([
      "io_uring: reads: system calls 2.00 a request, 1.00 in the table (getpid +1.00)"
    ])
  })

  it("is tight: one needless call in twenty requests is found", () => {
    expect(compared(counts(1.05)).worse).toHaveLength(1)
  })

  it("reports what has become better", () => {
    const { better, worse } = compared(counts(0.5, { preadv2: 0.5 }))
    expect(worse).toEqual([])
    expect(better.map(({ before, now }) => [before, now])).toEqual([[1, 0.5]])
  })

  it("finds rows that nobody has written, and rows that nobody counts, but of backends that are not here", () => {
    const { gone, unknown } = compare(
      { io_uring: { reads: row, old: row }, kernel: { reads: row } },
      { io_uring: { reads: counts(1), new: counts(1) } }
    )
    expect(unknown).toEqual(["io_uring: new"])
    expect(gone).toEqual(["io_uring: old"])
  })

  it("has all rows, each with what does not depend on the machine's speed", () => {
    const rows = JSON.parse(readFileSync(join(project, "bench/counts.json"), "utf8"))
    for (const backend of ["io_uring", "kernel", "posix", "threads"] as const) {
      expect(Object.keys(rows[backend])).toEqual(rowsOf().map(({ row }) => row))
      for (const [row, counts] of Object.entries<Row>(rows[backend])) {
        expect(counts.systemCalls !== undefined, `${backend}: ${row}`).toBe(isSteady(backend, row, "systemCalls"))
      }
    }
  })
})
