/**
 * Keeps sessions: for each application the users that logged in, most recent first, with their tokens and profiles.
 *
 * `AppServices.layer` keeps them in memory. `AppServices.layerNoDeps` takes any `TokenStore`: one over a `KeyValueStore`,
 * over files (`NodeTokenStore`), encrypted, shared by several processes, or an implementation of your own.
 *
 * @example
 * ```ts
 * import { AppServices, TokenStore } from "effect-app-services"
 * import { Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 * import { KeyValueStore } from "effect/persistence"
 *
 * // sessions in a browser's localStorage
 * const Live = AppServices.layerNoDeps({ appId: "shop-abcde", baseUrl: "http://127.0.0.1:9090" }).pipe(
 *   Layer.provide([TokenStore.layerKeyValueStore, FetchHttpClient.layer]),
 *   Layer.provide(KeyValueStore.layerStorage(() => localStorage))
 * )
 * ```
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as KeyValueStore from "effect/persistence/KeyValueStore"
import type * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as Scope from "effect/Scope"
import { ProviderType } from "../protocol/Provider.ts"
import { TokenText } from "../protocol/internal/token.ts"
import { StoredProfile } from "./Profile.ts"
import { memory, perApp } from "./internal/memoryTokens.ts"
import { tokenStoreKey } from "./internal/tokenStoreKey.ts"
import { TokenRecords, TokenStoreError } from "./TokenRecords.ts"
import type { Service as Records, TokenRecord } from "./TokenRecords.ts"
import type { UserEventPayload } from "./UserEvents.ts"

export { TokenStoreError } from "./TokenRecords.ts"

/**
 * The tokens of a logged-in user.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Session = Schema.Struct({
  accessToken: TokenText,
  refreshToken: TokenText,
  /** When the access token arrived: milliseconds since the epoch by this process's clock. */
  receivedAt: Schema.Finite,
  /**
   * When the access token expires: milliseconds since the epoch by the same clock, which is arrival plus the lifetime that
   * the token states, whatever the host's clock says.
   */
  expiresAt: Schema.Finite
})

/**
 * The tokens of a logged-in user.
 *
 * @category models
 * @since 0.1.0
 */
export type Session = typeof Session.Type

/**
 * A user as a token store keeps it.
 *
 * @category schemas
 * @since 0.1.0
 */
export const StoredUser = Schema.Struct({
  id: Schema.String,
  /** The provider that the user logged in with first. */
  providerType: ProviderType,
  /** Whether an identity was added later: an anonymous user is anonymous only without one. */
  linked: Schema.optionalKey(Schema.Boolean),
  /** Absent while logged out. */
  session: Schema.optionalKey(Session),
  /** Why the last session ended; absent while logged in. */
  ended: Schema.optionalKey(Schema.Literals(["LoggedOut", "SessionExpired"])),
  /** The id that the host gave the device the user logged in on. */
  deviceId: Schema.optionalKey(Schema.String),
  /** The profile as last fetched; absent until it is asked for. */
  profile: Schema.optionalKey(StoredProfile)
})

/**
 * A user as a token store keeps it.
 *
 * @category models
 * @since 0.1.0
 */
export type StoredUser = typeof StoredUser.Type

/**
 * The users of one application.
 *
 * @category models
 * @since 0.1.0
 */
