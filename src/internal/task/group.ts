/**
 * A group: requests that belong together, and end together.
 *
 * Requests wait here until there is room (`limit`, rates, and those of the groups around), then the engine has them. A member costs a
 * request and its place in two lists; no fiber waits for it. Everything that fibers may wait for is a callback here.
 */
import type { Engine } from "../engine/engine.ts"
import { Failed, LATER } from "../engine/failed.ts"
import type { Operation } from "../engine/operation.ts"
import { setImmediate } from "../native/loop.ts"
import { cancelledWith, type Feed } from "./feed.ts"
import { GroupMember } from "./groupMember.ts"
import { type Owner, orphansOf } from "./member.ts"
import { releaseOrphans } from "./orphans.ts"
import { type Next, Pending, sizeOf } from "./pending.ts"
import { type Clock, RateQueue, type Waiter } from "./rateQueue.ts"
import type { SubmitContext } from "./submitContext.ts"
import type { Bucket } from "./throttle.ts"
import { transferSize } from "./transfers.ts"

export interface Settings {
  readonly name: string | undefined
  readonly limit: number
  readonly continues: boolean
  readonly buckets: ReadonlyArray<Bucket>
}

/** A listener that is told of every end, and says whether it has room for more. */
export interface Listener {
  readonly isFull: boolean
  /** `obtained`: set when the member has produced a descriptor, which the listener claims when it takes the end. */
  push(index: number, operation: Operation<any>, end: unknown | Failed, obtained: GroupMember | undefined): void
  end(): void
}

/**
 * A descriptor is of use only to a program that gets its number. A lock is of use to every holder of the file, unless the request had been
 * cancelled.
 */
const isToBeTaken = ({ entry, givenUp }: GroupMember): boolean =>
  entry.producesDescriptor === true || (entry.undo !== undefined && givenUp)

/**
 * So many may end while they are started, then the event loop has a turn: an endless feed of operations that can only fail would keep the
 * thread without end.
 */
const MOST_AT_ONCE = 1024

export class Group implements Owner<GroupMember>, Waiter {
  readonly wantsOverdue = false
  readonly name: string | undefined
  limit: number
  sealed = false
  closed = false
  failure: Failed | undefined
  requests = 0
  failed = 0
  private readonly continues: boolean
  readonly buckets: ReadonlyArray<Bucket>
  private readonly rateQueue: RateQueue
  private readonly children = new Set<Group>()
  private readonly inFlight = new Set<GroupMember>()
  private readonly waiting = new Pending()
  private rotation = 0
  /** In flight in this group and in groups below. */
  private load = 0
  /** Members, feeds and groups below that have not ended. */
  private pending = 0
  private index = 0
  isDone = false
  private pumping = false
  /** `pump` was called while it was running. */
  private pumpAgain = false
  /** Pumping stops until the event loop has had a turn. */
  private resting = false
  /** How many calls of `cancelAll` are under way. */
  private cancelling = 0
  private readonly watchers = new Set<() => void>()
  /** Members that have obtained a descriptor or a lock, and whose end no caller has taken. */
  private readonly unclaimed = new Set<GroupMember>()
  readonly listeners = new Set<Listener>()

  constructor(
    readonly engine: Engine,
    clock: Clock,
    settings: Settings,
    readonly parent: Group | undefined
  ) {
    this.name = settings.name
    this.limit = settings.limit
    this.continues = settings.continues
    this.buckets = [...(parent?.buckets ?? []), ...settings.buckets]
    this.rateQueue = parent?.rateQueue ?? new RateQueue(clock)
    if (parent !== undefined) {
      parent.children.add(this)
      parent.pending++
      this.failure = parent.failure
      // A group that has failed does not wait to be sealed.
      this.endIfDone()
    }
  }

  overdue(): void {}

  get counts() {
    return {
      waiting: this.waiting.waiting,
      inFlight: this.inFlight.size,
      ended: this.requests,
      failed: this.failed
    }
  }

  /** Nothing more may be added. */
  get refusal(): string | undefined {
    return this.closed ? "it is closed" : this.sealed ? "it is sealed" : undefined
  }

