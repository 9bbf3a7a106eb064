/** A file system whose files can share blocks: xfs on a file. */
import { execFileSync } from "node:child_process"
import { mkdtempSync, truncateSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"
import { hasCommand, isRoot } from "../fixtures/child.ts"

export interface Mounted {
  readonly path: string
  readonly unmount: () => void
}

/** The least that mkfs.xfs takes. Most of it is a hole. */
const BYTES = 320 << 20

/** `undefined`, and a line that says so, where this process may not mount it. */
export const mountSharing = (): Mounted | undefined => {
  const directory = mkdtempSync(join(tmpdir(), "effect-aio-sharing-"))
  const [disk, path] = [join(directory, "disk"), mkdtempSync(join(directory, "mounted-"))]
  try {
    if (!isRoot || !hasCommand("mkfs.xfs", "-V")) throw new Error("no root, or no mkfs.xfs")
    writeFileSync(disk, "")
    truncateSync(disk, BYTES)
    execFileSync("mkfs.xfs", ["-q", "-m", "reflink=1", disk], { stdio: "pipe" })
    execFileSync("mount", ["-o", "loop", disk, path], { stdio: "pipe" })
  } catch (error) {
    console.log(`Not tested here: files that share blocks: ${(error as Error).message.split("\n")[0]}`)
    return undefined
  }
  // Lazily: whatever a failed test has left open must not keep it.
  return { path, unmount: () => execFileSync("umount", ["--lazy", path]) }
}
