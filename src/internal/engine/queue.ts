/** Requests that wait for room in a backend: by priority, in order within one priority, and removable from the middle. */
import { IDLE, QUEUED, type Request } from "./request.ts"

/** Priorities. */
export const LOWEST = -4
export const HIGHEST = 4
const LEVELS = HIGHEST - LOWEST + 1

/** 0 for the lowest priority. */
export const levelOf = (priority: number): number => priority - LOWEST

export class Queue {
  private readonly heads: Array<Request | null> = new Array(LEVELS).fill(null)
  private readonly tails: Array<Request | null> = new Array(LEVELS).fill(null)
  /** No level above this one holds a request. */
  private top = -1
  size = 0

  push(request: Request): void {
    const level = levelOf(request.priority)
    const tail = this.tails[level]
    request.state = QUEUED
    request.previous = tail
    request.next = null
    if (tail === null) this.heads[level] = request
    else tail.next = request
    this.tails[level] = request
    if (level > this.top) this.top = level
    this.size++
  }

  /** The request that is next in turn. */
  peek(): Request | null {
    while (this.top >= 0) {
      const head = this.heads[this.top]
      if (head !== null) return head
      this.top--
    }
    return null
  }

  /** Calls `visit` for every request, which may be taken out by it. */
  forEach(visit: (request: Request) => void): void {
    for (const head of this.heads) {
      for (let request = head; request !== null; ) {
        const { next } = request
        visit(request)
        request = next
      }
    }
  }

  /** Takes a queued request out, wherever it stands in the queue. */
  remove(request: Request): void {
    const level = levelOf(request.priority)
    const { next, previous } = request
    if (previous === null) this.heads[level] = next
    else previous.next = next
    if (next === null) this.tails[level] = previous
    else next.previous = previous
    request.next = null
    request.previous = null
    request.state = IDLE
    this.size--
  }
}
