/** Whatever public functions are given: a typed failure, or a result; never a throw, never a defect, nothing left under way. */
import { join } from "node:path"
import { types } from "node:util"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Effect, Exit, Layer, Sink, Stream } from "effect"
import {
  Aio,
  AioBlocking,
  AioDirectory,
  AioError,
  AioEvents,
  AioFile,
  AioGroup,
  AioOperation,
  AioTree,
  IoUring,
  KernelAio,
  MockAio,
  PosixAio,
  ThreadPool
} from "effect-aio"
import { backends } from "../../support/backends.ts"
import { type Named, type OperationName, operationCalls } from "../../support/operationCalls.ts"
import { descriptorOf } from "../../support/world.ts"

const fail = (): never => {
  throw new Error("from the inside of a value")
}

const revoked = (): object => {
  const { proxy, revoke } = Proxy.revocable({}, {})
  revoke()
  return proxy
}

/** Each is one that some code forgets. */
const values: ReadonlyArray<unknown> = [
  undefined,
  null,
  Number.NaN,
  -1,
  1.5,
  Number.POSITIVE_INFINITY,
  5n,
  true,
  "",
  "/proc/no/such thing",
  "a\0b",
  "\ud800",
  Symbol("symbol"),
  {},
  [],
  [null],
  Object.create(null),
  fail,
  /x/,
  new Date(Number.NaN),
  Effect.void,
  AioOperation,
  revoked(),
  new Proxy({}, { get: fail, has: fail, ownKeys: fail, getPrototypeOf: fail }),
  { toString: fail, valueOf: fail, [Symbol.toPrimitive]: fail },
  { constructor: { name: Symbol("name") } },
  {
    get constructor() {
      return fail()
    }
  }
]

/** An options object with one key that is wrong, or whose getter throws. */
const wrongOptions = (keys: ReadonlyArray<string>): ReadonlyArray<unknown> => [
  ...keys.flatMap((key) => values.map((value) => ({ [key]: value }))),
  ...keys.map((key) => Object.defineProperty({}, key, { get: fail }))
]

interface Call {
  readonly name: string
  readonly run: (...args: Array<any>) => unknown
  /** Arguments that are right. */
  readonly args: ReadonlyArray<unknown>
  /** Keys of the last argument, options. */
  readonly keys?: ReadonlyArray<string>
}

/** All ways to call it with one argument that may be wrong. */
const variations = ({ args, keys = [] }: Call): ReadonlyArray<ReadonlyArray<unknown>> => [
  ...args.flatMap((_, place) => values.map((value) => args.map((arg, i) => (i === place ? value : arg)))),
  ...wrongOptions(keys).map((options) => [...args.slice(0, -1), options])
]

/** How it ended, as a text that says what is wrong with it; `undefined` if nothing is. */
const outcome = ({ name, run }: Call, args: ReadonlyArray<unknown>): Effect.Effect<string | undefined> =>
  Effect.suspend(() => {
    let effect: any
    try {
      effect = run(...args)
    } catch (error) {
      return Effect.succeed(`${name} throws ${error}`)
    }
    if (Stream.StreamTypeId in effect) effect = Stream.runDrain(effect)
    if (Sink.SinkTypeId in effect) effect = Stream.run(Stream.make(new Uint8Array(1)), effect)
    if (!Effect.isEffect(effect)) return Effect.succeed(undefined)
    return Effect.map(Effect.exit(Effect.scoped(effect as Effect.Effect<unknown, unknown>)), (exit) => {
      if (Exit.isSuccess(exit)) return undefined
      const error = Cause.failureOption(exit.cause)
      const isTyped = error._tag === "Some" && typeof (error.value as { _tag?: unknown })?._tag === "string"
      return isTyped ? undefined : `${name}: ${Cause.pretty(exit.cause).split("\n").slice(0, 3).join(" ")}`
    })
  })

const wrongOutcomes = (calls: ReadonlyArray<Call>): Effect.Effect<ReadonlyArray<string>> =>
  Effect.map(
    Effect.forEach(calls, (call) => Effect.forEach(variations(call), (args) => outcome(call, args))),
    (all) => [...new Set(all.flat().filter((problem) => problem !== undefined))]
  )

const use = () => Effect.void

/** What a function of the program's does is the program's affair. */
const used = (given: unknown): any => (typeof given === "function" ? use : given)

const bytes = () => new Uint8Array(4)

const operations = (named: Named): ReadonlyArray<Call> =>
  Object.entries(operationCalls(named)).map(([name, [positional, options]]) => ({
    name,
    run: Aio[name as OperationName] as Call["run"],
    args: options === undefined ? positional : [...positional, options],
    // `true` is right for a priority, and no file ever has one.
    keys: Object.keys(options ?? {}).filter((key) => key !== "priority")
  }))

