/**
 * Where a run of the tests keeps its files: one directory on the disk and one in memory, which TMPDIR and MEMORY_TMPDIR name for every test
 * and every process that tests start. They go with the run, and so does what a test has left there that was killed, or timed out.
 */
import { execFileSync } from "node:child_process"
import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

const PREFIX = "effect-aio-tests-"

/** What is mounted below, the last one first. */
const mountsBelow = (directory: string): ReadonlyArray<string> =>
  existsSync("/proc/self/mounts")
    ? readFileSync("/proc/self/mounts", "utf8")
        .split("\n")
        .map((line) => line.split(" ")[1] ?? "")
        .filter((path) => path.startsWith(`${directory}/`))
        .reverse()
    : []

const remove = (directory: string): void => {
  for (const mount of mountsBelow(directory)) {
    try {
      // Lazily: its server may be gone, or a killed process still in it.
      execFileSync("umount", ["--lazy", mount], { stdio: "ignore" })
    } catch (error) {
      // What is still mounted is somebody's file system, and not to be emptied.
      console.log(`Left behind: ${directory} (${error instanceof Error ? error.message : error})`)
      return
    }
  }
  rmSync(directory, { recursive: true, force: true })
}

/** What runs that were killed have left. A run's directory is named after its process. */
const removeAbandoned = (parent: string): void => {
  for (const name of readdirSync(parent)) {
    if (!name.startsWith(PREFIX)) continue
    if (!existsSync(`/proc/${name.slice(PREFIX.length)}`)) remove(join(parent, name))
  }
}

const own = (parent: string): string => {
  removeAbandoned(parent)
  const directory = join(parent, `${PREFIX}${process.pid}`)
  mkdirSync(directory)
  // Some tests are run by another user.
  chmodSync(directory, 0o1777)
  return directory
}

/** Before the first test, and what is to be done after the last. */
export const setup = () => {
  const disk = own(tmpdir())
  const memory = existsSync("/dev/shm") ? own("/dev/shm") : disk
  process.env.TMPDIR = disk
  process.env.MEMORY_TMPDIR = memory
  return () => [disk, memory].forEach(remove)
}
