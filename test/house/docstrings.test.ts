/** What is public is documented, and what the documentation shows compiles. */
import { readdirSync, readFileSync } from "node:fs"
import { join, relative } from "node:path"
import ts from "typescript"
import { beforeAll, describe, expect, it } from "vitest"
import { project } from "../support/build.ts"

/** A piece of a program, as it stands in a docstring or a document. */
interface Snippet {
  readonly file: string
  /** The one before its first, from 1. */
  readonly line: number
  readonly code: string
}

const read = (file: string): string => readFileSync(join(project, file), "utf8")

const filesIn = (folder: string, ending: string): ReadonlyArray<string> =>
  readdirSync(join(project, folder), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(ending))
    .map((name) => join(folder, name))
    .sort()

/** Every `@example` of a file's docstrings. */
const examplesOf = (file: string, text = read(file)): ReadonlyArray<Snippet> => {
  const snippets: Array<Snippet> = []
  for (const comment of text.matchAll(/\/\*\*[\s\S]*?\*\//g)) {
    const first = text.slice(0, comment.index).split("\n").length
    let code: Array<string> | undefined
    let line = 0
    const end = () => {
      if (code !== undefined) snippets.push({ file, line, code: code.join("\n") })
      code = undefined
    }
    for (const [i, raw] of comment[0].split("\n").entries()) {
      const content = raw.replace(/^\s*(\/\*\*|\*\/|\* ?)/, "").replace(/\s*\*\/$/, "")
      if (content.startsWith("@")) {
        end()
        if (content.startsWith("@example")) [code, line] = [[], first + i]
      } else code?.push(content.startsWith("```") ? "" : content)
    }
    end()
  }
  return snippets
}

/** Every block of TypeScript in a document. */
const blocksOf = (file: string, text = read(file)): ReadonlyArray<Snippet> =>
  [...text.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(({ 1: code, index }) => ({
    file,
    line: text.slice(0, index).split("\n").length,
    code
  }))

const named = (from: string, ...names: ReadonlyArray<string>) => names.map((name): [string, string] => [name, from])

/** What the pieces in documents use without a declaration, and what it is there. */
const given: ReadonlyMap<string, string> = new Map(
  [
    ...named("effect-aio", ...[...read("src/index.ts").matchAll(/^export \* as (\w+)/gm)].map(([, name]) => name)),
    ...named("effect", "Effect", "Fiber", "Layer", "Metric", "Option", "Stream", "TestClock"),
    ...named("@effect/vitest", "expect", "it")
  ].map(([name, from]) => [name, `import { ${name} } from "${from}"; `])
)

const values = {
  path: "string",
  operations: "ReadonlyArray<AioOperation.AioOperation<number>>",
  file: "AioFile.AioFile",
  log: "number",
  record: "Uint8Array",
  header: "Uint8Array",
  end: "number",
  program: "Effect.Effect<void, AioError.AioFailure, Aio.Aio>"
}

/** What the pieces in documents use without importing or declaring it; a docstring's example has no such names. */
const preludeOf = (code: string): string => {
  const uses = (name: string, text: string) => new RegExp(`(?<![\\w.])${name}\\b`).test(text)
  const declared = code.match(/^import .*$|\b(const|let) \w+/gm)?.join() ?? ""
  const declarations = Object.entries(values)
    .filter(([name]) => uses(name, code) && !uses(name, declared))
    .map(([name, type]) => `declare const ${name}: ${type}; `)
    .join("")
  const imports = [...given].filter(([name]) => uses(name, code + declarations) && !uses(name, declared))
  return imports.map(([, text]) => text).join("") + declarations
}

/** One line in front, so that line `n` of the program stands `n` lines behind the one that the piece is found at. */
const programOf = ({ code, file }: Snippet): string => {
  if (file.endsWith(".ts")) return `\n${code}`
  return /^(const .* = )?yield\*/m.test(code)
    ? `${preludeOf(`Effect ${code}`)}export default Effect.gen(function* () {\n${code}})`
    : `${preludeOf(code)}\n${code}`
}

/** The files behind the `exports` of package.json. */
const publicFiles: ReadonlyArray<string> = Object.values(
  JSON.parse(read("package.json")).exports as Record<string, string | { readonly types: string }>
).flatMap((target) =>
  typeof target === "string" ? [] : [target.types.replace("./dist/", "src/").replace(".d.ts", ".ts")]
)

const { options } = ts.parseJsonConfigFileContent(
  ts.readConfigFile(join(project, "tsconfig.test.json"), ts.sys.readFile).config,
  ts.sys,
  project
)

/** The sources of the public modules, and beside them, in memory, `snippets` and other files: one program. */
const compile = (snippets: ReadonlyArray<Snippet>, others: ReadonlyMap<string, string>) => {
  const texts = new Map<string, string>([...others].map(([file, text]) => [join(project, file), text]))
  const snippetOf = new Map<string, Snippet>()
  for (const snippet of snippets) {
    const name = join(project, "snippets", `${snippet.file}:${snippet.line}.ts`)
    texts.set(name, programOf(snippet))
    snippetOf.set(name, snippet)
  }
  const host = ts.createCompilerHost(options)
  const { fileExists, getSourceFile, readFile } = host
  host.fileExists = (name) => texts.has(name) || fileExists(name)
  host.readFile = (name) => texts.get(name) ?? readFile(name)
  host.getSourceFile = (name, settings, ...rest) => {
    const text = texts.get(name)
    if (text !== undefined) return ts.createSourceFile(name, text, settings)
    // The docstrings of others are most of what there would be to parse.
    const jsDocParsingMode = name.includes("/node_modules/")
      ? ts.JSDocParsingMode.ParseNone
      : ts.JSDocParsingMode.ParseAll
    return getSourceFile(name, { ...(settings as ts.CreateSourceFileOptions), jsDocParsingMode }, ...rest)
  }
  const program = ts.createProgram([...publicFiles.map((file) => join(project, file)), ...texts.keys()], options, host)
  return { program, snippetOf }
}

/** A piece shows a value, and does nothing with it. An import that it does not need is an error. */
const isUnusedValue = ({ code, file, start }: ts.Diagnostic): boolean => {
  if (code !== 6133 && code !== 6196 && code !== 6198) return false
  const before = file!.text.lastIndexOf("\n", start! - 1)
  return before < 0 || !file!.text.startsWith("import ", before + 1)
}

const problemsOf = ({ program, snippetOf }: ReturnType<typeof compile>): ReadonlyArray<string> =>
  [...snippetOf].flatMap(([name, { file, line }]) => {
    const source = program.getSourceFile(name)
    const diagnostics = [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)]
    return diagnostics
      .filter((diagnostic) => !isUnusedValue(diagnostic))
      .map(({ messageText, start }) => {
        const at = line + source!.getLineAndCharacterOfPosition(start!).line
        return `${file}:${at}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`
      })
  })

interface Documented {
  readonly text: string
  readonly tags: ReadonlyArray<string>
}

const documentationOf = (node: ts.Node): ReadonlyArray<Documented> =>
  ts.getJSDocCommentsAndTags(node).flatMap((doc) =>
    ts.isJSDoc(doc)
      ? [
          {
            text: ts.getTextOfJSDocComment(doc.comment) ?? "",
            tags: doc.tags?.map(({ tagName }) => tagName.text) ?? []
          }
        ]
      : []
  )

const missingOf = (docs: ReadonlyArray<Documented>): ReadonlyArray<string> => {
  if (docs.length === 0) return ["a docstring"]
  // The one next to it is its own.
  const { tags, text } = docs[docs.length - 1]
  const missing = ["since", "category"].filter((tag) => !tags.includes(tag)).map((tag) => `@${tag}`)
  return text.trim() === "" ? ["a sentence", ...missing] : missing
}

const placeOf = (node: ts.Node): string => {
  const source = node.getSourceFile()
  return `${relative(project, source.fileName)}:${source.getLineAndCharacterOfPosition(node.getStart()).line + 1}`
}

const exportsOf = (program: ts.Program, file: string): ReadonlyArray<ts.Symbol> => {
  const checker = program.getTypeChecker()
  return checker.getExportsOfModule(checker.getSymbolAtLocation(program.getSourceFile(join(project, file))!)!)
}

/** What a file exports and does not document. */
const undocumentedIn = (program: ts.Program, file: string): ReadonlyArray<string> => {
  const checker = program.getTypeChecker()
  return exportsOf(program, file).flatMap((exported) => {
    const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
    if (symbol.declarations === undefined) return [`${file} ${exported.name}: not found`]
    // Several signatures of one function have one docstring between them; a type and a value of one name have one each.
    const byKind = new Map<ts.SyntaxKind, Array<ts.Node>>()
    for (const node of symbol.declarations) byKind.set(node.kind, [...(byKind.get(node.kind) ?? []), node])
    // A namespace is documented at the head of its module.
    byKind.delete(ts.SyntaxKind.SourceFile)
    return [...byKind.values()].flatMap((nodes) => {
      const missing = missingOf(nodes.flatMap(documentationOf))
      return missing.length === 0 ? [] : [`${placeOf(nodes[0])} ${exported.name}: ${missing.join(", ")}`]
    })
  })
}

const wrongExample = `
/**
 * Shows what does not compile.
 *
 * @since 0.1.0
 * @example
 * import { Effect } from "effect"
 * import { AioFile } from "effect-aio"
 *
 * const name: number = AioFile.readFile("name")
 * const other = AioFile.readFile(path)
 */
`

const wrongDocument = `# Title

\`\`\`ts
const { size } = yield* Aio.stat(path)
const name: string = size
\`\`\`

\`\`\`sh
const not: TypeScript
\`\`\`

\`\`\`ts
const half = (
\`\`\`
`

const wrongModule = `
export const bare = 1
/** Says something. */
export interface WithoutTags {}
/** @since 0.1.0 */
export type WithoutWords = 1
/**
 * Says something.
 *
 * @since 0.1.0
 * @category models
 */
export type Documented = string
export const Documented = ""
export { bare as renamed }
export { behind } from "./behind.ts"
export { nowhere } from "./nowhere.ts"
`

let compiled: ReturnType<typeof compile>

beforeAll(() => {
  const examples = filesIn("src", ".ts").flatMap((file) => examplesOf(file))
  const blocks = [...filesIn("docs", ".md"), "README.md"].flatMap((file) => blocksOf(file))
  const wrong = [...examplesOf("wrong.ts", wrongExample), ...blocksOf("wrong.md", wrongDocument)]
  compiled = compile(
    [...examples, ...blocks, ...wrong],
    new Map([
      ["test/house/wrong.ts", wrongModule],
      ["test/house/behind.ts", "export const behind = 1"]
    ])
  )
})

describe("examples", () => {
  const isWrong = (problem: string) => problem.startsWith("wrong.")

  it("in docstrings, the README and docs/ compile", () => {
    // A name that a document takes for granted gets its type in `values`.
    expect(problemsOf(compiled).filter((problem) => !isWrong(problem))).toEqual([])
  })

  it("that do not are found, with their file and line", () => {
    expect(problemsOf(compiled).filter(isWrong)).toEqual([
      expect.stringMatching(/^wrong\.ts:7: 'Effect' is declared but its value is never read/),
      expect.stringMatching(/^wrong\.ts:10: Type 'Effect<.*' is not assignable to type 'number'/),
      expect.stringMatching(/^wrong\.ts:11: Cannot find name 'path'/),
      expect.stringMatching(/^wrong\.md:5: Type 'bigint' is not assignable to type 'string'/),
      expect.stringMatching(/^wrong\.md:13: Expression expected/),
      expect.stringMatching(/^wrong\.md:14: '\)' expected/)
    ])
  })
})

describe("names in documents", () => {
  /** `Aio.read`, `AioFile.OpenOptions`: what documents say that modules export. */
  const missingIn = (file: string): ReadonlyArray<string> => {
    const code = [...read(file).matchAll(/`([^`\n]+)`/g)].map(([, text]) => text).join("\n")
    return [...code.matchAll(/\b([A-Z]\w+)\.(\w+)/g)]
      .filter(([, module, name]) => name !== "ts" && publicFiles.includes(`src/${module}.ts`))
      .filter(([, module, name]) => !exportsOf(compiled.program, `src/${module}.ts`).some((it) => it.name === name))
      .map(([text]) => `${file}: ${text}`)
  }

  it("are there", () => {
    expect(["README.md", ...filesIn("docs", ".md")].flatMap(missingIn)).toEqual([])
  })
})

describe("docstrings", () => {
  it("of whatever a public module exports: words, @since and @category", () => {
    expect([...new Set(publicFiles.flatMap((file) => undocumentedIn(compiled.program, file)))]).toEqual([])
  })

  it("stand at the head of every public module", () => {
    const hasNone = (file: string) => {
      const [head] = /^\/\*\*\n \* [^@][\s\S]*?\*\//.exec(read(file)) ?? [""]
      return !/^ \* @since \d/m.test(head)
    }
    expect(publicFiles.filter((file) => file !== "src/index.ts" && hasNone(file))).toEqual([])
  })

  it("that are not there, or not whole, are found", () => {
    expect(undocumentedIn(compiled.program, "test/house/wrong.ts")).toEqual([
      "test/house/wrong.ts:2 bare: a docstring",
      "test/house/wrong.ts:4 WithoutTags: @since, @category",
      "test/house/wrong.ts:6 WithoutWords: a sentence, @category",
      "test/house/wrong.ts:14 Documented: a docstring",
      "test/house/wrong.ts:2 renamed: a docstring",
      "test/house/behind.ts:1 behind: a docstring",
      "test/house/wrong.ts nowhere: not found"
    ])
  })
})
