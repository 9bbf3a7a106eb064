/** The limits of an engine, which may be changed while it runs. */

/** How much one turn may do, so that timers and sockets get their turn, and how many requests may be under way. Changeable at any time. */
export interface Limits {
  /** Requests finished without waiting between two turns of the event loop. 0 switches that path off. Measured in bench/engine.ts. */
  inlineRequests: number
  /** Bytes copied by the requests that are finished without waiting. */
  inlineBytes: number
  /** Completions delivered in one turn. */
  maxPollRequests: number
  /** Milliseconds after which a turn delivers no more. */
  maxPollTime: number
  /** Requests accepted at once; further ones wait until there is room, by priority. */
  maxOutstanding: number
}

export const defaultLimits = (): Limits => ({
  inlineRequests: 256,
  inlineBytes: 4 << 20,
  maxPollRequests: 1024,
  maxPollTime: Number.POSITIVE_INFINITY,
  maxOutstanding: Number.POSITIVE_INFINITY
})