/** `Aio`, `AioDirectory`, `AioTree`, `AioFile`: on a directory and a descriptor of the test's own. */
const callsIn = (directory: string, fd: number, at: number): ReadonlyArray<Call> => {
  const [path, to] = [join(directory, "file"), join(directory, "to")]
  const openKeys = ["at", "mode", "flag"]
  const operation = AioOperation.nop()
  return [
    ...operations({ path, absent: join(directory, "absent"), other: to, fd, at }),
    { name: "submit", run: AioOperation.submit, args: [operation] },
    { name: "prepare", run: (o) => Effect.flatMap(AioOperation.prepare(o), ({ run }) => run), args: [operation] },
    { name: "submitAll", run: AioOperation.submitAll, args: [[operation], {}], keys: ["mode"] },
    { name: "submitAll of", run: (o) => AioOperation.submitAll([operation, o]), args: [operation] },
    {
      name: "submitAll, exits, of",
      run: (o) => AioOperation.submitAll([operation, o], { mode: "exits" }),
      args: [operation]
    },
    { name: "linked", run: AioOperation.linked, args: [[operation], {}], keys: ["mode"] },
    { name: "linked of", run: (o) => AioOperation.linked([operation, o]), args: [operation] },
    { name: "completed", run: AioOperation.asCompleted, args: [[operation], {}], keys: ["concurrency"] },
    { name: "completed of", run: (o) => AioOperation.asCompleted([operation, o]), args: [operation] },
    { name: "withDeadline", run: (o, d) => AioOperation.withDeadline(o, d), args: [operation, "1 second"] },
    { name: "withPriority", run: (p) => Aio.withPriority(Aio.nop(), p), args: [1] },
    { name: "nice", run: (p) => Aio.nice(Aio.nop(), p), args: [1] },
    { name: "wait", run: AioBlocking.wait, args: [{ timeout: 0 }], keys: ["timeout"] },
    {
      name: "setLimits",
      run: (changes) =>
        Effect.flatMap(Aio.limits, (before) => Effect.zipRight(Aio.setLimits(changes), Aio.setLimits(before))),
      args: [{}],
      keys: ["maxPollRequests", "maxPollTime", "maxOutstanding"]
    },
    {
      name: "completions",
      run: (options) => {
        const completions: any = AioEvents.completions(options)
        return Effect.isEffect(completions) ? completions : Stream.take(completions, 0)
      },
      args: [{}],
      keys: ["strategy", "capacity", "scoped"]
    },
    {
      name: "AioError.hasCode",
      run: (error, code) => Effect.succeed(AioError.hasCode(error, code)),
      args: [new Error(), "ENOENT"]
    },
    {
      name: "AioError.hasCode of an AioError",
      run: (code) => Effect.succeed(AioError.hasCode(AioError.AioError.fromErrno(2, "open", {}), code)),
      args: ["ENOENT"]
    },
    {
      name: "AioError.catchCode",
      run: (code) => AioError.catchCode(Aio.stat(join(directory, "absent")), code, use),
      args: ["ENOENT"]
    },
    { name: "realpath", run: Aio.realpath, args: [path] },
    { name: "AioDirectory.read", run: AioDirectory.read, args: [path] },
    { name: "AioTree.remove", run: AioTree.remove, args: [to, {}], keys: ["force", "parallel"] },
    {
      name: "AioTree.copy",
      run: AioTree.copy,
      args: [path, path, {}],
      keys: ["parallel", "overwrite", "preserveTimestamps", "reflink"]
    },
    { name: "AioTree.scan", run: AioTree.scan, args: [directory, {}], keys: ["maxDepth"] },
    { name: "AioFile.open", run: AioFile.open, args: [path, {}], keys: [...openKeys, "direct"] },
    { name: "AioFile.withFile", run: (p, o, use) => AioFile.withFile(p, o, used(use)), args: [path, {}, use] },
    { name: "AioFile.withFile, two", run: (p, use) => AioFile.withFile(p, used(use)), args: [path, use] },
    {
      name: "AioFile.withFile, options",
      run: (o) => AioFile.withFile(path, o, use),
      args: [{}],
      keys: openKeys
    },
    { name: "AioFile.readFile", run: AioFile.readFile, args: [path] },
    { name: "AioFile.readFileString", run: AioFile.readFileString, args: [path, "utf-8"] },
    { name: "AioFile.writeFile", run: AioFile.writeFile, args: [to, bytes(), {}], keys: ["flag", "mode"] },
    { name: "AioFile.fromDescriptor", run: AioFile.fromDescriptor, args: [fd] }
  ]
}

