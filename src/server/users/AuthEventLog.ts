/**
 * The log of events of users' accounts, for the triggers of their application.
 *
 * An event is added in the commit of what it tells of. A position is a place between two events of an application, and only
 * the log that gave it out understands it.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import type { DatabaseError } from "../data/DatabaseError.ts"
import { HistoryLost } from "../storage/EventLog.ts"
import { attempt, RowStore, type RowStoreError } from "../storage/RowStore.ts"
import { write } from "../storage/Table.ts"
import { AuthEventRows } from "./internal/authEventRows.ts"
import type { AuthEvent } from "./UserModels.ts"

/** An event in its place. */
export interface LoggedEvent {
  /** The position after it. */
  readonly position: string
  /** In milliseconds since the epoch. */
  readonly time: number
  readonly event: AuthEvent
}

/** A part of the log. */
export interface Page {
  readonly events: ReadonlyArray<LoggedEvent>
  /** The position after the part. */
  readonly position: string
}

/** The log cannot be read. */
export type ReadError = RowStoreError | DatabaseError

/** The shape of {@link AuthEventLog}. */
export interface Service {
  /** Adds an event that has no other change in its commit. */
  readonly append: (appId: string, event: AuthEvent) => Effect.Effect<void>
  /** The position after the newest event. */
  readonly head: (appId: string) => Effect.Effect<string, ReadError>
  /** The events after a position, without end. */
  readonly after: (appId: string, position: string) => Stream.Stream<Page, HistoryLost | ReadError>
}

/** Keeps the events of users' accounts. */
export class AuthEventLog extends Context.Service<AuthEventLog, Service>()(
  "effect-app-services/server/users/AuthEventLog"
) {
  /** Keeps events in a row store; those of `UserStore.layer` on the same one are among them. */
  static readonly layer: Layer.Layer<AuthEventLog, never, RowStore> = Layer.effect(
    AuthEventLog,
    Effect.gen(function* () {
      const rowStore = yield* RowStore
      const rows = yield* AuthEventRows
      return AuthEventLog.of({
        append: (appId, event) =>
          Effect.map(Clock.currentTimeMillis, (now) => write(rowStore, [rows.edit(appId, event, now)])),
        head: (appId) => attempt(() => String(rows.logOf(appId).head)),
        after: (appId, after) =>
          Stream.suspend(() => {
            const log = rows.logOf(appId)
            const position = Number(after)
            // data that was restored from a backup has not come so far
            if (position > log.head) return Stream.fail(new HistoryLost())
            return Stream.map(log.pages(position, ""), (page) => ({
              position: String(page.position),
              events: page.entries.map(({ event, sequence, time }) => ({ position: String(sequence), time, event }))
            }))
          })
      })
    })
  ).pipe(Layer.provide(AuthEventRows.layer))
}
