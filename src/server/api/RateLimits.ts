/**
 * How often somebody may try: the limits on logging in, registering, and all that makes the server send or take tokens.
 *
 * Whoever tries is counted twice, by the account that is meant and by the address that asks. Nothing here knows whether
 * an account exists, so the limits tell nobody.
 */
import * as Clock from "effect/Clock"
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
import * as Lru from "../../core/lru.ts"
import { body, TooManyRequests } from "../model/ApiErrors.ts"
import * as Digest from "../users/Digest.ts"

/** So many at once; after that, as many more, evenly spread over each further window. */
export interface Limit {
  /** 1 or more. */
  readonly limit: number
  readonly window: Duration.Input
}

/** The limits of one kind of request. */
export interface Limits {
  /** For each account of an application: an e-mail address, an API key, a custom payload or token, the id of a token. */
  readonly account: Limit
  /**
   * For each address, an IPv6 one being its /64 network; a thousand times as much for this machine's own. Requests in
   * process and on Unix sockets have no address.
   */
  readonly address: Limit
}

/** The limits by what they limit. */
export interface Settings {
  /** Logins and links; for an account, only those that fail. */
  readonly logIn: Limits
  /** Registrations; for an account, only those that fail. */
  readonly register: Limits
  /** E-mails, and calls of the functions that stand in for them, to confirm an address or to reset a password. */
  readonly email: Limits
  /** Uses of the tokens that e-mails and functions bring; for a token, only those that fail. */
  readonly token: Limits
}

/**
 * The limits of a server that says nothing else: for an account 10 failed logins in 15 minutes, 10 failed registrations,
 * 10 e-mails and 10 failed uses of a token in an hour; for an address 300 logins in 15 minutes, and 60 of each of the
 * others in an hour.
 */
const standard: Settings = {
  logIn: { account: { limit: 10, window: "15 minutes" }, address: { limit: 300, window: "15 minutes" } },
  register: { account: { limit: 10, window: "1 hour" }, address: { limit: 60, window: "1 hour" } },
  email: { account: { limit: 10, window: "1 hour" }, address: { limit: 60, window: "1 hour" } },
  token: { account: { limit: 10, window: "1 hour" }, address: { limit: 60, window: "1 hour" } }
}

/** What a server may be told: the standard limits, none, or others for some kinds of requests. */
export type Input =
  | "standard"
  | "off"
  | {
      readonly [Kind in keyof Settings]?: { readonly [Of in keyof Limits]?: Limits[Of] | undefined } | undefined
    }

/** Who tries what. */
export interface Attempt {
  readonly kind: keyof Settings
  readonly appId: string
  readonly request: HttpServerRequest.HttpServerRequest
  /** The account as the request names it, whether there is one or not; absent where each attempt is another one's. */
  readonly account?: string | undefined
}

/** How an e-mail address names an account here: in whatever case it is written. */
export const emailAccount = (email: string): string => email.toLowerCase()

/** The shape of {@link RateLimits}. */
export interface Service {
  readonly limit: (
    attempt: Attempt
  ) => <A, E, R>(work: Effect.Effect<A, E, R>) => Effect.Effect<A, E | TooManyRequests, R>
}

/** Counts attempts, and refuses those that are too many. */
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
            // a digest, since what names an account may be a secret, and of any length
            const key = Digest.of(Redacted.make(`${kind}\n${appId}\n${account}`))
            yield* take(key, limits.account)
            const result = yield* work
            // taken before the work, so that many at once are no way around it, and given back to who is in the right
            if (kind !== "email") yield* Effect.ignore(take(key, limits.account, -1))
            return result
          })
    })
  })

  static readonly layer = (input: Input = "standard"): Layer.Layer<RateLimits> =>
    input === "off"
      ? Layer.succeed(RateLimits, { limit: () => (work) => work })
      : Layer.effect(RateLimits, RateLimits.make(input)).pipe(
          Layer.provide(RateLimiter.layer),
          Layer.provide(layerStore)
        )
}

/** What a thousand clients of one machine do, a developer's test suite does from one address. */
const loopbackFactor = 1000

const refusal = (retryAfter: Duration.Duration): TooManyRequests => {
  const seconds = Math.max(1, Math.ceil(Duration.toSeconds(retryAfter)))
  return new TooManyRequests({
    ...body(`too many requests: try again in ${seconds} ${seconds === 1 ? "second" : "seconds"}`),
    retryAfter: seconds
  })
}

/** Who is at the other end of the connection: what a proxy says of somebody else, anybody could say. */
const peerOf = ({ remoteAddress }: HttpServerRequest.HttpServerRequest) => {
  const text = Option.getOrElse(remoteAddress, () => "").replace(/^::ffff:(?=\d+\.)/i, "")
  if (text === "") return undefined
  const address = Result.getOrUndefined(NetAddress.ipFromString(text.replace(/%.*$/, "")))
  if (address === undefined) return { network: text, loopback: false }
  const loopback = NetAddress.isLoopback(address)
  // whoever has one IPv6 address has its whole network
  return NetAddress.isIpv6Address(address) && !loopback
    ? { network: NetAddress.ipv6ToSegments(address).slice(0, 4).join(":"), loopback }
    : { network: text, loopback }
}

/** What the keys of addresses begin with, and the digests of accounts do not. */
const ofAddress = "address "

/** So many buckets of accounts, and as many of addresses, are remembered: about 10 MB each. */
const capacity = 50_000

/**
 * The memory store forgets nothing; this one drops the bucket that was not used for the longest time. Who has many
 * addresses cannot have what is known of accounts forgotten by that.
 */
const layerStore = Layer.effect(
  RateLimiter.RateLimiterStore,
  Effect.map(RateLimiter.RateLimiterStore, (memory) => {
    type Buckets = Map<string, { readonly tokens: number; readonly lastRefill: number }>
    const [accounts, addresses]: readonly [Buckets, Buckets] = [new Map(), new Map()]
    return RateLimiter.RateLimiterStore.of({
      ...memory,
      tokenBucket: ({ allowOverflow, key, limit, refillRate, tokens }) =>
        Effect.map(Clock.currentTimeMillis, (now) => {
          const buckets = key.startsWith(ofAddress) ? addresses : accounts
          const refillMillis = Duration.toMillis(refillRate)
          const found = buckets.get(key) ?? { tokens: limit, lastRefill: now }
          const refills = Math.max(0, Math.floor((now - found.lastRefill) / refillMillis))
          const before = Math.min(limit, found.tokens + refills)
          const lastRefill = before >= limit ? now : found.lastRefill + refills * refillMillis
          const remaining = Math.min(limit, before - tokens)
          const bucket = { tokens: allowOverflow || remaining >= 0 ? remaining : before, lastRefill }
          Lru.put(buckets, key, bucket, capacity)
          return [remaining, Math.max(0, now - lastRefill)] as const
        })
    })
  })
).pipe(Layer.provide(RateLimiter.layerStoreMemory))
