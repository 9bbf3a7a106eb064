/** POSIX AIO, opened for an engine. */
import type { Backend, Host } from "../../engine/backend.ts"
import { unsupported, withoutWorkers } from "../../native/platform.ts"
import { ControlBlocks, glibc, PosixAioUnavailable, selfTest } from "../../native/posixAio.ts"
import { ThreadsBackend } from "../threads/backend.ts"
import { checkPlatform } from "../unavailable.ts"
import { PosixAioBackend } from "./backend.ts"
import { Notification } from "./notification.ts"
import { fromPosixAioUnavailable, withoutDescriptor } from "./unavailable.ts"

const MOST_REQUESTS = 4096
const REQUESTS = 256
const MOST_THREADS = 4096
/** glibc's values without aio_init(3), which sets all of them or none. */
const GLIBC_THREADS = 20
const MOST_SECONDS = 0x7fffffff

/** The options as they were given, and checked. glibc's own values stand for those that are left out. */
interface Options {
  readonly requests: number | undefined
  readonly threads: number | undefined
  /** Milliseconds. */
  readonly idleTimeout: number | undefined
}

const openBlocks = ({ idleTimeout = 0, requests, threads }: Options): ControlBlocks => {
  const count = Math.min(requests ?? REQUESTS, MOST_REQUESTS)
  const idle = Math.ceil(idleTimeout / 1000)
  try {
    if (threads !== undefined || requests !== undefined || idle > 0) {
      glibc.aioInit(Math.min(threads ?? GLIBC_THREADS, MOST_THREADS), count, Math.min(idle, MOST_SECONDS))
    }
    selfTest()
    return new ControlBlocks(count)
  } catch (cause) {
    throw cause instanceof PosixAioUnavailable ? fromPosixAioUnavailable(cause) : cause
  }
}

/** Control blocks with their notification, and the pool behind them. Throws `Unavailable`. */
export const open = (host: Host, options: Options): ReadonlyArray<Backend> => {
  checkPlatform("posix", unsupported ?? withoutWorkers)
  const blocks = openBlocks(options)
  const notification = new Notification(host)
  if (notification.descriptor < 0) {
    // Nothing has been started: without a descriptor, there is nothing else to free.
    blocks.close()
    throw withoutDescriptor(-notification.descriptor)
  }
  return [new PosixAioBackend(blocks, notification, host), new ThreadsBackend(host)]
}
