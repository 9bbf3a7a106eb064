import * as fs from "node:fs"
import { FileSystem } from "@effect/platform"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Cause, Effect, Exit, Layer, Option, Stream } from "effect"
import { AioFileSystem, IoUring, MockAio } from "../src/index.ts"
const setup = (root: string) => {
  fs.mkdirSync(root); fs.mkdirSync(root + "/d/sub", { recursive: true }); fs.writeFileSync(root + "/f", "hello"); fs.symlinkSync("nowhere", root + "/dangling")
  fs.symlinkSync("loop", root + "/loop"); fs.writeFileSync(root + "/d/x", "x"); fs.symlinkSync("d", root + "/ld"); fs.mkdirSync(root + "/empty")
}
const paths = ["no", "no/such", "f/x", "f/", "loop", "loop/x", "dangling", "d", "f", "ld/..", "ld/", "x".repeat(300), "a\0", "", "empty"]
const one: Record<string, (s: FileSystem.FileSystem, p: string) => Effect.Effect<any, any, any>> = {
  access: (s, p) => s.access(p), accessW: (s, p) => s.access(p, { writable: true }), chmod: (s, p) => s.chmod(p, 0o700), chown: (s, p) => s.chown(p, 0, 0),
  exists: (s, p) => s.exists(p), makeDirectory: (s, p) => s.makeDirectory(p), makeDirectoryR: (s, p) => Effect.asVoid(s.makeDirectory(p, { recursive: true })),
  makeTemp: (s, p) => Effect.asVoid(s.makeTempDirectory({ directory: p })), makeTempFile: (s, p) => Effect.asVoid(s.makeTempFile({ directory: p })),
  open: (s, p) => Effect.asVoid(Effect.scoped(s.open(p))), openw: (s, p) => Effect.asVoid(Effect.scoped(s.open(p, { flag: "wx" }))),
  readDirectory: (s, p) => s.readDirectory(p), readFile: (s, p) => Effect.map(s.readFile(p), (b) => [...b]), readLink: (s, p) => s.readLink(p),
  readFileString: (s, p) => s.readFileString(p),
  realPath: (s, p) => s.realPath(p), remove: (s, p) => s.remove(p), removeR: (s, p) => s.remove(p, { recursive: true }), removeF: (s, p) => s.remove(p, { force: true }),
  stat: (s, p) => Effect.map(s.stat(p), (x) => x.type), stream: (s, p) => Effect.asVoid(Stream.runCollect(s.stream(p))), sink: (s, p) => Stream.run(Stream.make(new Uint8Array(1)), s.sink(p)),
  truncate: (s, p) => s.truncate(p, 1), utimes: (s, p) => s.utimes(p, 1, 1), writeFile: (s, p) => s.writeFile(p, new Uint8Array(2)), writeFileString: (s, p) => s.writeFileString(p, "a"),
  watch: (s, p) => p.includes("\0") || ["d","f","ld/","ld/..","empty",""].includes(p.replace(/.*root-.\//,"")) ? Effect.void : Effect.timeoutOption(Stream.runDrain(Stream.take(s.watch(p), 1)), 200)
}
for (const [name, m] of [["copy", "copy"], ["copyFile", "copyFile"], ["link", "link"], ["rename", "rename"], ["symlink", "symlink"]] as const) {
  one[name + "From"] = (s, p) => (s as any)[m](p, p.replace(/(root-.)\/.*$/s, "$1/new"))
  one[name + "To"] = (s, p) => (s as any)[m](p.replace(/(root-.)\/.*$/s, "$1/f"), p)
  one[name + "DirTo"] = (s, p) => (s as any)[m](p.replace(/(root-.)\/.*$/s, "$1/d"), p)
}
const top = fs.mkdtempSync("/tmp/cmp-")
let n = 0
const show = (exit: Exit.Exit<any, any>, root: string) => {
  const text = Exit.isSuccess(exit) ? ["ok", exit.value] : Option.match(Cause.failureOption(exit.cause), { onNone: () => Cause.pretty(exit.cause).slice(0, 200), onSome: (e: any) => [e._tag, e.method, e.reason, e.syscall, e.description, e.pathOrDescriptor] })
  return JSON.stringify(text)?.replaceAll(root, "<r>")
}
const run = async (layer: any, root: string, call: any, p: string) => show(await Effect.runPromiseExit(Effect.flatMap(FileSystem.FileSystem, (s) => call(s, p === "" ? "" : `${root}/${p}`)).pipe(Effect.provide(layer)) as any), root)
process.chdir(top)
for (const [label, layer] of [["io_uring", AioFileSystem.layer.pipe(Layer.provide(IoUring.layer()))]] as const)
for (const [name, call] of Object.entries(one)) for (const p of paths) {
  if (p === "" && /remove|utimes|chmod|chown/.test(name)) continue
  const a = `${top}/root-${n++ % 2 ? "a" : "a"}`, b = `${top}/root-b`
  for (const r of [a, b]) { fs.rmSync(r, { recursive: true, force: true }); setup(r) }
  const x = await run(NodeFileSystem.layer, a, call, p), y = await run(layer, b, call, p)
  if (x !== y) console.log(`${name}(${p.slice(0, 12).replace("\0", "\\0")})\n  node ${x?.replaceAll("x".repeat(300), "XXX")}\n  aio  ${y?.replaceAll("x".repeat(300), "XXX")}`)
}
process.chdir("/"); fs.rmSync(top, { recursive: true })
