/**
 * What tests run, as JavaScript under `.test-build`. Sources of the package and Effect's packages, hundreds of modules, are a few files there,
 * which every process of a test loads in a fraction of the time; test files use these, too. Everything else becomes one file in the same place:
 * Node starts it in half the time that a loader of TypeScript takes.
 */
import { readdirSync, readFileSync } from "node:fs"
import { dirname, join, relative, resolve } from "node:path"
import { fileURLToPath } from "node:url"
import { build, type Plugin } from "esbuild"

/** The root of the project. */
export const project = fileURLToPath(new URL("../..", import.meta.url))
const built = join(project, ".test-build")

/** The built file of one of the project: `test/fixtures/life.ts`. */
export const builtFrom = (path: string): string => join(built, path.replace(/\.ts$/, ".js"))

const packages = ["effect", "@effect/platform", "@effect/platform-node", "@effect/vitest", "@effect/cli"]

const inPackages = new RegExp(`^(?:${packages.join("|")})(?:/.*)?$`)

const builtPackage = (specifier: string): string => join(built, "packages", `${specifier}.js`)

/** The built file of what an import names, or undefined: that is not built. */
export const builtImport = (specifier: string, importer: string): string | undefined => {
  if (inPackages.test(specifier)) return builtPackage(specifier)
  const own = /^effect-aio(?:\/(.*))?$/.exec(specifier)
  if (own !== null) return join(built, "src", `${own[1] ?? "index"}.js`)
  const path = /^[./]/.test(specifier) ? relative(project, resolve(dirname(importer), specifier)) : ""
  return /^src\/.*\.ts$/.test(path) ? builtFrom(path) : undefined
}

const filesIn = (directory: string): ReadonlyArray<string> =>
  readdirSync(join(project, directory), { recursive: true, encoding: "utf8" })
    .filter((name) => /\.(ts|js)$/.test(name) && !name.endsWith(".test.ts"))
    .map((name) => `${directory}/${name}`)

const modulesOf = (name: string): ReadonlyArray<string> => {
  const { exports } = JSON.parse(readFileSync(join(project, "node_modules", name, "package.json"), "utf8"))
  return Object.keys(exports)
    .filter((path) => exports[path] !== null && /^\.(\/[A-Z][a-zA-Z]*)?$/.test(path))
    .map((path) => name + path.slice(1))
}

/** What is loaded with a module: the whole of its package, and of those that this is made of. */
const wholeOf = (module: string): ReadonlyArray<string> => {
  if (module.startsWith("./src/"))
    return ["effect", "@effect/platform/Error", "@effect/platform/FileSystem", "./src/index.ts"]
  return packages.filter((name) => name === "effect" || module.startsWith(name))
}

/**
 * Whichever module of a package is asked for, the whole package is loaded: so everything in it is used together, and lands in a file or two
 * instead of hundreds. There is one of everything, since all are built at once.
 */
const whole: Plugin = {
  name: "whole",
  setup: ({ onLoad, onResolve }) => {
    onResolve({ filter: /.*/ }, ({ kind, path }) => {
      // It has `export *` of a package that stays outside, which only a module that nobody else shares can have.
      if (path === "@effect/vitest")
        return kind === "entry-point" ? undefined : { path: builtPackage(path), external: true }
      return kind === "entry-point" ? { path, namespace: "whole" } : undefined
    })
    onLoad({ filter: /.*/, namespace: "whole" }, ({ path }) => ({
      contents: `${wholeOf(path)
        .map((name) => `import "${name}"\n`)
        .join("")}export * from "${path}"`,
      resolveDir: project
    }))
  }
}

const buildPackages = (sources: ReadonlyArray<string>) =>
  build({
    absWorkingDir: project,
    entryPoints: [
      ...packages.flatMap(modulesOf).map((name) => ({ in: name, out: `packages/${name}` })),
      ...sources.map((file) => ({ in: `./${file}`, out: file.replace(/\.ts$/, "") }))
    ],
    outdir: built,
    bundle: true,
    splitting: true,
    // Beside what is found by its place: the module of a thread.
    chunkNames: "src/internal/native/[name]-[hash]",
    plugins: [whole],
    // Imports of packages that are said to have no effects of their own are kept.
    ignoreAnnotations: true,
    external: ["vitest", "undici", "ws"],
    format: "esm",
    platform: "node",
    target: "node20",
    sourcemap: "linked",
    // For what CommonJS modules require.
    banner: {
      js: `import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url)`
    },
    logLevel: "error"
  })

/** Nothing is bundled: imports stay as they are, but for the extension and for what is built otherwise. */
const imports: Plugin = {
  name: "imports",
  setup: ({ onResolve }) => {
    onResolve({ filter: /.*/ }, ({ importer, kind, path }) => {
      if (kind === "entry-point") return undefined
      const file = builtImport(path, importer)
      if (file !== undefined)
        return { path: relative(dirname(builtFrom(relative(project, importer))), file), external: true }
      return path.startsWith(".") ? { path: path.replace(/\.ts$/, ".js"), external: true } : undefined
    })
  }
}

/** Before the first test. Nothing is removed: another run in this tree may be using it. */
export const setup = async () => {
  const files = ["src", "test", "examples"].flatMap(filesIn)
  const sources = files.filter((file) => /^src\/.*\.ts$/.test(file))
  await buildPackages(sources)
  await build({
    absWorkingDir: project,
    entryPoints: files.filter((file) => !sources.includes(file)).map((file) => `./${file}`),
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
