import { constants } from "node:os"
import { join } from "node:path"
import type { SystemErrorReason } from "@effect/platform/Error"
import { describe, expect, it } from "@effect/vitest"
import { Cause, Context, Effect, Exit, Layer } from "effect"
import { Aio, AioError, AioFile } from "effect-aio"
import { expectTypeOf } from "vitest"
import { backends } from "../../support/backends.ts"

/** EWOULDBLOCK and EAGAIN are one number, ENOTSUP and EOPNOTSUPP, too. */
const synonyms: Readonly<Record<string, string>> = { EWOULDBLOCK: "EAGAIN", ENOTSUP: "EOPNOTSUPP" }

describe("the words of errors", () => {
  it("operation, path or descriptor, sentence, code", () => {
    const error = AioError.AioError.fromErrno(2, "open", { path: "/a/b" })
    expect(error).toMatchObject({ _tag: "AioError", code: "ENOENT", errno: 2, operation: "open", path: "/a/b" })
    expect(error.message).toBe("open /a/b: no such file or directory (ENOENT)")
    expect(AioError.AioError.fromErrno(9, "read", { fd: 7 }).message).toBe(
      "read fd 7: not an open file descriptor, or not open for this (EBADF)"
    )
    expect(AioError.AioError.fromErrno(11, "nop", {}).message).toBe(
      "nop: the resource is temporarily unavailable (EAGAIN)"
    )
    expect(AioError.AioError.fromErrno(95, "fallocate", { fd: 0 }).code).toBe("EOPNOTSUPP")
    expect(AioError.AioError.fromErrno(2, "stat", { path: Uint8Array.from([0x61, 0xff]) }).message).toContain(
      "stat a\ufffd:"
    )
  })

  it("an error number without a name still has one", () => {
    const error = AioError.AioError.fromErrno(1234, "read", { fd: 3 })
    expect([error.code, error.message]).toEqual(["UNKNOWN", "read fd 3: system error 1234 (UNKNOWN)"])
  })

  it("numbers have the names of the system, and each has one", () => {
    for (const [name, number] of Object.entries(constants.errno)) {
      const { code } = AioError.AioError.fromErrno(number, "read", {})
      expect([number, code]).toEqual([number, synonyms[name] ?? name])
    }
    // Those that Node does not name.
    for (const [number, name] of [
      [117, "EUCLEAN"],
      [121, "EREMOTEIO"],
      [123, "ENOMEDIUM"]
    ] as const) {
      expect(AioError.AioError.fromErrno(number, "read", {}).code).toBe(name)
    }
  })

  it("a reason in the words of @effect/platform, also in JSON", () => {
    const { NotFound, ...others } = {
      NotFound: constants.errno.ENOENT,
      PermissionDenied: constants.errno.EACCES,
      AlreadyExists: constants.errno.EEXIST,
      BadResource: constants.errno.ENOTDIR,
      Busy: constants.errno.EBUSY,
      WouldBlock: constants.errno.EAGAIN,
      TimedOut: constants.errno.ETIMEDOUT,
      Unknown: constants.errno.EIO
    } satisfies { readonly [reason in SystemErrorReason]?: number }
    for (const [reason, number] of Object.entries(others)) {
      expect(AioError.AioError.fromErrno(number, "open", {}).reason).toBe(reason)
    }
    expect(AioError.AioError.fromErrno(1234, "open", {}).reason).toBe("Unknown")
    const error = AioError.AioError.fromErrno(NotFound, "open", { path: "/a" })
    expect(Object.keys(error)).not.toContain("reason")
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      _tag: "AioError",
      code: "ENOENT",
      errno: 2,
      operation: "open",
      path: "/a",
      reason: "NotFound",
      message: "open /a: no such file or directory (ENOENT)"
    })
  })

  it("the other errors say what, why, and what to do", () => {
    expect(new AioError.AioBadArgument({ operation: "read", argument: "offset", description: "is bad" }).message).toBe(
      "read: offset: is bad"
    )
    expect(new AioError.AioUnavailable({ backend: "x", reason: "it is not", remedy: "Wait." }).message).toBe(
      "x is not available: it is not. Wait."
    )
    expect(new AioError.AioEndOfFile({ fd: 3, expected: 10, received: 4 }).message).toBe(
      "fd 3: the file ended after 4 of 10 bytes"
    )
    expect(new AioError.AioEndOfFile({ fd: 3, path: "/a/b", expected: 10, received: 4 }).message).toBe(
      "/a/b: the file ended after 4 of 10 bytes"
    )
  })
})

