/** Which machine a result is of: what makes one and the same program several times as fast on one as on another. */
import { execFileSync } from "node:child_process"
import { existsSync, readdirSync, readFileSync } from "node:fs"
import * as os from "node:os"
import { join } from "node:path"
import { fileURLToPath } from "node:url"
import koffi from "koffi"
import { median } from "./measure.ts"

export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly architecture: string
  /** "spectre_v2: Retpolines; ...", for each that the kernel does something about, or that it could and does not. */
  readonly mitigations: ReadonlyArray<string>
  /** Nanoseconds of a getppid(2) through koffi: what any system call costs at least. */
  readonly getppid: number
  readonly kernel: string
  /** Of the files that are measured on. */
  readonly fileSystem: string
  /** Of the first core, cpufreq; "none" where the machine leaves that to its host. */
  readonly governor: string
  readonly node: string
  /** The last one of effect-aio that changed its sources or the benchmark; with "+" where they have been changed since. */
  readonly commit: string
}

const VULNERABILITIES = "/sys/devices/system/cpu/vulnerabilities"
const GOVERNOR = "/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor"
const project = fileURLToPath(new URL("..", import.meta.url))

/** What a file of `vulnerabilities` says, in brief; nothing of what does not concern this processor. */
export const mitigation = (name: string, text: string): ReadonlyArray<string> =>
  text.startsWith("Not affected")
    ? []
    : [
        `${name}: ${text
          .replace(/^Mitigation: /, "")
          .split(";", 1)[0]
          .trim()}`
      ]

const mitigations = (): ReadonlyArray<string> =>
  existsSync(VULNERABILITIES)
    ? readdirSync(VULNERABILITIES)
        .sort()
        .flatMap((name) => mitigation(name, readFileSync(join(VULNERABILITIES, name), "utf8")))
    : []

const ROUNDS = 25
const CALLS = 20_000

const getppid = (): number => {
  const call = koffi.load(null).func("int getppid()")
  const times: Array<number> = []
  for (let round = 0; round < ROUNDS; round++) {
    const start = performance.now()
    for (let i = 0; i < CALLS; i++) call()
    times.push(((performance.now() - start) * 1e6) / CALLS)
  }
  return Math.round(median(times))
}

const said = (command: string, ...args: ReadonlyArray<string>): string | undefined => {
  try {
    return execFileSync(command, args, { cwd: project, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim()
  } catch {
    return undefined
  }
}

const commit = (): string => {
  const sources = ["src", "bench", ":!bench/results", ":!bench/counts.json"]
  const name = said("git", "log", "-1", "--format=%h", "--", ...sources)
  if (name === undefined) return "unknown"
  return said("git", "status", "--porcelain", "--", ...sources) === "" ? name : `${name}+`
}

/** `directory` is where the files are that are measured on. */
export const describe = (directory: string): Machine => ({
  cpu: os.cpus()[0]?.model.trim() ?? "unknown",
  cores: os.availableParallelism(),
  architecture: process.arch,
  mitigations: mitigations(),
  getppid: getppid(),
  kernel: os.release(),
  fileSystem: said("df", "--output=fstype", directory)?.split("\n")[1] ?? "unknown",
  governor: existsSync(GOVERNOR) ? readFileSync(GOVERNOR, "utf8").trim() : "none",
  node: process.version,
  commit: commit()
})

/** A name for the file of its results: "amd-epyc-2-cores". */
export const nameOf = ({ cores, cpu }: Pick<Machine, "cpu" | "cores">): string =>
  `${cpu
    .toLowerCase()
    .replace(/\((r|tm)\)|cpu|processor|@.*/g, " ")
    .replace(/[^a-z0-9]+/g, "-")
    .replace(/^-+|-+$/g, "")}-${cores}-cores`
