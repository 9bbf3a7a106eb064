/** What the types of public functions say that they fail with, by name: the compiler is asked. */
import { join } from "node:path"
import ts from "typescript"
import { project } from "../support/build.ts"

/** Tags of failures; `null` where the failures of what a function is given come through. */
export type Declared = Readonly<Record<string, ReadonlyArray<string> | null>>

/** Which of their type arguments is the failure. */
const places: Readonly<Record<string, number>> = { Effect: 1, Stream: 1, Layer: 1, Sink: 3 }

/** Members of what functions give: their interfaces, by what the fuzzer calls them. */
const interfaces = `
import type * as Platform from "@effect/platform/FileSystem"
import type { AioDirectory, AioFile, AioGroup, AioLock, AioLog, AioOperation } from "effect-aio"
export declare const members: {
  readonly AioFile: AioFile.AioFile
  readonly AioDirectory: AioDirectory.AioDirectory
  readonly AioGroup: AioGroup.AioGroup
  readonly AioLock: AioLock.AioLock
  readonly AioLog: AioLog.AioLog
  readonly Handle: AioGroup.Handle<unknown>
  readonly Prepared: AioOperation.Prepared<unknown>
  readonly File: Platform.File
  readonly FileSystem: Platform.FileSystem
}
export declare const submit: typeof AioOperation.submit
`

const compile = (): readonly [ts.TypeChecker, index: ts.SourceFile, members: ts.SourceFile] => {
  const { config } = ts.readConfigFile(join(project, "tsconfig.test.json"), ts.sys.readFile)
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, project)
  const host = ts.createCompilerHost(options)
  const [index, members] = [join(project, "src/index.ts"), join(project, "test/fuzz/members.ts")]
  const { fileExists, getSourceFile } = host
  host.fileExists = (name) => name === members || fileExists(name)
  host.getSourceFile = (name, settings, ...rest) =>
    name === members
      ? ts.createSourceFile(name, interfaces, settings)
      : getSourceFile(
          name,
          { ...(settings as ts.CreateSourceFileOptions), jsDocParsingMode: ts.JSDocParsingMode.ParseNone },
          ...rest
        )
  const program = ts.createProgram([index, members], options, host)
  return [program.getTypeChecker(), program.getSourceFile(index)!, program.getSourceFile(members)!]
}

export const declaredFailures = (): Declared => {
  const [checker, index, members] = compile()

  const exportsOf = (source: ts.SourceFile) => checker.getExportsOfModule(checker.getSymbolAtLocation(source)!)
  const target = (symbol: ts.Symbol) =>
    symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol

  /** Tags of a failure's type, and `null` for what a parameter of the function's stands for. */
  const tagsOf = (failure: ts.Type): ReadonlyArray<string | null> => {
    if (failure.flags & ts.TypeFlags.Never) return []
    if (failure.isUnion()) return failure.types.flatMap(tagsOf)
    const tag = failure.getProperty("_tag")
    const type = tag && checker.getTypeOfSymbol(tag)
    return [type?.isStringLiteral() ? type.value : null]
  }

  /** What running a value of this type, or calling it, may fail with. */
  const failuresOf = (type: ts.Type): ReadonlyArray<string | null> => {
    const name = type.symbol?.name
    if (name in places) return tagsOf(checker.getTypeArguments(type as ts.TypeReference)[places[name]])
    // The fuzzer submits it.
    if (name === "AioOperation") return ["AioError", "AioBadArgument", "AioOutside"]
    return type.getCallSignatures().flatMap((signature) => failuresOf(signature.getReturnType()))
  }

  const declared: Record<string, ReadonlyArray<string> | null> = {}
  const add = (prefix: string, symbols: ReadonlyArray<ts.Symbol>) => {
    for (const symbol of symbols) {
      const failures = failuresOf(checker.getTypeOfSymbol(target(symbol)))
      declared[`${prefix}.${symbol.name}`] = failures.includes(null) ? null : [...new Set(failures as Array<string>)]
    }
  }

  for (const namespace of exportsOf(index)) {
    const values = checker
      .getExportsOfModule(target(namespace))
      .filter((symbol) => target(symbol).flags & ts.SymbolFlags.Value)
    add(namespace.name, values)
  }
  const kinds = exportsOf(members).find(({ name }) => name === "members")!
  for (const kind of checker.getTypeOfSymbol(kinds).getProperties()) {
    add(kind.name, checker.getTypeOfSymbol(kind).getProperties())
  }
  return declared
}
