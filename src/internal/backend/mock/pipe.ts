/** The buffer between the two ends of a pipe or a FIFO, pipe(7). */
import { POLLERR, POLLHUP, POLLIN, POLLOUT } from "../../native/readiness.ts"

/** Bytes that a new one holds. */
const CAPACITY = 65536
/** A write of at most so many bytes is not mixed with the bytes of other writes. */
export const PIPE_BUF = 4096

export class Pipe {
  /** Bytes. */
  capacity = CAPACITY
  readers = 0
  writers = 0
  /** How often ends were opened since it was made: an open that waits for a peer also goes on when a peer has come and gone. */
  readersSeen = 0
  writersSeen = 0
  private chunks: Array<Uint8Array> = []
  private length = 0

  get isEmpty(): boolean {
    return this.length === 0
  }

  get bytes(): number {
    return this.length
  }

  get room(): number {
    return this.capacity - this.length
  }

  /** False, and nothing has changed, where more bytes are in it. */
  resize(capacity: number): boolean {
    if (capacity < this.length) return false
    this.capacity = capacity
    return true
  }

  push(bytes: Uint8Array): void {
    if (bytes.byteLength === 0) return
    this.chunks.push(bytes.slice())
    this.length += bytes.byteLength
  }

  /** Copies as many bytes as fit, of which there have to be enough. */
  peek(into: Uint8Array): void {
    let done = 0
    for (const chunk of this.chunks) {
      const part = chunk.subarray(0, into.byteLength - done)
      into.set(part, done)
      done += part.byteLength
    }
  }

  /** Moves as many bytes as there are and fit. */
  pull(into: Uint8Array): number {
    let done = 0
    while (done < into.byteLength && this.chunks.length > 0) {
      const chunk = this.chunks[0]
      const count = Math.min(chunk.byteLength, into.byteLength - done)
      into.set(chunk.subarray(0, count), done)
      done += count
      if (count === chunk.byteLength) this.chunks.shift()
      else this.chunks[0] = chunk.subarray(count)
    }
    this.length -= done
    return done
  }

  /** The events that poll(2) tells of an end. */
  events(readable: boolean, writable: boolean): number {
    let events = 0
    if (readable) {
      if (!this.isEmpty) events |= POLLIN
      if (this.writers === 0 && this.writersSeen > 0) events |= POLLHUP
    }
    if (writable) {
      if (this.room >= PIPE_BUF) events |= POLLOUT
      if (this.readers === 0) events |= POLLERR
    }
    return events
  }

  /** No descriptor is left at either end. */
  restart(): void {
    this.readers = 0
    this.writers = 0
    this.readersSeen = 0
    this.writersSeen = 0
    this.chunks = []
    this.length = 0
  }
}
