/**
 * A request's priority as ioprio_set(2) writes it: the best-effort class, levels 0 (first) to 7 (last) around its usual 4; 0, which
 * is none, for the usual one. What a disk's scheduler makes of it is its own affair; the engine's queue goes by the priority itself.
 */
export const ioPriority = (priority: number): number => (priority === 0 ? 0 : (2 << 13) | Math.min(4 - priority, 7))
