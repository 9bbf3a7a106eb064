/**
 * A `uv_poll` of our own, for worker threads. That of koffi ends the process when a descriptor becomes readable just while the thread is
 * ended by `worker.terminate()`. A function registered with koffi is called in its place, and that call may fail. The handle is left to the
 * thread's clean-ups, and is so closed before Node checks that all handles are.
 */

import { eventLoop } from "./environment.ts"
import { functionAddress, koffi, lib } from "./libc.ts"
import { hasCleanups, POLL, registerCleanup, unregisterCleanup } from "./threadCleanup.ts"

const UV_POLL = 8
const UV_READABLE = 1

interface Functions {
  readonly loop: number
  readonly size: number
  readonly allocate: (count: number, size: number) => number
  readonly free: (memory: number) => void
  readonly init: (loop: number, handle: number, fd: number) => number
  readonly start: (handle: number, events: number, callback: bigint) => number
  readonly stop: (handle: number) => number
  readonly ref: (handle: number) => void
  readonly unref: (handle: number) => void
  readonly close: (handle: number, callback: number) => void
  readonly stopAddress: number
  readonly closeAddress: number
  readonly freeAddress: number
  /** `ready`, as a C function. */
  readonly callback: bigint
}

const onReady = new Map<number, () => void>()

const load = (): Functions | null => {
  if (!hasCleanups()) return null
  const loop = eventLoop()
  if (loop === 0) return null
  const handle = ["int64_t"]
  return {
    loop,
    size: lib!.func("uv_handle_size", "int64_t", ["int"])(UV_POLL),
    allocate: lib!.func("calloc", "int64_t", ["int64_t", "int64_t"]),
    free: lib!.func("free", "void", handle),
    init: lib!.func("uv_poll_init", "int", ["int64_t", "int64_t", "int"]),
    start: lib!.func("uv_poll_start", "int", ["int64_t", "int", "int64_t"]),
    stop: lib!.func("uv_poll_stop", "int", handle),
    ref: lib!.func("uv_ref", "void", handle),
    unref: lib!.func("uv_unref", "void", handle),
    close: lib!.func("uv_close", "void", ["int64_t", "int64_t"]),
    stopAddress: functionAddress("uv_poll_stop"),
    closeAddress: functionAddress("uv_close"),
    freeAddress: functionAddress("free"),
    callback: koffi.register(
      (handle: number) => onReady.get(handle)?.(),
      koffi.pointer(koffi.proto("void", ["int64_t", "int", "int"]))
    )
  }
}

let functions: Functions | null | undefined

/** With the methods of koffi's handle. */
export class LoopHandle {
  private constructor(
    private readonly uv: Functions,
    private readonly handle: number,
    private readonly cleanup: number
  ) {}

  /** Calls `ready` while `fd` is readable, once a turn of the loop. `undefined` where the functions are missing. */
  static open(fd: number, ready: () => void): LoopHandle | undefined {
    if (functions === undefined) functions = load()
    if (functions === null) return undefined
    const { allocate, callback, closeAddress, free, freeAddress, init, loop, size, start, stopAddress } = functions
    const handle = allocate(1, size)
    if (init(loop, handle, fd) !== 0) {
      free(handle)
      return undefined
    }
    onReady.set(handle, ready)
    const made = new LoopHandle(
      functions,
      handle,
      registerCleanup(POLL, handle, stopAddress, closeAddress, freeAddress)
    )
    start(handle, UV_READABLE, callback)
    return made
  }

  start(): void {
    this.uv.start(this.handle, UV_READABLE, this.uv.callback)
  }

  stop(): void {
    this.uv.stop(this.handle)
  }

  ref(): void {
    this.uv.ref(this.handle)
  }

  unref(): void {
    this.uv.unref(this.handle)
  }

  /** The handle's memory is freed when the loop does not use it any more. */
  close(): void {
    unregisterCleanup(this.cleanup)
    onReady.delete(this.handle)
    this.uv.close(this.handle, this.uv.freeAddress)
  }
}
