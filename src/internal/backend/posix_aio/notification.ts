/**
 * How the event loop is told of completions. Only this class knows: a system with another way (FreeBSD's SIGEV_KEVENT, which puts
 * completions into a kqueue) has to replace it and nothing else.
 *
 * glibc offers signals and threads (sigevent(7)). Neither is good:
 * - SIGEV_SIGNAL. Where the signal cannot be queued (RLIMIT_SIGPENDING), glibc writes EAGAIN over the result of a request that has
 *   been done: a write would be reported as failed, and repeated. The signal would also end poll(2) and nanosleep(2) of any other code
 *   in this process with EINTR, thousands of times a second, and it needs a handler, which JavaScript cannot be.
 * - SIGEV_THREAD. A thread is started for each completion, inside glibc's only lock; and where the thread cannot be started, the completion
 *   is not told.
 *
 * So blocks are watched instead. What glibc writes last, the block's error number, is read from memory: in every turn of the event loop,
 * for a short while after a request was started or has ended. Requests that take longer are left to a thread that waits in aio_suspend(3)
 * and then writes an eventfd. A completion between the last look and the wait is not lost: aio_suspend looks itself, under the lock under
 * which requests end.
 */
import type { Host } from "../../engine/backend.ts"
import { AioSuspendThread, MOST_WATCHED } from "../../native/aioSuspend.ts"
import { clearTimeout, now, setTimeout } from "../../native/loop.ts"
import { Reactor } from "../../native/reactor.ts"

export { MOST_WATCHED }

/**
 * Milliseconds of looking in every turn after a request was started or has ended: cached requests have ended by then. Looking on for longer
 * does not pay: it keeps a core busy that glibc's thread could have.
 */
const LOOKING = 0.02

/** Milliseconds between two looks while there is no thread: it is starting, or cannot be started. */
const WITHOUT_THREAD = 2

export class Notification {
  private readonly thread = new AioSuspendThread()
  private readonly reactor: Reactor | undefined
  private timer: NodeJS.Timeout | undefined
  /** When a request was last started or has ended. */
  private moved = 0
  /** The thread has a list of blocks, and has not told of an end. */
  private watching = false
  /** A request was started since the thread got its list. */
  private outdated = false
  /** Another event loop waits for the descriptor: it has to tell at once. */
  private exposed = false

  constructor(private readonly host: Host) {
    if (this.thread.eventFd >= 0) this.reactor = new Reactor(this.thread.eventFd, () => host.wake())
  }

  /** Readable while completions wait. -errno where none could be had. */
  get descriptor(): number {
    return this.thread.eventFd
  }

  /** From now on the descriptor alone has to tell of completions: another event loop waits for it. */
  expose(): void {
    this.exposed = true
  }

  /** Called before a look at the blocks: what has been told so far is going to be seen. */
  clear(): void {
    if (this.thread.clear()) this.watching = false
  }

  /** Called when requests were started. */
  started(): void {
    this.outdated = true
    this.moved = now()
  }

  /** Called when requests have ended. */
  ended(): void {
    this.moved = now()
  }

  /** Called when there are more completions than could be delivered. */
  tell(): void {
    this.thread.tell()
  }

  /**
   * Called after a look at the blocks, with requests in flight: makes sure that there is another look when a request is complete. `watched`
   * gives the addresses of blocks, at most `MOST_WATCHED`, of which one completes first.
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

  /** Called with nothing in flight. */
  close(): Promise<void> {
    clearTimeout(this.timer)
    this.reactor?.close()
    return this.thread.close()
  }

  /** Called at the exit of the process. */
  abandon(): void {
    this.thread.abandon()
  }
}
