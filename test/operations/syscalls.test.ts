import { existsSync, readFileSync } from "node:fs"
import { join } from "node:path"
import { afterEach, describe, expect, it } from "vitest"
import { project } from "../support/build.ts"

const architecture = process.arch

afterEach(() => {
  Object.defineProperty(process, "arch", { value: architecture })
})

/** The table that the package would use on a machine of that kind. */
const tableOf = async (arch: "x64" | "arm64"): Promise<Record<string, number>> => {
  Object.defineProperty(process, "arch", { value: arch })
  const { NR } = await import(join(project, `src/internal/native/syscalls.ts?${arch}`))
  return NR
}

/** `#define __NR_read 0`, and `#define __NR3264_fcntl 25` of the generic table. */
const numbersIn = (path: string): Map<string, number> => {
  const numbers = new Map<string, number>()
  for (const [, name, number] of readFileSync(path, "utf8").matchAll(/^#define __NR(?:3264)?_(\w+)\s+(\d+)/gm)) {
    numbers.set(name, Number(number))
  }
  return numbers
}

const compare = (table: Record<string, number>, numbers: ReadonlyMap<string, number>, since: number) => {
  for (const [name, number] of Object.entries(table)) {
    // A header may be older than the call.
    if (number > since && !numbers.has(name)) continue
    expect([name, number]).toEqual([name, numbers.get(name)])
  }
}

const first = (paths: ReadonlyArray<string>): string | undefined => paths.find((path) => existsSync(path))

const x64Header = first([
  "/usr/include/asm/unistd_64.h",
  "/usr/include/x86_64-linux-gnu/asm/unistd_64.h",
  "/usr/x86_64-linux-gnu/include/asm/unistd_64.h"
])
const genericHeader = first([
  "/usr/include/asm-generic/unistd.h",
  "/usr/aarch64-linux-gnu/include/asm-generic/unistd.h"
])

describe("system call numbers", () => {
  it("of x64 are those of asm/unistd_64.h", async (context) => {
    if (x64Header === undefined) return context.skip("no asm/unistd_64.h here: install linux-libc-dev on x64")
    const numbers = numbersIn(x64Header)
    expect(numbers.size).toBeGreaterThan(300)
    compare(await tableOf("x64"), numbers, 425)
  })

  it("of arm64 are those of asm-generic/unistd.h", async (context) => {
    if (genericHeader === undefined) return context.skip("no asm-generic/unistd.h here: install linux-libc-dev")
    const numbers = numbersIn(genericHeader)
    // The generic table gives some calls of 64-bit machines their plain name by a second definition.
    for (const [name, alias] of [["fadvise64", "fadvise64"]])
      if (!numbers.has(name)) numbers.set(name, numbers.get(alias)!)
    expect(numbers.size).toBeGreaterThan(200)
    compare(await tableOf("arm64"), numbers, 425)
  })

  it("stand for the same calls in both tables, each number once", async () => {
    const [x64, arm64] = [await tableOf("x64"), await tableOf("arm64")]
    expect(Object.keys(x64).sort()).toEqual(Object.keys(arm64).sort())
    for (const table of [x64, arm64]) expect(new Set(Object.values(table)).size).toBe(Object.keys(table).length)
    // Everything newer than Linux 5.1 has one number everywhere.
    for (const [name, number] of Object.entries(x64)) if (number >= 424) expect(arm64[name]).toBe(number)
  })
})
