/** What imports what in src: for the rules that a test holds, and for the picture in docs/architecture.md. */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { dirname, join, normalize } from "node:path"
import { fileURLToPath } from "node:url"
import ts from "typescript"

export interface Import {
  /** A file of src, relative to it; or a package's name. */
  readonly to: string
  /** Nothing of it is left when types are erased. */
  readonly typeOnly: boolean
}

/** By file, relative to src. */
export type Imports = ReadonlyMap<string, ReadonlyArray<Import>>

const isTypeOnly = (node: ts.ImportDeclaration | ts.ExportDeclaration): boolean => {
  if (ts.isExportDeclaration(node)) {
    if (node.isTypeOnly) return true
    const clause = node.exportClause
    return clause !== undefined && ts.isNamedExports(clause) && clause.elements.every((element) => element.isTypeOnly)
  }
  const clause = node.importClause
  if (clause === undefined) return false
  if (clause.isTypeOnly) return true
  const named = clause.namedBindings
  return (
    clause.name === undefined &&
    named !== undefined &&
    ts.isNamedImports(named) &&
    named.elements.every((element) => element.isTypeOnly)
  )
}

export const readImports = (src: string): Imports => {
  const files = readdirSync(src, { recursive: true, encoding: "utf8" }).filter((name) => /\.[jt]s$/.test(name))
  return new Map(
    files.sort().map((file): [string, ReadonlyArray<Import>] => {
      const source = ts.createSourceFile(file, readFileSync(join(src, file), "utf8"), ts.ScriptTarget.Latest)
      const imports = source.statements.flatMap((node): ReadonlyArray<Import> => {
        if (!ts.isImportDeclaration(node) && !ts.isExportDeclaration(node)) return []
        if (node.moduleSpecifier === undefined || !ts.isStringLiteral(node.moduleSpecifier)) return []
        const { text } = node.moduleSpecifier
        return [{ to: text.startsWith(".") ? normalize(join(dirname(file), text)) : text, typeOnly: isTypeOnly(node) }]
      })
      return [file, imports]
    })
  )
}

/** Sets of files that import each other, by whatever way: Tarjan's strongly connected components of more than one file. */
export const circlesOf = (imports: Imports, follow: (from: string, it: Import) => boolean): Array<Array<string>> => {
  const order = new Map<string, number>()
  const low = new Map<string, number>()
  const stack: Array<string> = []
  const circles: Array<Array<string>> = []
  const visit = (file: string): void => {
    order.set(file, order.size)
    low.set(file, order.get(file)!)
    stack.push(file)
    for (const it of imports.get(file)!) {
      if (!imports.has(it.to) || !follow(file, it)) continue
      if (!order.has(it.to)) visit(it.to)
      if (stack.includes(it.to)) low.set(file, Math.min(low.get(file)!, low.get(it.to)!))
    }
    if (low.get(file) !== order.get(file)) return
    const circle = stack.splice(stack.indexOf(file))
    if (circle.length > 1) circles.push(circle)
  }
  for (const file of imports.keys()) if (!order.has(file)) visit(file)
  return circles
}

/** Where a file belongs: "src" for the public modules, otherwise its folder in src/internal. */
export const folderOf = (file: string): string => (file.startsWith("internal/") ? file.split("/")[1] : "src")

/** Which folders import which, as a Mermaid flowchart. Dotted: types only. */
export const pictureOf = (imports: Imports): string => {
  const edges = new Map<string, boolean>()
  for (const [file, list] of imports) {
    for (const { to, typeOnly } of list) {
      if (!imports.has(to) || folderOf(file) === folderOf(to)) continue
      const edge = `${folderOf(file)} ${folderOf(to)}`
      edges.set(edge, (edges.get(edge) ?? true) && typeOnly)
    }
  }
  const lines = [...edges].sort().map(([edge, typeOnly]) => `  ${edge.replace(" ", typeOnly ? " -.-> " : " --> ")}`)
  return ["```mermaid", "flowchart TD", ...lines, "```"].join("\n")
}

/** The place of the picture in a text. */
export const placeOfPicture = /```mermaid\nflowchart TD\n[^`]*```/

// Run by itself: draws the picture in docs/architecture.md anew.
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const path = fileURLToPath(new URL("../docs/architecture.md", import.meta.url))
  const picture = pictureOf(readImports(fileURLToPath(new URL("../src", import.meta.url))))
  writeFileSync(path, readFileSync(path, "utf8").replace(placeOfPicture, picture))
}
