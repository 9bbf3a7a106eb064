/** Files that are in memory and have no path. */
import { BadArgument, type Path, show } from "../engine/arguments.ts"
import { asNumber, define } from "../engine/operation.ts"
import { optionsReader } from "../engine/options.ts"
import { NR } from "../native/syscalls.ts"

/**
 * What may become of a file in memory.
 *
 * @since 0.1.0
 * @category models
 */
export interface MemfdOptions {
  /** Default `false`. With `true` it may be sealed, fcntl(2): given to another process as what will not change any more. */
  readonly allowSealing?: boolean | undefined
}

const MFD_CLOEXEC = 1
const MFD_ALLOW_SEALING = 2

/** Bytes of a name: those of a directory's entry, less `memfd:`. */
const LONGEST = 249

const memfdOptions = optionsReader<MemfdOptions>({ allowSealing: true })

const demandShort = (name: Path): void => {
  const length = typeof name === "string" ? Buffer.byteLength(name) : name.byteLength
  if (length > LONGEST) throw new BadArgument("name", `at most ${LONGEST} bytes, not ${length}`)
}

export const memfdCreate = define((name: Path, options?: MemfdOptions) => ({ name, ...memfdOptions(options) }), {
  name: "memfdCreate",
  man: "memfd_create(2)",
  encode: (submission, { allowSealing = false, name }) => {
    if (typeof allowSealing !== "boolean") {
      throw new BadArgument("allowSealing", `must be true or false, not ${show(allowSealing)}`)
    }
    submission.nr = NR.memfd_create
    // The cell, or what the submission keeps.
    submission.a0 = submission.path(name, "name")
    demandShort(name)
    submission.a1 = MFD_CLOEXEC | (allowSealing ? MFD_ALLOW_SEALING : 0)
  },
  producesDescriptor: true,
  decode: asNumber
})
