import { fileURLToPath } from "node:url"
import { defineConfig } from "vitest/config"

const source = (path: string) => fileURLToPath(new URL(path, import.meta.url))

export default defineConfig({
  resolve: {
    alias: [
      { find: /^effect-aio$/, replacement: source("./src/index.ts") },
      { find: /^effect-aio\/(.*)$/, replacement: `${source("./src/")}$1.ts` }
    ]
  },
  test: {
    globalSetup: ["test/support/scratch.ts", "test/support/build.ts"],
    include: ["test/**/*.test.ts"],
    // Descriptors, signals and rings belong to a process: every test file gets one of its own.
    pool: "forks",
    poolOptions: { forks: { isolate: true, maxForks: 2, execArgv: ["--expose-gc"] } },
    testTimeout: 60_000,
    hookTimeout: 60_000
  }
})