describe("catching by code", () => {
  const error = AioError.AioError.fromErrno(2, "open", { path: "/a" })
  const absent: Effect.Effect<number, AioError.AioFailure> = Effect.fail(error)
  const refused: Effect.Effect<number, AioError.AioFailure> = Effect.fail(
    new AioError.AioBadArgument({ operation: "read", argument: "offset", description: "is bad" })
  )

  it.effect("catches this code, or one of these, and nothing else", () =>
    Effect.gen(function* () {
      const codeOf = (error: AioError.AioError) => Effect.succeed(error.code)
      expect(yield* AioError.catchCode(absent, "ENOENT", codeOf)).toBe("ENOENT")
      expect(yield* absent.pipe(AioError.catchCode("ENOENT", codeOf))).toBe("ENOENT")
      expect(yield* absent.pipe(AioError.catchCode(["EEXIST", "ENOENT"], codeOf))).toBe("ENOENT")
      expect(yield* AioError.catchCode(Effect.succeed(1), "ENOENT", codeOf)).toBe(1)
      const others = [AioError.catchCode("EEXIST", codeOf), AioError.catchCode(["EEXIST", "EACCES"], codeOf)]
      for (const catching of [...others, AioError.catchCode([], codeOf)]) {
        expect(yield* Effect.flip(catching(absent))).toBe(error)
      }
      for (const catching of [...others, AioError.catchCode("ENOENT", codeOf)]) {
        expect(yield* Effect.flip(catching(refused))).toMatchObject({ _tag: "AioBadArgument" })
      }
      // What has a code, and is none of ours.
      const foreign = { _tag: "AioError", code: "ENOENT" }
      expect(yield* Effect.flip(AioError.catchCode(Effect.fail(foreign), "ENOENT", codeOf))).toBe(foreign)
    })
  )

  it.effect("a failure that is not caught keeps the rest of its Cause", () =>
    Effect.gen(function* () {
      const cause = Cause.parallel(Cause.fail(error), Cause.die("beside it"))
      const exit = yield* Effect.exit(AioError.catchCode(Effect.failCause(cause), "EIO", () => Effect.void))
      expect(exit).toEqual(Exit.failCause(cause))
    })
  )

  it("the predicate", () => {
    expect(AioError.hasCode(error, "ENOENT")).toBe(true)
    expect(AioError.hasCode("ENOENT")(error)).toBe(true)
    expect(AioError.hasCode(error, ["EIO", "ENOENT"])).toBe(true)
    expect(AioError.hasCode(["EIO", "EACCES"])(error)).toBe(false)
    for (const value of [
      undefined,
      null,
      "ENOENT",
      { code: "ENOENT" },
      Object.assign(new Error(), { code: "ENOENT" })
    ]) {
      expect(AioError.hasCode(value, "ENOENT")).toBe(false)
    }
  })

  it("its types: codes are known, the handler's is narrowed, other failures stay", () => {
    const caught = absent.pipe(
      AioError.catchCode(["ENOENT", "ENOTDIR"], (error) => {
        expectTypeOf(error.code).toEqualTypeOf<"ENOENT" | "ENOTDIR">()
        return Effect.fail("other" as const)
      })
    )
    expectTypeOf(caught).toEqualTypeOf<Effect.Effect<number, AioError.AioFailure | "other">>()
    const first = AioError.catchCode(absent, "ENOENT", (error) => Effect.succeed(error.code))
    expectTypeOf(first).toEqualTypeOf<Effect.Effect<number | "ENOENT", AioError.AioFailure>>()
    const either = Effect.flip(absent).pipe(Effect.runSync)
    expect(either).toBe(error)
    if (AioError.hasCode(either, ["ENOENT", "ENOTDIR"])) {
      expectTypeOf(either.code).toEqualTypeOf<"ENOENT" | "ENOTDIR">()
    } else expectTypeOf(either).toEqualTypeOf<AioError.AioFailure>()
    const { code } = error
    // It may be an AioError with another code, whatever this code is.
    if (!AioError.hasCode(either, code)) expectTypeOf(either).toEqualTypeOf<AioError.AioFailure>()
    const caughtAny = Effect.catchIf(absent, AioError.hasCode([code]), () => Effect.succeed("caught"))
    expectTypeOf(caughtAny).toEqualTypeOf<Effect.Effect<number | string, AioError.AioFailure>>()
    const caughtOne = Effect.catchIf(absent, AioError.hasCode("ENOENT"), ({ code }) => Effect.succeed(code))
    expectTypeOf(caughtOne).toEqualTypeOf<Effect.Effect<number | "ENOENT", AioError.AioFailure>>()
    // @ts-expect-error
    AioError.catchCode(absent, "ENOEMT", () => Effect.void)
    // @ts-expect-error
    absent.pipe(AioError.catchCode(["ENOENT", "ENODIR"], () => Effect.void))
    // @ts-expect-error: it is EAGAIN.
    AioError.hasCode(error, "EWOULDBLOCK")
    // @ts-expect-error
    AioError.hasCode("ENOEMT")
    // @ts-expect-error
    expect(error.code === "ENOEMT").toBe(false)
  })
})

