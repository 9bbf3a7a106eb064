/** Completions that are at least delivered in one turn, if there are as many. */
const SMALLEST_ROW = 2

/**
 * A row of completions (`Backend.row`), of so many requests in flight. What the fibers of a row ask for next keeps the disk
 * busy while the other completions are delivered. If all were delivered at once, disk and event loop would wait for each other: 64 direct reads
 * at a time were 1.3 times as slow on io_uring and on kernel AIO.
 *
 * Threads have none: cached reads through them were 1.7 times as fast 8 at a time, but cold files a fifth to a third slower, since threads
 * that are woken more often interrupt the event loop.
 */
export const rowOf = (inFlight: number): number => Math.max(SMALLEST_ROW, inFlight >> 3)
