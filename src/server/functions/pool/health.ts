/** Whether a process responds, decided from the batches that it was sent and those that it acknowledged. */
import { isAfter } from "../shared/messages.ts"

/** How long a batch may stay unread, in milliseconds, before other processes take over the calls that are not begun. */
const patience = 150

/** What to do about a process that was checked. */
export type Verdict =
  | "Keep"
  /** It has just stopped responding: calls that it has not begun run elsewhere. */
  | "TakeBack"
  /** It has not responded for too long, or not since one of its calls exceeded the time limit. */
  | "Stop"

/**
 * The state of a process:
 *
 * - starting, until its first message: it is not checked;
 * - responding;
 * - silent, if a batch is unread for longer than {@link patience}: it gets no calls;
 * - overdue, if a call exceeded its time limit and the process has not responded since.
 */
export class Health {
  #isStarted = false
  #isResponding = true
  #posted = 0
  #received = 0
  /** The last acknowledgement at the time of the last check. */
  #seen = 0
  /** The batch whose acknowledgement proves that the process responds after a call was cancelled. */
  #proof: number | undefined
  /** The time since when a batch is unread. */
  #silentSince = 0

  get isStarted(): boolean {
    return this.#isStarted
  }

  get isResponding(): boolean {
    return this.#isResponding
  }

  get isOverdue(): boolean {
    return this.#proof !== undefined && isAfter(this.#proof, this.#received)
  }

  /** Whether a batch is unread. */
  get isBehind(): boolean {
    return this.#received !== this.#posted
  }

  /** Notes that a batch is sent. */
  posted(now: number): void {
    // earlier checks were not about this unread batch
    if (!this.isBehind) this.#silentSince = now
    this.#posted = (this.#posted + 1) | 0
  }

  /** Notes a message, which acknowledges the batches up to a number. */
  acknowledged(batch: number): void {
    this.#isStarted = true
    this.#received = batch
  }

  /** Notes that a call was cancelled at its time limit, by the batch that is sent next. */
  exceeded(): void {
    this.#proof = (this.#posted + 1) | 0
  }

  /** Checks the process; `limit` is how long it may be silent, in milliseconds. */
  check(now: number, limit: number): Verdict {
    const wasResponding = this.#isResponding
    if (!this.#isStarted || this.#received !== this.#seen || !this.isBehind) this.#silentSince = now
    this.#seen = this.#received
    if (!this.isOverdue) this.#proof = undefined
    const silent = now - this.#silentSince
    this.#isResponding = silent < patience
    if (this.#isResponding) return "Keep"
    if (this.isOverdue || silent >= limit) return "Stop"
    return wasResponding ? "TakeBack" : "Keep"
  }
}