export interface AppTokens {
  /** A user; `none` if the store does not know it. */
  readonly get: (userId: string) => Effect.Effect<Option.Option<StoredUser>, TokenStoreError>
  /**
   * Atomically replaces a user by what `change` makes of the present one. `none` removes the user; a user that did not
   * exist becomes the most recent one. `change` must be pure: it may run more than once.
   */
  readonly modify: <A>(
    userId: string,
    change: (current: Option.Option<StoredUser>) => readonly [result: A, next: Option.Option<StoredUser>],
    options?: {
      /**
       * Makes the user the most recent one.
       *
       * @default false
       */
      readonly promote?: boolean | undefined
      /**
       * The events that processes sharing the store are notified of.
       *
       * @default no events
       */
      readonly announce?: ((result: A) => ReadonlyArray<UserEventPayload>) | undefined
    }
  ) => Effect.Effect<A, TokenStoreError>
  /** The ids of all users, most recent first. */
  readonly userIds: Effect.Effect<ReadonlyArray<string>, TokenStoreError>
  /** The id that the host gave this device; `none` before the first login. */
  readonly deviceId: Effect.Effect<Option.Option<string>, TokenStoreError>
  /** Keeps the id that the host gave this device. Never fails a login: a store may ignore its own failure. */
  readonly setDeviceId: (deviceId: string) => Effect.Effect<void, TokenStoreError>
  /** Present where several processes share the store. */
  readonly shared?: SharedUsers | undefined
}

/**
 * How processes that share a store coordinate.
 *
 * @category models
 * @since 0.1.0
 */
export interface SharedUsers {
  /** The user as the store has it now, bypassing this process's cache. */
  readonly latest: (userId: string) => Effect.Effect<Option.Option<StoredUser>, TokenStoreError>
  /**
   * Runs `work` under the user's lease: calls `look` first, and returns its success; on its failure acquires the lease and
   * runs `work` with it, or waits for the holder and looks again. A crashed holder delays the others until its lease
   * expires.
   */
  readonly exclusively: <A, B, E>(
    userId: string,
    look: Effect.Effect<Result.Result<A, B>, E>,
    work: (seen: B) => Effect.Effect<A, E>
  ) => Effect.Effect<A, E | TokenStoreError>
  /**
   * Subscribes to other processes' changes until the scope closes, and resubscribes after a disconnect. Completes once
   * subscribed, or once the store proved unreachable.
   */
  readonly listen: (hear: (change: SharedChange) => Effect.Effect<void>) => Effect.Effect<void, never, Scope.Scope>
}

/**
 * A change of a user by another process, as the events that it published there.
 *
 * @category models
 * @since 0.1.0
 */
export interface SharedChange {
  readonly userId: string
  /** In the order in which they happened; empty if the notice could not be read. */
  readonly events: ReadonlyArray<UserEventPayload>
}

/**
 * The shape of a token store.
 *
 * @category models
 * @since 0.1.0
 */
export interface Service {
  /** The users of one application; the same `AppTokens` for the same id each time. */
  readonly forApp: (appId: string) => AppTokens
}

/**
 * The token store of the SDK. `TokenStoreContract` of `effect-app-services/testing` tests an implementation.
 *
 * @see `TokenRecords` for the backend that `layerRecords` stores into.
 *
 * @category services
 * @since 0.1.0
 */
export class TokenStore extends Context.Service<TokenStore, Service>()(tokenStoreKey) {
  /** Sessions in memory: they live as long as the layer, and each build of the layer has its own. */
  static readonly layerMemory: Layer.Layer<TokenStore> = memory

  /**
   * Sessions in the records of a backend. A record that is damaged is set aside with a warning and its user is unknown; one
   * of a later version of this package fails with `TokenStoreError`.
   */
  static readonly layerRecords: Layer.Layer<TokenStore, never, TokenRecords> = Layer.effect(
    this,
    Effect.gen(function* () {
      const records = yield* TokenRecords
      const { shared } = records
      const scope = yield* Effect.scope
      return {
        forApp: perApp((appId) => {
          const tokens = overRecords(records, appId)
          return shared === undefined ? tokens : shared.sharing.over(shared, appId, tokens, scope)
        })
      }
    })
  )

  /**
   * Sessions in a `KeyValueStore` that one process at a time writes. Two tabs of a browser that share `localStorage` may
   * write at the same time: no session is lost, but a change in one tab raises no event in the other.
   *
   * @see `TokenRecords.layerKeyValueStore` for the keys
   */
  static readonly layerKeyValueStore: Layer.Layer<TokenStore, never, KeyValueStore.KeyValueStore> =
    this.layerRecords.pipe(Layer.provide(TokenRecords.layerKeyValueStore))
}

