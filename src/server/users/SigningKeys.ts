/**
 * The keys that sign an application's tokens. New tokens are signed with the newest key; older ones verify what they
 * signed until it has expired.
 *
 * Keys are stored in the row store, in plain text: read access to a data directory allows forging tokens.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Kdf from "effect/crypto/Kdf"
import * as Mac from "effect/crypto/Mac"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Hex from "effect/encoding/Hex"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { Apps, AppsError, type HostedApp } from "../model/Apps.ts"
import { attempt, RowStore, RowStoreError } from "../storage/RowStore.ts"
import { type Edit, Table, write } from "../storage/Table.ts"
import * as Tables from "./internal/tables.ts"

/** A signing key of an application. Its id is in every token, and does not reveal the key. */
export interface SigningKey {
  readonly id: string
  readonly key: Mac.Key<typeof Mac.hmacSha256>
  /** When it was rotated, in milliseconds since the epoch. */
  readonly retiredAt: number | undefined
}

/** The shape of {@link SigningKeys}. */
export interface Service {
  /** The key that signs new tokens. */
  readonly current: (hosted: HostedApp) => Effect.Effect<SigningKey>
  /**
   * The key of an id, if it may have signed a token of that type. A rotated key verifies access tokens until the last
   * one it could have signed has expired.
   */
  readonly find: (
    hosted: HostedApp,
    id: string,
    type: "access" | "refresh",
    now: number
  ) => Effect.Effect<SigningKey | undefined>
}

/** Holds the signing keys of the hosted applications. */
export class SigningKeys extends Context.Service<SigningKeys, Service>()(
  "effect-app-services/server/users/SigningKeys"
) {
  static readonly ofRows = Effect.fnUntraced(function* (signingKey: Redacted.Redacted | undefined) {
    const rowStore = yield* RowStore
    const apps = yield* Apps
    if (signingKey !== undefined && Redacted.value(signingKey).length < 32) {
      return yield* new AppsError({ message: "signingKey is too short: expected at least 32 characters" })
    }
    if (signingKey !== undefined && rowStore.keeps) {
      return yield* new AppsError({
        message:
          "signingKey cannot be combined with dataDirectory, which has signing keys of its own: remove one of them"
      })
    }
    const byApp = new Map<string, ReadonlyArray<SigningKey>>()
    for (const hosted of apps.byId.values()) {
      byApp.set(
        hosted.domainId,
        signingKey === undefined ? yield* stored(rowStore, hosted) : [yield* derived(signingKey, hosted.app.id)]
      )
    }
    return make(({ domainId }) => Effect.succeed(byApp.get(domainId) ?? []))
  })

  /**
   * The keys of the row store, without those that are no longer needed, and a new one for an application without a key.
   * With `signingKey`, which excludes a durable row store, each application's key is derived from it.
   */
  static readonly layer = (
    signingKey?: Redacted.Redacted
  ): Layer.Layer<SigningKeys, AppsError | RowStoreError, Apps | RowStore | Kdf.Kdf | SecureRandom.SecureRandom> =>
    Layer.effect(SigningKeys, SigningKeys.ofRows(signingKey))
}

/** The service, with the keys of an application as they are at each request. */
export const make = (keysOf: (hosted: HostedApp) => Effect.Effect<ReadonlyArray<SigningKey>>): Service => ({
  current: (hosted) =>
    Effect.flatMap(keysOf(hosted), (keys) => {
      const key = keys.find(({ retiredAt }) => retiredAt === undefined)
      return key === undefined
        ? Effect.die(new Error(`the application "${hosted.app.id}" has no signing key`))
        : Effect.succeed(key)
    }),
  find: (hosted, id, type, now) =>
    Effect.mapEager(keysOf(hosted), (keys) => {
      const key = keys.find((it) => it.id === id)
      const retired = key?.retiredAt
      return type === "access" && retired !== undefined && now >= retired + accessLifetime(hosted) ? undefined : key
    })
})

/** A key as it is stored. */
export const StoredKey = Schema.Struct({
  id: Schema.String,
  secret: Schema.RedactedFromValue(Schema.String),
  createdAt: Schema.Finite,
  retiredAt: Schema.optionalKey(Schema.Finite)
})

/** The decoded form of {@link StoredKey}. */
export type StoredKey = typeof StoredKey.Type

const prefix = "keys/"

const open = (rowStore: RowStore["Service"], appId: string): Table<StoredKey> =>
  new Table(rowStore, { name: `${prefix}${appId}`, schema: StoredKey, key: ({ id }) => id })

const keysOf = (table: Table<StoredKey>): ReadonlyArray<StoredKey> => Array.from(table.rows.values())

/** The applications whose keys are in a row store. */
export const appIds: Effect.Effect<ReadonlyArray<string>, RowStoreError, RowStore> = Effect.flatMap(
  RowStore,
  (rowStore) => attempt(() => rowStore.tables(prefix).map((name) => name.slice(prefix.length)))
)

