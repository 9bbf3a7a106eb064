/**
 * Adds to a package-lock.json the optional packages of other platforms.
 *
 * npm leaves out of the lock what its registry (a mirror, say) does not have at that version, even if it is for another platform and
 * optional; `npm ci` then refuses the lock as incomplete, on every machine. Their exact versions stand in the packages that want
 * them; the platform is in their names.
 */
import { readFileSync, writeFileSync } from "node:fs"

const file = process.argv[2]
const lock = JSON.parse(readFileSync(file, "utf8"))
const oses = ["android", "darwin", "freebsd", "linux", "win32", "openbsd", "netbsd", "sunos", "aix", "openharmony"]
const cpus = {
  x64: "x64",
  arm64: "arm64",
  ia32: "ia32",
  arm: "arm",
  loong64: "loong64",
  mips64el: "mips64el",
  ppc64: "ppc64",
  ppc64le: "ppc64",
  riscv64: "riscv64",
  s390x: "s390x",
  wasm32: "wasm32"
}
let added = 0
for (const [key, p] of Object.entries({ ...lock.packages })) {
  for (const [name, range] of Object.entries(p.optionalDependencies ?? {})) {
    const at = `node_modules/${name}`
    if (lock.packages[at] || lock.packages[`${key}/${at}`]) continue
    if (!/^\d/.test(range)) {
      console.log("not exact:", name, range)
      continue
    }
    const words = name.split("/").pop().split("-")
    const os = words.find((w) => oses.includes(w))
    const cpu =
      words.find((w) => w in cpus) ?? (words.some((w) => w.startsWith("arm") && w !== "arm64") ? "arm" : undefined)
    const libc = words.some((w) => w.startsWith("musl"))
      ? "musl"
      : words.some((w) => w === "gnu" || w === "glibc")
        ? "glibc"
        : undefined
    const entry = { version: range }
    if (cpu) entry.cpu = [cpus[cpu] ?? cpu]
    if (p.dev) entry.dev = true
    if (libc && os === "linux") entry.libc = [libc]
    entry.optional = true
    if (os) entry.os = [os]
    if (!os) console.log("no os:", name)
    lock.packages[at] = entry
    added++
  }
}
const sorted = Object.fromEntries(
  Object.entries(lock.packages).sort(([a], [b]) => (a === "" ? -1 : b === "" ? 1 : a.localeCompare(b, "en")))
)
lock.packages = sorted
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
console.log("added", added)