const callsOf = (file: AioFile.AioFile): ReadonlyArray<Call> => {
  const transfers = [
    ["read", bytes()],
    ["readAlloc", 4],
    ["readExactly", 0],
    ["readv", [bytes()]],
    ["write", bytes()],
    ["writeAll", bytes()],
    ["writev", [bytes()]]
  ] as const
  return [
    ...transfers.map(
      ([name, first]): Call => ({
        name: `file.${name}`,
        run: file[name].bind(file) as Call["run"],
        args: [first, { offset: 0 }],
        keys: ["offset"]
      })
    ),
    ...(["read", "readv", "write", "writev"] as const).map(
      (name): Call => ({
        name: `AioOperation.${name} of a file`,
        run: (...args) => AioOperation.submit((AioOperation[name] as any)(file, ...args)),
        args: [name.endsWith("v") ? [bytes()] : bytes(), { offset: 0 }],
        keys: ["offset"]
      })
    ),
    { name: "file.truncate", run: (length) => file.truncate(length), args: [0] },
    { name: "file.allocate", run: (o) => file.allocate(o), args: [{ length: 1 }], keys: ["length", "offset", "mode"] },
    { name: "file.advise", run: (a, o) => file.advise(a, o), args: ["normal", {}], keys: ["length", "offset"] },
    {
      name: "file.copyFileRange",
      run: (to, o) => file.copyFileRange(to, o),
      args: [file.fd, { length: 1 }],
      keys: ["length", "offset", "toOffset"]
    },
    { name: "file.readahead", run: (o) => file.readahead(o), args: [{ length: 1 }], keys: ["length", "offset"] },
    {
      name: "file.borrowedStream",
      run: (o) => file.borrowedStream(o),
      args: [{}],
      keys: ["length", "offset", "chunkSize", "detach"]
    },
    {
      name: "file.forEachChunk",
      run: (use, o) => file.forEachChunk(used(use), o),
      args: [() => Effect.void, {}],
      keys: ["length", "offset", "chunkSize", "detach"]
    },
    { name: "file.stream", run: (o) => file.stream(o), args: [{}], keys: ["length", "offset", "chunkSize"] },
    { name: "file.sink", run: (o) => file.sink(o), args: [{}], keys: ["offset"] }
  ]
}

const groupKeys = ["name", "limit", "onFailure", "requestsPerSecond", "bytesPerSecond"]

/** A group of its own for each: what is wrong may be its end. */
const inGroup =
  (use: (group: AioGroup.AioGroup, ...args: Array<any>) => Effect.Effect<unknown, unknown>) =>
  (...args: Array<unknown>) =>
    Effect.flatMap(AioGroup.make(), (group) => use(group, ...args))

const groupCalls: ReadonlyArray<Call> = [
  { name: "AioGroup.make", run: AioGroup.make, args: [{}], keys: groupKeys },
  {
    name: "group.group",
    run: inGroup((group, options) => Effect.scoped(group.group(options))),
    args: [{}],
    keys: groupKeys
  },
  { name: "group.add", run: inGroup((group, o) => group.add(o)), args: [AioOperation.nop()] },
  { name: "group.addAll", run: inGroup((group, o) => group.addAll(o)), args: [[AioOperation.nop()]] },
  {
    name: "group.addAll of",
    run: inGroup((group, o) => group.addAll([AioOperation.nop(), o])),
    args: [AioOperation.nop()]
  },
  { name: "group.feed", run: inGroup((group, o, options) => group.feed(o, options)), args: [[], {}], keys: ["onExit"] },
  {
    name: "group.feed of",
    run: inGroup((group, o) => group.feed([AioOperation.nop(), o])),
    args: [AioOperation.nop()]
  },
  {
    name: "group.feed of a Stream of",
    run: inGroup((group, o) => group.feed(Stream.make(AioOperation.nop(), o))),
    args: [AioOperation.nop()]
  },
  { name: "group.setLimit", run: inGroup((group, limit) => group.setLimit(limit)), args: [1] }
]

/** With and without the try on the spot, arguments are looked at by the same code. */
const mechanisms = backends.filter(({ mechanism, name }) => name === mechanism)

