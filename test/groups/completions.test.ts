/** Observing: events of every request, slow subscribers, metrics, spans. */
import { closeSync, openSync, writeFileSync, writeSync } from "node:fs"
import { join } from "node:path"
import { FileSystem } from "@effect/platform"
import { describe, expect, it } from "@effect/vitest"
import { Chunk, Effect, Exit, Fiber, Layer, Metric, Option, Scope, Stream, TestClock, Tracer } from "effect"
import {
  Aio,
  AioBlocking,
  AioEvents,
  AioFile,
  AioFileSystem,
  AioGroup,
  AioMetrics,
  AioOperation,
  MockAio
} from "effect-aio"
import { currentEngine } from "../../src/internal/effect/service.ts"
import type { Engine } from "../../src/internal/engine/engine.ts"
import { realBackends } from "../support/backends.ts"
import { idlePipe } from "../support/fifo.ts"
import { givingWayAt, nextTurn } from "../support/moments.ts"
import { temporaryDirectory } from "../support/temporaryDirectory.ts"

const fixture = Effect.gen(function* () {
  const path = join(yield* temporaryDirectory, "file")
  writeFileSync(path, Buffer.alloc(8192))
  const fd = yield* Effect.acquireRelease(
    Effect.sync(() => openSync(path, "r+")),
    (fd) => Effect.sync(() => closeSync(fd))
  )
  return { fd, path }
})

/** A subscriber in a fiber: what it has got, and its end. */
const collecting = (options?: AioEvents.CompletionsOptions) =>
  Effect.gen(function* () {
    const events: Array<AioEvents.CompletionEvent> = []
    const ends = yield* AioEvents.completions({ ...options, scoped: true })
    const fiber = yield* ends.pipe(
      Stream.runForEachChunk((chunk) => Effect.sync(() => void events.push(...chunk))),
      Effect.forkScoped
    )
    return { events, fiber }
  })

const nops = (count: number) =>
  Effect.all(
    Array.from({ length: count }, () => Aio.nop()),
    { concurrency: "unbounded", discard: true }
  )

/** Keeps the metrics of the Layer at hand. */
const kept = Layer.build(AioMetrics.layer())

const inFlight = (engine: Engine) => {
  const requests: Array<{ readonly cancelled: boolean }> = []
  for (const backend of engine.backends) backend.forEachInFlight((request) => requests.push(request))
  return requests
}

/** A tracer, and the spans that it has made. */
const recorder = () => {
  const spans: Array<Tracer.Span> = []
  const tracer = Tracer.make({
    context: (f) => f(),
    span: (name, parent, context, links, startTime, kind) => {
      const attributes = new Map<string, unknown>()
      const span = {
        _tag: "Span" as const,
        name,
        spanId: String(spans.length),
        traceId: "t",
        parent,
        context,
        links,
        kind,
        sampled: true,
        attributes,
        status: { _tag: "Started", startTime } as Tracer.SpanStatus,
        attribute: (key: string, value: unknown) => void attributes.set(key, value),
        event: () => {},
        end: (endTime: bigint, exit: Exit.Exit<unknown, unknown>) => {
          span.status = { _tag: "Ended", startTime, endTime, exit }
        },
        addLinks: () => {}
      }
      spans.push(span)
      return span
    }
  })
  return { spans, tracer }
}

it.scoped("the scoped Stream ends with its Scope, after what it was told of", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const ends = yield* Scope.extend(AioEvents.completions({ scoped: true }), scope)
    yield* nops(3)
    const left = yield* Scope.extend(AioEvents.completions({ scoped: true }), scope)
    const waiting = yield* Effect.fork(Stream.runCollect(left))
    yield* Effect.all([nextTurn, nextTurn])
    yield* Scope.close(scope, Exit.void)
    yield* Effect.all([nextTurn, nextTurn])
    expect(Option.isSome(yield* Fiber.poll(waiting))).toBe(true)
    expect(Chunk.size(yield* Stream.runCollect(ends))).toBe(3)
  }).pipe(Effect.provide(MockAio.layer()))
)

