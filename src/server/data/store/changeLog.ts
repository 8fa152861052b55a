/** The changes of one collection, as many as are kept: whoever watches reads them at a pace of its own. */
import { randomBytes } from "node:crypto"
import { Timestamp } from "bson"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { UpdateDescription } from "../../language/Update.ts"
import { equals } from "../../language/Value.ts"
import type { Document } from "../Operation.ts"

/** How many changes a watcher may lag behind. */
const kept = 1_000

/** A change before it has a place in the log. */
export type Change =
  | { readonly operationType: "insert"; readonly id: unknown; readonly document: Document }
  | {
      readonly operationType: "replace"
      readonly id: unknown
      readonly document: Document
      readonly before: Document
    }
  | {
      readonly operationType: "update"
      readonly id: unknown
      readonly document: Document
      readonly before: Document
      readonly description: UpdateDescription
    }
  | { readonly operationType: "delete"; readonly id: unknown }

/** Why a watcher cannot go on. */
export class HistoryLost extends Schema.TaggedError<HistoryLost>()("HistoryLost", { message: Schema.String }) {}

/**
 * An event says what one watcher may not know of the others': a token is random, and a time has milliseconds in place of
 * a count, so that neither tells how many changes there were between two that a watcher is shown.
 */
export class ChangeLog {
  readonly #ns: { readonly db: string; readonly coll: string }
  #events: Array<Document> = []
  #next = 0
  #waiting: Array<() => void> = []

  constructor(ns: { readonly db: string; readonly coll: string }) {
    this.#ns = ns
  }

  add(change: Change, now: number): void {
    const { id, operationType } = change
    this.#next++
    this.#events.push({
      _id: { _data: randomBytes(20).toString("hex").toUpperCase() },
      operationType,
      clusterTime: new Timestamp({ t: Math.floor(now / 1000), i: (now % 1000) + 1 }),
      ...(operationType === "delete" ? undefined : { fullDocument: change.document }),
      ns: this.#ns,
      documentKey: { _id: id },
      ...("before" in change ? { fullDocumentBeforeChange: change.before } : undefined),
      ...("description" in change ? { updateDescription: { ...change.description } } : undefined)
    })
    if (this.#events.length > 2 * kept) this.#events = this.#events.slice(-kept)
    const waiting = this.#waiting
    this.#waiting = []
    for (const wake of waiting) wake()
  }

  /** Where a watcher starts: after the change of a token, or at the next one. */
  start(resumeAfter: unknown): number {
    if (resumeAfter === undefined) return this.#next
    const place = this.#events.findIndex(({ _id }) => equals(_id, resumeAfter))
    if (place !== -1) return this.#next - this.#events.length + place + 1
    throw new HistoryLost({
      message: "the resume token was not found: its change is too long ago, or the server has started again since"
    })
  }

  /** The changes from a place on, without end; a watcher that lags too far behind fails. */
  from(start: number): Stream.Stream<Document, HistoryLost> {
    return Stream.unfold(start, (sequence) =>
      Effect.andThen(
        this.#reached(sequence),
        Effect.suspend(() => {
          const event = this.#events[sequence - (this.#next - this.#events.length)]
          return event === undefined
            ? Effect.fail(
                new HistoryLost({
                  message: "the changes that come next are not kept any more: the watcher lags too far behind"
                })
              )
            : Effect.succeed([event, sequence + 1] as const)
        })
      )
    )
  }

  #reached(sequence: number): Effect.Effect<void> {
    return Effect.callback<void>((resume) => {
      if (sequence < this.#next) return resume(Effect.void)
      const wake = () => resume(Effect.void)
      this.#waiting.push(wake)
      return Effect.sync(() => {
        this.#waiting = this.#waiting.filter((it) => it !== wake)
      })
    })
  }
}