  add(operation: Operation<any>, context: SubmitContext): GroupMember {
    const member = new GroupMember(this, operation, this.index++, context)
    this.pending++
    if (this.failure !== undefined) this.conclude(member, cancelledWith(operation.entry.name))
    else this.waiting.add(member)
    return member
  }

  addFeed(feed: Feed): void {
    this.pending++
    if (this.failure !== undefined) feed.stop(this.failure)
    else this.waiting.feeds.push(feed)
    this.pump()
    this.endIfExhausted(feed)
  }

  /** Starts the requests that there is room for. */
  pump(): void {
    // Not from within itself: members end while they are started, and feeds run user code, which may add more.
    if (this.pumping) {
      this.pumpAgain = true
      return
    }
    this.pumping = true
    do {
      this.pumpAgain = false
      this.startWhatMay()
    } while (this.pumpAgain)
    this.pumping = false
  }

  private startWhatMay(): void {
    let endedAtOnce = 0
    while (this.hasRoom) {
      const next = this.waiting.take(this.feedGaveNone)
      if (next === undefined) break
      if (next.member !== undefined && next.member.end !== LATER) continue
      // User code in the iterable may have used up the room meanwhile, in another group.
      const mayStart =
        (next.feed === undefined || this.hasRoom) &&
        (this.buckets.length === 0 || this.rateQueue.admits(this, sizeOf(next)))
      if (!mayStart) {
        this.waiting.held = next
        break
      }
      const { requests } = this
      this.run(next)
      if (this.requests > requests && ++endedAtOnce === MOST_AT_ONCE) this.rest()
    }
  }

  private rest(): void {
    this.resting = true
    setImmediate(() => {
      this.resting = false
      this.pump()
    })
  }

  get hasRoom(): boolean {
    if (this.resting) return false
    for (const listener of this.listeners) if (listener.isFull) return false
    for (let group: Group | undefined = this; group !== undefined; group = group.parent) {
      if (group.load >= group.limit) return false
      if (group.failure !== undefined || group.cancelling > 0) return false
    }
    return true
  }

  /**
   * There is room again: pumps this group, and all below it. Another group comes first each time, so that none of them gets all the room.
   */
  pumpTree(): void {
    if (this.children.size === 0) return this.pump()
    const groups: Array<Group> = [this, ...this.children]
    const first = this.rotation++ % groups.length
    for (let i = 0; i < groups.length; i++) {
      const group = groups[(first + i) % groups.length]
      if (group === this) this.pump()
      else group.pumpTree()
    }
  }

  /** The outermost group whose room this one shares. */
  private pumpAround(): void {
    let outermost: Group = this
    for (let group = this.parent; group !== undefined; group = group.parent) {
      if (group.limit !== Number.POSITIVE_INFINITY) outermost = group
    }
    outermost.pumpTree()
  }

  private readonly feedGaveNone = (feed: Feed): void => {
    if (feed.isBroken) this.cancelUnderWay(feed)
    this.endIfExhausted(feed)
  }

  get heldBytes(): number {
    return this.waiting.heldBytes
  }

  /** The operation that it held back has ended: other groups need not wait behind it. */
  private dropHeld(): void {
    this.waiting.held = undefined
    this.rateQueue.leave(this)
  }

  private run({ feed, member, operation }: Next): void {
    const { engine } = this
    const { startSpan } = (member ?? feed!).context
    const tried = startSpan === undefined && engine.mayTry(operation.entry)
    const end = tried ? this.attempt(operation, member?.bytes) : LATER
    if (end !== LATER) {
      this.countMoved(operation, end instanceof Failed ? 0 : (end as number))
      if (member !== undefined) this.conclude(member, end)
      else this.tell(undefined, feed!.index++, operation, end, feed)
      return
    }
    const started = member ?? new GroupMember(this, operation, feed!.index++, feed!.context)
    if (feed !== undefined) {
      started.feed = feed
      feed.inFlight++
    }
    started.triedInline = tried
    this.inFlight.add(started)
    for (let group: Group | undefined = this; group !== undefined; group = group.parent) group.load++
    started.start()
  }

