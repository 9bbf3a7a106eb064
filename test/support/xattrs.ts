/** What Python's os.getxattr(3) says of extended attributes: bytes by name. Symbolic links are not followed. */
import { execFileSync } from "node:child_process"

const PYTHON = `
import json, os, sys
path = os.fsencode(sys.argv[1])
names = os.listxattr(path, follow_symlinks=False)
print(json.dumps([[os.fsencode(name).hex(), os.getxattr(path, name, follow_symlinks=False).hex()] for name in names]))
`

export const xattrsOf = (path: string): Record<string, string> => {
  const answer: ReadonlyArray<readonly [string, string]> = JSON.parse(
    execFileSync("/usr/bin/python3", ["-c", PYTHON, path], { encoding: "utf8" })
  )
  return Object.fromEntries(answer.map((pair) => pair.map((hex) => Buffer.from(hex, "hex").toString("latin1"))))
}
