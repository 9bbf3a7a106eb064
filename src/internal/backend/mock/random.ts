/** Random numbers that can be repeated. */

export interface Random {
  /** An integer from 0 to `below` - 1. */
  readonly integer: (below: number) => number
  /** True with this probability, from 0 (never) to 1 (always). */
  readonly chance: (probability: number) => boolean
}

/** The largest seed, and one more. */
export const SEEDS = 2 ** 32

/** splitmix32: any seed is as good as another, also 0, 1, 2, ... */
export const randomFrom = (seed: number): Random => {
  let state = seed >>> 0
  const next = (): number => {
    state = (state + 0x9e3779b9) | 0
    let mixed = Math.imul(state ^ (state >>> 16), 0x21f0aaad)
    mixed = Math.imul(mixed ^ (mixed >>> 15), 0x735a2d97)
    return ((mixed ^ (mixed >>> 15)) >>> 0) / SEEDS
  }
  return { integer: (below) => Math.floor(next() * below), chance: (probability) => next() < probability }
}
