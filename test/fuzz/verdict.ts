/** Whether a call may end as it did. */
import { Cause, Chunk, Exit } from "effect"
import { AioError } from "effect-aio"
import { Mine } from "./hostile.ts"
import { foreign } from "./scene.ts"

/** Failures that the documentation tells of. */
const documented = new Set([
  "AioError",
  "AioBadArgument",
  "AioOutside",
  "AioEndOfFile",
  "AioShortTransfer",
  "AioUnavailable",
  // PlatformError.
  "SystemError",
  "BadArgument",
  // What is asked for the first of nothing.
  "NoSuchElementException"
])

const isMine = (error: unknown): boolean => error instanceof Mine

export const textOf = (error: unknown): string => {
  try {
    return error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  } catch {
    return "what cannot be shown"
  }
}

/** As NodeFileSystem: a temporary file that cannot be removed, since others have been there, is a defect of its Scope's end. */
const isOfTemporary = ({ _tag, method }: any): boolean => _tag === "SystemError" && /^makeTemp\w+Scoped$/.test(method)

/** Its type has no failure. */
const isOfSeek = ({ _tag, method }: any): boolean => _tag === "BadArgument" && method === "seek"

/** A function of the program's that gives no Effect: Effect's own words for it. */
const isOfNoEffect = (defect: Error): boolean => defect.message.startsWith("Not a valid effect")

const isExpected = (defect: unknown): boolean =>
  isMine(defect) || (defect instanceof Error && (isOfTemporary(defect) || isOfSeek(defect) || isOfNoEffect(defect)))

/** Messages are made when they are asked for, of what a call was given. */
const messageFails = (error: any): string | undefined => {
  try {
    void error.message
    JSON.stringify(error, (_, value) => (typeof value === "bigint" ? `${value}` : value))
    return undefined
  } catch (problem) {
    return isMine(problem) ? undefined : textOf(problem)
  }
}

/** Where the first frame of the library is. */
const placeOf = (error: unknown): string => {
  const frame = error instanceof Error ? /\/src\/[\w/]+\.js:\d+/.exec(String(error.stack)) : null
  return frame === null ? "" : ` at ${frame[0]}`
}

/** What is wrong with it, or `undefined`. `declared` is what its type says that it may fail with, `null` where anything may come through. */
export const wrongWith = (
  exit: Exit.Exit<unknown, unknown>,
  declared: ReadonlyArray<string> | null = null
): string | undefined => {
  if (Exit.isSuccess(exit)) {
    if (!(exit.value instanceof Uint8Array)) return undefined
    // A copy is as long as it is, whatever it says.
    const value = new Uint8Array(exit.value)
    const at = foreign(value)
    return at === undefined ? undefined : `a byte that was in no file: ${value[at]} at ${at} of ${value.length}`
  }
  for (const defect of Cause.defects(exit.cause)) {
    if (!isExpected(defect)) return `defect ${textOf(defect)}${placeOf(defect)}`
  }
  for (const failure of Chunk.toReadonlyArray(Cause.failures(exit.cause))) {
    const tag = (failure as { _tag?: unknown } | null)?._tag
    if (isMine(failure)) continue
    if (typeof tag !== "string" || !documented.has(tag)) return `failure ${textOf(failure)}`
    if (declared !== null && !declared.includes(tag))
      return `${tag}, of which its type says nothing: ${textOf(failure)}`
    const wrong = messageFails(failure)
    if (wrong !== undefined) return `${tag} cannot be shown: ${wrong}`
  }
  return undefined
}

/** What a function may throw before there is any Effect. */
export const wrongThrow = (name: string, error: unknown): string | undefined =>
  // No Effect: its throw is the only way to say so.
  name === "AioBuffer.aligned" && error instanceof AioError.AioBadArgument
    ? undefined
    : `thrown at once: ${textOf(error)}${placeOf(error)}`
