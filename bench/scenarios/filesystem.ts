/** The `FileSystem` of @effect/platform: this library's against NodeFileSystem, through the same interface. */
import { mkdirSync, mkdtempSync, writeFileSync } from "node:fs"
import { join } from "node:path"
import * as FileSystem from "@effect/platform/FileSystem"
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { AioFileSystem } from "effect-aio"
import { type Fixtures, MEBIBYTE, OFFSETS_MASK, offsets, PAGE, SMALL_FILE_SIZE } from "../fixtures.ts"
import { fibers, range } from "../loops.ts"
import { type Comparison, metered, type Run, type Side, side } from "../measure.ts"
import type { Settings } from "../settings.ts"
import { type BackendName, layerOf } from "../sides/aio.ts"

type Service = FileSystem.FileSystem

/** A FileSystem under the name of its side. */
interface Candidate {
  readonly name: string
  readonly layer: Layer.Layer<Service, unknown>
}

const candidates = (backends: ReadonlyArray<BackendName>): ReadonlyArray<Candidate> => [
  ...backends.map((backend) => ({
    name: `AioFileSystem ${backend}`,
    layer: Layer.provide(AioFileSystem.layer, layerOf(backend))
  })),
  { name: "NodeFileSystem", layer: NodeFileSystem.layer }
]

const DEPTH = 16

type Loop = (requests: number) => Effect.Effect<number, unknown>

const comparison = (
  { backends }: Settings,
  name: string,
  title: string,
  unit: string,
  bytesPerRequest: number,
  requests: number | undefined,
  open: (service: Service, directory: string) => Effect.Effect<Loop, unknown, Scope.Scope>,
  fixtures: Fixtures
): Comparison => ({
  name,
  title,
  unit,
  ...(requests === undefined ? {} : { requests }),
  sides: candidates(backends).map(({ layer, name }) =>
    side(
      name,
      bytesPerRequest,
      Effect.flatMap(Layer.build(layer), (context) => {
        const service = FileSystem.FileSystem.pipe(Effect.provide(context), Effect.runSync)
        return open(service, mkdtempSync(join(fixtures.directory, "own-")))
      })
    )
  )
})

/** Calls of one method, sixteen at a time; each counts for a byte. */
const calls =
  (make: (service: Service, directory: string) => (index: number, worker: number) => Effect.Effect<unknown, unknown>) =>
  (service: Service, directory: string): Effect.Effect<Loop, unknown> =>
    Effect.sync(() => {
      const call = make(service, directory)
      return (requests) => fibers(DEPTH, requests, call, () => 1)
    })

const content = new Uint8Array(SMALL_FILE_SIZE).fill(65)

/** Methods of which each does about one thing. */
const methods = (paths: ReadonlyArray<string>): Record<string, Parameters<typeof calls>[0]> => {
  const path = (index: number): string => paths[index % paths.length]
  const own = (directory: string, worker: number): string => join(directory, `${worker}`)
  return {
    access: (fs) => (index) => fs.access(path(index), { readable: true }),
    exists: (fs) => (index) => fs.exists(path(index)),
    missing: (fs) => (index) => fs.exists(`${path(index)}.missing`),
    chmod: (fs) => (index) => fs.chmod(path(index), 0o644),
    utimes: (fs) => (index) => fs.utimes(path(index), 1, 1),
    realPath: (fs) => (index) => fs.realPath(path(index)),
    readFileString: (fs) => (index) => fs.readFileString(path(index)),
    readDirectory: (fs, directory) => {
      for (let i = 0; i < 20; i++) writeFileSync(join(directory, `${i}`), "")
      return () => fs.readDirectory(directory)
    },
    openAndClose: (fs) => (index) => Effect.scoped(fs.open(path(index))),
    makeAndRemove: (fs, directory) => (_, worker) =>
      Effect.zipRight(fs.makeDirectory(own(directory, worker)), fs.remove(own(directory, worker), { recursive: true })),
    renameTwice: (fs, directory) => {
      for (const worker of range(DEPTH)) writeFileSync(own(directory, worker), content)
      return (_, worker) => {
        const name = own(directory, worker)
        return Effect.zipRight(fs.rename(name, `${name}x`), fs.rename(`${name}x`, name))
      }
    },
    linkAndRemove: (fs, directory) => (index, worker) =>
      Effect.zipRight(fs.link(path(index), own(directory, worker)), fs.remove(own(directory, worker))),
    symlinkReadRemove: (fs, directory) => (_, worker) => {
      const name = own(directory, worker)
      return Effect.zipRight(Effect.zipRight(fs.symlink("target", name), fs.readLink(name)), fs.remove(name))
    },
    copyFile: (fs, directory) => (index, worker) => fs.copyFile(path(index), own(directory, worker)),
    truncate: (fs, directory) => {
      for (const worker of range(DEPTH)) writeFileSync(own(directory, worker), content)
      return (_, worker) => fs.truncate(own(directory, worker), 100)
    },
    writeEight: (fs, directory) => {
      const eight = range(8)
      return (_, worker) =>
        Effect.scoped(
          Effect.flatMap(fs.open(own(directory, worker), { flag: "w" }), (file) =>
            Effect.forEach(eight, () => file.writeAll(content), { discard: true })
          )
        )
    }
  }
}

export const methodNames: ReadonlyArray<string> = Object.keys(methods([]))

export const method = (settings: Settings, name: string): Effect.Effect<Comparison> =>
  Effect.map(settings.fixtures.smallFiles, (paths) =>
    comparison(
      settings,
      `fs-${name}`,
      `FileSystem: ${name}, depth ${DEPTH}`,
      "calls",
      1,
      undefined,
      calls(methods(paths)[name]),
      settings.fixtures
    )
  )

