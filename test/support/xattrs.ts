/** Extended attributes as Python's `os` has them. Symbolic links are not followed. */
import { execFileSync } from "node:child_process"

const python = (program: string, ...args: ReadonlyArray<string>): string =>
  execFileSync("/usr/bin/python3", ["-c", `import json, os, sys\n${program}`, ...args], {
    encoding: "utf8",
    maxBuffer: 1 << 24
  })

const SEEN = `
path = os.fsencode(sys.argv[1])
names = os.listxattr(path, follow_symlinks=False)
print(json.dumps([[os.fsencode(name).hex(), os.getxattr(path, name, follow_symlinks=False).hex()] for name in names]))
`

/** Bytes by name, both as characters. */
export const xattrsOf = (path: string): Record<string, string> => {
  const answer: ReadonlyArray<readonly [string, string]> = JSON.parse(python(SEEN, path))
  return Object.fromEntries(answer.map((pair) => pair.map((hex) => Buffer.from(hex, "hex").toString("latin1"))))
}

const SET = `
try:
  for path in sys.argv[3:]:
    os.setxattr(path, sys.argv[1], sys.argv[2].encode(), follow_symlinks=False)
  print("true")
except OSError:
  print("false")
`

/** Whether the file systems keep it. */
export const setXattr = (paths: string | ReadonlyArray<string>, name: string, value: string): boolean =>
  JSON.parse(python(SET, name, value, ...[paths].flat()))
