import { defineConfig } from "vitest/config"
import { builtImport } from "./test/support/build.ts"

export default defineConfig({
  plugins: [
    {
      name: "built",
      enforce: "pre",
      resolveId: (id, importer) => {
        const file = importer === undefined ? undefined : builtImport(id, importer)
        return file === undefined ? undefined : { id: file, external: true }
      }
    }
  ],
  test: {
    server: { deps: { external: [/\/\.test-build\//] } },
    globalSetup: ["test/support/scratch.ts", "test/support/build.ts"],
    include: ["test/**/*.test.ts"],
    // Descriptors, signals and rings belong to a process: every test file gets one of its own. Three at once: on two cores, two of them use 73% of the
    // time, since many tests wait for processes and disks.
    pool: "forks",
    poolOptions: { forks: { isolate: true, maxForks: 3, execArgv: ["--expose-gc"] } },
    testTimeout: 60_000,
    hookTimeout: 60_000
  }
})