describe.each(mechanisms)("$name", ({ layer, world }) => {
  it.live("whatever its functions are given", () =>
    Effect.gen(function* () {
      const problems = yield* Effect.scoped(
        Effect.gen(function* () {
          const directory = yield* world.directory
          yield* world.writeFile(join(directory, "file"), "content")
          const fd = yield* descriptorOf(join(directory, "file"), "r+")
          const at = yield* descriptorOf(directory)
          const file = yield* AioFile.open(join(directory, "file"), { flag: "r+" })
          const problems = yield* wrongOutcomes([...callsIn(directory, fd, at), ...callsOf(file), ...groupCalls])
          expect((yield* Aio.stats).outstanding).toBe(0)
          return problems
        })
      )
      expect(problems).toEqual([])
      // The Layer and the Scopes of files and groups close, too: nothing has been counted that does not end.
    }).pipe(Effect.provide(layer))
  )
})

const limitKeys = ["maxPollRequests", "maxPollTime", "maxOutstanding"]
const poolKeys = ["minParallel", "maxParallel", "maxIdle", "idleTimeout"]
const mockKeys = ["latency", "cancellation", "capacity", "maxDescriptors", "maxFileSize", "user", "umask"]

const built =
  (make: (options: any) => Layer.Layer<any, any>): Call["run"] =>
  (options) =>
    Layer.build(make(options))

/** A right one would start a ring or a pool each time: only what is wrong, and is refused before anything is made. */
const isRefused = (options: unknown): boolean => {
  if (typeof options !== "object" || options === null) return options !== undefined
  return types.isProxy(options) || Object.keys(options).length > 0
}

describe("Layers", () => {
  const layers: ReadonlyArray<Call> = [
    {
      name: "Aio.layer",
      run: built(Aio.layer),
      args: [null],
      keys: ["backend", "io_uring", "kernel", "posix", "threads", "inline", ...limitKeys]
    },
    { name: "IoUring", run: built(IoUring.layer), args: [null], keys: ["entries", "inline", ...limitKeys] },
    { name: "KernelAio", run: built(KernelAio.layer), args: [null], keys: ["entries"] },
    { name: "PosixAio", run: built(PosixAio.layer), args: [null], keys: ["requests", "threads", "idleTimeout"] },
    { name: "ThreadPool", run: built(ThreadPool.layer), args: [null], keys: poolKeys },
    {
      name: "MockAio",
      run: built(MockAio.layer),
      args: [{}],
      keys: [...mockKeys, "seed", "files", "faults", "journal", ...limitKeys]
    }
  ]

  it.live("whatever they are given", () =>
    Effect.gen(function* () {
      const problems = yield* Effect.forEach(layers, (call) =>
        Effect.forEach(
          variations(call).filter(([options]) => call.name === "MockAio" || isRefused(options)),
          (args) => outcome(call, args)
        )
      )
      expect([...new Set(problems.flat().filter((problem) => problem !== undefined))]).toEqual([])
    })
  )

  it.live("the controls of the mock, whatever they are given", () =>
    Effect.gen(function* () {
      const condition = ["path", "after", "times", "probability"]
      const problems = yield* wrongOutcomes([
        { name: "configure", run: MockAio.configure, args: [{}], keys: mockKeys },
        {
          name: "inject",
          run: MockAio.inject,
          args: [{}],
          keys: [...condition, "operation", "error", "short", "hang"]
        },
        { name: "fail", run: MockAio.fail, args: ["read", "EIO", {}], keys: condition },
        { name: "short", run: MockAio.short, args: ["read", 1, {}], keys: condition },
        { name: "hang", run: MockAio.hang, args: ["read", {}], keys: condition },
        { name: "crash", run: MockAio.crash, args: [{}], keys: ["seed"] },
        { name: "mkfifo", run: MockAio.mkfifo, args: ["/fifo", {}], keys: ["mode"] }
      ])
      expect(problems).toEqual([])
    }).pipe(Effect.provide(MockAio.layer()))
  )

  it.live("the controls of the pool", () =>
    Effect.gen(function* () {
      expect(
        yield* wrongOutcomes([
          { name: "setControls", run: ThreadPool.setControls, args: [null], keys: ["idleTimeout"] }
        ])
      ).toEqual([])
    }).pipe(Effect.provide(ThreadPool.layer()))
  )

  it.live("a latency that throws, or is none, is the defect of its request alone", () =>
    Effect.gen(function* () {
      const latencies: ReadonlyArray<any> = [fail, () => "/proc/no/such thing"]
      for (const latency of latencies) {
        yield* Effect.scoped(
          Effect.gen(function* () {
            expect(Exit.isFailure(yield* Effect.exit(Aio.nop()))).toBe(true)
            expect((yield* Aio.stats).outstanding).toBe(0)
            yield* MockAio.configure({ latency: 0 })
            yield* Aio.nop()
          }).pipe(Effect.provide(MockAio.layer({ latency })))
        )
      }
    })
  )
})
