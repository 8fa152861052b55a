/**
 * The token buckets of rate limits. Servers that share users share their buckets too (`server/mongodb/internal/buckets`); the
 * implementation here is for one process, in memory.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Lru from "../../core/lru.ts"
import type { DatabaseError } from "../data/DatabaseError.ts"

/** Tokens to be taken from a bucket. A refused attempt takes none, and a negative number gives back. */
export interface Take {
  /** Accounts and addresses have separate memory, so that a client with many addresses cannot evict those of accounts. */
  readonly of: "account" | "address"
  readonly key: string
  readonly tokens: number
  /** The capacity of the bucket. */
  readonly limit: number
  /** The time in which a bucket gets one token, in milliseconds. */
  readonly refillMillis: number
}

/** The tokens that remain, negative if there were too few, and the time since the last refill in milliseconds. */
export type Taken = readonly [remaining: number, elapsedMillis: number]

/** The shape of {@link RateBuckets}. */
export interface Service {
  /** Takes tokens, in one atomic step. */
  readonly take: (take: Take) => Effect.Effect<Taken, DatabaseError>
}

/** The most buckets of accounts, and of addresses: about 10 MB each. */
const capacity = 50_000

type Buckets = Map<string, { readonly tokens: number; readonly lastRefill: number }>

const makeMemory = (): Service => {
  const memory: Readonly<Record<Take["of"], Buckets>> = { account: new Map(), address: new Map() }
  return {
    take: ({ key, limit, of, refillMillis, tokens }) =>
      Effect.map(Clock.currentTimeMillis, (now): Taken => {
        const buckets = memory[of]
        const found = buckets.get(key) ?? { tokens: limit, lastRefill: now }
        const refills = Math.max(0, Math.floor((now - found.lastRefill) / refillMillis))
        const before = Math.min(limit, found.tokens + refills)
        const lastRefill = before >= limit ? now : found.lastRefill + refills * refillMillis
        const remaining = Math.min(limit, before - tokens)
        Lru.put(buckets, key, { tokens: remaining >= 0 ? remaining : before, lastRefill }, capacity)
        return [remaining, Math.max(0, now - lastRefill)]
      })
  }
}

/** The token buckets of a server, or of several. */
export class RateBuckets extends Context.Service<RateBuckets, Service>()(
  "effect-app-services/server/model/RateBuckets"
) {
  /** Keeps the buckets that were used last in memory. */
  static readonly layerMemory: Layer.Layer<RateBuckets> = Layer.sync(RateBuckets, makeMemory)
}
