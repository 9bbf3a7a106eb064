/** Every option of every public function, as the compiler sees them: "Aio.open.at", "ThreadPool.layer.inline.requests". */
import { join } from "node:path"
import ts from "typescript"
import { project } from "../support/build.ts"

const source = join(project, "src")

/** Values and models whose members are public functions, too. */
const models = ["AioFile.AioFile", "AioDirectory.AioDirectory", "AioGroup.AioGroup", "AioLock.AioLock"]

/** What is passed as a whole, and has no options. */
const values = new Set(["Opened", "AioFile", "AioDirectory", "AioOperation"])

/** What others declare stays unknown: options are ours, and all of Effect takes ten times as long to read. */
const ownFilesOnly = (options: ts.CompilerOptions): ts.CompilerHost => {
  const host = ts.createCompilerHost(options)
  host.resolveModuleNameLiterals = (literals, from) =>
    literals.map(({ text }) =>
      text.startsWith(".") ? ts.resolveModuleName(text, from, options, host) : { resolvedModule: undefined }
    )
  return host
}

export const publicOptions = (): ReadonlySet<string> => {
  const { config } = ts.readConfigFile(join(project, "tsconfig.test.json"), ts.sys.readFile)
  const { options: given } = ts.parseJsonConfigFileContent(
    { ...config, include: [], files: ["src/index.ts"] },
    ts.sys,
    project
  )
  const options: ts.CompilerOptions = { ...given, types: [] }
  const [index, testing, context] = ["index.ts", "testing.ts", "AioContext.ts"].map((file) => join(source, file))
  const program = ts.createProgram([index, testing, context], options, ownFilesOnly(options))
  const checker = program.getTypeChecker()
  const found = new Set<string>()

  const callsOf = (type: ts.Type) => checker.getSignaturesOfType(type, ts.SignatureKind.Call)

  const isOurs = (symbol: ts.Symbol): boolean =>
    symbol.declarations?.some((declaration) => declaration.getSourceFile().fileName.startsWith(source)) ?? false

  /** Of a tuple, the elements: of a function that was made from another one, all parameters are one. */
  const partsOf = (type: ts.Type): ReadonlyArray<ts.Type> => {
    if (type.isUnion()) return type.types.flatMap(partsOf)
    return checker.isTupleType(type) ? checker.getTypeArguments(type as ts.TypeReference).flatMap(partsOf) : [type]
  }

  /** An object of options' own: not what an operation, a class or a callback is. */
  const isOptions = (type: ts.Type): boolean => {
    const { flags = ts.SymbolFlags.None, name = "" } = type.symbol ?? {}
    const isObject = (type.flags & (ts.TypeFlags.Object | ts.TypeFlags.Intersection)) !== 0
    return isObject && callsOf(type).length === 0 && !(flags & ts.SymbolFlags.Class) && !values.has(name)
  }

  const collect = (type: ts.Type, name: string): void => {
    for (const part of partsOf(type).filter(isOptions)) {
      for (const property of checker.getPropertiesOfType(part).filter(isOurs)) {
        const full = `${name}.${property.name}`
        found.add(full)
        // Options in options that have no name of their own are those of this function alone.
        const within = partsOf(checker.getTypeOfSymbol(property)).filter((of) => of.symbol?.name === "__type")
        for (const of of within) collect(of, full)
      }
    }
  }

  const lookAt = (symbol: ts.Symbol, name: string): void => {
    for (const { parameters } of callsOf(checker.getTypeOfSymbol(symbol))) {
      for (const parameter of parameters) collect(checker.getTypeOfSymbol(parameter), name)
    }
  }

  const membersOf = (symbol: ts.Symbol): ReadonlyArray<ts.Symbol> =>
    checker.getPropertiesOfType(
      symbol.flags & ts.SymbolFlags.Value ? checker.getTypeOfSymbol(symbol) : checker.getDeclaredTypeOfSymbol(symbol)
    )

  const exportsOf = (module: ts.Symbol) =>
    checker
      .getExportsOfModule(module)
      .map((exported): readonly [string, ts.Symbol] => [
        exported.name,
        exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported
      ])

  const lookInto = (module: ts.Symbol, name: string): void => {
    for (const [own, symbol] of exportsOf(module)) {
      const full = `${name}.${own}`
      if (symbol.flags & ts.SymbolFlags.Value) lookAt(symbol, full)
      if (models.includes(full)) for (const member of membersOf(symbol)) lookAt(member, `${full}.${member.name}`)
    }
  }

  const moduleOf = (file: string) => checker.getSymbolAtLocation(program.getSourceFile(file)!)!
  for (const [name, module] of exportsOf(moduleOf(index))) lookInto(module, name)
  lookInto(moduleOf(testing), "testing")
  lookInto(moduleOf(context), "AioContext")
  return found
}
