/** A member of a group: the request, and what its handle waits for. */
import type * as Exit from "effect/Exit"
import type { Origin } from "../effect/submitContext.ts"
import type { Failure } from "../effect/wait.ts"
import type { Operation } from "../engine/operation.ts"
import type { Feed } from "./feed.ts"
import type { Group } from "./group.ts"
import { Member } from "./member.ts"

export class GroupMember extends Member {
  exit: Exit.Exit<any, Failure> | undefined = undefined
  feed: Feed | undefined = undefined
  /** It was cancelled through its group: that is no failure of the group, as the end of its file is. */
  givenUp = false
  private watchers: Array<() => void> | undefined = undefined

  constructor(
    readonly group: Group,
    readonly operation: Operation<any>,
    index: number,
    origin: Origin
  ) {
    super(group, operation, index, origin)
  }

  override get groupName(): string | undefined {
    return this.group.name
  }

  conclude(exit: Exit.Exit<any, Failure>): void {
    this.exit = exit
    const { watchers } = this
    if (watchers === undefined) return
    this.watchers = undefined
    for (const watcher of watchers) watcher()
  }

  whenEnded(watcher: () => void): void {
    if (this.exit !== undefined) return watcher()
    this.watchers ??= []
    this.watchers.push(watcher)
  }

  /** Whoever waited does not any more. */
  forget(watcher: () => void): void {
    this.watchers = this.watchers?.filter((other) => other !== watcher)
  }
}
