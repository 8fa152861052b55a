/**
 * Events of users' accounts, for the triggers of their application.
 *
 * They are kept in a log per application, which is written in the commit of what an event tells of. Events that concern no
 * trigger are not kept.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { Apps } from "../model/Apps.ts"
import type { AuthenticationTrigger } from "../model/Trigger.ts"
import { CurrentLimits, EventLog, HistoryLost, type Page } from "../storage/EventLog.ts"
import { attempt, RowStore, RowStoreError } from "../storage/RowStore.ts"
import { type Edit, write } from "../storage/Table.ts"
import { User } from "./UserModels.ts"

const AuthEvent = Schema.Struct({
  operation: Schema.Literals(["CREATE", "LOGIN", "DELETE"]),
  /** The provider of the login; of a deleted user, the providers of all identities. */
  providers: Schema.Array(Schema.String),
  user: User
})

/** An event. */
export type AuthEvent = typeof AuthEvent.Type

/** Whether a trigger fires for an event. */
export const concerns = ({ operations, providers }: AuthenticationTrigger, event: AuthEvent): boolean =>
  operations.has(event.operation) && event.providers.some((provider) => providers.has(provider))

/** The shape of {@link AuthEvents}. */
export interface Service {
  /**
   * The edits that add an event to the log, to be written in the commit of what it tells of. They are made within that
   * synchronous step.
   */
  readonly edits: (appId: string, event: AuthEvent, now: number) => ReadonlyArray<Edit>
  /** Adds an event to the log. It does not wait for what follows from it. */
  readonly publish: (appId: string, event: AuthEvent) => Effect.Effect<void>
  /** The position of the newest event. */
  readonly head: (appId: string) => number
  /** The events after a position, without end. */
  readonly after: (appId: string, position: number) => Stream.Stream<Page<AuthEvent>, HistoryLost | RowStoreError>
}

const json = Schema.fromJsonString(AuthEvent)
const encode = Schema.encodeResult(json)
const decode = Schema.decodeResult(json)
const encoder = new TextEncoder()
const decoder = new TextDecoder()

const textOf = (event: AuthEvent): string =>
  Result.getOrThrowWith(
    encode(event),
    () => new RowStoreError({ message: "an event of a user cannot be written as JSON" })
  )

const eventOf = (bytes: Uint8Array): AuthEvent =>
  Result.getOrThrowWith(
    decode(decoder.decode(bytes)),
    () => new RowStoreError({ message: "an event of a user is damaged: restore the data from a backup" })
  )

/** The approximate bytes of an event in memory. */
const sizeInMemory = 1_000

/** Keeps the events of users' accounts. */
export class AuthEvents extends Context.Service<AuthEvents, Service>()("effect-app-services/server/users/AuthEvents") {
  static readonly layer: Layer.Layer<AuthEvents, RowStoreError, Apps | RowStore> = Layer.effect(
    AuthEvents,
    Effect.gen(function* () {
      const rowStore = yield* RowStore
      const limits = yield* CurrentLimits
      const { byId } = yield* Apps
      const triggersOf = (appId: string): ReadonlyArray<AuthenticationTrigger> =>
        (byId.get(appId)?.app.triggers ?? []).filter((it): it is AuthenticationTrigger => it._tag === "Authentication")
      const logs = new Map<string, EventLog<AuthEvent>>()
      const logOf = (appId: string): EventLog<AuthEvent> => {
        let log = logs.get(appId)
        if (log === undefined) {
          log = new EventLog<AuthEvent>(rowStore, {
            table: `authEvents/${encodeURIComponent(appId)}`,
            encode: (event) => encoder.encode(textOf(event)),
            decode: eventOf,
            sizeOf: () => sizeInMemory,
            topicsOf: () => [""],
            limits
          })
          logs.set(appId, log)
        }
        return log
      }
      // found damaged at the start, and not by a login
      yield* attempt(() => {
        for (const appId of byId.keys()) if (triggersOf(appId).length > 0) logOf(appId)
      })
      const edits: Service["edits"] = (appId, event, now) =>
        triggersOf(appId).some((trigger) => concerns(trigger, event)) ? [logOf(appId).append([event], now)] : []
      return AuthEvents.of({
        edits,
        publish: (appId, event) =>
          Effect.map(Clock.currentTimeMillis, (now) => write(rowStore, edits(appId, event, now))),
        head: (appId) => logOf(appId).head,
        after: (appId, position) =>
          Stream.suspend(() =>
            // data that was restored from a backup has not come so far
            position > logOf(appId).head ? Stream.fail(new HistoryLost()) : logOf(appId).pages(position, "")
          )
      })
    })
  )
}

/** The event of a user who was deleted. */
export const deletionOf = (user: User): AuthEvent => ({
  operation: "DELETE",
  providers: user.identities.map(({ providerType }) => providerType),
  user
})
