/** A disk that takes long: a loop device on a file of a file system in user space, whose server takes its time for every read. */
import { execFileSync } from "node:child_process"
import { closeSync, existsSync, mkdirSync, openSync, truncateSync } from "node:fs"
import { join } from "node:path"
import { Effect, type Scope } from "effect"
import { hasCommand, isRoot } from "../fixtures/child.ts"
import { temporaryDirectory } from "./temporaryDirectory.ts"
import { hasUserFileSystems, userFileSystem } from "./userFileSystem.ts"

/** What mkfs(8) is told. btrfs: small nodes, so that even a small disk has many of them. */
const kinds = {
  ext3: ["-q", "-F"],
  ext4: ["-q", "-F"],
  xfs: ["-q", "-f"],
  btrfs: ["-q", "-f", "--nodesize", "4096"]
} as const

export type Kind = keyof typeof kinds

/** The least that mkfs.xfs takes. Most of it is a hole. */
const BYTES = 320 << 20

const kernelKnows = (kind: Kind): boolean => {
  try {
    execFileSync("modprobe", ["-q", kind], { stdio: "ignore" })
  } catch {
    // Built in, or none.
  }
  return new RegExp(`\\s${kind}$`, "m").test(execFileSync("cat", ["/proc/filesystems"], { encoding: "utf8" }))
}

const problemOf = (kind: Kind): string | undefined => {
  if (!hasUserFileSystems) return "there are no file systems in user space"
  if (!isRoot) return "only root mounts disks"
  if (!existsSync("/dev/loop-control")) return "there are no loop devices"
  if (!hasCommand(`mkfs.${kind}`, "-V")) return `mkfs.${kind} is not installed`
  return kernelKnows(kind) ? undefined : "this kernel does not know it"
}

/** The kinds that this machine can have. Of the others a line of the output says why not. */
export const slowDiskKinds: ReadonlyArray<Kind> = (Object.keys(kinds) as Array<Kind>).filter((kind) => {
  const problem = problemOf(kind)
  if (problem !== undefined) console.log(`Not tested here: ${kind} on a slow disk: ${problem}`)
  return problem === undefined
})

/** Files on something slow. */
export interface SlowFiles {
  /** Where it is mounted. */
  readonly path: string
  /** Unmounted and mounted again: nothing of it is in memory any more. It is fast then. */
  readonly forget: Effect.Effect<void>
  /** Milliseconds that it takes for each thing that it is asked, from now on. */
  readonly slow: (milliseconds: number) => Effect.Effect<void>
}

const run = (command: string, ...args: ReadonlyArray<string>): string =>
  execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] }).trim()

const unmount = (path: string) => {
  try {
    run("umount", path)
  } catch {
    // Something of a test that failed is still in it.
    run("umount", "--lazy", path)
  }
}

/** A disk with an empty file system, whose reads are slow, until the Scope closes. */
export const slowDisk = (kind: Kind): Effect.Effect<SlowFiles, never, Scope.Scope> =>
  Effect.gen(function* () {
    const path = join(yield* temporaryDirectory, kind)
    mkdirSync(path)
    // Without a page cache of its own: every read of the device is one of the server.
    const served = yield* userFileSystem({ direct_io: true })
    const image = join(served.source, "image")
    closeSync(openSync(image, "w"))
    truncateSync(image, BYTES)
    run(`mkfs.${kind}`, ...kinds[kind], image)
    // The device goes with its mount, whoever unmounts it: a killed test leaves none.
    const mount = () => run("mount", "-o", "loop,noatime", join(served.path, "image"), path)
    yield* Effect.acquireRelease(Effect.sync(mount), () =>
      Effect.zipRight(
        served.when("read"),
        Effect.sync(() => unmount(path))
      )
    )
    return {
      path,
      forget: Effect.zipRight(
        served.when("read"),
        Effect.sync(() => {
          run("umount", path)
          mount()
        })
      ),
      slow: (delay) => served.when("read", { delay })
    }
  })

/**
 * An overlay on what is slow. What is there before it is forgotten for the first time is its lower layer; its upper one is in `upon`, since
 * not every file system can be one.
 */
export const slowOverlay = (below: SlowFiles, upon: string): Effect.Effect<SlowFiles, never, Scope.Scope> =>
  Effect.gen(function* () {
    const lower = join(below.path, "lower")
    const [upper, work] = ["upper", "work"].map((name) => join(upon, name))
    for (const each of [lower, upper, work]) mkdirSync(each)
    const path = join(yield* temporaryDirectory, "overlay")
    mkdirSync(path)
    const mount = () =>
      run("mount", "-t", "overlay", "-o", `lowerdir=${lower},upperdir=${upper},workdir=${work}`, "overlay", path)
    run("mount", "--bind", lower, path)
    yield* Effect.addFinalizer(() => Effect.sync(() => unmount(path)))
    return {
      path,
      forget: Effect.gen(function* () {
        unmount(path)
        yield* below.forget
        mount()
      }),
      slow: below.slow
    }
  })