describe.each(backends)("$name: the words of errors", ({ layer, world }) => {
  it.scopedLive("of operations on names and on descriptors", () =>
    Effect.gen(function* () {
      const directory = yield* world.directory
      const absent = join(directory, "absent")
      const message = (use: Effect.Effect<unknown, { readonly message: string }, Aio.Aio>) =>
        Effect.map(Effect.flip(use), (error) => error.message)
      expect(yield* message(Aio.open(absent))).toBe(`open ${absent}: no such file or directory (ENOENT)`)
      expect(yield* message(Aio.mkdir(directory))).toBe(`mkdir ${directory}: the file exists already (EEXIST)`)
      expect(yield* message(Aio.stat(Buffer.from(absent)))).toBe(`stat ${absent}: no such file or directory (ENOENT)`)
      const fd = yield* Aio.open(directory)
      expect(yield* message(Aio.read(fd, new Uint8Array(1), { offset: 0 }))).toBe(
        `read fd ${fd}: is a directory (EISDIR)`
      )
      yield* Aio.close(fd)
      const moved = yield* Effect.flip(Aio.rename(absent, directory))
      expect(moved).toMatchObject({ path: absent, dest: directory })
      expect(moved.message).toBe(`rename ${absent} -> ${directory}: no such file or directory (ENOENT)`)
      const read = AioFile.withFile(directory, (file) => file.read(new Uint8Array(1), { offset: 0 }))
      expect(yield* message(read)).toBe(`read ${directory}: is a directory (EISDIR)`)
      expect(yield* message(Aio.open("a\0b"))).toBe('open: path: a path cannot contain a NUL character: "a\\u0000b"')
      expect(yield* message(Aio.read(0, new Uint8Array(1), { offset: -1 }))).toBe(
        "read: offset: must be a whole number of bytes from 0, not -1"
      )
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("they are typed failures that can be caught by tag, never defects", () =>
    Effect.gen(function* () {
      const exit = yield* Effect.exit(Effect.scoped(AioFile.open("/absent/file")))
      expect(Exit.isFailure(exit) && Cause.isFailType(exit.cause)).toBe(true)
      const caught = yield* Effect.scoped(AioFile.open("/absent/file")).pipe(
        Effect.catchTag("AioError", (error) => Effect.succeed(error.code))
      )
      expect(caught).toBe("ENOENT")
      const byCode = AioFile.readFile("/absent/file").pipe(
        AioError.catchCode("ENOENT", (error) => Effect.succeed([error.code, error.reason]))
      )
      expect(yield* byCode).toEqual(["ENOENT", "NotFound"])
      expect(Exit.isFailure(exit) && Cause.pretty(exit.cause)).toContain(
        "open /absent/file: no such file or directory (ENOENT)"
      )
    }).pipe(Effect.provide(layer))
  )

  it.scopedLive("a path of 5000 bytes is too long, whatever it is for", () =>
    Effect.gen(function* () {
      const path = `/${"long/".repeat(1000)}`.slice(0, 5000)
      const uses = [
        Aio.open(path),
        Aio.stat(path),
        Aio.lstat(path),
        Aio.truncate(path),
        Aio.unlink(path),
        Aio.rmdir(path),
        Aio.mkdir(path),
        Aio.rename(path, "/absent"),
        Aio.rename("/absent", path),
        Aio.link(path, "/absent"),
        Aio.symlink("target", path),
        Aio.symlink(path, "/absent/link"),
        Aio.readlink(path),
        Aio.access(path),
        Aio.chmod(path, 0o600),
        Aio.chown(path, {}),
        Aio.utimes(path, { mtimeNs: 0n }),
        AioFile.readFile(path),
        Aio.statvfs(Buffer.from(path))
      ]
      for (const use of uses)
        expect(yield* Effect.flip(use as (typeof uses)[0])).toMatchObject({ code: "ENAMETOOLONG" })
    }).pipe(Effect.provide(layer))
  )

  it.live("of a request that nobody has looked at: what it was about may be anything, and it can be shown", () =>
    Effect.gen(function* () {
      const aio = yield* Effect.scoped(Effect.map(Layer.build(layer), Context.get(Aio.Aio)))
      const { proxy, revoke } = Proxy.revocable<any>({}, {})
      revoke()
      for (const use of [Aio.statvfs(proxy), Aio.fsync(proxy), Aio.rename(proxy, proxy)]) {
        const error: any = yield* Effect.flip(
          Effect.provideService(use as Effect.Effect<unknown, unknown, Aio.Aio>, Aio.Aio, aio)
        )
        expect([error.code, error.message]).toEqual([
          "ECANCELED",
          `${error.operation}: the operation was cancelled (ECANCELED): ${error.description}`
        ])
        expect(JSON.parse(JSON.stringify(error))).toMatchObject({ operation: error.operation })
      }
    })
  )
})
