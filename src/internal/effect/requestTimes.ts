/**
 * When the requests under way were submitted and started. A table of numbers, in which a request knows its place: a Map of objects cost as
 * much as all other work for an event.
 */
import type { Request } from "../engine/request.ts"

const FIRST_SIZE = 256

export class RequestTimes {
  /** Two numbers for each request: when it was submitted, and when it was started. */
  private times = new Float64Array(2 * FIRST_SIZE)
  private readonly requests: Array<Request | null> = []
  private readonly free: Array<number> = []

  add(request: Request, now: number): void {
    const place = this.free.pop() ?? this.requests.length
    if (2 * place === this.times.length) this.grow()
    this.requests[place] = request
    this.times[2 * place] = now
    this.times[2 * place + 1] = -1
    request.place = place
  }

  private grow(): void {
    const { times } = this
    this.times = new Float64Array(2 * times.length)
    this.times.set(times)
  }

  submitted({ place }: Request): number {
    return this.times[2 * place]
  }

  /** -1 before it has been started. */
  started({ place }: Request): number {
    return this.times[2 * place + 1]
  }

  start({ place }: Request, now: number): void {
    this.times[2 * place + 1] = now
  }

  remove(request: Request): void {
    this.requests[request.place] = null
    this.free.push(request.place)
    request.place = -1
  }

  /** The observer has ended: the table is not used any more. */
  clear(): void {
    for (const request of this.requests) if (request !== null) request.place = -1
    this.requests.length = 0
    this.free.length = 0
  }
}