export const load = (settings: Settings): Effect.Effect<Comparison> =>
  Effect.map(settings.fixtures.smallFiles, (paths) =>
    comparison(
      settings,
      "fs-load",
      `FileSystem.readFile of ${paths.length} files, depth ${DEPTH}`,
      "files",
      SMALL_FILE_SIZE,
      paths.length,
      (service) =>
        Effect.succeed((requests) =>
          fibers(
            DEPTH,
            requests,
            (index) => service.readFile(paths[index]),
            ({ byteLength }) => byteLength
          )
        ),
      settings.fixtures
    )
  )

export const stat = (settings: Settings): Effect.Effect<Comparison> =>
  Effect.map(settings.fixtures.smallFiles, (paths) =>
    comparison(
      settings,
      "fs-stat",
      `FileSystem.stat of ${paths.length} files, depth ${DEPTH}`,
      "files",
      SMALL_FILE_SIZE,
      paths.length,
      (service) =>
        Effect.succeed((requests) =>
          fibers(
            DEPTH,
            requests,
            (index) => service.stat(paths[index]),
            ({ size }) => Number(size)
          )
        ),
      settings.fixtures
    )
  )

export const write = (settings: Settings): Effect.Effect<Comparison> =>
  Effect.sync(() => {
    const count = settings.fixtures.sizes.smallFiles
    return comparison(
      settings,
      "fs-write",
      `FileSystem.writeFile of ${count} files, depth ${DEPTH}`,
      "files",
      1,
      count,
      calls((service, directory) => {
        const paths = range(count).map((index) => join(directory, `${index}`))
        return (index) => service.writeFile(paths[index], content)
      }),
      settings.fixtures
    )
  })

const READERS = 64

export const reads = (settings: Settings): Effect.Effect<Comparison> =>
  Effect.map(settings.fixtures.cachedFile, (path) =>
    comparison(
      settings,
      "fs-reads",
      `File.seek and File.read of a page, ${READERS} Files`,
      "reads",
      PAGE,
      undefined,
      (service) =>
        Effect.map(
          Effect.forEach(range(READERS), () => service.open(path)),
          (files) => {
            const buffers = range(READERS).map(() => new Uint8Array(PAGE))
            return (requests: number) =>
              fibers(
                READERS,
                requests,
                (index, worker) =>
                  Effect.zipRight(
                    files[worker].seek(offsets[index & OFFSETS_MASK], "start"),
                    files[worker].read(buffers[worker])
                  ),
                Number
              )
          }
        ),
      settings.fixtures
    )
  )

export const stream = (settings: Settings): Effect.Effect<Comparison> =>
  Effect.map(settings.fixtures.bigFile, (path) =>
    comparison(
      settings,
      "fs-stream",
      `FileSystem.stream of ${settings.fixtures.sizes.bigFile} MiB, 64 KiB at a time`,
      "MiB",
      MEBIBYTE,
      settings.fixtures.sizes.bigFile,
      (service) =>
        Effect.succeed((mebibytes) =>
          Stream.runFold(
            service.stream(path, { bytesToRead: mebibytes * MEBIBYTE }),
            0,
            (sum, { byteLength }) => sum + byteLength
          )
        ),
      settings.fixtures
    )
  )

/** A tree of directories with a thousand files each. */
export const makeTree = (directory: string, files: number): string => {
  const root = mkdtempSync(join(directory, "tree-"))
  for (let i = 0; i < files; i++) {
    const folder = join(root, String(Math.floor(i / 1000)))
    if (i % 1000 === 0) mkdirSync(folder)
    writeFileSync(join(folder, `${i}`), "x")
  }
  return root
}

/** Trees for warming a side up, three intervals long: none is removed in less than a fortieth of a second. */
export const warmUp = ({ effort }: Settings): number => Math.ceil((3 * effort.interval) / 0.04)

/**
 * One request is one tree. All are made beforehand: ext4 avoids inodes that were freed in the last seconds, and is ten times as slow at
 * making files then.
 */
export const remove = (settings: Settings): Effect.Effect<Comparison> =>
  Effect.sync(() => {
    const { effort, fixtures } = settings
    const files = fixtures.sizes.smallFiles
    const sides = candidates(settings.backends).map(
      ({ layer, name }): Side => ({
        name,
        open: Effect.map(Layer.build(layer), (context): Run => {
          const service = Effect.runSync(Effect.provide(FileSystem.FileSystem, context))
          // One more, for the run that is counted.
          const trees = range(effort.rounds + warmUp(settings) + 1).map(() => makeTree(fixtures.directory, files))
          const remove = Effect.suspend(() => service.remove(trees.pop()!, { recursive: true }))
          return () => Effect.map(metered(remove), ([, spent]) => ({ requests: files, ...spent }))
        })
      })
    )
    return {
      name: "fs-remove",
      title: `FileSystem.remove of a tree of ${files} files`,
      unit: "files",
      requests: files,
      sides
    }
  })

/** Against NodeFileSystem: what has a target, then every other method by itself. */
export const scenarios = (
  quick: boolean
): ReadonlyArray<{ kind: "comparison"; name: string; make: (settings: Settings) => Effect.Effect<Comparison> }> =>
  [
    ...Object.entries({ load, stat, write, reads, stream, remove }),
    ...(quick ? [] : methodNames.map((name) => [name, (settings: Settings) => method(settings, name)] as const))
  ].map(([name, make]) => ({ kind: "comparison", name: `fs-${name}`, make }))
