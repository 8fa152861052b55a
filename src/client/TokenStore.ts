/**
 * Keeps sessions: for each application the users it knows, most recent first, with their tokens and profile.
 *
 * In memory unless told otherwise; anything that satisfies the interface can take its place below `AppServices`.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as KeyValueStore from "effect/persistence/KeyValueStore"
import * as Schema from "effect/Schema"
import type { AppTokens } from "./AppTokens.ts"
import { StoredUser } from "./StoredUser.ts"
import { type TokenRecord, TokenRecords, TokenStoreError } from "./TokenRecords.ts"

export { Session, StoredUser } from "./StoredUser.ts"
export type { AppTokens, SharedChange, SharedUsers } from "./AppTokens.ts"

/**
 * @category services
 * @since 0.1.0
 */
export class TokenStore extends Context.Service<
  TokenStore,
  {
    /** The part of the store that belongs to one application. */
    readonly forApp: (appId: string) => AppTokens
  }
>()("effect-app-services/client/TokenStore") {
  /** Sessions that live as long as the layer. */
  static readonly layerMemory: Layer.Layer<TokenStore> = Layer.sync(this, () => ({ forApp: perApp(() => memory()) }))

  /** Sessions in the records of a store of texts. */
  static readonly layerRecords: Layer.Layer<TokenStore, never, TokenRecords> = Layer.effect(
    this,
    Effect.gen(function* () {
      const records = yield* TokenRecords
      const { shared } = records
      if (shared === undefined) return { forApp: perApp((appId) => overRecords(records, appId)) }
      const scope = yield* Effect.scope
      return {
        forApp: perApp((appId) => shared.sharing.over(shared, appId, overRecords(records, appId), scope))
      }
    })
  )

  /** Sessions in a `KeyValueStore` that one process writes at a time; see `TokenRecords.layerKeyValueStore`. */
  static readonly layerKeyValueStore: Layer.Layer<TokenStore, never, KeyValueStore.KeyValueStore> =
    this.layerRecords.pipe(Layer.provide(TokenRecords.layerKeyValueStore))
}

const perApp = (make: (appId: string) => AppTokens) => {
  const apps = new Map<string, AppTokens>()
  return (appId: string): AppTokens => {
    const present = apps.get(appId)
    if (present !== undefined) return present
    const tokens = make(appId)
    apps.set(appId, tokens)
    return tokens
  }
}

const memory = (): AppTokens => {
  // insertion order is recency: the last one is the most recent
  const users = new Map<string, StoredUser>()
  let deviceId = Option.none<string>()
  return {
    get: (userId) => Effect.sync(() => Option.fromUndefinedOr(users.get(userId))),
    modify: (userId, change, options) =>
      Effect.sync(() => {
        const [result, next] = change(Option.fromUndefinedOr(users.get(userId)))
        if (options?.promote === true || Option.isNone(next)) users.delete(userId)
        if (Option.isSome(next)) users.set(userId, next.value)
        return result
      }),
    userIds: Effect.sync(() => Array.from(users.keys()).toReversed()),
    deviceId: Effect.sync(() => deviceId),
    setDeviceId: (id) =>
      Effect.sync(() => {
        deviceId = Option.some(id)
      })
  }
}

/** A record of this version: `rank` orders the users, the highest being the most recent. */
const UserRecord = Schema.fromJsonString(
  Schema.Struct({ version: Schema.Literal(1), rank: Schema.Finite, user: StoredUser })
)
const decodeUser = Schema.decodeUnknownEffect(UserRecord)
const decodeVersion = Schema.decodeUnknownOption(Schema.fromJsonString(Schema.Struct({ version: Schema.Int })))
const encodeUser = Schema.encodeEffect(UserRecord)

/** The id under which the device id is kept; no user has it. */
const deviceRecord = "~device"

const overRecords = (records: TokenRecords["Service"], appId: string): AppTokens => {
  let lastRank = 0
  const nextRank = Effect.map(Clock.currentTimeMillis, (now) => (lastRank = Math.max(now, lastRank + 1)))

  /** A user's record, as long as it can be read; one that cannot is set aside, and the user is unknown. */
  const read = Effect.fnUntraced(function* (userId: string) {
    const record = yield* records.read(appId, userId)
    if (Option.isNone(record)) return Option.none()
    const decoded = yield* Effect.option(decodeUser(record.value.text))
    if (Option.isSome(decoded) && decoded.value.user.id === userId) {
      return Option.some({ ...decoded.value, revision: record.value.revision })
    }
    const version = decodeVersion(record.value.text)
    if (Option.isSome(version) && version.value.version !== 1) {
      return yield* new TokenStoreError({
        message: `a record is of version ${version.value.version}, which this version of the package cannot read: update it`
      })
    }
    yield* Effect.logWarning("a record of the token store cannot be read and was set aside", { appId, userId })
    yield* records.setAside(appId, userId, record.value.revision)
    return Option.none()
  })

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
        if (
          yield* records.replace(
            appId,
            userId,
            Option.map(present, ({ revision }) => revision),
            text,
            records.shared?.sharing.note(records.shared, options?.announce?.(result) ?? [])
          )
        )
          return result
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
    // a hint to the host: a login goes on without it
    deviceId: records.read(appId, deviceRecord).pipe(
      Effect.orElseSucceed(() => Option.none()),
      Effect.map(Option.flatMap(({ text }: TokenRecord) => (text === "" ? Option.none() : Option.some(text))))
    ),
    setDeviceId: Effect.fnUntraced(
      function* (deviceId) {
        const present = yield* records.read(appId, deviceRecord)
        if (Option.isSome(present) && present.value.text === deviceId && present.value.outdated !== true) return
        // another process may be quicker: one of the two ids is as good as the other
        yield* records.replace(
          appId,
          deviceRecord,
          Option.map(present, ({ revision }) => revision),
          Option.some(deviceId)
        )
      },
      (effect) => Effect.ignore(effect)
    )
  }
}
