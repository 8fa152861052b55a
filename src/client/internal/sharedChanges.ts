import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { ProviderType } from "../../protocol/Provider.ts"
import { AppServicesError, SessionExpired } from "../AppServicesError.ts"
import type { TokenStoreError } from "../TokenRecords.ts"
import type { SharedChange, StoredUser } from "../TokenStore.ts"
import type { UserEventPayload } from "../UserEvents.ts"
import { monotonicMillis } from "./deadlines.ts"

/**
 * An event as processes notify one another of it: those that tell of a change of the store. It holds no token and no
 * profile; the receiver reads them from the store.
 */
const NoticeEvent = Schema.Union([
  Schema.TaggedStruct("LoggedIn", { providerType: ProviderType }),
  Schema.TaggedStruct("IdentityLinked", { providerType: ProviderType }),
  Schema.TaggedStruct("SessionExpired", { operation: Schema.String, reason: SessionExpired }),
  Schema.Struct({
    _tag: Schema.Literals(["Switched", "TokenRefreshed", "CustomDataChanged", "ProfileChanged", "LoggedOut", "Removed"])
  })
])
type NoticeEvent = typeof NoticeEvent.Type

const Note = Schema.fromJsonString(Schema.Struct({ process: Schema.String, events: Schema.Array(NoticeEvent) }))
const encodeNote = Schema.encodeSync(Note)
const decodeNote = Schema.decodeUnknownOption(Note)

/**
 * The note of a change, as `TokenRecords.replace` sends it along.
 *
 * @internal
 */
export const encode = (process: string, events: ReadonlyArray<UserEventPayload>): string =>
  encodeNote({ process, events: events.flatMap(toNotice) })

/**
 * Reads a note. One that cannot be read, of a later version perhaps, still tells that there was a change.
 *
 * @internal
 */
export const decode = (text: string): typeof Note.Type =>
  Option.getOrElse(decodeNote(text), () => ({ process: "", events: [] }))

const toNotice = (event: UserEventPayload): ReadonlyArray<NoticeEvent> => {
  switch (event._tag) {
    case "RefreshStarted":
    case "RefreshFailed":
      // about the process that tries, not about the session
      return []
    case "SessionExpired": {
      const { operation, reason } = event.error
      return reason._tag === "SessionExpired" ? [{ _tag: "SessionExpired", operation, reason }] : []
    }
    case "LoggedIn":
    case "IdentityLinked":
      return [{ _tag: event._tag, providerType: event.providerType }]
    default:
      return [{ _tag: event._tag }]
  }
}

/**
 * The event that another process notified of, given the user as the store has it now.
 *
 * @internal
 */
export const toEvent = (notice: NoticeEvent, user: Option.Option<StoredUser>): ReadonlyArray<UserEventPayload> => {
  switch (notice._tag) {
    case "SessionExpired": {
      const { operation, reason } = notice
      return [{ _tag: "SessionExpired", error: new AppServicesError({ operation, reason }) }]
    }
    case "ProfileChanged": {
      const profile = Option.isSome(user) ? user.value.profile : undefined
      return profile === undefined ? [] : [{ _tag: "ProfileChanged", profile }]
    }
    case "LoggedIn":
    case "IdentityLinked":
      return [notice]
    default:
      return [{ _tag: notice._tag }]
  }
}

/** The first and the longest pause before a new subscription, in milliseconds. */
const firstPause = 250
const longestPause = 10_000

/**
 * Hears other processes' changes until the scope closes; a subscription that is lost is made again with exponential,
 * jittered back-off, since a store that comes back meets every process that lost it at once. A subscription that held for
 * as long as the longest pause starts the back-off over. Succeeds once subscribed, or once the store proved unreachable.
 *
 * @internal
 */
export const listen = Effect.fnUntraced(function* (
  subscribe: Effect.Effect<Stream.Stream<SharedChange, TokenStoreError>, TokenStoreError, Scope.Scope>,
  hear: (change: SharedChange) => Effect.Effect<void>
): Effect.fn.Return<void, never, Scope.Scope> {
  const attempted = yield* Deferred.make<void>()
  const untilLost = Effect.ensuring(subscribe, Deferred.succeed(attempted, undefined)).pipe(
    Effect.flatMap(Stream.runForEach(hear)),
    Effect.scoped,
    Effect.result
  )
  yield* Effect.gen(function* () {
    for (let pause = firstPause; ; pause = Math.min(pause * 2, longestPause)) {
      const subscribedAt = yield* monotonicMillis
      const lost = yield* untilLost
      if ((yield* monotonicMillis) - subscribedAt >= longestPause) pause = firstPause
      if (pause === firstPause) {
        const why = Result.isFailure(lost) ? lost.failure.message : "the engine ended the subscription"
        yield* Effect.logWarning(`changes by other processes are not heard for now: ${why}`)
      }
      yield* Effect.sleep(pause * (0.5 + (yield* Random.next) / 2))
    }
  }).pipe(Effect.forkScoped)
  yield* Deferred.await(attempted)
})
