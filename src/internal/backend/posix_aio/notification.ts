/**
 * How the event loop hears of completions. This is the one place that knows; a system with another way (FreeBSD's SIGEV_KEVENT, which
 * puts completions into a kqueue) has to replace this class and nothing else.
 *
 * glibc offers signals and threads (sigevent(7)). Neither is good:
 * - SIGEV_SIGNAL. Where the signal cannot be queued (RLIMIT_SIGPENDING), glibc writes EAGAIN over the result of a request that has
 *   been done: a write would be reported as failed, and repeated. The signal would also end poll(2) and nanosleep(2) of any other code
 *   in this process with EINTR, thousands of times a second, and it needs a handler, which JavaScript cannot be.
 * - SIGEV_THREAD. A thread is started for each completion, inside glibc's one lock; and where it cannot be started, nobody is told.
 *
 * So blocks are watched instead. What glibc writes last, the block's error number, is read from memory: for a short while after
 * something has moved, in every turn of the event loop; what takes longer is left to a thread that waits in aio_suspend(3) and then
 * writes an eventfd. A completion between the last look and the wait is not lost: aio_suspend looks itself, under the lock under which
 * requests end.
 */
import type { Host } from "../../engine/backend.ts"
import { AioSuspendThread, MOST_WATCHED } from "../../native/aioSuspend.ts"
import { clearTimeout, now, setTimeout } from "../../native/loop.ts"
import { Reactor } from "../../native/reactor.ts"

export { MOST_WATCHED }

/**
 * Milliseconds of looking in every turn after something has moved: what is cached is there by then. Looking on for longer does not pay:
 * it keeps a core busy that glibc's thread could have.
 */
const LOOKING = 0.02

/** Milliseconds between two looks while there is no thread: it is starting, or cannot be had. */
const WITHOUT_THREAD = 2

export class Notification {
  private readonly thread = new AioSuspendThread()
  private readonly reactor: Reactor | undefined
  private timer: NodeJS.Timeout | undefined
  /** When something last moved. */
  private moved = 0
  /** The thread has a list, and has not told of it. */
  private watching = false
  /** Something was started since. */
  private outdated = false
  /** Others wait for the descriptor: it has to tell at once. */
  private exposed = false

  constructor(private readonly host: Host) {
    if (this.thread.eventFd >= 0) this.reactor = new Reactor(this.thread.eventFd, () => host.wake())
  }

  /** Readable while completions wait. -errno where none could be had. */
  get descriptor(): number {
    return this.thread.eventFd
  }

  /** From now on the descriptor alone has to tell: somebody else waits for it. */
  expose(): void {
    this.exposed = true
  }

  /** Before a look at the blocks: what has been told so far is going to be seen. */
  clear(): void {
    if (this.thread.clear()) this.watching = false
  }

  /** Requests were started. */
  started(): void {
    this.outdated = true
    this.moved = now()
  }

  /** Requests have ended. */
  ended(): void {
    this.moved = now()
  }

  /** There are more completions than could be delivered. */
  tell(): void {
    this.thread.tell()
  }

  /**
   * After a look at the blocks, with requests in flight: sees to it that there is another when one of them is complete. `watched` gives
   * the addresses of blocks, at most `MOST_WATCHED`, of which one completes first.
   */
  expect(watched: () => ReadonlyArray<number>): void {
    if (!this.exposed && now() - this.moved < LOOKING) return this.host.wake()
    if (!this.watching || this.outdated) {
      this.thread.start()
      this.thread.watch(watched())
      this.watching = true
      this.outdated = false
    }
    if (!this.thread.isUp) this.timer ??= setTimeout(this.look, WITHOUT_THREAD).unref()
  }

  private readonly look = (): void => {
    this.timer = undefined
    this.host.wake()
  }

  /** Whether to wake the loop at all. */
  watch(yes: boolean): void {
    this.reactor?.watch(yes)
  }

  /** Whether waiting keeps the process alive. */
  keepAlive(yes: boolean): void {
    this.reactor?.keepAlive(yes)
  }

  /** With nothing in flight. */
  close(): Promise<void> {
    clearTimeout(this.timer)
    this.reactor?.close()
    return this.thread.close()
  }

  /** At the exit of the process. */
  abandon(): void {
    this.thread.abandon()
  }
}
