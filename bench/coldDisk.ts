/**
 * A file system on a fast disk that nothing is known of: an image of ext4 on a loop device, mounted anew before each interval. So names,
 * inodes and pages are read from the "disk" again, and nobody else's caches are dropped.
 */
import { execFileSync } from "node:child_process"
import { mkdirSync, truncateSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { SMALL_FILE_SIZE } from "./fixtures.ts"

const DIRECTORIES = 400
const FILES_EACH = 5
/** Bytes, of which most are never written. */
const IMAGE_SIZE = 256 * 1024 * 1024

export interface ColdDisk {
  /** Relative to nothing: absolute paths. */
  readonly directories: ReadonlyArray<string>
  readonly files: ReadonlyArray<string>
  /** Entries of each directory. */
  readonly filesEach: number
  /** Makes it cold. Nothing of it may be open. */
  readonly forget: Effect.Effect<void>
}

const run = (command: string, ...args: ReadonlyArray<string>): void =>
  void execFileSync(command, args, { stdio: "pipe" })

/** Why there can be none here, if so. */
export const missing: string | undefined = (() => {
  if (process.getuid?.() !== 0) return "Cold files: mounting an image takes root: left out."
  try {
    run("mkfs.ext4", "-V")
    run("losetup", "--find")
    return undefined
  } catch {
    return "Cold files: no mkfs.ext4, or no loop devices: left out."
  }
})()

export const makeColdDisk = (directory: string): Effect.Effect<ColdDisk, never, Scope.Scope> =>
  Effect.gen(function* () {
    const image = join(directory, "cold.img")
    const root = join(directory, "cold")
    const mount = () => run("mount", "-o", "loop,noatime", image, root)
    const unmount = () => run("umount", root)
    yield* Effect.acquireRelease(
      Effect.sync(() => {
        mkdirSync(root)
        writeFileSync(image, "")
        truncateSync(image, IMAGE_SIZE)
        run("mkfs.ext4", "-q", image)
        mount()
      }),
      () => Effect.sync(unmount)
    )
    const directories = Array.from({ length: DIRECTORIES }, (_, index) => join(root, `${index}`))
    const content = Buffer.alloc(SMALL_FILE_SIZE, "effect-aio ")
    const files = directories.flatMap((path) => {
      mkdirSync(path)
      return Array.from({ length: FILES_EACH }, (_, index) => {
        const file = join(path, `${index}.txt`)
        writeFileSync(file, content)
        return file
      })
    })
    const forget = Effect.sync(() => {
      unmount()
      mount()
    })
    return { directories, files, filesEach: FILES_EACH, forget }
  })