  private attempt(operation: Operation<any>, bytes: number | undefined): unknown | Failed | typeof LATER {
    const { observer } = this.engine
    if (observer === null || this.name === undefined) return this.engine.attempt(operation, bytes)
    observer.group = this.name
    const end = this.engine.attempt(operation, bytes)
    observer.group = undefined
    return end
  }

  /** The rates have counted the bytes of the buffers, and not what was moved. */
  private countMoved(operation: Operation<any>, result: number): void {
    if (this.buckets.length === 0) return
    const size = transferSize(operation) ?? 0
    if (size > result) this.rateQueue.refund(this, size - Math.max(0, result))
  }

  /** Called by a member. */
  ended(member: GroupMember, end: unknown | Failed): void {
    const { feed, index, operation } = member
    this.inFlight.delete(member)
    for (let group: Group | undefined = this; group !== undefined; group = group.parent) group.load--
    this.countMoved(operation, member.problem === undefined ? member.result : 0)
    if (feed === undefined) this.conclude(member, end)
    else {
      member.conclude(end)
      this.tell(member, index, operation, end, feed)
      // Not before: the observer may pump, and the feed would end without what this end means to it.
      feed.inFlight--
      this.endIfExhausted(feed)
    }
    this.pumpAround()
  }

  /** The end of a member that was added. */
  private conclude(member: GroupMember, end: unknown | Failed): void {
    this.tell(member, member.index, member.operation, end, undefined)
    member.conclude(end)
    this.pending--
    this.endIfDone()
  }

  /** Tells the listeners of an end, and closes a descriptor that none of them takes. */
  private tell(
    member: GroupMember | undefined,
    index: number,
    operation: Operation<any>,
    end: unknown | Failed,
    feed: Feed | undefined
  ): void {
    this.requests++
    let obtained: GroupMember | undefined
    if (member !== undefined && !(end instanceof Failed) && isToBeTaken(member) && feed?.hasObserver !== true) {
      if (feed !== undefined && this.listeners.size === 0) this.discard(member)
      else {
        obtained = member
        this.unclaimed.add(obtained)
      }
    }
    for (const listener of this.listeners) listener.push(index, operation, end, obtained)
    // The descriptor belongs to the observer from here on.
    if (feed?.hasObserver === true) member?.handOut()
    feed?.tell(index, operation, end)
    if (feed?.isBroken === true) this.cancelUnderWay(feed)
    if (end instanceof Failed) {
      this.failed++
      if (member?.givenUp !== true && !this.continues) this.fail(end)
    }
  }

  /** No caller can ever ask for the result of this member: gives back what it has obtained. */
  private discard(member: GroupMember): void {
    this.pending++
    releaseOrphans(this.engine, orphansOf([member]), () => {
      this.pending--
      this.endIfDone()
    })
  }

  /** Whether a member has produced a descriptor that no caller has taken. */
  isUnclaimed(member: GroupMember): boolean {
    return this.unclaimed.has(member)
  }

  /** A caller takes the result of a member. */
  claim(member: GroupMember): void {
    if (!this.unclaimed.delete(member)) return
    member.handOut()
    this.leave()
  }

  private endIfExhausted(feed: Feed): void {
    if (!feed.exhausted || feed.inFlight > 0) return
    this.waiting.leave(feed)
    if (feed.hasEnded) return
    feed.conclude()
    this.pending--
    this.endIfDone()
  }

  /** A feed that a Stream pushes to has got all operations. */
  finishFeed(feed: Feed): void {
    feed.finish()
    this.endIfExhausted(feed)
  }

  /** The first failure becomes the group's. */
  fail(failure: Failed): void {
    if (this.failure !== undefined) return
    this.failure = failure
    // The group around first: what ends within makes room there, and nothing is to take it any more.
    const { parent } = this
    if (parent !== undefined && !parent.continues) parent.fail(failure)
    for (const child of [...this.children]) child.fail(failure)
    this.cancelAll(failure, () => this.endIfDone())
  }

