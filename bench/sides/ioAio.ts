/** Perl's IO::AIO with 8 threads (io-aio.pl): what the thread pool is modelled on. */
import { spawnSync } from "node:child_process"
import { dirname } from "node:path"
import { fileURLToPath } from "node:url"
import type { Sample, Side } from "../measure.ts"
import { program } from "./program.ts"

/** Its version, or `undefined` where it is not installed. */
export const installed: string | undefined = (() => {
  const { error, status, stdout } = spawnSync("perl", ["-MIO::AIO", "-e", "print $IO::AIO::VERSION"], {
    encoding: "utf8"
  })
  return error === undefined && status === 0 ? `IO::AIO ${stdout.trim()}` : undefined
})()

const sample = (output: string): Sample => {
  const [requests, seconds, cpuSeconds] = output.trim().split(" ").map(Number)
  if (!(requests > 0 && seconds > 0 && cpuSeconds >= 0)) throw new Error(output)
  return { requests, seconds, cpuSeconds }
}

/** None where it is not installed. */
export const reads = (path: string, depth: number, interval: number): ReadonlyArray<Side> =>
  installed === undefined
    ? []
    : [
        program(
          "IO::AIO",
          "perl",
          [fileURLToPath(new URL("io-aio.pl", import.meta.url)), path, String(depth), String(interval)],
          dirname(path),
          sample
        )
      ]
