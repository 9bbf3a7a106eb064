/** Numbers about an engine's requests. */

/** Counts since the engine was made. */
export interface Counters {
  /** Requests accepted. */
  submitted: number
  /** Requests that have ended, whatever their result. */
  completed: number
  /** Of the requests that have ended: finished without waiting. */
  inline: number
  /** Tries to finish a request without waiting that gave no answer. */
  missed: number
  /** Requests that were not tried: few of their kind have been answered lately, or the mechanism is faster for as many as there are. */
  untried: number
  /** Of the requests that have ended: ended early because a caller asked for it. */
  cancelled: number
}

/** Where outstanding requests are. */
export interface Places {
  readonly held: number
  readonly ready: number
  readonly executing: number
  readonly pending: number
}
