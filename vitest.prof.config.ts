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
    // Descriptors, signals and rings belong to a process: every test file gets one of its own.
    pool: "forks",
    poolOptions: {
      forks: { isolate: true, maxForks: 2, execArgv: ["--expose-gc", "--cpu-prof", "--cpu-prof-dir=/tmp/tests/prof"] }
    },
    testTimeout: 60_000,
    hookTimeout: 60_000
  }
})
