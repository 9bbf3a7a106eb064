/**
 * A server of static files: @effect/platform's HTTP server, with this library's FileSystem below it.
 *
 *   npx tsx examples/static-server.ts DIRECTORY [PORT]   until it is interrupted
 *   npx tsx examples/static-server.ts                    serves src on a free port, and asks itself for some files
 */
import { createServer } from "node:http"
import { FileSystem, HttpServer, HttpServerRequest, HttpServerResponse, Path } from "@effect/platform"
import { NodeHttpServer, NodeRuntime } from "@effect/platform-node"
import { Console, Effect, Layer } from "effect"
import * as AioContext from "effect-aio/AioContext"

const types: Record<string, string> = {
  ".css": "text/css",
  ".html": "text/html",
  ".js": "text/javascript",
  ".json": "application/json",
  ".md": "text/markdown"
}

const notFound = HttpServerResponse.text("not found\n", { status: 404 })

/** Streams the file as the client takes it. Whoever goes away interrupts the stream, and with it the read under way. */
const serve = (root: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const path = yield* Path.Path
    const { url } = yield* HttpServerRequest.HttpServerRequest
    const name = yield* Effect.try(() => decodeURIComponent(new URL(url, "http://localhost").pathname))
    const real = yield* fs.realPath(path.join(root, path.normalize(`/${name}`)))
    // Also through symbolic links nothing outside of the directory is shown.
    if (real !== root && !real.startsWith(root + path.sep)) return notFound
    const info = yield* fs.stat(real)
    if (info.type !== "File") return notFound
    return HttpServerResponse.stream(fs.stream(real), {
      contentLength: Number(info.size),
      contentType: types[path.extname(real)] ?? "application/octet-stream"
    })
  }).pipe(Effect.catchAll(() => Effect.succeed(notFound)))

const server = (directory: string) =>
  Effect.gen(function* () {
    const fs = yield* FileSystem.FileSystem
    const root = yield* fs.realPath(directory)
    yield* HttpServer.serveEffect(serve(root))
    const address = HttpServer.formatAddress((yield* HttpServer.HttpServer).address)
    yield* Console.log(`serving ${root} on ${address}`)
    return address
  })

const demonstration = Effect.gen(function* () {
  const fs = yield* FileSystem.FileSystem
  const address = yield* server("src")
  const get = (name: string) => Effect.promise(() => fetch(address + name))
  for (const name of ["Aio.ts", "AioFile.ts", "internal/engine/engine.ts"]) {
    const body = yield* Effect.promise(async () => Buffer.from(await (await fetch(`${address}/${name}`)).arrayBuffer()))
    const same = body.equals(Buffer.from(yield* fs.readFile(`src/${name}`)))
    yield* Console.log(`${name}: ${body.length} bytes, ${same ? "as on disk" : "NOT as on disk"}`)
    if (!same) yield* Effect.dieMessage("not what is on disk")
  }
  for (const name of ["/none", "/../package.json", "/%2e%2e/package.json"]) {
    const { status } = yield* get(name)
    yield* Console.log(`${name}: ${status}`)
    if (status !== 404) yield* Effect.dieMessage(`${name} should not be there`)
  }
})

const [directory, port = "3000"] = process.argv.slice(2)
const program = directory === undefined ? demonstration : Effect.zipRight(server(directory), Effect.never)
const listening = { host: "127.0.0.1", port: directory === undefined ? 0 : Number(port) }

NodeRuntime.runMain(
  program.pipe(
    Effect.scoped,
    Effect.provide(Layer.mergeAll(AioContext.layerAuto, NodeHttpServer.layer(createServer, listening)))
  )
)
