/** Seals of files in memory: what will not be done to them any more, by any process. F_ADD_SEALS and F_GET_SEALS of fcntl(2) */
import { bad, checkFd, checkName, show } from "../engine/arguments.ts"
import { type Target, targetOf } from "../engine/openDescriptor.ts"
import { asVoid, define } from "../engine/operation.ts"
import { elementsOf } from "../engine/options.ts"
import { F_ADD_SEALS, F_GET_SEALS } from "../native/layout.ts"
import { NR } from "../native/syscalls.ts"

/** `F_SEAL_*`. */
export const sealBits = {
  seal: 0x1,
  shrink: 0x2,
  grow: 0x4,
  write: 0x8,
  futureWrite: 0x10,
  exec: 0x20
} as const

/**
 * What is not done to a file in memory any more: it gets no further seals (`seal`), does not become shorter or longer, is not written to, not even by those
 * who have mapped it (`write`), not by those who map or open it later (`futureWrite`), or keeps its execute permissions (`exec`).
 *
 * @since 0.1.0
 * @category models
 */
export type Seal = keyof typeof sealBits

const sealsInput = (seals: ReadonlyArray<Seal>): ReadonlyArray<unknown> =>
  elementsOf(seals, "seals") ?? bad("seals", `an array, not ${show(seals)}`)

export const addSeals = define(
  (file: Target, seals: ReadonlyArray<Seal>) => ({ ...targetOf(file), seals: sealsInput(seals) }),
  {
    name: "addSeals",
    man: "fcntl(2)",
    encode: (submission, { fd, seals }) => {
      submission.nr = NR.fcntl
      submission.a0 = checkFd(fd)
      submission.a1 = F_ADD_SEALS
      submission.a2 = seals.reduce<number>((bits, seal) => bits | checkName(sealBits, seal, "seals"), 0)
    },
    decode: asVoid
  }
)

export const getSeals = define(targetOf, {
  name: "getSeals",
  man: "fcntl(2)",
  encode: (submission, { fd }) => {
    submission.nr = NR.fcntl
    submission.a0 = checkFd(fd)
    submission.a1 = F_GET_SEALS
  },
  decode: (_, bits): ReadonlyArray<Seal> =>
    (Object.keys(sealBits) as Array<Seal>).filter((seal) => (bits & sealBits[seal]) !== 0)
})
