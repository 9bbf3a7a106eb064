/**
 * A request's priority as ioprio_set(2) writes it: the best-effort class, levels 0 (first) to 7 (last) around its usual 4; 0, which means
 * no priority, for the usual one. The disk's scheduler decides what it does with it. The engine's queue uses the request's priority itself.
 */
export const ioPriority = (priority: number): number => (priority === 0 ? 0 : (2 << 13) | Math.min(4 - priority, 7))
