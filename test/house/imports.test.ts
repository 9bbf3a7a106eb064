/** The floors of the house: what may import what, see docs/architecture.md. */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { describe, expect, it } from "vitest"
import { circlesOf, folderOf, type Import, pictureOf, placeOfPicture, readImports } from "../../scripts/imports.ts"
import { project } from "../support/build.ts"

const imports = readImports(join(project, "src"))

/** What the files of a folder may import: other folders of src/internal, "src" and packages. Types count like values. */
const floors: Readonly<Record<string, ReadonlyArray<string>>> = {
  native: ["koffi"],
  engine: ["native"],
  operation: ["native", "engine"],
  backend: ["native", "engine", "operation"],
  task: ["native", "engine", "operation"],
  effect: ["native", "engine", "operation", "backend", "task", "src", "effect", "@effect"],
  file: ["native", "engine", "operation", "task", "effect", "src", "@effect"],
  filesystem: ["native", "engine", "operation", "task", "effect", "src", "@effect"]
}

const isPackage = (to: string): boolean => !imports.has(to)

const nameOf = (to: string): string => (isPackage(to) ? to.split("/")[0] : folderOf(to))

/** Every import of a file that its floor does not allow. */
const forbidden = (file: string, list: ReadonlyArray<Import>): ReadonlyArray<string> => {
  const folder = folderOf(file)
  const allowed = floors[folder]
  if (allowed === undefined) return [`${file} stands in no folder with a floor`]
  return list
    .filter(({ to }) => !to.startsWith("node:") && nameOf(to) !== folder && !allowed.includes(nameOf(to)))
    .map(({ to }) => `${file} -> ${to}`)
}

describe("imports", () => {
  it("go down only", () => {
    const inside = [...imports].filter(([file]) => file.startsWith("internal/"))
    expect(inside.flatMap(([file, list]) => forbidden(file, list))).toEqual([])
  })

  it("of values go round in no circle", () => {
    expect(circlesOf(imports, (_, { typeOnly }) => !typeOnly)).toEqual([])
  })

  it("of types go round only between a public module and its own internal one", () => {
    const circles = circlesOf(imports, () => true)
    expect(circles.filter((files) => files.length > 2 || files.every((file) => file.startsWith("internal/")))).toEqual(
      []
    )
  })

  it("stand in docs/architecture.md as they are", () => {
    const [picture] = placeOfPicture.exec(readFileSync(join(project, "docs/architecture.md"), "utf8")) ?? []
    // If not: node --import tsx scripts/imports.ts
    expect(picture).toBe(pictureOf(imports))
  })
})

it("no file stands loose in src/internal, and none but lists of public functions has more than 500 lines", () => {
  const files = [...imports.keys()]
  expect(files.filter((file) => /^internal\/[^/]+$/.test(file))).toEqual([])
  const lists = ["Aio.ts", "AioOperation.ts"]
  const long = files.filter(
    (file) => !lists.includes(file) && readFileSync(join(project, "src", file), "utf8").split("\n").length > 501
  )
  expect(long).toEqual([])
})
