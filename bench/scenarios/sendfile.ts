/** A cached file to the socket of a program that reads it: cat(1), over TCP. */
import { spawn } from "node:child_process"
import * as fs from "node:fs"
import { createServer, type Socket } from "node:net"
import { join } from "node:path"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import { AioFile } from "effect-aio"
import { MEBIBYTE } from "../fixtures.ts"
import { type Comparison, type Side, side } from "../measure.ts"
import type { Settings } from "../settings.ts"
import { layerOf } from "../sides/aio.ts"

/** The default of `createReadStream`. */
const CHUNK_SIZE = 64 * 1024

/** A connection to a process that reads all that comes. */
const connection = Effect.acquireRelease(
  Effect.async<{ readonly socket: Socket; readonly close: () => void }, Error>((resume) => {
    const server = createServer((socket) => {
      server.close()
      socket.on("error", () => {})
      resume(Effect.succeed({ socket, close: () => void socket.destroy() }))
    })
    server.on("error", (error) => resume(Effect.fail(error)))
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address() as { readonly port: number }
      spawn("bash", ["-c", `exec cat < /dev/tcp/127.0.0.1/${port} > /dev/null`], { stdio: "ignore" }).unref()
    })
  }),
  ({ close }) => Effect.sync(close)
)

/** The number of its descriptor, which Node does not tell. */
const descriptorOf = (socket: Socket): number => (socket as unknown as { _handle: { fd: number } })._handle.fd

/** `times`, one after the other. */
const repeat = (times: number, one: Effect.Effect<number, unknown>): Effect.Effect<number, unknown> => {
  let done = 0
  let sum = 0
  const step = (bytes: number): void => {
    done++
    sum += bytes
  }
  return Effect.map(Effect.whileLoop({ while: () => done < times, body: () => one, step }), () => sum)
}

const piped = (path: string, chunkSize: number, name: string): Side =>
  side(
    name,
    MEBIBYTE,
    Effect.map(connection, ({ socket }) => {
      const one = Effect.async<number, Error>((resume) => {
        const source = fs.createReadStream(path, { highWaterMark: chunkSize })
        source.on("error", (error) => resume(Effect.fail(error)))
        source.on("end", () => resume(Effect.succeed(source.bytesRead)))
        source.pipe(socket, { end: false })
      })
      const drained = Effect.async<void>((resume) => void socket.write("", () => resume(Effect.void)))
      return (requests: number) => Effect.zipLeft(repeat(requests, one), drained)
    })
  )

export const sendfile = ({ backends, fixtures }: Settings): Effect.Effect<Comparison> =>
  Effect.sync(() => {
    const path = join(fixtures.directory, "sent")
    fs.writeFileSync(path, Buffer.alloc(MEBIBYTE, "effect-aio "))
    const [backend] = backends
    return {
      name: "sendfile",
      title: "A cached file of 1 MiB to the socket of another process, again and again",
      unit: "files",
      sides: [
        side(
          "Aio.sendfile",
          MEBIBYTE,
          Effect.gen(function* () {
            const { socket } = yield* connection
            const context = yield* Layer.build(layerOf(backend))
            const file = yield* Effect.provide(AioFile.open(path), context)
            const to = descriptorOf(socket)
            /** What is left of the file, until nothing is: a socket takes what it has room for. */
            const rest = (offset: number): Effect.Effect<number, unknown> =>
              offset === MEBIBYTE
                ? Effect.succeed(offset)
                : Effect.flatMap(file.sendfile(to, { offset, length: MEBIBYTE - offset }), (count) =>
                    rest(offset + count)
                  )
            const one = Effect.suspend(() => rest(0))
            return (requests: number) => repeat(requests, one)
          })
        ),
        piped(path, CHUNK_SIZE, "createReadStream().pipe()"),
        piped(path, MEBIBYTE, "the same in chunks of 1 MiB")
      ]
    }
  })
