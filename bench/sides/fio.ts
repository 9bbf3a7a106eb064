/** fio(1): the same reads without JavaScript. It runs as a process of its own and measures itself. */
import { spawnSync } from "node:child_process"
import { dirname } from "node:path"
import type { Sample, Side } from "../measure.ts"
import { program } from "./program.ts"

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

const sample = (output: string): Sample => {
  const { error, job_runtime, read, sys_cpu, usr_cpu } = (JSON.parse(output) as Output).jobs[0]
  if (error !== 0) throw new Error(`error ${error}`)
  return {
    requests: read.total_ios,
    seconds: read.runtime / 1000,
    cpuSeconds: (((usr_cpu + sys_cpu) / 100) * job_runtime) / 1000
  }
}

/** None where fio is not installed. `engine` is its `--ioengine`. */
export const reads = (
  engine: string,
  path: string,
  depth: number,
  direct: boolean,
  interval: number
): ReadonlyArray<Side> =>
  installed === undefined
    ? []
    : [
        program(
          `fio ${engine}`,
          "fio",
          [
            "--name=bench",
            `--filename=${path}`,
            `--ioengine=${engine}`,
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
          ],
          dirname(path),
          sample
        )
      ]
