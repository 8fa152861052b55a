/**
 * The storage backend of a token store: one string record per user of an application.
 *
 * Implement it to keep sessions in another engine. `TokenStore.layerRecords` puts the format of the records, its version,
 * the order of users and the handling of damaged records on top; `EncryptedTokenRecords` encrypts.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import type * as Scope from "effect/Scope"
import type * as Stream from "effect/Stream"
import * as KeyedLock from "../core/keyedLock.ts"
import * as SharedChanges from "./internal/sharedChanges.ts"
import * as SharedTokens from "./internal/sharedTokens.ts"
import { TokenStoreError } from "./internal/tokenStoreError.ts"
import type { AppTokens } from "./TokenStore.ts"
import type { UserEventPayload } from "./UserEvents.ts"

export { TokenStoreError } from "./internal/tokenStoreError.ts"

/**
 * A record: its text, and a revision that no other text under the same id has had or will have.
 *
 * @category models
 * @since 0.1.0
 */
export interface TokenRecord {
  readonly text: string
  readonly revision: string
  /**
   * Whether the record is to be written again although its text is the same, as one that is encrypted with an earlier key.
   *
   * @default false
   */
  readonly outdated?: boolean
}

/**
 * That the record `id` has changed, with the `note` that its writer passed to `TokenRecords.replace`.
 *
 * @category models
 * @since 0.1.0
 */
export interface TokenNotice {
  readonly id: string
  readonly note: string
}

/**
 * How long processes that share an engine wait for it and for each other. Each time must be finite and above zero; the
 * layer fails with `TokenStoreError` otherwise.
 *
 * @category options
 * @since 0.1.0
 */
export interface SharingTimes {
  /**
   * How long an operation of the engine may take before it counts as failed.
   *
   * @default "5 seconds"
   */
  readonly timeout?: Duration.Input | undefined
  /**
   * How long a process may take for a refresh before the others take over; a crashed holder blocks them for at most this
   * long. Choose more than a refresh takes.
   *
   * @default "10 seconds"
   */
  readonly lease?: Duration.Input | undefined
  /**
   * For how long a session that was read is used without asking the engine again. Changes by other processes are heard at
   * once; this bounds how long a change that was not heard goes unnoticed.
   *
   * @default "10 seconds"
   */
  readonly maxAge?: Duration.Input | undefined
}

/**
 * How a token store treats records that several processes share. The only implementation is {@link sharing}.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sharing {
  /** The note that tells other processes of a change. */
  readonly note: (records: SharedTokenRecords, events: ReadonlyArray<UserEventPayload>) => string
  /** Puts the cache, the lease and the notices of shared records around the users of an application. */
  readonly over: (records: SharedTokenRecords, appId: string, tokens: AppTokens, scope: Scope.Scope) => AppTokens
}

/**
 * Leases and notices of an engine whose records several processes share, such as `RedisTokenRecords` and `SqlTokenRecords`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SharedTokenRecords {
  /** {@link sharing}. The backend supplies it, so that the bundle of a single-process program does not include it. */
  readonly sharing: Sharing
  /** A random name of this process, by which notes and leases tell processes apart. */
  readonly process: string
  /** For how many milliseconds a record that was read is used without asking the engine again; see {@link SharingTimes}. */
  readonly maxAge: number
  /**
   * Acquires the lease of a record. Returns 0 if `holder` has it now, or else for how many milliseconds (at least 1) another
   * holder has it. Leases only prevent duplicate work; what must not be overwritten is guarded by the revisions of
   * `TokenRecords.replace`.
   */
  readonly acquire: (appId: string, id: string, holder: string) => Effect.Effect<number, TokenStoreError>
  /** Releases a lease, if `holder` still has it. */
  readonly release: (appId: string, id: string, holder: string) => Effect.Effect<void, TokenStoreError>
  /**
   * Subscribes to the notices of all processes, this one included, from the moment the effect succeeds. When the stream
   * ends or fails, notices may have been missed.
   */
  readonly notices: (
    appId: string
  ) => Effect.Effect<Stream.Stream<TokenNotice, TokenStoreError>, TokenStoreError, Scope.Scope>
}

/**
 * The operations of a storage backend. Each fails with `TokenStoreError` when the engine does.
 *
 * @category models
 * @since 0.1.0
 */