describe.each(realBackends)("$name", ({ layer }) => {
  it.scopedLive("every request is told of, with what it was and how it went", () =>
    Effect.gen(function* () {
      const { fd, path } = yield* fixture
      const pipe = yield* idlePipe
      const engine = yield* currentEngine
      // By the clock of the events: that of the day may be put right meanwhile.
      const before = performance.timeOrigin + performance.now()
      const { events } = yield* collecting()
      yield* Aio.read(fd, new Uint8Array(4096), { offset: 0 })
      yield* Aio.withPriority(Aio.write(fd, new Uint8Array(100), { offset: 0 }), 2)
      yield* Effect.ignore(Aio.stat("/does/not/exist"))
      yield* Effect.ignore(Aio.mkdir("a\0b"))
      const group = yield* AioGroup.make({ name: "mine" })
      yield* group.feed([AioOperation.stat(path)])
      yield* group.feed([AioOperation.fsync(fd)])
      yield* Effect.ignore(AioOperation.withDeadline(AioOperation.read(pipe, new Uint8Array(8)), 20))
      const waiting = yield* Effect.fork(Aio.read(pipe, new Uint8Array(8)))
      // From here on it is under way.
      while (engine.outstanding === 0) yield* nextTurn
      yield* Effect.sleep(30)
      writeSync(pipe, "abc")
      yield* Fiber.join(waiting)
      yield* Effect.all([nextTurn, nextTurn])
      const [read, write, ...rest] = events
      expect(read).toMatchObject({ operation: "read", result: 4096, bytes: 4096, fd, error: undefined })
      expect(write).toMatchObject({ operation: "write", bytes: 100, priority: 2, inline: false })
      const told = rest.map(({ operation, error, group, bytes }) => [operation, error, group, bytes])
      expect(told.filter(([operation]) => operation !== "mkdir")).toEqual([
        ["stat", "ENOENT", undefined, 0],
        ["stat", undefined, "mine", 0],
        ["fsync", undefined, "mine", 0],
        ["read", "ETIMEDOUT", undefined, 0],
        ["read", undefined, undefined, 3]
      ])
      const last = rest[rest.length - 1]
      expect(last.total).toBeGreaterThan(25)
      expect(last.queued + last.executing).toBeCloseTo(last.total, 6)
      for (const { executing, queued, submitted, total } of events) {
        expect(Math.min(executing, queued, total)).toBeGreaterThanOrEqual(0)
        expect(submitted).toBeGreaterThan(before - 5)
        expect(Math.abs(submitted - Date.now())).toBeLessThan(3_600_000)
      }
      expect(engine.observer).not.toBe(null)
    }).pipe(Effect.timeout("45 seconds"), Effect.provide(layer))
  )

  it.scopedLive("what an open file was opened by, and every request from the subscription on", () =>
    Effect.gen(function* () {
      const { path } = yield* fixture
      yield* Aio.stat(path)
      const ends = yield* AioEvents.completions({ scoped: true })
      // Nothing has run the Stream yet.
      yield* AioFile.withFile(path, (file) => file.read(new Uint8Array(8), { offset: 0 }))
      const told = yield* Stream.runCollect(Stream.take(ends, 3))
      expect(Array.from(told, ({ operation, path }) => [operation, path])).toEqual([
        ["open", path],
        ["read", path],
        ["close", undefined]
      ])
    }).pipe(Effect.timeout("45 seconds"), Effect.provide(layer))
  )

  it.scopedLive("what ended while it was there, and nothing else", () =>
    Effect.gen(function* () {
      const { path } = yield* fixture
      const counted = (operation: string) =>
        Effect.gen(function* () {
          const engine = yield* currentEngine
          const counts = yield* Effect.forEach(engine.backends, ({ name }) =>
            Metric.value(
              AioMetrics.requests.pipe(Metric.tagged("operation", operation), Metric.tagged("backend", name))
            )
          )
          return counts.reduce((sum, { count }) => sum + count, 0)
        })
      const before = yield* counted("stat")
      // In one turn of the event loop, where that is answered from the caches.
      yield* Effect.scoped(Effect.zipRight(kept, Aio.stat(path)))
      expect((yield* counted("stat")) - before).toBe(1)
      const { events } = yield* collecting()
      yield* Aio.stat(path)
      const later = yield* collecting()
      while (events.length === 0) yield* nextTurn
      yield* Effect.all([nextTurn, nextTurn])
      expect(events.length).toBe(1)
      expect(later.events).toEqual([])
    }).pipe(Effect.timeout("45 seconds"), Effect.provide(layer))
  )

  it.scopedLive("two consumers of one scoped Stream share what there is", () =>
    Effect.gen(function* () {
      const ends = yield* AioEvents.completions({ scoped: true })
      const [one, two] = [yield* Effect.fork(Stream.runHead(ends)), yield* Effect.fork(Stream.runHead(ends))]
      yield* nextTurn
      yield* Aio.nop()
      yield* nextTurn
      yield* Aio.nop()
      const told = [yield* Fiber.join(one), yield* Fiber.join(two)]
      expect(told.map(Option.map(({ operation }) => operation))).toEqual([Option.some("nop"), Option.some("nop")])
    }).pipe(Effect.timeout("45 seconds"), Effect.provide(layer))
  )

  it.scopedLive("nobody listens: nothing is kept; the Layer closes: the Stream ends", () =>
    Effect.gen(function* () {
      const scope = yield* Scope.make()
      const aio = yield* Layer.buildWithScope(layer, scope)
      const engine = yield* Effect.provide(currentEngine, aio)
      expect(engine.observer).toBe(null)
      const three = yield* Effect.fork(Effect.provide(Stream.runDrain(Stream.take(AioEvents.completions(), 3)), aio))
      while (engine.observer === null) yield* Effect.yieldNow()
      yield* Effect.provide(nops(10), aio)
      yield* Fiber.join(three)
      expect(engine.observer).toBe(null)
      const fiber = yield* Effect.fork(Effect.provide(Stream.runCollect(AioEvents.completions()), aio))
      while (engine.observer === null) yield* Effect.sleep(1)
      yield* Effect.provide(nops(5), aio)
      yield* Scope.close(scope, Exit.void)
      expect(Chunk.size(yield* Fiber.join(fiber))).toBe(5)
    }).pipe(Effect.timeout("30 seconds"))
  )

  it.scopedLive("what waited for the budget and was then finished without waiting is told so", () =>
    Effect.gen(function* () {
      const engine = yield* currentEngine
      const { fd } = yield* fixture
      const { events } = yield* collecting()
      const before = engine.counters.inline
      yield* Effect.all(
        Array.from({ length: 600 }, () => Aio.read(fd, new Uint8Array(8), { offset: 0 })),
        { concurrency: "unbounded" }
      )
      while (events.length < 600) yield* nextTurn
      expect(events.filter(({ inline }) => inline).length).toBe(engine.counters.inline - before)
    }).pipe(Effect.timeout("45 seconds"), Effect.provide(layer))
  )

  it.scopedLive("sliding: a slow subscriber misses the oldest, and nobody waits for it", () =>
    Effect.gen(function* () {
      const engine = yield* currentEngine
      const taken: Array<number> = []
      let release = (): void => {}
      const gate = new Promise<void>((resolve) => {
        release = resolve
      })
      yield* AioEvents.completions({ strategy: "sliding", capacity: 10 }).pipe(
        Stream.runForEachChunk((chunk) =>
          Effect.zipRight(
            Effect.promise(() => gate),
            Effect.sync(() => void taken.push(...Chunk.toReadonlyArray(chunk).map(({ fd }) => fd ?? -1)))
          )
        ),
        Effect.forkScoped
      )
      while (engine.observer === null) yield* Effect.yieldNow()
      // Descriptors that are not open tell the requests apart.
      for (let fd = 1_000_000; fd < 1_000_100; fd++) {
        yield* Effect.ignore(Aio.fsync(fd))
        yield* nextTurn
      }
      release()
      while (taken[taken.length - 1] !== 1_000_099) yield* nextTurn
      expect(taken.slice(-10)).toEqual(Array.from({ length: 10 }, (_, i) => 1_000_090 + i))
      expect(taken.length).toBeLessThan(30)
    }).pipe(Effect.timeout("45 seconds"), Effect.provide(layer))
  )

  it.scopedLive("backpressure: nothing is lost, and the engine waits", () =>
    Effect.gen(function* () {
      const engine = yield* currentEngine
      const { fd } = yield* fixture
      let open = false
      let count = 0
      yield* AioEvents.completions({ strategy: "backpressure", capacity: 50 }).pipe(
        Stream.runForEachChunk((chunk) =>
          Effect.gen(function* () {
            while (!open) yield* Effect.sleep(1)
            count += Chunk.size(chunk)
          })
        ),
        Effect.forkScoped
      )
      while (engine.observer === null) yield* Effect.yieldNow()
      const buffer = new Uint8Array(4096)
      const work = yield* Effect.fork(
        Effect.all(
          Array.from({ length: 1000 }, (_, i) =>
            i % 2 === 0 ? Aio.nop() : Aio.read(fd, buffer, { offset: 4096 * (i % 4 === 1 ? 0 : 1) })
          ),
          { concurrency: "unbounded", discard: true }
        )
      )
      yield* Effect.sleep(150)
      // A chunk that was taken, and a buffer that is full.
      expect((yield* Aio.stats).completed).toBeLessThanOrEqual(50 + 50)
      // It waits without spinning, once everything is with the kernel.
      let turns = 0
      const { poll } = engine
      engine.poll = (limit) => {
        turns++
        return poll.call(engine, limit)
      }
      do {
        turns = 0
        yield* Effect.sleep(200)
      } while (turns >= 20)
      open = true
      yield* Fiber.join(work)
      while (count < 1000) yield* nextTurn
      expect(count).toBe(1000)
    }).pipe(Effect.timeout("45 seconds"), Effect.provide(layer))
  )

  it.scopedLive("a full subscriber does not hold up an interrupt", () =>
    Effect.gen(function* () {
      const engine = yield* currentEngine
      const pipe = yield* idlePipe
      yield* AioEvents.completions({ strategy: "backpressure", capacity: 4 }).pipe(
        Stream.runForEachChunk(() => Effect.never),
        Effect.forkScoped
      )
      while (engine.observer === null) yield* Effect.yieldNow()
      const read = yield* Effect.fork(Aio.read(pipe, new Uint8Array(8)))
      const work = yield* Effect.fork(nops(100))
      yield* Effect.sleep(30)
      expect(work.unsafePoll()).toBe(null)
      yield* Effect.timeout(Fiber.interrupt(read), "30 seconds")
      yield* Effect.timeout(Fiber.interrupt(work), "30 seconds")
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("nor what an interrupted fiber does at its end", () =>
    Effect.gen(function* () {
      const engine = yield* currentEngine
      const { path } = yield* fixture
      const pipe = yield* idlePipe
      const read = Aio.read(pipe, new Uint8Array(8))
      const before = engine.counters.submitted
      const working = yield* Effect.forEach(
        [
          Effect.scoped(Effect.zipRight(AioFile.open(path), read)),
          AioFile.withFile(path, () => read),
          Effect.ensuring(read, Effect.ignore(Aio.rmdir("/does/not/exist")))
        ],
        Effect.fork
      )
      while (engine.counters.submitted - before < 5 || engine.outstanding > 3) yield* nextTurn
      yield* AioEvents.completions({ strategy: "backpressure", capacity: 1 }).pipe(
        Stream.runForEachChunk(() => Effect.never),
        Effect.forkScoped
      )
      while (engine.observer === null) yield* Effect.yieldNow()
      // A chunk that was taken, and a buffer that is full.
      const work = yield* Effect.fork(nops(10))
      while (engine.observer.room > 0 || engine.places.executing > 3) yield* nextTurn
      const fd = openSync(path, "r")
      const closing = yield* Effect.fork(Aio.close(fd))
      while (engine.outstanding < 3 + 8) yield* nextTurn
      yield* Effect.timeout(Fiber.interrupt(closing), "30 seconds")
      for (const fiber of working) yield* Effect.timeout(Fiber.interrupt(fiber), "30 seconds")
      yield* Effect.timeout(Fiber.interrupt(work), "30 seconds")
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("nor several requests at once, and files as a whole, that belong to its end", () =>
    Effect.gen(function* () {
      const { path } = yield* fixture
      const missing = AioOperation.rmdir("/does/not/exist")
      const engine = yield* currentEngine
      const written = Effect.acquireUseRelease(
        Effect.sync(() => openSync(path, "r+")),
        (fd) =>
          AioOperation.linked(
            Array.from({ length: 4 }, (_, i) => AioOperation.write(fd, new Uint8Array(9), { offset: i }))
          ),
        (fd) => Effect.sync(() => closeSync(fd))
      )
      const inGroup = Effect.scoped(
        Effect.gen(function* () {
          const group = yield* AioGroup.make({ onFailure: "continue" })
          yield* group.feed([missing, missing, missing])
        })
      )
      const endings: ReadonlyArray<Effect.Effect<unknown, unknown, Aio.Aio>> = [
        AioOperation.submitAll([missing, missing, missing], { mode: "exits" }),
        written,
        inGroup,
        AioFile.readFile(path),
        Effect.flatMap(FileSystem.FileSystem, (fs) =>
          Effect.zipRight(fs.readFile(path), fs.remove("/does/not/exist"))
        ).pipe(Effect.provide(AioFileSystem.layer))
      ]
      yield* AioEvents.completions({ strategy: "backpressure", capacity: 1 }).pipe(
        Stream.runForEachChunk(() => Effect.never),
        Effect.forkScoped
      )
      const working = yield* Effect.forEach(endings, (ending) =>
        Effect.fork(Effect.ensuring(Effect.never, Effect.ignore(ending)))
      )
      while (engine.observer === null) yield* Effect.yieldNow()
      const work = yield* Effect.fork(nops(10))
      while (engine.observer.room > 0 || engine.places.executing > 0) yield* nextTurn
      for (const fiber of working) yield* Effect.timeout(Fiber.interrupt(fiber), "30 seconds")
      yield* Effect.timeout(Fiber.interrupt(work), "30 seconds")
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a full subscriber does not keep the Layer from closing", () =>
    Effect.gen(function* () {
      const pipe = yield* idlePipe
      const scope = yield* Scope.make()
      const aio = yield* Layer.buildWithScope(layer, scope)
      const engine = yield* Effect.provide(currentEngine, aio)
      yield* AioEvents.completions({ strategy: "backpressure", capacity: 1 }).pipe(
        Stream.runForEachChunk(() => Effect.never),
        Effect.provide(aio),
        Effect.forkScoped
      )
      while (engine.observer === null) yield* Effect.yieldNow()
      const work = yield* Effect.fork(Effect.provide(Effect.zipRight(nops(20), Aio.read(pipe, new Uint8Array(8))), aio))
      yield* Effect.sleep(30)
      yield* Effect.timeout(Scope.close(scope, Exit.void), "30 seconds")
      yield* Effect.timeout(Fiber.await(work), "30 seconds")
      expect(engine.outstanding).toBe(0)
    })
  )

  it.scopedLive("metrics", () =>
    Effect.gen(function* () {
      const engine = yield* currentEngine
      const { fd } = yield* fixture
      // Under whatever mechanism it was that ran them.
      const of = (metric: Metric.Metric<any, any, { readonly count: number }>, operation: string, code?: string) =>
        Effect.map(
          Effect.forEach(engine.backends, ({ name }) => {
            const tagged = Metric.tagged(Metric.tagged(metric, "operation", operation), "backend", name)
            return Metric.value(code === undefined ? tagged : Metric.tagged(tagged, "code", code))
          }),
          (values) => values.reduce((sum, { count }) => sum + count, 0)
        )
      const before = yield* of(AioMetrics.requests, "read")
      const bytes = yield* of(AioMetrics.bytes, "read")
      yield* Effect.scoped(
        Effect.gen(function* () {
          yield* kept
          for (let i = 0; i < 10; i++) yield* Aio.read(fd, new Uint8Array(4096), { offset: 0 })
          yield* Effect.ignore(Aio.fsync(1_000_000))
          yield* Effect.all([nextTurn, nextTurn])
        })
      )
      expect((yield* of(AioMetrics.requests, "read")) - before).toBe(10)
      expect((yield* of(AioMetrics.bytes, "read")) - bytes).toBe(40960)
      expect(yield* of(AioMetrics.duration, "read")).toBeGreaterThanOrEqual(10)
      expect(yield* of(AioMetrics.errors, "fsync", "EBADF")).toBeGreaterThanOrEqual(1)
      expect(engine.observer).toBe(null)
    }).pipe(Effect.timeout("45 seconds"), Effect.provide(layer))
  )

  it.scopedLive("spans, where they are asked for", () =>
    Effect.gen(function* () {
      const { fd, path } = yield* fixture
      const { spans, tracer } = recorder()
      const names = () => spans.splice(0).map(({ name }) => name)
      yield* Effect.gen(function* () {
        yield* Aio.stat(path)
        yield* AioEvents.withSpans(Effect.zipRight(Aio.stat(path), Aio.read(fd, new Uint8Array(8), { offset: 0 })))
        yield* Aio.stat(path)
      }).pipe(Effect.withTracer(tracer))
      expect(names()).toEqual(["aio.stat", "aio.read"])
      const traced = <A, E, R>(effect: Effect.Effect<A, E, R>) =>
        effect.pipe(AioEvents.withSpans, Effect.withTracer(tracer))
      yield* traced(Effect.scoped(AioFile.open(path)))
      yield* traced(AioFile.withFile(path, (file) => file.stat))
      expect(names()).toEqual(["aio.open", "aio.close", "aio.open", "aio.fstat", "aio.close"])
      yield* traced(AioOperation.withDeadline(AioOperation.stat(path), "1 minute"))
      yield* traced(Effect.flatMap(AioOperation.prepare(AioOperation.fstat(fd)), ({ run }) => run))
      yield* traced(AioFile.readFile(path))
      expect(names()).toEqual(["aio.stat", "aio.fstat", "aio.readFile"])
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("spans of members: below that of who asked, with their ends", () =>
    Effect.gen(function* () {
      const { fd, path } = yield* fixture
      const { spans, tracer } = recorder()
      const read = AioOperation.read(fd, new Uint8Array(8), { offset: 0 })
      const missing = AioOperation.stat(`${path}/below`)
      const uses: Record<string, Effect.Effect<unknown, unknown, Aio.Aio>> = {
        submitAll: Effect.flip(AioOperation.submitAll([AioOperation.stat(path), missing])),
        completed: Stream.runDrain(AioOperation.asCompleted([read, missing], { concurrency: 2 })),
        linked: Effect.flip(AioOperation.linked([read, missing])),
        group: Effect.scoped(
          Effect.gen(function* () {
            const group = yield* AioGroup.make({ onFailure: "continue" })
            yield* group.feed([read])
            yield* Effect.flip((yield* group.add(missing)).result)
          })
        )
      }
      for (const [name, use] of Object.entries(uses)) {
        yield* Effect.withSpan(use, name).pipe(AioEvents.withSpans, Effect.withTracer(tracer))
        const members = spans.splice(0).filter((span) => span.name.startsWith("aio."))
        expect(members.map(({ name }) => name).sort(), name).toEqual([
          name === "submitAll" ? "aio.stat" : "aio.read",
          "aio.stat"
        ])
        for (const member of members) {
          expect(Option.map(member.parent, (parent) => (parent as Tracer.Span).name)).toEqual(Option.some(name))
          const { status } = member
          if (status._tag !== "Ended") throw new Error(`${name}: ${member.name} has not ended`)
          const hasFailed = member.attributes.get("aio.path") === `${path}/below`
          expect(Exit.isFailure(status.exit), name).toBe(hasFailed)
          expect(status.endTime).toBeGreaterThanOrEqual(status.startTime)
        }
      }
      // A tracer that throws has no effect on requests.
      const broken = Tracer.make({
        context: (f) => f(),
        span: () => {
          throw new Error("no")
        }
      })
      expect(yield* AioOperation.submitAll([read, read]).pipe(AioEvents.withSpans, Effect.withTracer(broken))).toEqual([
        8, 8
      ])
    }).pipe(Effect.provide(layer))
  )
})

it.scopedLive("a Stream that is run after the Layer was closed ends at once", () =>
  Effect.gen(function* () {
    const scope = yield* Scope.make()
    const aio = yield* Layer.buildWithScope(MockAio.layer(), scope)
    yield* Scope.close(scope, Exit.void)
    const engine = yield* Effect.provide(currentEngine, aio)
    const events = Effect.provide(Stream.runCollect(AioEvents.completions()), aio)
    expect(Chunk.size(yield* Effect.timeout(events, "30 seconds"))).toBe(0)
    expect(engine.observer).toBe(null)
  })
)

it.scopedLive("events are taken also where they came between the look and the wait", () =>
  Effect.gen(function* () {
    for (let step = 1, last = 1; step <= last; step++) {
      const scope = yield* Scope.make()
      const aio = yield* Layer.buildWithScope(MockAio.layer(), scope)
      const end = Effect.zipRight(Effect.ignore(Effect.provide(Aio.nop(), aio)), Scope.close(scope, Exit.void))
      const { place, scheduler } = givingWayAt(step, end)
      const counting = yield* Effect.fork(
        Effect.withScheduler(Effect.provide(Stream.runCount(AioEvents.completions()), aio), scheduler)
      )
      yield* Effect.zipRight(nextTurn, end)
      yield* Effect.timeout(Fiber.join(counting), "30 seconds")
      last = place.steps
    }
  })
)

it.scoped("an interrupt does not wait for a subscriber that came after it", () =>
  Effect.gen(function* () {
    const engine = yield* currentEngine
    yield* MockAio.put("/file", "abc")
    const fd = yield* Aio.open("/file")
    yield* MockAio.configure({ latency: { fsync: "1 second" }, cancellation: "completion" })
    const sync = yield* Effect.fork(Aio.fsync(fd))
    while (engine.places.executing === 0) yield* nextTurn
    const interrupting = yield* Effect.fork(Fiber.interrupt(sync))
    while (![...inFlight(engine)].every(({ cancelled }) => cancelled)) yield* nextTurn
    yield* Effect.forkScoped(
      Stream.runForEachChunk(AioEvents.completions({ strategy: "backpressure", capacity: 1 }), () => Effect.never)
    )
    while (engine.observer === null) yield* Effect.yieldNow()
    // As long as it is under way, it holds back nothing.
    expect(engine.observer.room).toBe(Number.POSITIVE_INFINITY)
    yield* TestClock.adjust("1 second")
    yield* Fiber.join(interrupting)
    expect(engine.observer.room).toBe(1)
  }).pipe(Effect.provide(MockAio.layer()))
)

it.scopedLive("flush does not wait for a subscriber: it could not go on", () =>
  Effect.gen(function* () {
    const engine = yield* currentEngine
    let count = 0
    yield* Effect.forkScoped(
      Stream.runForEachChunk(AioEvents.completions({ strategy: "backpressure", capacity: 1 }), (chunk) =>
        Effect.sync(() => {
          count += Chunk.size(chunk)
        })
      )
    )
    while (engine.observer === null) yield* Effect.yieldNow()
    const work = yield* Effect.fork(nops(20))
    while (engine.outstanding < 20) yield* Effect.yieldNow()
    const { poll } = engine
    let turns = 0
    engine.poll = (limit) => {
      if (++turns > 1000) throw new Error("it waits for ever")
      return poll.call(engine, limit)
    }
    yield* AioBlocking.flush
    expect(engine.outstanding).toBe(0)
    yield* Fiber.join(work)
    while (count < 20) yield* nextTurn
  }).pipe(Effect.provide(MockAio.layer()))
)
