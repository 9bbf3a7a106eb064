/** Descriptors of the operating system that can be waited for, other than FIFOs: each blocking, each closed with its Scope. */
import { closeSync, constants, openSync } from "node:fs"
import { Effect, type Scope } from "effect"
import { syscall } from "effect-aio/internal/native/libc"
import { permanent } from "effect-aio/internal/native/memory"

const arm = process.arch === "arm64"
const NR = {
  ioctl: arm ? 29 : 16,
  socketpair: arm ? 199 : 53,
  pipe2: arm ? 59 : 293,
  eventfd2: arm ? 19 : 290
}

const O_CLOEXEC = 0o2000000

/** Closes what the test has not. */
const closing = (fds: ReadonlyArray<number>) =>
  Effect.sync(() => {
    for (const fd of fds) {
      try {
        closeSync(fd)
      } catch {
        // The test did.
      }
    }
  })

const pair = (fill: (address: number) => number): Effect.Effect<readonly [number, number], never, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const fds = new Int32Array(2)
      const result = fill(permanent(fds))
      if (result !== 0) throw new Error(`no pair of descriptors: ${result}`)
      return [fds[0], fds[1]] as const
    }),
    closing
  )

/** pipe(2): the reading end, the writing end. */
export const nativePipe = pair((address) => syscall(NR.pipe2, address, O_CLOEXEC))

/** socketpair(2): two ends of a connection. */
export const socketPair = pair((address) => syscall(NR.socketpair, 1, 1 | O_CLOEXEC, 0, address))

const single = (open: () => number): Effect.Effect<number, never, Scope.Scope> =>
  Effect.acquireRelease(Effect.sync(open), (fd) => closing([fd]))

/** eventfd(2): readable when its count is not 0, writable up to 2^64 - 2. */
export const eventFd = single(() => syscall(NR.eventfd2, 0, O_CLOEXEC))

/** pty(7): a terminal, and the keyboard and screen of whoever sits there. */
export const terminal: Effect.Effect<readonly [terminal: number, person: number], never, Scope.Scope> = Effect.gen(
  function* () {
    const TIOCSPTLCK = 0x40045431
    const TIOCGPTPEER = 0x5441
    const flags = constants.O_RDWR | constants.O_NOCTTY
    const person = yield* single(() => openSync("/dev/ptmx", flags))
    const slave = yield* single(() => {
      syscall(NR.ioctl, person, TIOCSPTLCK, permanent(new Int32Array([0])))
      return syscall(NR.ioctl, person, TIOCGPTPEER, flags | O_CLOEXEC)
    })
    return [slave, person] as const
  }
)
