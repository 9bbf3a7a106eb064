/** Parts of @effect/platform and @effect/cli that stand on a FileSystem, on this one. */
import * as fs from "node:fs"
import { createServer } from "node:http"
import { join } from "node:path"
import { Args, Command, Options } from "@effect/cli"
import {
  FileSystem,
  HttpClient,
  HttpRouter,
  HttpServer,
  HttpServerResponse,
  KeyValueStore,
  PlatformConfigProvider
} from "@effect/platform"
import { NodeHttpClient, NodeHttpServer, NodePath } from "@effect/platform-node"
import { describe, expect, it } from "@effect/vitest"
import { Config, Effect, Exit, Layer, Option } from "effect"
import { AioFileSystem } from "effect-aio"
import * as AioContext from "effect-aio/AioContext"
import { backends } from "../support/backends.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

describe.each(backends)("$name", ({ layer }) => {
  const platform = Layer.provideMerge(Layer.mergeAll(AioFileSystem.layer, NodePath.layer), layer)

  it.scopedLive("KeyValueStore.layerFileSystem", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      yield* Effect.gen(function* () {
        const store = yield* KeyValueStore.KeyValueStore
        yield* store.set("key/with slash", "value")
        expect(yield* store.get("key/with slash")).toEqual(Option.some("value"))
        expect(yield* store.get("other")).toEqual(Option.none())
        yield* store.set("second", "2")
        expect(yield* store.size).toBe(2)
        yield* store.remove("second")
        expect(yield* store.size).toBe(1)
        yield* store.clear
        expect(yield* store.size).toBe(0)
      }).pipe(Effect.provide(Layer.provide(KeyValueStore.layerFileSystem(join(directory, "store")), platform)))
    })
  )

  it.scopedLive("PlatformConfigProvider: a .env file and a tree of files", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      fs.writeFileSync(join(directory, ".env"), "HOST=localhost\nPORT=8080\n")
      fs.mkdirSync(join(directory, "secrets"))
      fs.writeFileSync(join(directory, "secrets", "TOKEN"), "abc\n")
      const fromEnv = yield* Effect.provide(
        Config.all([Config.string("HOST"), Config.integer("PORT")]),
        Layer.provide(PlatformConfigProvider.layerDotEnv(join(directory, ".env")), platform)
      )
      expect(fromEnv).toEqual(["localhost", 8080])
      const fromTree = yield* Effect.provide(
        Config.string("TOKEN"),
        Layer.provide(PlatformConfigProvider.layerFileTree({ rootDirectory: join(directory, "secrets") }), platform)
      )
      expect(fromTree).toBe("abc")
    })
  )

  it.scopedLive("files over HTTP: whole, in part, and missing", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      const content = Buffer.alloc(300_000, "0123456789")
      fs.writeFileSync(join(directory, "file.txt"), content)
      const router = HttpRouter.empty.pipe(
        HttpRouter.get("/file", HttpServerResponse.file(join(directory, "file.txt"))),
        HttpRouter.get("/part", HttpServerResponse.file(join(directory, "file.txt"), { offset: 5, bytesToRead: 10 })),
        HttpRouter.get(
          "/stream",
          Effect.map(FileSystem.FileSystem, (service) =>
            HttpServerResponse.stream(service.stream(join(directory, "file.txt")))
          )
        ),
        HttpRouter.get("/missing", HttpServerResponse.file(join(directory, "missing"))),
        HttpRouter.catchAll((error) => HttpServerResponse.text(String((error as any).reason), { status: 404 }))
      )
      // The Layer of NodeHttpServer brings NodeFileSystem along; the handlers get this one.
      const server = Layer.provideMerge(
        Layer.merge(platform, NodeHttpClient.layer),
        NodeHttpServer.layer(() => createServer(), { port: 0 })
      )
      yield* Effect.gen(function* () {
        yield* HttpServer.serveEffect(router)
        const { address } = yield* HttpServer.HttpServer
        const get = (path: string) =>
          Effect.flatMap(HttpClient.get(`http://127.0.0.1:${(address as any).port}${path}`), (response) =>
            Effect.map(response.text, (text) => [response.status, text] as const)
          )
        expect(yield* get("/file")).toEqual([200, content.toString()])
        expect(yield* get("/part")).toEqual([200, "5678901234"])
        expect(yield* get("/stream")).toEqual([200, content.toString()])
        expect(yield* get("/missing")).toEqual([404, "NotFound"])
      }).pipe(Effect.scoped, Effect.provide(server))
    })
  )

  it.scopedLive("@effect/cli on AioContext: files and directories that must, or must not, exist", () =>
    Effect.gen(function* () {
      const directory = yield* temporaryDirectory
      fs.writeFileSync(join(directory, "input"), "content")
      let seen: unknown
      const command = Command.make(
        "program",
        { input: Args.file({ name: "input", exists: "yes" }), output: Options.file("output", { exists: "no" }) },
        ({ input, output }) =>
          Effect.gen(function* () {
            const service = yield* FileSystem.FileSystem
            yield* service.writeFileString(output, yield* service.readFileString(input))
            seen = [input, output]
          })
      )
      const run = (input: string, output: string) =>
        Command.run(command, { name: "program", version: "1" })([
          "node",
          "program",
          "--output",
          join(directory, output),
          join(directory, input)
        ]).pipe(Effect.provide(Layer.provide(AioContext.layer, layer)), Effect.exit)
      expect(Exit.isSuccess(yield* run("input", "output"))).toBe(true)
      expect(seen).toEqual([join(directory, "input"), join(directory, "output")])
      expect(fs.readFileSync(join(directory, "output"), "utf8")).toBe("content")
      expect(Exit.isSuccess(yield* run("input", "output"))).toBe(false)
      expect(Exit.isSuccess(yield* run("missing", "other"))).toBe(false)
    })
  )
})
