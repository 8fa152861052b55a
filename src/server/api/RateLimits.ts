/**
 * Rate limits for authentication: logins, registrations, and everything that sends or accepts an e-mail's token.
 *
 * Each attempt is counted against the account and against the client address, in token buckets. The limits do not
 * depend on whether an account exists, so they do not reveal it.
 */
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Layer from "effect/Layer"
import * as NetAddress from "effect/net/NetAddress"
import * as Option from "effect/Option"
import * as RateLimiter from "effect/persistence/RateLimiter"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { body, TooManyRequests } from "../model/ApiErrors.ts"
import { RateBuckets } from "../model/RateBuckets.ts"
import * as Digest from "../users/Digest.ts"

/** A token bucket: `limit` attempts at once, refilled evenly over `window`. */
export interface Limit {
  /** The capacity of the bucket, at least 1. */
  readonly limit: number
  /** The time in which an empty bucket is full again. */
  readonly window: Duration.Input
}

/** The limits of one kind of request. */
export interface Limits {
  /** Per account of an application: an e-mail address, an API key, a custom payload or token, the id of a token. */
  readonly account: Limit
  /**
   * Per client address; an IPv6 address counts as its /64 network. The limit of loopback addresses is a thousand times as
   * high. Requests in process and on Unix sockets have no address, and no limit of this kind.
   */
  readonly address: Limit
}

/** The limits by kind of request. */
export interface Settings {
  /** Logins and links. Only failed ones count against the account. */
  readonly logIn: Limits
  /** Registrations. Only failed ones count against the account. */
  readonly register: Limits
  /** E-mails, or calls of the functions in their place, to confirm an address or to reset a password. */
  readonly email: Limits
  /** Uses of the tokens in e-mails. Only failed ones count against the token. */
  readonly token: Limits
}

/** The default limits. */
const standard: Settings = {
  logIn: { account: { limit: 10, window: "15 minutes" }, address: { limit: 300, window: "15 minutes" } },
  register: { account: { limit: 10, window: "1 hour" }, address: { limit: 60, window: "1 hour" } },
  email: { account: { limit: 10, window: "1 hour" }, address: { limit: 60, window: "1 hour" } },
  token: { account: { limit: 10, window: "1 hour" }, address: { limit: 60, window: "1 hour" } }
}

/** The default limits, none, or the default limits with changes. */
export type Input =
  | "standard"
  | "off"
  | {
      readonly [Kind in keyof Settings]?: { readonly [Of in keyof Limits]?: Limits[Of] | undefined } | undefined
    }

/** A request that a limit counts. */
export interface Attempt {
  readonly kind: keyof Settings
  readonly appId: string
  readonly request: HttpServerRequest.HttpServerRequest
  /** The account as the request names it, whether it exists or not. Absent if each attempt has an account of its own. */
  readonly account?: string | undefined
}

/** Lower-cases an e-mail address, so that case does not split an account's bucket. */
export const emailAccount = (email: string): string => email.toLowerCase()

/** The shape of {@link RateLimits}. */
export interface Service {
  /** Runs work if no limit is exceeded, and fails with a 429 otherwise. */
  readonly limit: (
    attempt: Attempt
  ) => <A, E, R>(work: Effect.Effect<A, E, R>) => Effect.Effect<A, E | TooManyRequests, R>
}

