/**
 * The records of a token store in Redis, or a server with its protocol, shared by any number of processes.
 *
 * An application is one hash, so the cost of an operation does not depend on the number of sessions; in a Redis Cluster all
 * its keys are in one slot. A script writes a record, its revision and its notice atomically. Redis must not evict
 * (`maxmemory-policy noeviction`) and should write to disk (`appendonly yes`): users whose records are lost have to log in
 * again.
 *
 * @example
 * ```ts
 * import { AppServices, TokenStore } from "effect-app-services"
 * import * as RedisTokenRecords from "effect-app-services/client/RedisTokenRecords"
 * import { Layer } from "effect"
 * import { FetchHttpClient } from "effect/http"
 *
 * // needs a `Redis` of `effect/persistence`: `NodeRedis.layer({ url, disableOfflineQueue: true })` of `@effect/platform-node`
 * const Live = AppServices.layerNoDeps({ appId: "shop-abcde", baseUrl: "http://127.0.0.1:9090" }).pipe(
 *   Layer.provide([TokenStore.layerRecords, FetchHttpClient.layer]),
 *   Layer.provide(RedisTokenRecords.layer())
 * )
 * ```
 *
 * @since 0.1.0
 */
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redis from "effect/persistence/Redis"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import { millisOf, within } from "./internal/engine.ts"
import { sharing, TokenRecords, TokenStoreError } from "./TokenRecords.ts"
import type { SharingTimes } from "./TokenRecords.ts"

/**
 * The keys of the records, and how long processes wait.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options extends SharingTimes {
  /**
   * The prefix of all keys.
   *
   * @default "app-services"
   */
  readonly prefix?: string | undefined
}

/**
 * The records over a `Redis` of `effect/persistence`. Fails with `TokenStoreError` at an invalid option.
 *
 * Keys are `PREFIX:{APP}:users`, `:revision`, `:set-aside` and `:lease:ID`; `PREFIX:{APP}:notices` is the channel.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options = {}): Layer.Layer<TokenRecords, TokenStoreError, Redis.Redis> =>
  Layer.effect(TokenRecords, make(options)).pipe(Layer.provide(SecureRandom.layerWebCrypto))

/** A value of the hash is a revision, a colon and the text; a revision of an application is never used twice. */
const replaceScript = Redis.script((...all: ReadonlyArray<string>) => all, {
  numberOfKeys: 2,
  lua: `
local id, revision, text, channel, notice = ARGV[1], ARGV[2], ARGV[3], ARGV[4], ARGV[5]
local present = redis.call('HGET', KEYS[1], id)
local standing = ''
if present then standing = string.sub(present, 1, string.find(present, ':', 1, true) - 1) end
if standing ~= revision then return 0 end
if text == '' then
  redis.call('HDEL', KEYS[1], id)
else
  redis.call('HSET', KEYS[1], id, redis.call('INCR', KEYS[2]) .. text)
end
if notice ~= '' then redis.call('PUBLISH', channel, notice) end
return 1`
}).withReturnType<number>()

const setAsideScript = Redis.script((...all: ReadonlyArray<string>) => all, {
  numberOfKeys: 2,
  lua: `
local present = redis.call('HGET', KEYS[1], ARGV[1])
if not present or string.sub(present, 1, string.find(present, ':', 1, true) - 1) ~= ARGV[2] then return 0 end
redis.call('HSET', KEYS[2], ARGV[1], present)
redis.call('HDEL', KEYS[1], ARGV[1])
return 1`
}).withReturnType<number>()

/** Returns 0, or for how many milliseconds another holder has the lease. */
const acquireScript = Redis.script((...all: ReadonlyArray<string>) => all, {
  numberOfKeys: 1,
  lua: `
if redis.call('SET', KEYS[1], ARGV[1], 'NX', 'PX', ARGV[2]) then return 0 end
return math.max(redis.call('PTTL', KEYS[1]), 1)`
}).withReturnType<number>()

const releaseScript = Redis.script((...all: ReadonlyArray<string>) => all, {
  numberOfKeys: 1,
  lua: `if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end return 0`
}).withReturnType<number>()

const Notice = Schema.fromJsonString(Schema.Struct({ id: Schema.String, note: Schema.String }))
const decodeNotice = Schema.decodeUnknownOption(Notice)
const encodeNotice = Schema.encodeSync(Notice)

/** Some errors of Redis repeat the arguments of the command, which hold tokens: those are cut off. */
const failed = ({ cause }: Redis.RedisError): TokenStoreError =>
  new TokenStoreError({
    message: `Redis failed: ${(cause instanceof Error ? cause.message || cause.name : "unknown error").replace(/,? with args.*/s, "").slice(0, 200)}`
  })

const make = Effect.fnUntraced(function* ({ prefix = "app-services", ...times }: Options) {
  const redis = yield* Redis.Redis
  const { lease, maxAge, timeout } = yield* millisOf(times)
  const process = yield* (yield* SecureRandom.SecureRandom).uuidV4()
  const keyOf = (appId: string, name: string) => `${prefix}:{${encodeURIComponent(appId)}}:${name}`
  const answered = <A>(operation: Effect.Effect<A, Redis.RedisError>) =>
    within("Redis", timeout)(Effect.mapError(operation, failed))

  return TokenRecords.of({
    read: (appId, id) =>
      Effect.map(answered(redis.send<string | null>("HGET", keyOf(appId, "users"), id)), (value) => {
        if (value === null) return Option.none()
        const end = value.indexOf(":")
        return Option.some({ revision: value.slice(0, end), text: value.slice(end + 1) })
      }),
    replace: (appId, id, revision, text, note) =>
      Effect.map(
        answered(
          redis.eval(replaceScript)(
            keyOf(appId, "users"),
            keyOf(appId, "revision"),
            id,
            Option.getOrElse(revision, () => ""),
            Option.match(text, { onNone: () => "", onSome: (text) => `:${text}` }),
            keyOf(appId, "notices"),
            note === undefined ? "" : encodeNotice({ id, note })
          )
        ),
        (replaced) => replaced === 1
      ),
    ids: (appId) => answered(redis.send<ReadonlyArray<string>>("HKEYS", keyOf(appId, "users"))),
    setAside: (appId, id, revision) =>
      Effect.asVoid(
        answered(redis.eval(setAsideScript)(keyOf(appId, "users"), keyOf(appId, "set-aside"), id, revision))
      ),
    shared: {
      sharing,
      process,
      maxAge,
      acquire: (appId, id, holder) =>
        answered(redis.eval(acquireScript)(keyOf(appId, `lease:${id}`), holder, String(lease))),
      release: (appId, id, holder) =>
        Effect.asVoid(answered(redis.eval(releaseScript)(keyOf(appId, `lease:${id}`), holder))),
      notices: (appId) =>
        Effect.map(within("Redis", timeout)(redis.subscribe(keyOf(appId, "notices"))), (queue) =>
          Stream.fromQueue(queue).pipe(
            Stream.mapError(failed),
            Stream.map(({ message }) => decodeNotice(message)),
            Stream.flatMap(Option.match({ onNone: () => Stream.empty, onSome: Stream.succeed }))
          )
        )
    }
  })
})