  /** Cancels a member; `done` when it has ended. */
  cancelOne(member: GroupMember, done: () => void): void {
    if (member.end !== LATER) return done()
    member.whenEnded(done)
    if (this.inFlight.has(member)) this.giveUp(member)
    // Its place in the list is skipped.
    else {
      member.givenUp = true
      this.conclude(member, cancelledWith(member.entry.name))
      if (this.waiting.held?.member === member) this.dropHeld()
      this.pump()
    }
  }

  private giveUp(member: GroupMember): void {
    member.givenUp = true
    this.engine.cancel(member)
  }

  /** Ends a feed and its requests; `done` when they have ended. */
  cancelFeed(feed: Feed, reason: Failed, done: () => void): void {
    if (feed.hasEnded) return done()
    feed.whenEnded(done)
    feed.stop(reason)
    this.cancelUnderWay(feed)
    this.endIfExhausted(feed)
    this.pump()
  }

  private cancelUnderWay(feed: Feed): void {
    feed.isBroken = false
    if (this.waiting.held?.feed === feed) this.dropHeld()
    for (const member of [...this.inFlight]) if (member.feed === feed) this.giveUp(member)
  }

  /** Cancels everything that is here now, and below; `done` when all of it has ended. */
  cancelAll(reason: Failed, done: () => void): void {
    let left = 1
    const ended = (): void => {
      if (--left === 0) done()
    }
    const waiting = this.waiting.takeAll()
    this.dropHeld()
    // What ends here makes room, and nothing is to take it yet.
    this.cancelling++
    for (const child of [...this.children]) {
      left++
      child.cancelAll(reason, ended)
    }
    for (const feed of [...this.waiting.feeds]) {
      left++
      this.cancelFeed(feed, reason, ended)
    }
    for (const member of [...waiting, ...this.inFlight]) {
      left++
      this.cancelOne(member, ended)
    }
    this.cancelling--
    // Members that an observer added meanwhile, when it was told of an end, are not cancelled.
    this.pumpTree()
    ended()
  }

  seal(): void {
    this.sealed = true
    this.endIfDone()
  }

  /** Cancels everything, closes the descriptors that no caller took, and ends the group. */
  close(done: () => void): void {
    this.closed = true
    this.sealed = true
    const reason = cancelledWith("group")
    if (!this.isDone && this.pending > 0) this.failure ??= reason
    let left = this.children.size + 1
    const ended = (): void => {
      if (--left > 0) return
      const orphans = [...this.unclaimed]
      this.unclaimed.clear()
      // A caller that asks from now on must not get a number that belongs to another file by then.
      for (const member of orphans) member.end = cancelledWith(member.entry.name)
      releaseOrphans(this.engine, orphansOf(orphans), () => this.whenEnded(done))
    }
    for (const child of [...this.children]) child.close(ended)
    this.cancelAll(reason, ended)
  }

  /** Calls `watcher` when it is sealed, or has failed, and everything has ended. */
  whenEnded(watcher: () => void): void {
    if (this.isDone) watcher()
    else {
      this.watchers.add(watcher)
      this.endIfDone()
    }
  }

  /** The fiber that waited does not wait any more. */
  forget(watcher: () => void): void {
    this.watchers.delete(watcher)
  }

  private endIfDone(): void {
    if (this.isDone || this.pending > 0 || !(this.sealed || this.failure !== undefined)) return
    this.isDone = true
    for (const listener of this.listeners) listener.end()
    const watchers = [...this.watchers]
    this.watchers.clear()
    for (const watcher of watchers) watcher()
    const { parent } = this
    if (parent === undefined) return
    this.leave()
    parent.pending--
    parent.endIfDone()
  }

  /**
   * The group has ended, and leaves the one around it. That one would otherwise close descriptors that no caller took, here or below: there
   * are none.
   */
  private leave(): void {
    const { parent } = this
    if (parent === undefined || !this.isDone || this.unclaimed.size > 0 || this.children.size > 0) return
    parent.children.delete(this)
    parent.leave()
  }
}
