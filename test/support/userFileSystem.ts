/** A file system in user space (fuse(4)) whose server does as a test says: slow, silent, failing, wrong. The server is userFileSystem.py. */
import { execFileSync, spawn } from "node:child_process"
import { accessSync, constants, mkdirSync } from "node:fs"
import { join } from "node:path"
import { createInterface } from "node:readline"
import { Effect, type Scope } from "effect"
import { project } from "./build.ts"
import { temporaryDirectory } from "./temporaryDirectory.ts"

/** Debian's own Python: the one that python3-fusepy is for. */
const PYTHON = "/usr/bin/python3"

const problem = ((): string | undefined => {
  try {
    accessSync("/dev/fuse", constants.R_OK | constants.W_OK)
  } catch {
    return "/dev/fuse cannot be used"
  }
  try {
    execFileSync(PYTHON, ["-c", "import fusepy"], { stdio: "ignore" })
    return undefined
  } catch {
    return `${PYTHON} has no fusepy (apt-get install python3-fusepy fuse3)`
  }
})()

if (problem !== undefined) console.log(`Not tested here: file systems in user space: ${problem}`)

/** Whether this machine can have one. If not, a line of the output says why. */
export const hasUserFileSystems = problem === undefined

/** Operations of a server, by the names of libfuse. `getattr` is also how a name is looked up. */
export type ServedOperation =
  | ("getattr" | "readdir" | "readlink" | "opendir" | "releasedir" | "statfs")
  | ("open" | "create" | "read" | "write" | "poll" | "flush" | "fsync" | "release" | "truncate")
  | ("mknod" | "mkdir" | "rmdir" | "unlink" | "symlink" | "rename" | "link" | "chmod" | "chown" | "utimens")

/** What an operation does otherwise than it should. */
export interface Behaviour {
  /** Milliseconds before it is done. */
  readonly delay?: number
  /** Not answered until another behaviour is set, or 20 seconds have passed. */
  readonly silent?: boolean
  /** The (positive) error number that it fails with, */
  readonly error?: number
  /** only where a read or a write reaches beyond this offset, in bytes. */
  readonly from?: number
  /** Said instead of doing anything: `0` of a write. */
  readonly answer?: number
  /** Of `getattr`: the size of every regular file. */
  readonly size?: number
  /** Of `readdir`: whether names come without their types (DT_UNKNOWN). */
  readonly unknownTypes?: boolean
}

/** Options of the mount, see mount.fuse(8). Set to `true`, or to a value. */
export interface MountOptions {
  /** No page cache: every read and write is the server's. */
  readonly direct_io?: boolean
  /** Seconds for which the kernel believes names, and attributes. Default 1. */
  readonly entry_timeout?: number
  readonly attr_timeout?: number
  readonly kernel_cache?: boolean
  /** Bytes of a read, at most. */
  readonly max_read?: number
  readonly allow_other?: boolean
  readonly default_permissions?: boolean
}

interface Done {
  readonly calls: Readonly<Partial<Record<ServedOperation, number>>>
  readonly held: Readonly<Partial<Record<ServedOperation, number>>>
}

export interface UserFileSystem {
  /** Where it is mounted. */
  readonly path: string
  /** The directory that it serves: what is done there does not ask the server. */
  readonly source: string
  /** Sets what an operation does from now on; in force when this is over. Nothing: what it should. */
  readonly when: (operation: ServedOperation, behaviour?: Behaviour) => Effect.Effect<void>
  /** How often operations were asked for, and how many are being held by `silent`. */
  readonly done: Effect.Effect<Done>
  /** The server is killed: what waits for it fails with ENOTCONN or ECONNABORTED. */
  readonly kill: Effect.Effect<void>
}

const start = async (directory: string, options: MountOptions) => {
  const path = join(directory, "mounted")
  const source = join(directory, "served")
  for (const each of [path, source]) mkdirSync(each)
  const script = join(project, "test/support/userFileSystem.py")
  // It ends, and unmounts, when its standard input does: also when this process is killed.
  const server = spawn(PYTHON, [script, source, path, JSON.stringify(options)], { stdio: ["pipe", "pipe", "pipe"] })
  let complaints = ""
  server.stderr.setEncoding("utf8").on("data", (text: string) => {
    complaints += text
  })
  server.stdin.on("error", () => {})
  const waiting: Array<(answer: any) => void> = []
  const answer = () => new Promise<any>((resolve) => waiting.push(resolve))
  const ready = answer()
  createInterface({ input: server.stdout }).on("line", (line) => waiting.shift()?.(JSON.parse(line)))
  const ended = new Promise<void>((resolve) => server.on("close", () => resolve()))
  const failed = ended.then(() => Promise.reject(new Error(`the file system's server has ended: ${complaints}`)))
  failed.catch(() => {})
  const ask = (command: unknown): Promise<any> => {
    const answered = answer()
    server.stdin.write(`${JSON.stringify(command)}\n`)
    return Promise.race([answered, failed])
  }
  await Promise.race([ready, failed])
  const fileSystem: UserFileSystem = {
    path,
    source,
    when: (operation, behaviour = {}) => Effect.promise(() => ask({ set: operation, rule: behaviour })),
    done: Effect.promise(() => ask({})),
    kill: Effect.promise(() => {
      server.kill("SIGKILL")
      return ended
    })
  }
  const end = async () => {
    server.stdin.end()
    await ended
    try {
      // It may have been killed.
      execFileSync("umount", ["--lazy", path], { stdio: "ignore" })
    } catch {
      // It has unmounted.
    }
  }
  return { fileSystem, end }
}

/** A file system in user space, mounted until the Scope closes, lazily unmounted then. Its files are those of `source`. */
export const userFileSystem = (options: MountOptions = {}): Effect.Effect<UserFileSystem, never, Scope.Scope> =>
  Effect.flatMap(temporaryDirectory, (directory) =>
    Effect.map(
      Effect.acquireRelease(
        Effect.promise(() => start(directory, options)),
        ({ end }) => Effect.promise(end)
      ),
      ({ fileSystem }) => fileSystem
    )
  )
