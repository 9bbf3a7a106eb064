/**
 * Functions that Node has for addons, and that koffi does not offer. They are C++ (node.h, v8.h), part of the interface that addons are
 * compiled against, and called by the names that the compiler gives them.
 */
import { lib } from "./libc.ts"

const find = (
  name: string,
  result: string,
  args: ReadonlyArray<string>
): ((...args: Array<number>) => number) | undefined => {
  try {
    return lib?.func(name, result, [...args])
  } catch {
    // Another runtime, or a Node that has renamed it.
    return undefined
  }
}

/** `v8::Isolate::GetCurrent()`: the isolate of this thread. */
const currentIsolate = (): number => find("_ZN2v87Isolate10GetCurrentEv", "int64_t", [])?.() ?? 0

/**
 * Has the C function called with `argument` when this thread's environment is taken down, after its last JavaScript and before its memory
 * is freed: `node::AddEnvironmentCleanupHook`. False where Node does not export it.
 */
export const atCleanUp = (functionAddress: number, argument: number): boolean => {
  const isolate = currentIsolate()
  const add = find("_ZN4node25AddEnvironmentCleanupHookEPN2v87IsolateEPFvPvES3_", "void", Array(3).fill("int64_t"))
  if (isolate === 0 || add === undefined) return false
  add(isolate, functionAddress, argument)
  return true
}

/** The address of this thread's `uv_loop_t`: `node::GetCurrentEventLoop`. 0 where Node does not export it. */
export const eventLoop = (): number => {
  const isolate = currentIsolate()
  return isolate === 0
    ? 0
    : (find("_ZN4node19GetCurrentEventLoopEPN2v87IsolateE", "int64_t", ["int64_t"])?.(isolate) ?? 0)
}
