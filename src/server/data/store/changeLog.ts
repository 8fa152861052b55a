/** The newest changes of one collection; each watcher reads them at its own pace. */
import { randomBytes } from "node:crypto"
import { Timestamp } from "bson"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import type { UpdateDescription } from "../../language/Update.ts"
import { equals } from "../../language/Value.ts"
import type { Document } from "../Operation.ts"

/** The number of changes that a watcher may lag behind. */
const kept = 1_000

/** A change without its position in the log. */
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

/** A watcher lags too far behind, or its resume token is unknown. */
export class HistoryLost extends Schema.TaggedError<HistoryLost>()("HistoryLost", { message: Schema.String }) {}

/**
 * Events must not reveal the changes that a watcher does not see: resume tokens are random, and times have milliseconds
 * in place of a counter, so that neither tells how many changes there were in between.
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

  /** The start of a watcher: after the change of a resume token, or at the next change. */
  start(resumeAfter: unknown): number {
    if (resumeAfter === undefined) return this.#next
    const place = this.#events.findIndex(({ _id }) => equals(_id, resumeAfter))
    if (place !== -1) return this.#next - this.#events.length + place + 1
    throw new HistoryLost({
      message: "the resume token was not found: its change is too old, or the server was restarted since"
    })
  }

  /** The changes from a position on, without end; fails if the watcher lags too far behind. */
  from(start: number): Stream.Stream<Document, HistoryLost> {
    return Stream.unfold(start, (sequence) =>
      Effect.andThen(
        this.#reached(sequence),
        Effect.suspend(() => {
          const event = this.#events[sequence - (this.#next - this.#events.length)]
          return event === undefined
            ? Effect.fail(
                new HistoryLost({
                  message: "the next changes are no longer available: the watcher lags too far behind"
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
