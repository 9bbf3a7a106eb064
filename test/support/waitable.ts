/** Descriptors of the operating system that can be waited for, other than FIFOs: each blocking, each closed with its Scope. */
import { closeSync, constants, openSync } from "node:fs"
import { Effect, type Scope } from "effect"
import { lastingAddress, O_CLOEXEC, openPipe, pairOf, systemCall } from "./systemCalls.ts"

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

const pair = (open: () => readonly [number, number]): Effect.Effect<readonly [number, number], never, Scope.Scope> =>
  Effect.acquireRelease(Effect.sync(open), closing)

/** pipe(2): the reading end, the writing end. */
export const nativePipe = pair(openPipe)

/** socketpair(2): two ends of a connection. */
export const socketPair = pair(() => pairOf((address) => systemCall("socketpair", 1, 1 | O_CLOEXEC, 0, address)))

const single = (open: () => number): Effect.Effect<number, never, Scope.Scope> =>
  Effect.acquireRelease(Effect.sync(open), (fd) => closing([fd]))

/** eventfd(2): readable when its count is not 0, writable up to 2^64 - 2. */
export const eventFd = single(() => systemCall("eventfd2", 0, O_CLOEXEC))

/** pty(7): a terminal, and the keyboard and screen of whoever sits there. */
export const terminal: Effect.Effect<readonly [terminal: number, person: number], never, Scope.Scope> = Effect.gen(
  function* () {
    const TIOCSPTLCK = 0x40045431
    const TIOCGPTPEER = 0x5441
    const flags = constants.O_RDWR | constants.O_NOCTTY
    const person = yield* single(() => openSync("/dev/ptmx", flags))
    const slave = yield* single(() => {
      systemCall("ioctl", person, TIOCSPTLCK, lastingAddress(new Int32Array([0])))
      return systemCall("ioctl", person, TIOCGPTPEER, flags | O_CLOEXEC)
    })
    return [slave, person] as const
  }
)
