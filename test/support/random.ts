/** Random numbers that can be had again: a failing test prints its seed, `SEED=... vitest run ...` repeats it. */

/** Different each run, so that every run looks somewhere else. */
export const seed: number = process.env.SEED === undefined ? (Math.random() * 2 ** 31) | 0 : Number(process.env.SEED)

export interface Random {
  /** An integer from 0 to `below` - 1. */
  readonly integer: (below: number) => number
  /** One of the values. */
  readonly pick: <A>(values: ReadonlyArray<A>) => A
}

/** mulberry32. */
export const random = (from: number = seed): Random => {
  let state = from | 0
  const integer = (below: number): number => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return Math.floor((((t ^ (t >>> 14)) >>> 0) / 4294967296) * below)
  }
  return { integer, pick: (values) => values[integer(values.length)] }
}
