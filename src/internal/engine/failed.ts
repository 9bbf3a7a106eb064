/** How operations end that give no value. */
/** In place of an end: it cannot be told without waiting. */
export const LATER: unique symbol = Symbol("later")

/** Why an operation, or several of them, ended without a value. */
export class Failed {
  constructor(
    /** Its name. */
    readonly operation: string,
    /** Its arguments, for messages. */
    readonly input: any,
    /** The kernel's error number, positive; 0 where it is not the kernel that says so. */
    readonly errno: number,
    /** Otherwise: a `BadArgument`, a `ShortTransfer`, or what was thrown, which is a defect. */
    readonly problem: unknown
  ) {}
}

/** One of a chain moved less than it was asked to. */
export class ShortTransfer {
  constructor(
    readonly index: number,
    readonly expected: number,
    readonly transferred: number
  ) {}
}
