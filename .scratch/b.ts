import { Effect } from "effect"
import { Aio, MockAio, ThreadPool } from "../src/index.ts"
import fs from "node:fs"
for (const [n, l] of [["mock", MockAio.layer()], ["threads", ThreadPool.layer()]] as const) {
  const d = "/tmp/zzq" + n
  fs.rmSync(d, { recursive: true, force: true })
  const p = Effect.gen(function* () {
    yield* Aio.mkdir(d)
    const at = yield* Aio.open(d, { flag: fs.constants.O_DIRECTORY })
    yield* Aio.rmdir(d)
    const out: any = {}
    for (const [name, e] of Object.entries({
      mkdir: Aio.mkdir("x", { at }), open: Aio.open("f", { at, flag: "w" }), symlink: Aio.symlink("t", "l", { at }), stat: Aio.stat("x", { at }), self: Aio.stat(".", { at }), up: Aio.stat("..", { at }), mkup: Aio.mkdir("../zzz" + n, { at }), rmup: Aio.rmdir("../zzz" + n, { at }), mkdot: Aio.mkdir("./y", {at}), dots: Aio.mkdir("a/../y", {at}),
      list: Aio.readdir(at) })) {
      const x = yield* Effect.either(e as any)
      out[name] = x._tag === "Left" ? (x.left as any).code : "ok"
    }
    yield* Aio.close(at)
    return out
  })
  console.log(n, await Effect.runPromise(p.pipe(Effect.provide(l as any)) as any))
}
