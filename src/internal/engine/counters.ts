/** What an engine tells of its requests, in numbers. */

/** Counts since the engine was made. */
export interface Counters {
  /** Requests accepted. */
  submitted: number
  /** Requests that have ended, whatever their result. */
  completed: number
  /** Of those, finished without waiting. */
  inline: number
  /** Tries to finish one without waiting that were in vain. */
  missed: number
  /** Requests that were not tried, since few of their kind have been answered lately. */
  untried: number
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
