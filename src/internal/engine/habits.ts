/**
 * Whether a kind of operation is worth a try on the spot, by how the latest tries ended.
 *
 * A try that says "not cached" costs a tenth to a fifth of the whole request: where nothing is cached, on the first walk through a disk, all
 * of them do. So a kind of which few tries have been answered is not tried, but for one request out of `PROBE`, and the first that is
 * answered ends that. No clock: sixteen requests are over within a millisecond wherever a try matters.
 */
import type { Entry } from "./operation.ts"

/** What the latest try counts for. */
const WEIGHT = 1 / 8

/** The part of the tries that must have been answered lately. Four tries without an answer cost about as much as one answer saves. */
const WORTH = 1 / 4

/** Of a kind that is not tried, each of so many requests is tried all the same. */
export const PROBE = 16

/** What is known of one kind of operation. */
class Habit {
  /** The part of the tries that were answered, the latest ones above all. */
  answered = 1
  /** Requests that go without a try before the next one that gets one. */
  left = 0
}

export class Habits {
  private readonly habits = new Map<Entry<any, any>, Habit>()
  /** The kind asked about last: most programs do the same thing many times. */
  private entry: Entry<any, any> | undefined
  private habit = new Habit()

  private of(entry: Entry<any, any>): Habit {
    if (entry === this.entry) return this.habit
    let habit = this.habits.get(entry)
    if (habit === undefined) {
      habit = new Habit()
      this.habits.set(entry, habit)
    }
    this.entry = entry
    this.habit = habit
    return habit
  }

  /** Whether this request is to be tried. Counts it. */
  tries(entry: Entry<any, any>): boolean {
    const habit = this.of(entry)
    if (habit.answered >= WORTH) return true
    if (habit.left > 0) {
      habit.left--
      return false
    }
    habit.left = PROBE - 1
    return true
  }

  /** A try has ended. */
  tried(entry: Entry<any, any>, wasAnswered: boolean): void {
    const habit = this.of(entry)
    const { answered } = habit
    if (!wasAnswered) habit.answered = answered - answered * WEIGHT
    // The first answer after a while without any: a program that begins to read again what is cached by now is not kept waiting.
    else habit.answered = Math.max(WORTH, answered) + (1 - Math.max(WORTH, answered)) * WEIGHT
  }
}
