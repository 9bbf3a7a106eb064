/** What is in the caches, and must not be answered from them all the same. */
import * as fs from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "@effect/vitest"
import { Effect } from "effect"
import { hasCommand, isRoot, runFixture } from "../fixtures/child.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

/** Mounts of its own, gone with the process: `memory`, and `overlay` on top of it. */
const withOverlay = [
  ...["unshare", "--mount", "--propagation", "private", "sh", "-c"],
  `mount -t tmpfs none "$DIRECTORY" && cd "$DIRECTORY" && mkdir memory upper work overlay &&
   mount -t overlay none -o lowerdir=memory,upperdir=upper,workdir=work overlay && cd "$OLDPWD" || exit 77
   exec "$@"`,
  "sh"
]

describe("not on the spot, although it is in the caches", () => {
  it.scopedLive(
    "an overlay's directories and permissions: they are its layers', which may be of any file system",
    (context) =>
      Effect.gen(function* () {
        if (!isRoot || !hasCommand("unshare")) return context.skip("mounting takes root, and unshare (util-linux)")
        const directory = yield* temporaryDirectory
        const { code, stderr, stdout } = yield* Effect.promise(() =>
          runFixture("withoutThreads.ts", {
            args: [join(directory, "memory"), join(directory, "overlay")],
            env: { DIRECTORY: directory },
            under: withOverlay
          })
        )
        if (code === 77) return context.skip(`no overlay can be mounted here: ${stderr}`)
        expect([stdout.split("\n"), stderr]).toEqual([["1", "1", "0", "0", ""], ""])
      })
  )

  const users = {
    "another real user": ["setpriv", "--ruid=61234", "--regid=61234", "--clear-groups"],
    "another real group": ["setpriv", "--reuid=61234", "--rgid=61234", "--clear-groups"],
    "a capability to enter directories": [
      ...["setpriv", "--reuid=61234", "--regid=61234", "--clear-groups"],
      ...["--inh-caps=+dac_override", "--ambient-caps=+dac_override"]
    ]
  }
  for (const [name, under] of Object.entries(users)) {
    it.scopedLive(`access, for ${name}: it is about the real user, on the way to the file, too`, (context) =>
      Effect.gen(function* () {
        if (!isRoot || !hasCommand("setpriv"))
          return context.skip("becoming another user takes root, and setpriv (util-linux)")
        const directory = yield* temporaryDirectory
        // Only who is root, or of root's group, gets in.
        fs.chmodSync(directory, 0o710)
        const file = join(directory, "file")
        fs.writeFileSync(file, "", { mode: 0o604 })
        fs.chmodSync(file, 0o604)
        const { stderr, stdout } = yield* Effect.promise(() => runFixture("mayRead.ts", { args: [file], under }))
        expect([stdout.split("\n"), stderr]).toEqual([["(EACCES)", "(EACCES)", "(EACCES)", "(EACCES)", ""], ""])
      })
    )
  }
})
