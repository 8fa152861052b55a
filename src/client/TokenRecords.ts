/**
 * What a persistent token store is made of: texts under the ids of an application's users.
 *
 * Whoever implements these few operations over an engine has a token store: `TokenStore.layerRecords` brings the format,
 * its version, the order of users and the handling of damaged records, `EncryptedTokenRecords` encryption.
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
import type { AppTokens } from "./AppTokens.ts"
import * as KeyedLock from "./internal/keyedLock.ts"
import { TokenStoreError } from "./TokenStoreError.ts"
import type { UserEventPayload } from "./UserEvents.ts"

export { TokenStoreError } from "./TokenStoreError.ts"

/**
 * A text, and what tells it apart from the texts that stood in its place before and after.
 *
 * @category models
 * @since 0.1.0
 */
export interface TokenRecord {
  readonly text: string
  readonly revision: string
  /** Whether it is to be written again though its text is the same: it is encrypted with an earlier key. */
  readonly outdated?: boolean
}

/**
 * What somebody wrote beside a change of a record.
 *
 * @category models
 * @since 0.1.0
 */
export interface TokenNotice {
  readonly id: string
  readonly note: string
}

/**
 * How long processes that share an engine wait for it and for each other.
 *
 * @category options
 * @since 0.1.0
 */
export interface SharingTimes {
  /** How long an operation of the engine may take before it counts as failed. Default: 5 seconds. */
  readonly timeout?: Duration.Input | undefined
  /**
   * How long a process may take for a refresh before the others no longer wait for it: by so much one that dies delays
   * them. Choose more than the host takes. Default: 10 seconds.
   */
  readonly lease?: Duration.Input | undefined
  /**
   * For how long a session that was read is used without asking the engine again. Changes by other processes are heard
   * at once; this bounds how long one that went unheard is not noticed. Default: 10 seconds.
   */
  readonly maxAge?: Duration.Input | undefined
}

/**
 * What a token store does with records that several processes share.
 *
 * @category models
 * @since 0.1.0
 */
export interface Sharing {
  /** What other processes are told of a change. */
  note(records: SharedTokenRecords, events: ReadonlyArray<UserEventPayload>): string
  /** Users of an application as several processes have them, made of those that one would have. */
  over(records: SharedTokenRecords, appId: string, tokens: AppTokens, scope: Scope.Scope): AppTokens
}

/**
 * What an engine offers whose records several processes share: `RedisTokenRecords`, `SqlTokenRecords`.
 *
 * @category models
 * @since 0.1.0
 */
export interface SharedTokenRecords {
  /** `sharing` of `client/Sharing`: an engine brings it along, so that nobody carries it who shares nothing. */
  readonly sharing: Sharing
  /** A random name of this process in notes and leases. */
  readonly process: string
  /** For how long what was read is good without another look, in milliseconds: the bound on a notice that was missed. */
  readonly maxAge: number
  /**
   * Takes the lease of a record, unless another holder has it and its time is not over. Yields zero where it did, and
   * else in how many milliseconds the other's is over, at least one. Leases keep work from being done twice; what must
   * not be overwritten is guarded by the revisions of `replace`.
   */
  acquire(appId: string, id: string, holder: string): Effect.Effect<number, TokenStoreError>
  /** Gives a lease back, if this holder still has it. */
  release(appId: string, id: string, holder: string): Effect.Effect<void, TokenStoreError>
  /**
   * The notes of all processes, this one too, from the moment the effect succeeds. A stream that ends or fails has lost
   * touch: notes may have been missed.
   */
  notices(appId: string): Effect.Effect<Stream.Stream<TokenNotice, TokenStoreError>, TokenStoreError, Scope.Scope>
}

/**
 * @category services
 * @since 0.1.0
 */
export class TokenRecords extends Context.Service<
  TokenRecords,
  {
    read(appId: string, id: string): Effect.Effect<Option.Option<TokenRecord>, TokenStoreError>
    /**
     * Puts a text, or nothing, in the place of the record that has `revision`, or of nothing: atomically, and not at all
     * if another one stands there. Yields whether it did. A store that processes share sends `note` with the change, to
     * all that listen, and no note without the change.
     */
    replace(
      appId: string,
      id: string,
      revision: Option.Option<string>,
      text: Option.Option<string>,
      note?: string
    ): Effect.Effect<boolean, TokenStoreError>
    /** The ids of all records of an application, in any order. */
    ids(appId: string): Effect.Effect<ReadonlyArray<string>, TokenStoreError>
    /** Moves the record that has `revision`, since it cannot be read, out of the way without losing it. */
    setAside(appId: string, id: string, revision: string): Effect.Effect<void, TokenStoreError>
    /** Absent where one process writes at a time. */
    readonly shared?: SharedTokenRecords | undefined
  }
>()("effect-app-services/client/TokenRecords") {
  /**
   * Over any `KeyValueStore` that one process writes at a time: memory, files, Web Storage, a table.
   *
   * Keys are `app-services/APP/users/ID`, damaged records move to `app-services/APP/set-aside/ID`.
   */
  static readonly layerKeyValueStore: Layer.Layer<TokenRecords, never, KeyValueStore.KeyValueStore> = Layer.effect(
    this,
    Effect.suspend(() => overKeyValueStore)
  )
}

const overKeyValueStore = Effect.gen(function* () {
  const store = yield* KeyValueStore.KeyValueStore
  // one lock for each record that is being replaced: a key-value store has no conditional write
  const locked = KeyedLock.make()
  const prefix = (appId: string) => `app-services/${encodeURIComponent(appId)}/users/`
  const keyOf = (appId: string, id: string) => prefix(appId) + encodeURIComponent(id)

  const lifted = <A>(effect: Effect.Effect<A, KeyValueStore.KeyValueStoreError>) =>
    Effect.mapError(
      effect,
      ({ cause, message }) => new TokenStoreError({ message, ...(cause !== undefined && { cause }) })
    )

  return TokenRecords.of({
    read: (appId, id) =>
      Effect.map(lifted(store.get(keyOf(appId, id))), (text) =>
        text === undefined ? Option.none() : Option.some({ text, revision: text })
      ),
    replace: (appId, id, revision, text) => {
      const key = keyOf(appId, id)
      return locked(key)(
        Effect.gen(function* () {
          if ((yield* lifted(store.get(key))) !== Option.getOrUndefined(revision)) return false
          yield* lifted(Option.isSome(text) ? store.set(key, text.value) : store.remove(key))
          return true
        })
      )
    },
    ids: (appId) =>
      Effect.map(lifted(store.keys), (keys) =>
        keys
          .filter((key) => key.startsWith(prefix(appId)))
          .map((key) => decodeURIComponent(key.slice(prefix(appId).length)))
      ),
    setAside: (appId, id, revision) => {
      const key = keyOf(appId, id)
      return locked(key)(
        Effect.gen(function* () {
          if ((yield* lifted(store.get(key))) !== revision) return
          yield* lifted(store.set(key.replace("/users/", "/set-aside/"), revision))
          yield* lifted(store.remove(key))
        })
      )
    }
  })
})
