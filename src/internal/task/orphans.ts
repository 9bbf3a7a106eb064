/** Releasing orphans: descriptors and locks that no caller will get. */
import type { Engine } from "../engine/engine.ts"
import type { Operation } from "../engine/operation.ts"
import { Member, type Owner } from "./member.ts"
import { noContext } from "./submitContext.ts"

/** Runs several operations, and calls back when the last of them has ended. */
class OrphanRelease implements Owner<Member> {
  readonly wantsOverdue = false
  private left = 1

  constructor(
    readonly engine: Engine,
    private readonly done: () => void
  ) {}

  run(orphans: ReadonlyArray<Operation<unknown>>): void {
    this.left += orphans.length
    orphans.forEach((operation, index) => {
      const member = new Member(this, operation, index, noContext)
      member.start()
      this.engine.bypassBackpressure(member)
    })
    this.ended()
  }

  /** What close(2) answers is ignored: the number is free in any case. A failure to unlock has no remedy. */
  ended(): void {
    if (--this.left === 0) this.done()
  }

  overdue(): void {}
}

/** Runs the operations, then calls `done`, which may be before this returns. */
export const releaseOrphans = (engine: Engine, orphans: ReadonlyArray<Operation<unknown>>, done: () => void): void => {
  if (orphans.length === 0) done()
  else new OrphanRelease(engine, done).run(orphans)
}
