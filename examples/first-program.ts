/** The first program of the README: one page of a file, in at most a second. `npx tsx examples/first-program.ts [FILE]` */
import { Effect } from "effect"
import { Aio, AioFile } from "effect-aio"

const program = Effect.gen(function* () {
  const file = yield* AioFile.open(process.argv[2] ?? "package.json") // closed with its Scope
  const page = yield* file.readAlloc(4096, { offset: 0 }) // a Uint8Array, shorter at the end of the file
  yield* Effect.log(`read ${page.length} bytes`)
}).pipe(Effect.scoped, Effect.timeout("1 second"), Effect.provide(Aio.layer()))

await Effect.runPromise(program)
