/**
 * What tests run in processes and threads of their own, as JavaScript: Node starts it in half the time that a loader of
 * TypeScript takes. Every file becomes one in the same place under `.test-build`.
 */
import { readdirSync } from "node:fs"
import { dirname, join, relative } from "node:path"
import { fileURLToPath } from "node:url"
import { build, type Plugin } from "esbuild"

/** The root of the project. */
export const project = fileURLToPath(new URL("../..", import.meta.url))
const built = join(project, ".test-build")

/** The built file of one of the project: `test/fixtures/life.ts`. */
export const builtFrom = (path: string): string => join(built, path.replace(/\.ts$/, ".js"))

/** Nothing is bundled: imports stay as they are, but for the extension. Of tests, those of the package are those of its sources. */
const imports: Plugin = {
  name: "imports",
  setup: ({ onResolve }) => {
    onResolve({ filter: /^\.{1,2}\// }, ({ kind, path }) =>
      kind === "entry-point" ? undefined : { path: path.replace(/\.ts$/, ".js"), external: true }
    )
    onResolve({ filter: /^effect-aio(\/|$)/ }, ({ importer, path }) => {
      if (!importer.startsWith(join(project, "test/"))) return undefined
      const source = join(project, "src", `${path.slice("effect-aio/".length) || "index"}.js`)
      return { path: relative(dirname(importer), source), external: true }
    })
  }
}

/** Before the first test. Nothing is removed: another run in this tree may be using it. */
export const setup = async () => {
  const files = ["src", "test", "examples"].flatMap((directory) =>
    readdirSync(join(project, directory), { recursive: true, encoding: "utf8" }).map((name) => `./${directory}/${name}`)
  )
  await build({
    absWorkingDir: project,
    entryPoints: files.filter((file) => /\.(ts|js)$/.test(file) && !/\.test\.ts$/.test(file)),
    outbase: project,
    outdir: built,
    bundle: true,
    packages: "external",
    plugins: [imports],
    format: "esm",
    platform: "node",
    target: "node20",
    sourcemap: "linked",
    logLevel: "warning"
  })
}
