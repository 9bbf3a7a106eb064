/** The contract between the engine and the backends that execute requests. */
import type { Descriptors } from "./openDescriptor.ts"
import type { Entry } from "./operation.ts"
import type { Request, Slot } from "./request.ts"

/** What a backend may ask of its engine. */
export interface Host {
  /**
   * The one terminal event of a request: `result` is `>= 0` or `-errno`. The kernel does not touch its memory any more. When this
   * returns, the request has been decoded, and the backend may clear and reuse the submission.
   */
  complete(submission: Slot, result: number): void
  /** A request that was taken over without a submission is to be queued again. */
  requeue(request: Request): void
  /**
   * A request's followers were taken over with it; each is to be completed like any other. False when there may not be so many under
   * way: then nothing has happened, and they are not to be run.
   */
  takeLinked(leader: Request): boolean
  /** The end of a request that was taken over without a submission. */
  abort(request: Request, result: number): void
  /**
   * The last backend, the pool, is to run this request: it was taken over, and this mechanism could not finish it without waiting. The
   * kernel does not touch its memory any more. When this returns, the backend may clear and reuse the submission.
   */
  punt(submission: Slot): void
  /** There are completions to reap, or there is room to fill: have a turn soon. Cheap to call twice. */
  wake(): void
}

/** Where a backend's requests are. */
export interface BackendCounts {
  /** Taken over, and neither the kernel nor a thread works on them yet. */
  readonly ready: number
  /** In the kernel or in a thread. */
  readonly executing: number
  /** Complete, and not delivered yet. */
  readonly pending: number
}

/**
 * A mechanism. All calls come from the event loop's thread; none throws for an input, and none waits for a disk or a peer.
 *
 * For every request accepted by `submit`, exactly one `Host.complete` follows. In between, the backend's table references the
 * submission, and so the request and everything the kernel may touch.
 */
export interface Backend {
  /** As `AIO_BACKEND` names it. */
  readonly name: string
  /** Whether a read that finds its data cached is answered in the call that submits it. */
  readonly answersCached: boolean
  /**
   * Whether it runs `Request.followers` by itself behind a request of this kind, and does not when that fails or moves too little.
   * They are submitted one after the other otherwise.
   */
  linksAfter?(entry: Entry<any, any>): boolean
  /** Whether it runs programs, several system calls in one request. Without it their steps are requests of their own. */
  readonly runsPrograms?: boolean
  /** Whether it keeps `Request.deadline` itself. */
  readonly keepsDeadlines?: boolean
  /** Whether it runs `load` (operation/loads.ts), which is only given to a backend that does. */
  readonly loadsFiles?: boolean
  /** Whether this mechanism runs the operation itself, at least for some inputs. */
  supports(entry: Entry<any, any>): boolean
  /** Whether it runs this request itself. Asked once for each request, before anything is encoded: the input may be wrong in any way. */
  accepts(request: Request): boolean
  /** Set where descriptors do not belong to this process. */
  readonly descriptors?: Descriptors
  /**
   * Set where files belong to the backend: makes another backend on the same files and descriptors, for programs that still have some open
   * after its end.
   */
  replacement?(host: Host): Backend
  /** Called first in every turn. */
  beginTurn(): void
  /**
   * Encodes the request and takes it over; false when there is no room, and nothing has happened. Throws `BadArgument` where the
   * arguments are not for a kernel; then, too, nothing has happened.
   */
  submit(request: Request): boolean
  /** Hands everything submitted since the last call to the kernel, in one call where the mechanism can. */
  flush(): void
  /** Delivers at most `limit` completions. Returns how many it delivered. */
  reap(limit: number): number
  /**
   * So many completions are enough for one turn: the fibers that they resume go on before the next are delivered, in the turn behind it. Left
   * out: all that are there.
   */
  readonly row?: number | undefined
  /** What the backend does by the clock. Called now and then while the thread is blocked, since timers do not run then. */
  tick(): void
  /** Whether more completions are known to wait: a `reap` would deliver. */
  readonly hasCompletions: boolean
  /** Asks for an early completion of a request that this backend has. The completion comes in any case. */
  cancel(request: Request): void
  /** Calls `visit` for every request that is taken over and not completed. */
  forEachInFlight(visit: (request: Request) => void): void
  /** How many requests are taken over and not completed. */
  readonly inFlight: number
  readonly requestCounts: BackendCounts
  /** Readable while completions wait. */
  readonly descriptor: number
  /** Whether to call `Host.wake` when completions come. Without it they stay where they are. */
  watchCompletions?(yes: boolean): void
  /** Whether waiting for completions keeps the process alive. */
  keepAlive(yes: boolean): void
  /** No more requests will come but closes: a limit or a fault that holds requests back is lifted. */
  prepareClose(): void
  /** Frees rings, maps, descriptors, threads. Called once, with nothing in flight. */
  close(): Promise<void>
}

/**
 * Whether a backend accepts a request. What looks at an argument that is no value of its kind may throw: the last backend, which accepts everything,
 * says what is wrong with it where it encodes it. A request that is counted must not be lost on its way to a queue.
 */
export const takes = (backend: Backend, request: Request): boolean => {
  try {
    return backend.accepts(request)
  } catch {
    return false
  }
}
