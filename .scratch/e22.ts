import { execFileSync } from "node:child_process"
import * as fs from "node:fs"
import { FileSystem } from "@effect/platform"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import { Cause, Effect, Exit, Layer, Option } from "effect"
import { AioFileSystem, IoUring } from "../src/index.ts"
const r = "/tmp/e22"
const list = (d: string): any => fs.existsSync(d) && fs.statSync(d).isDirectory() ? fs.readdirSync(d, {recursive: true}).sort().map(n => { const p = d + "/" + n; try { return fs.lstatSync(p).isSymbolicLink() ? n + "->" + fs.readlinkSync(p) : n } catch { return n } }) : fs.existsSync(d)
const cases: Array<[string, () => void, string, string]> = [
  ["d/b -> s, copy s d/b/c", () => { fs.symlinkSync(r + "/s", r + "/d/b") }, "s", "d/b/c"],
  ["d/b -> s, copy s d/b/c/e", () => { fs.symlinkSync(r + "/s", r + "/d/b") }, "s", "d/b/sub/e"],
  ["d/l -> s/sub; s/l -> s", () => { fs.symlinkSync(r + "/s", r + "/s/l"); fs.symlinkSync(r + "/s/sub", r + "/d/l") }, "s", "d"],
  ["d/l -> s; s/l -> s/sub", () => { fs.symlinkSync(r + "/s/sub", r + "/s/l"); fs.symlinkSync(r + "/s", r + "/d/l") }, "s", "d"],
  ["d/l -> s; s/l -> sub (rel)", () => { fs.symlinkSync("sub", r + "/s/l"); fs.symlinkSync(r + "/s", r + "/d/l") }, "s", "d"],
  ["d/l -> s/sub; s/l -> x(file)", () => { fs.symlinkSync("x", r + "/s/l"); fs.symlinkSync(r + "/s/sub", r + "/d/l") }, "s", "d"],
  ["d/l -> s; s/l -> x(file)", () => { fs.symlinkSync("x", r + "/s/l"); fs.symlinkSync(r + "/s", r + "/d/l") }, "s", "d"],
  ["d/l -> s/x; s/l -> x(file)", () => { fs.symlinkSync("x", r + "/s/l"); fs.symlinkSync(r + "/s/x", r + "/d/l") }, "s", "d"],
  ["d/l -> s/sub; s/l -> elsewhere", () => { fs.symlinkSync(r + "/o", r + "/s/l"); fs.symlinkSync(r + "/s/sub", r + "/d/l") }, "s", "d"],
  ["d/sub -> s/sub", () => { fs.symlinkSync(r + "/s/sub", r + "/d/sub") }, "s", "d"],
  ["d/x -> s/x", () => { fs.symlinkSync(r + "/s/x", r + "/d/x") }, "s", "d"],
  ["copy s/sub to d/s2 (->s)", () => { fs.symlinkSync(r + "/s", r + "/d/s2") }, "s/sub", "d/s2"],
  ["hardlink file", () => { fs.linkSync(r + "/s/x", r + "/d/h") }, "s/x", "d/h"],
  ["link ls->s, copy ls to s/new", () => { fs.symlinkSync(r + "/s", r + "/ls") }, "ls", "s/new"],
  ["link ls->s, copy ls/ to d/new", () => { fs.symlinkSync(r + "/s", r + "/ls") }, "ls/", "d/new"],
  ["link ls->s, copy ls to d/l2 -> s/sub", () => { fs.symlinkSync(r + "/s", r + "/ls"); fs.symlinkSync(r + "/s/sub", r + "/d/l2") }, "ls", "d/l2"],
]
for (const [name, make, from, to] of cases) {
  const out: any = {}
  for (const [n, layer] of [["node", NodeFileSystem.layer], ["aio", AioFileSystem.layer.pipe(Layer.provide(IoUring.layer()))]] as const) {
    execFileSync("rm", ["-rf", r]); fs.mkdirSync(r + "/s/sub", { recursive: true }); fs.mkdirSync(r + "/d"); fs.mkdirSync(r + "/o"); fs.writeFileSync(r + "/s/x", "x"); make()
    const before = JSON.stringify(list(r))
    const exit = await Effect.runPromiseExit(Effect.flatMap(FileSystem.FileSystem, (f) => f.copy(`${r}/${from}`, `${r}/${to}`)).pipe(Effect.provide(layer as any)) as any)
    const after = JSON.stringify(list(r))
    out[n] = (Exit.isSuccess(exit) ? "ok" : Option.match(Cause.failureOption(exit.cause), { onNone: () => Cause.pretty(exit.cause).slice(0, 100), onSome: (e: any) => `${e.reason} ${e.syscall} ${e.description}`.slice(0, 90) })) + (before === after ? " | untouched" : after.length > 600 ? " | LONG" : " | " + after)
  }
  console.log((out.node === out.aio ? "SAME " : "DIFF ") + name + "\n   " + out.node + (out.node === out.aio ? "" : "\n   " + out.aio))
}
