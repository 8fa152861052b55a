/** The rows of events of users' accounts: a log per application. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { CurrentLimits, EventLog } from "../../storage/EventLog.ts"
import { RowStore, RowStoreError } from "../../storage/RowStore.ts"
import type { Edit } from "../../storage/Table.ts"
import { AuthEvent } from "../UserModels.ts"

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

/** The shape of {@link AuthEventRows}. */
interface Service {
  /** The log of an application. Throws a `RowStoreError` if it cannot be read. */
  readonly logOf: (appId: string) => EventLog<AuthEvent>
  /** Adds an event, in the commit of other edits. */
  readonly edit: (appId: string, event: AuthEvent, now: number) => Edit
}

/** The logs in a row store. Users and readers share them. */
export class AuthEventRows extends Context.Service<AuthEventRows, Service>()(
  "effect-app-services/server/users/internal/authEventRows"
) {
  static readonly layer: Layer.Layer<AuthEventRows, never, RowStore> = Layer.effect(
    AuthEventRows,
    Effect.gen(function* () {
      const rowStore = yield* RowStore
      const limits = yield* CurrentLimits
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
      return AuthEventRows.of({ logOf, edit: (appId, event, now) => logOf(appId).append([event], now) })
    })
  )
}
