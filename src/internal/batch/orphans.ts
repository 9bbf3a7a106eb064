/** Closing descriptors that nobody will see, below Effect. */
import * as Effect from "effect/Effect"
import type { Engine } from "../engine/engine.ts"
import { close } from "../operation/catalogue.ts"
import { Member, type Owner } from "./member.ts"

/** Several closes, and what to do when the last of them has ended. */
class Closing implements Owner<Member> {
  readonly isPatient = false
  private left = 1

  constructor(
    readonly engine: Engine,
    private readonly done: () => void
  ) {}

  run(descriptors: ReadonlyArray<number>): void {
    this.left += descriptors.length
    descriptors.forEach((fd, index) => new Member(this, close(fd), index, 0).start())
    this.ended()
  }

  /** What close(2) answers changes nothing: the number is free. */
  ended(): void {
    if (--this.left === 0) this.done()
  }

  overdue(): void {}
}

/** Closes them, then calls `done`, which may be before this returns. */
export const closeOrphans = (engine: Engine, descriptors: ReadonlyArray<number>, done: () => void): void => {
  if (descriptors.length === 0) done()
  else new Closing(engine, done).run(descriptors)
}

/** The same for a fiber that waits. */
export const orphansClosed = (engine: Engine, descriptors: ReadonlyArray<number>): Effect.Effect<void> =>
  descriptors.length === 0
    ? Effect.void
    : Effect.uninterruptible(Effect.async((resume) => closeOrphans(engine, descriptors, () => resume(Effect.void))))
