/** fio(1) on io_uring: the same reads without JavaScript. It runs as a process of its own and measures itself. */
import { execFile, spawnSync } from "node:child_process"
import { dirname } from "node:path"
import * as Effect from "effect/Effect"
import { type Sample, type Side, WrongWork } from "../measure.ts"

const NAME = "fio io_uring"

/** fio's version, or `undefined` where it is not installed. */
export const installed: string | undefined = (() => {
  const { error, status, stdout } = spawnSync("fio", ["--version"], { encoding: "utf8" })
  return error === undefined && status === 0 ? stdout.trim() : undefined
})()

interface Output {
  readonly jobs: ReadonlyArray<{
    readonly error: number
    /** Per cent of the job's run time. */
    readonly usr_cpu: number
    readonly sys_cpu: number
    /** Milliseconds. */
    readonly job_runtime: number
    readonly read: { readonly total_ios: number; readonly runtime: number }
  }>
}

const sample = ({ job_runtime, read, sys_cpu, usr_cpu }: Output["jobs"][0]): Sample => ({
  requests: read.total_ios,
  seconds: read.runtime / 1000,
  cpuSeconds: (((usr_cpu + sys_cpu) / 100) * job_runtime) / 1000
})

export const reads = (path: string, depth: number, direct: boolean, interval: number): Side => ({
  name: NAME,
  external: true,
  open: Effect.succeed(() =>
    Effect.async<Sample, WrongWork>((resume) => {
      const options = [
        "--name=bench",
        `--filename=${path}`,
        "--ioengine=io_uring",
        "--rw=randread",
        "--bs=4k",
        "--size=64m",
        `--iodepth=${depth}`,
        `--direct=${direct ? 1 : 0}`,
        "--time_based",
        `--runtime=${Math.round(interval * 1000)}ms`,
        // Its defaults are to drop the file's page cache first, to read every page once, and to look at the clock for every read.
        "--invalidate=0",
        "--norandommap=1",
        "--gtod_reduce=1",
        "--output-format=json"
      ]
      const child = execFile("fio", options, { cwd: dirname(path) }, (error, stdout) => {
        try {
          const job = error === null ? (JSON.parse(stdout) as Output).jobs[0] : undefined
          if (job?.error === 0) return resume(Effect.succeed(sample(job)))
          resume(Effect.fail(new WrongWork({ side: NAME, reason: error?.message ?? `error ${job?.error}` })))
        } catch (cause) {
          resume(Effect.fail(new WrongWork({ side: NAME, reason: `output not understood: ${cause}` })))
        }
      })
      return Effect.sync(() => child.kill())
    })
  )
})
