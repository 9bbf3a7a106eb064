/** A member of a group: the request, and what its handle waits for. */
import { type Failed, LATER } from "../engine/failed.ts"
import type { Operation } from "../engine/operation.ts"
import type { Feed } from "./feed.ts"
import { Member, type Owner } from "./member.ts"
import type { SubmitContext } from "./submitContext.ts"

export class GroupMember extends Member {
  end: unknown | Failed | typeof LATER = LATER
  feed: Feed | undefined = undefined
  /** It was cancelled through its group: then its end is no failure of the group, in contrast to an end by the closing of its file. */
  givenUp = false
  private watchers: Array<() => void> | undefined = undefined

  constructor(
    /** Its group, whose name observers are told. */
    private readonly group: Owner<GroupMember> & { readonly name: string | undefined },
    readonly operation: Operation<any>,
    index: number,
    context: SubmitContext
  ) {
    super(group, operation, index, context)
  }

  override get groupName(): string | undefined {
    return this.group.name
  }

  conclude(end: unknown | Failed): void {
    this.end = end
    const { watchers } = this
    if (watchers === undefined) return
    this.watchers = undefined
    for (const watcher of watchers) watcher()
  }

  whenEnded(watcher: () => void): void {
    if (this.end !== LATER) return watcher()
    this.watchers ??= []
    this.watchers.push(watcher)
  }

  /** The fiber that waited does not wait any more. */
  forget(watcher: () => void): void {
    this.watchers = this.watchers?.filter((other) => other !== watcher)
  }
}
