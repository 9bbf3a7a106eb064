/** How operations end that give no value. */
/** In the place of an end: the end cannot be told without waiting. */
export const LATER: unique symbol = Symbol("later")

/** Why an operation, or several of them, ended without a value. */
export class Failed {
  constructor(
    /** The operation's name. */
    readonly operation: string,
    /** The operation's arguments, for messages. */
    readonly input: any,
    /** The kernel's error number, positive; 0 where the error does not come from the kernel. */
    readonly errno: number,
    /**
     * Where `errno` is 0: a `BadArgument`, a `ShortTransfer`, or what was thrown, which is a defect. Otherwise how far a program has come, if it is
     * one.
     */
    readonly problem: unknown
  ) {}
}

/** An operation of a chain moved fewer bytes than it was asked to. */
export class ShortTransfer {
  constructor(
    readonly index: number,
    readonly expected: number,
    readonly transferred: number
  ) {}
}

/** In place of an error number: a path leads out of the directory that it is confined to. No kernel has this number. */
export const OUTSIDE = 4094
