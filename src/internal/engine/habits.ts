/**
 * Whether a kind of operation is worth a try on the spot, by how the latest tries ended.
 *
 * A try that says "not cached" costs a tenth to a fifth of the whole request: where nothing is cached, on the first walk through a disk, all
 * of them do. So a kind of which few tries have been answered is not tried, but for one request out of `PROBE`, and the first that is
 * answered ends that. No clock: sixteen requests are over within a millisecond wherever a try matters.
 */

/** What the latest try counts for. */
const WEIGHT = 1 / 8

/** The part of its tries that must have been answered lately. Four tries without an answer cost about as much as one answer saves. */
const WORTH = 1 / 4

/** Of a kind that is not tried, each of so many requests is tried all the same. */
export const PROBE = 16

/** What is known of one kind of operation. */
export class Habit {
  /** The part of the tries that were answered, the latest ones above all. */
  private answered = 1
  /** Requests that go without a try before the next one that gets one. */
  private left = 0

  get isPoor(): boolean {
    return this.answered < WORTH
  }

  /** Whether this request is to be tried. Counts it. */
  tries(): boolean {
    if (!this.isPoor) return true
    if (this.left > 0) {
      this.left--
      return false
    }
    this.left = PROBE - 1
    return true
  }

  /** A try has ended. */
  tried(wasAnswered: boolean): void {
    const { answered } = this
    if (wasAnswered && answered === 1) return
    if (!wasAnswered) this.answered = answered - answered * WEIGHT
    // The first answer after a while without any: a program that begins to read again what is cached by now is not kept waiting.
    else this.answered = Math.max(WORTH, answered) + (1 - Math.max(WORTH, answered)) * WEIGHT
  }
}