/** A record of this version: `rank` orders the users, the highest being the most recent. */
const UserRecord = Schema.fromJsonString(
  Schema.Struct({ version: Schema.Literal(1), rank: Schema.Finite, user: StoredUser })
)
const decodeUser = Schema.decodeUnknownEffect(UserRecord)
const decodeVersion = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({ version: Schema.Int })))
const encodeUser = Schema.encodeEffect(UserRecord)

/** The record of the device id; no user has this id. */
const deviceRecord = "~device"

/** Reads a user's record. One that cannot be read is set aside, and the user is unknown. */
const readRecord = Effect.fnUntraced(function* (records: Records, appId: string, userId: string) {
  const record = yield* records.read(appId, userId)
  if (Option.isNone(record)) return Option.none()
  const decoded = yield* Effect.option(decodeUser(record.value.text))
  if (Option.isSome(decoded) && decoded.value.user.id === userId) {
    return Option.some({ ...decoded.value, revision: record.value.revision })
  }
  const version = decodeVersion(record.value.text)
  if (Option.isSome(version) && version.value.version !== 1) {
    return yield* new TokenStoreError({
      message: `unsupported record version ${version.value.version}: expected version 1; update this package`
    })
  }
  yield* Effect.logWarning("a record of the token store cannot be read and was set aside", { appId, userId })
  yield* records.setAside(appId, userId, record.value.revision)
  return Option.none()
})

const overRecords = (records: Records, appId: string): AppTokens => {
  const read = (userId: string) => readRecord(records, appId, userId)
  let lastRank = 0
  const nextRank = Effect.map(Clock.currentTimeMillis, (now) => (lastRank = Math.max(now, lastRank + 1)))

  return {
    get: (userId) =>
      Effect.map(
        read(userId),
        Option.map(({ user }) => user)
      ),
    modify: Effect.fnUntraced(function* (userId, change, options) {
      while (true) {
        const present = yield* read(userId)
        const [result, next] = change(Option.map(present, ({ user }) => user))
        const rank = options?.promote === true || Option.isNone(present) ? yield* nextRank : present.value.rank
        const text = Option.isSome(next)
          ? Option.some(yield* Effect.orDie(encodeUser({ version: 1, rank, user: next.value })))
          : Option.none()
        if (Option.isNone(present) && Option.isNone(text)) return result
        const revision = Option.map(present, ({ revision }) => revision)
        const note = records.shared?.sharing.note(records.shared, options?.announce?.(result) ?? [])
        if (yield* records.replace(appId, userId, revision, text, note)) return result
      }
    }),
    userIds: Effect.gen(function* () {
      const ids = (yield* records.ids(appId)).filter((id) => id !== deviceRecord)
      const present = yield* Effect.forEach(ids, read, { concurrency: 16 })
      return present
        .flatMap((record) => (Option.isSome(record) ? [record.value] : []))
        .toSorted((a, b) => b.rank - a.rank)
        .map(({ user }) => user.id)
    }),
    // the device id is a hint to the host: a login goes on without it
    deviceId: records.read(appId, deviceRecord).pipe(
      Effect.orElseSucceed(() => Option.none()),
      Effect.map(Option.flatMap(({ text }: TokenRecord) => (text === "" ? Option.none() : Option.some(text))))
    ),
    setDeviceId: Effect.fnUntraced(
      function* (deviceId) {
        const present = yield* records.read(appId, deviceRecord)
        if (Option.isSome(present) && present.value.text === deviceId && present.value.outdated !== true) return
        // another process may write first: either of the two ids will do
        const revision = Option.map(present, ({ revision }) => revision)
        yield* records.replace(appId, deviceRecord, revision, Option.some(deviceId))
      },
      (effect) => Effect.ignore(effect)
    )
  }
}
