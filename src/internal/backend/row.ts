/** Completions that are at least delivered in one turn, if there are as many. */
const SMALLEST_ROW = 2

/**
 * A row of completions (`Backend.row`), of so many requests in flight. What the fibers of a row ask for next keeps the kernel, the disk or the
 * threads busy while the other completions are delivered. If all were delivered at once, the mechanism and the event loop would wait for each
 * other: 8 reads at a time on threads were 1.8 times as slow, and 64 direct reads on io_uring 1.3 times.
 */
export const rowOf = (inFlight: number): number => Math.max(SMALLEST_ROW, inFlight >> 3)