/** The result of a rotation. */
export interface Rotated {
  /** The id of the new key. */
  readonly current: string
  /** The number of older keys that still verify tokens. */
  readonly older: number
  /** The number of sessions that ended. */
  readonly sessions: number
}

/**
 * Creates a new signing key for the next start of the server. With `revoke` the older keys and all sessions are removed
 * at once, and every token becomes invalid.
 */
export const rotate = Effect.fnUntraced(function* (
  appId: string,
  options?: { readonly revoke?: boolean | undefined }
): Effect.fn.Return<Rotated, RowStoreError, RowStore | SecureRandom.SecureRandom> {
  const rowStore = yield* RowStore
  const now = yield* Clock.currentTimeMillis
  const created = yield* newKey(now)
  return yield* attempt(() => {
    const table = open(rowStore, appId)
    const keys = keysOf(table)
    if (options?.revoke === true) {
      const { sessions } = Tables.open(rowStore, appId)
      const ended = Array.from(sessions.rows.values(), (session) => sessions.remove(session))
      write(rowStore, [...keys.map((key) => table.remove(key)), table.put(created), ...ended])
      return { current: created.id, older: 0, sessions: ended.length }
    }
    const retired = keys.filter(isCurrent).map((key) => table.put({ ...key, retiredAt: now }))
    write(rowStore, [...retired, table.put(created)])
    return { current: created.id, older: keys.length, sessions: 0 }
  })
})

const isCurrent = ({ retiredAt }: StoredKey): boolean => retiredAt === undefined

/** A new key, to be stored. */
export const newKey = Effect.fnUntraced(function* (now: number) {
  const random = yield* SecureRandom.SecureRandom
  const secret = Redacted.make(Base64Url.encode(yield* random.randomBytes(32)))
  const key: StoredKey = { id: Hex.encode(yield* random.randomBytes(8)), secret, createdAt: now }
  return key
})

/** The keys of the row store that are still needed. */
const stored = Effect.fnUntraced(function* (rowStore: RowStore["Service"], hosted: HostedApp) {
  const now = yield* Clock.currentTimeMillis
  const fresh = yield* newKey(now)
  const keys = yield* attempt(() => {
    const { id: appId } = hosted.app
    const table = open(rowStore, appId)
    const edits: Array<Edit> = []
    if (!keysOf(table).some(isCurrent)) edits.push(table.put(fresh))
    if (!keysOf(table).every(isCurrent)) {
      const sessions = Array.from(Tables.open(rowStore, appId).sessions.rows.values())
      for (const key of keysOf(table)) {
        const { retiredAt = now } = key
        // a refresh token was signed when its session began
        const needed =
          isCurrent(key) ||
          now < retiredAt + accessLifetime(hosted) ||
          sessions.some(({ createdAt, expiresAt }) => createdAt <= retiredAt && expiresAt > now)
        if (!needed) edits.push(table.remove(key))
      }
    }
    write(rowStore, edits)
    return keysOf(table)
  })
  return yield* Effect.forEach(keys, (key) => usable(hosted.app.id, key)).pipe(
    Effect.mapError((message) => new RowStoreError({ message }))
  )
})

/** A stored key in the form that signs. Fails with a message if it is damaged. */
export const usable = (appId: string, { id, retiredAt, secret }: StoredKey): Effect.Effect<SigningKey, string> => {
  const bytes = Result.getOrUndefined(Base64Url.decode(Redacted.value(secret)))
  return bytes === undefined || bytes.length < 32
    ? Effect.fail(`the signing key ${id} of "${appId}" is damaged: restore the data from a backup`)
    : signingKeyOf(id, bytes, retiredAt)
}

const accessLifetime = ({ app }: HostedApp): number => Duration.toMillis(app.tokens.accessTokenLifetime)

/** Derives a key that is the same at every start. Its id is derived from the secret too, and does not reveal it. */
const derived = Effect.fnUntraced(function* (signingKey: Redacted.Redacted, appId: string) {
  const kdf = yield* Kdf.Kdf
  const encoder = new TextEncoder()
  const secret = encoder.encode(Redacted.value(signingKey))
  const derive = (purpose: string, length: number) =>
    Effect.orDie(
      kdf.derive(Kdf.hkdfSha256, secret, {
        salt: new Uint8Array(),
        info: encoder.encode(`${purpose} of ${appId}`),
        length
      })
    )
  return yield* signingKeyOf(Hex.encode(yield* derive("key id", 8)), yield* derive("session tokens", 32), undefined)
})

const signingKeyOf = (id: string, secret: Uint8Array, retiredAt: number | undefined) =>
  Effect.map(Effect.orDie(Mac.key(Mac.hmacSha256, secret)), (key): SigningKey => ({ id, key, retiredAt }))