/** Counts attempts, and rejects those beyond a limit. */
export class RateLimits extends Context.Service<RateLimits, Service>()("effect-app-services/server/api/RateLimits") {
  static readonly make = Effect.fnUntraced(function* (input: Exclude<Input, "off">) {
    const limiter = yield* RateLimiter.RateLimiter
    const given = input === "standard" ? {} : input
    const limitsOf = (kind: keyof Settings): Limits => ({
      account: given[kind]?.account ?? standard[kind].account,
      address: given[kind]?.address ?? standard[kind].address
    })
    const settings: Settings = {
      logIn: limitsOf("logIn"),
      register: limitsOf("register"),
      email: limitsOf("email"),
      token: limitsOf("token")
    }

    const take = (key: string, { limit, window }: Limit, tokens = 1): Effect.Effect<void, TooManyRequests> =>
      limiter.consume({ key, limit, window, tokens, algorithm: "token-bucket", onExceeded: "fail" }).pipe(
        Effect.asVoid,
        Effect.catchTag("RateLimiterError", ({ reason }) =>
          reason._tag === "RateLimitExceeded" ? Effect.fail(refusal(reason.retryAfter)) : Effect.die(reason)
        )
      )

    return RateLimits.of({
      limit:
        ({ account, appId, kind, request }) =>
        (work) =>
          Effect.gen(function* () {
            const limits = settings[kind]
            const peer = peerOf(request)
            if (peer !== undefined) {
              const factor = peer.loopback ? loopbackFactor : 1
              const { limit, window } = limits.address
              yield* take(`${ofAddress}${kind} ${peer.network}`, { limit: limit * factor, window })
            }
            if (account === undefined) return yield* work
            // a digest, because the name of an account may be a secret, and of any length
            const key = Digest.of(Redacted.make(`${kind}\n${appId}\n${account}`))
            yield* take(key, limits.account)
            const result = yield* work
            // taken before the work, so that concurrent attempts count, and given back if it succeeds
            // whether it can be given back does not matter to what has succeeded
            if (kind !== "email") yield* Effect.ignoreCause(take(key, limits.account, -1))
            return result
          })
    })
  })

  static readonly layer = (input: Input = "standard"): Layer.Layer<RateLimits, never, RateBuckets> =>
    input === "off"
      ? Layer.succeed(RateLimits, { limit: () => (work) => work })
      : Layer.effect(RateLimits, RateLimits.make(input)).pipe(
          Layer.provide(RateLimiter.layer),
          Layer.provide(layerStore)
        )
}

/** A developer's test suite makes as many requests from one address as a thousand clients. */
const loopbackFactor = 1000

const refusal = (retryAfter: Duration.Duration): TooManyRequests => {
  const seconds = Math.max(1, Math.ceil(Duration.toSeconds(retryAfter)))
  return new TooManyRequests({
    ...body(`too many requests: try again in ${seconds} ${seconds === 1 ? "second" : "seconds"}`),
    retryAfter: seconds
  })
}

/** The client's address: the peer of the connection, or the one that a trusted proxy names. */
const peerOf = ({ remoteAddress }: HttpServerRequest.HttpServerRequest) => {
  const text = Option.getOrElse(remoteAddress, () => "").replace(/^::ffff:(?=\d+\.)/i, "")
  if (text === "") return undefined
  const address = Result.getOrUndefined(NetAddress.ipFromString(text.replace(/%.*$/, "")))
  if (address === undefined) return { network: text, loopback: false }
  const loopback = NetAddress.isLoopback(address)
  // the holder of an IPv6 address has its whole /64 network
  return NetAddress.isIpv6Address(address) && !loopback
    ? { network: NetAddress.ipv6ToSegments(address).slice(0, 4).join(":"), loopback }
    : { network: text, loopback }
}

/** Effect's limiter over our buckets. It needs nothing but token buckets. */
const layerStore = Layer.effect(
  RateLimiter.RateLimiterStore,
  Effect.gen(function* () {
    const memory = yield* RateLimiter.RateLimiterStore
    const buckets = yield* RateBuckets
    return RateLimiter.RateLimiterStore.of({
      ...memory,
      tokenBucket: ({ key, limit, refillRate, tokens }) => {
        const of = key.startsWith(ofAddress) ? "address" : "account"
        // limits that cannot be counted are not lifted: the request is answered as all are that do not reach the database
        return Effect.orDie(buckets.take({ of, key, limit, tokens, refillMillis: Duration.toMillis(refillRate) }))
      }
    })
  })
).pipe(Layer.provide(RateLimiter.layerStoreMemory))

/** The prefix of the keys of addresses, which the digests of accounts do not have. */
const ofAddress = "address "
