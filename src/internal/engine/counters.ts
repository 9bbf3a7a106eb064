/** What an engine tells of its requests, in numbers. */

/** Counts since the engine was made. */
export interface Counters {
  /** Requests accepted. */
  submitted: number
  /** Requests that have ended, whatever their result. */
  completed: number
  /** Of those, finished without waiting. */
  inline: number
  /** Of those, ended early because somebody asked. */
  cancelled: number
}

/** Where outstanding requests are. */
export interface Places {
  readonly held: number
  readonly ready: number
  readonly executing: number
  readonly pending: number
}
