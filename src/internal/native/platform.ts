/** Whether this machine and its JavaScript runtime have the interfaces that this package is written for, and if not, why. */
import { createRequire } from "node:module"
import type Koffi from "koffi"

const littleEndian = new Uint8Array(new Uint32Array([1]).buffer)[0] === 1

export interface Unsupported {
  /** The reason in words. */
  readonly reason: string
  readonly remedy: string
  /** ENOSYS on a system that has none of the calls, EPERM for a permission that was not given. */
  readonly errno: "ENOSYS" | "EPERM"
}

const elsewhere = (reason: string): Unsupported => ({
  reason,
  remedy: "Use NodeFileSystem of @effect/platform-node there.",
  errno: "ENOSYS"
})

const forbidden = (reason: string, flag: string): Unsupported => ({
  reason: `${reason} (EPERM)`,
  remedy: `Start Node with ${flag}, or use NodeFileSystem of @effect/platform-node.`,
  errno: "EPERM"
})

/** Other runtimes load native code for Node and end the process at the first call of its event loop's library. */
const runtime = process.versions.bun !== undefined ? "Bun" : process.versions.deno !== undefined ? "Deno" : undefined

const system: Unsupported | undefined =
  process.platform !== "linux"
    ? elsewhere(`${process.platform} has none of the Linux system calls that asynchronous I/O is built on (ENOSYS)`)
    : process.arch !== "x64" && process.arch !== "arm64"
      ? elsewhere(`the system call numbers of ${process.arch} are not known (x64 and arm64 are)`)
      : !littleEndian
        ? elsewhere("the struct layouts are little-endian")
        : runtime !== undefined
          ? elsewhere(`${runtime} has no uv_poll, by which Node's event loop waits for descriptors (ENOSYS)`)
          : undefined

/** Node's permission model, where it is switched on. Types of Node do not know it yet. */
const { permission } = process as { readonly permission?: { readonly has: (scope: string) => boolean } }

/** What is missing for native code to be loaded, as far as Node tells. */
const refusal = (error: unknown): Unsupported => {
  const { code, message } = error as NodeJS.ErrnoException
  if (code === "ERR_DLOPEN_DISABLED") {
    return permission === undefined
      ? {
          ...forbidden("Node was told to load no native code", "native code allowed"),
          remedy: "Start Node without --no-addons."
        }
      : forbidden("Node's permission model allows no native code", "--allow-addons")
  }
  if (code === "ERR_ACCESS_DENIED") {
    return forbidden("Node's permission model does not allow to read the package koffi", "--allow-fs-read for it")
  }
  return elsewhere(`the native library koffi cannot be loaded: ${message?.split("\n", 1)[0]}`)
}

/** Not a static import: on systems where this package cannot work, koffi may have no binary, and would throw. */
const load = (): { readonly koffi?: typeof Koffi; readonly unsupported?: Unsupported } => {
  if (system !== undefined) return { unsupported: system }
  try {
    return { koffi: createRequire(import.meta.url)("koffi") }
  } catch (error) {
    return { unsupported: refusal(error) }
  }
}

const loaded = load()

/** Only called where `unsupported` gives no reason. */
export const koffi = loaded.koffi as typeof Koffi

/**
 * `undefined` where Linux system calls can be made; otherwise the reason. Every Layer asks this before it touches anything else of
 * `internal/native`.
 */
export const unsupported: Unsupported | undefined = loaded.unsupported

/** Why Node cannot start worker threads. */
export const withoutWorkers: Unsupported | undefined =
  permission?.has("worker") === false
    ? forbidden("Node's permission model allows no worker threads", "--allow-worker")
    : undefined
