#!/usr/bin/env bash
# The package as users get it: packed, installed into an empty project, run by Node and type-checked strictly.
set -euo pipefail
cd "$(dirname "$0")/.."

directory=$(mktemp -d)
trap 'rm -rf "$directory"' EXIT

version() { node -p "require('./node_modules/$1/package.json').version"; }

npm run --silent build
tarball=$(npm pack --silent --ignore-scripts --pack-destination "$directory")
echo '{ "name": "user", "private": true, "type": "module" }' >"$directory/package.json"
npm install --prefix "$directory" --prefer-offline --no-audit --no-fund --loglevel=error \
  "$directory/$tarball" "effect@$(version effect)" "@effect/platform@$(version @effect/platform)" \
  "typescript@$(version typescript)" "@types/node@$(version @types/node)"

cat >"$directory/run.js" <<'JS'
import { readFileSync } from "node:fs"
import { Effect, Layer } from "effect"
import { Aio, IoUring, ThreadPool } from "effect-aio"
import * as AioFile from "effect-aio/AioFile"
import * as AioFileSystem from "effect-aio/AioFileSystem"

const program = Effect.gen(function* () {
  const { backend } = yield* Aio.Aio
  const file = yield* AioFile.open("package.json")
  const bytes = yield* file.readAlloc(65536, { offset: 0 })
  if (!readFileSync("package.json").equals(bytes)) throw new Error(`${backend} read something else`)
  return backend
}).pipe(Effect.scoped)

const layers = [
  IoUring.layer().pipe(Layer.orElse(() => ThreadPool.layer())),
  // Nothing on the spot: a thread does it.
  ThreadPool.layer({ inline: false })
]
void AioFileSystem.layer
for (const layer of layers) console.log(`installed, read with ${await Effect.runPromise(Effect.provide(program, layer))}`)
JS

cat >"$directory/types.ts" <<'TS'
import { Effect, type Scope, type Stream } from "effect"
import { Aio, AioBuffer, AioDirectory, type AioError, AioFile, AioFileSystem, IoUring, MockAio, ThreadPool } from "effect-aio"
import type { AioError as Failed } from "effect-aio/AioError"

type Failure = Failed | AioError.AioBadArgument | AioError.AioOutside

export const read: Effect.Effect<number, Failure, Aio.Aio | Scope.Scope> = Effect.gen(function* () {
  const file = yield* AioFile.open("package.json", { flag: "r" })
  const bytes: Stream.Stream<Uint8Array, Failure> = file.stream({ chunkSize: 4096 })
  void bytes
  const names: ReadonlyArray<string> = (yield* AioDirectory.read(".")).map(({ name }) => name)
  void names
  return yield* file.read(AioBuffer.aligned(4096), { offset: 0n })
})

export const run: Promise<number> = Effect.runPromise(read.pipe(Effect.scoped, Effect.provide(Aio.layer())))

export const fileSystem = AioFileSystem.layerAuto
export const mock = MockAio.layer({ files: { "/etc/motd": "hello" } })
export const layers = [IoUring.layer({ entries: 64 }), ThreadPool.layer({ maxParallel: 2 })] as const

// @ts-expect-error A path is a string or bytes.
export const wrong = AioFile.open(42)
TS

cat >"$directory/tsconfig.json" <<'JSON'
{
  "compilerOptions": {
    "target": "ES2022",
    "module": "nodenext",
    "moduleResolution": "nodenext",
    "types": ["node"],
    "strict": true,
    "exactOptionalPropertyTypes": true,
    "noUncheckedIndexedAccess": true,
    "verbatimModuleSyntax": true,
    "skipLibCheck": false,
    "noEmit": true
  },
  "include": ["types.ts"]
}
JSON

cd "$directory"
node run.js
node_modules/.bin/tsc -p tsconfig.json
echo "installed, types hold"