export interface Service {
  /** Reads a record; `none` if the id has no record. */
  readonly read: (appId: string, id: string) => Effect.Effect<Option.Option<TokenRecord>, TokenStoreError>
  /**
   * Compare-and-swap: writes `text`, or deletes the record if given `none`, only if the present revision equals
   * `revision`; `none` means that the record must not exist. Returns whether it did. A backend that processes share sends
   * `note` to every subscriber together with the change, and never without it.
   */
  readonly replace: (
    appId: string,
    id: string,
    revision: Option.Option<string>,
    text: Option.Option<string>,
    note?: string
  ) => Effect.Effect<boolean, TokenStoreError>
  /** The ids of all records of an application, in any order. */
  readonly ids: (appId: string) => Effect.Effect<ReadonlyArray<string>, TokenStoreError>
  /** Moves the record out of the way, because it is damaged, if its revision still is `revision`; its text is kept. */
  readonly setAside: (appId: string, id: string, revision: string) => Effect.Effect<void, TokenStoreError>
  /** Present where several processes may write at a time. */
  readonly shared?: SharedTokenRecords | undefined
}

/**
 * The storage backend below `TokenStore.layerRecords`.
 *
 * @see `TokenStore.layerRecords` for the token store over it, `EncryptedTokenRecords.layer` for encryption,
 * `RedisTokenRecords.layer` and `SqlTokenRecords.layer` for records that several processes share.
 *
 * @category services
 * @since 0.1.0
 */
export class TokenRecords extends Context.Service<TokenRecords, Service>()("effect-app-services/client/TokenRecords") {
  /**
   * Over any `KeyValueStore` that one process at a time writes: memory, files, Web Storage, a table. Keys are
   * `app-services/APP/users/ID`; damaged records move to `app-services/APP/set-aside/ID`.
   */
  static readonly layerKeyValueStore: Layer.Layer<TokenRecords, never, KeyValueStore.KeyValueStore> = Layer.effect(
    this,
    Effect.gen(function* () {
      const store = yield* KeyValueStore.KeyValueStore
      // a key-value store has no compare-and-swap
      const locked = KeyedLock.make()
      return TokenRecords.of({
        read: (appId, id) =>
          Effect.map(attempt(store.get(keyOf(appId, id))), (text) =>
            text === undefined ? Option.none() : Option.some({ text, revision: text })
          ),
        replace: (appId, id, revision, text) => {
          const key = keyOf(appId, id)
          return locked(key)(
            Effect.gen(function* () {
              if ((yield* attempt(store.get(key))) !== Option.getOrUndefined(revision)) return false
              yield* attempt(Option.isSome(text) ? store.set(key, text.value) : store.remove(key))
              return true
            })
          )
        },
        ids: (appId) =>
          Effect.map(attempt(store.keys), (keys) =>
            keys
              .filter((key) => key.startsWith(prefixOf(appId)))
              .map((key) => decodeURIComponent(key.slice(prefixOf(appId).length)))
          ),
        setAside: (appId, id, revision) => {
          const key = keyOf(appId, id)
          return locked(key)(
            Effect.gen(function* () {
              if ((yield* attempt(store.get(key))) !== revision) return
              yield* attempt(store.set(key.replace("/users/", "/set-aside/"), revision))
              yield* attempt(store.remove(key))
            })
          )
        }
      })
    })
  )
}

/**
 * The implementation of {@link Sharing}, for `shared.sharing` of a backend: each process caches the users it reads, one process
 * at a time refreshes a user, and a change invalidates the caches of the others.
 *
 * @category constructors
 * @since 0.1.0
 */
export const sharing: Sharing = {
  note: ({ process }, events) => SharedChanges.encode(process, events),
  over: SharedTokens.make
}

const prefixOf = (appId: string) => `app-services/${encodeURIComponent(appId)}/users/`
const keyOf = (appId: string, id: string) => prefixOf(appId) + encodeURIComponent(id)

const attempt = <A>(effect: Effect.Effect<A, KeyValueStore.KeyValueStoreError>) =>
  Effect.mapError(
    effect,
    ({ cause, message }) => new TokenStoreError({ message, ...(cause !== undefined && { cause }) })
  )
