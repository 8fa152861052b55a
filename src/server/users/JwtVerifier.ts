/** Verifies the JSON Web Tokens of the provider `custom-token`, with configured or published keys. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Predicate from "effect/Predicate"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { CustomToken } from "../model/CustomToken.ts"
import { isCompact } from "./internal/compactToken.ts"
import type * as jose from "../model/internal/jose.ts"
import { KeysUnavailable, PublishedKeys } from "./PublishedKeys.ts"

/** The reason for rejecting a token. Contains no part of the token. */
export class JwtRejected extends Schema.TaggedError<JwtRejected>("effect-app-services/server/users/JwtRejected")(
  "JwtRejected",
  { message: Schema.String }
) {}

/** The subject of a token, and its profile data. */
export interface Subject {
  readonly id: string
  readonly data: Readonly<Record<string, unknown>>
}

/** The shape of {@link JwtVerifier}. */
export interface Service {
  /** `appId` is the default audience. */
  readonly verify: (
    provider: CustomToken,
    appId: string,
    token: Redacted.Redacted
  ) => Effect.Effect<Subject, JwtRejected | KeysUnavailable>
}

/** Verifies tokens. */
export class JwtVerifier extends Context.Service<JwtVerifier, Service>()(
  "effect-app-services/server/users/JwtVerifier"
) {
  /** Builds the service. */
  static readonly make: Effect.Effect<Service, never, PublishedKeys> = Effect.gen(function* () {
    const published = yield* PublishedKeys

    const outcomeOf = Effect.fnUntraced(function* (keys: CustomToken["keys"], token: string) {
      switch (keys._tag) {
        case "Broken":
          return yield* new KeysUnavailable({ message: keys.message })
        case "Fixed": {
          const now = yield* Clock.currentTimeMillis
          return yield* Effect.promise(() => keys.verify(token, now))
        }
        case "Published":
          return yield* published.verify(keys.url, token)
      }
    })

    return JwtVerifier.of({
      verify: Effect.fn("JwtVerifier.verify")(function* (provider, appId, token) {
        const text = Redacted.value(token)
        if (text.length > tokenLimit) return yield* rejected(`the token has more than ${tokenLimit} characters`)
        if (!isCompact(text)) return yield* rejected(refusals.malformed)
        const outcome = yield* outcomeOf(provider.keys, text)
        if (outcome._tag === "Refused") return yield* rejected(refusals[outcome.why])
        const { aud, sub } = outcome.claims
        if (typeof sub !== "string") return yield* rejected(refusals.claims)
        const wanted = provider.audience.length === 0 ? [appId] : provider.audience
        const meant = (audience: string) => aud === audience || (Array.isArray(aud) && aud.includes(audience))
        if (!(provider.requireAnyAudience ? wanted.some(meant) : wanted.every(meant))) {
          return yield* rejected("the token is meant for another audience")
        }
        const data: Array<[string, unknown]> = []
        for (const { fieldName, path, required } of provider.metadataFields) {
          const value = claimAt(outcome.claims, path)
          if (value === undefined || value === null) {
            if (required) return yield* rejected(`the token has no claim for "${fieldName}"`)
          } else if (lengthOf(value) > fieldLimit) {
            return yield* rejected(`the token's claim for "${fieldName}" has more than ${fieldLimit} characters`)
          } else data.push([fieldName, value])
        }
        return { id: sub, data: Object.fromEntries(data) }
      })
    })
  })

  static readonly layer: Layer.Layer<JwtVerifier, never, PublishedKeys> = Layer.effect(JwtVerifier, JwtVerifier.make)
}

const tokenLimit = 1_000_000
const fieldLimit = 4096

/** Why a token is rejected, for the operator. */
export const refusals: Record<jose.Why, string> = {
  malformed: "the token is malformed",
  header: "the token contains a key or the URL of one",
  algorithm: "the token's algorithm is not the configured one",
  "unknown key": "the token's key is not one of the issuer's keys",
  "unusable key": "the token's key cannot be used",
  signature: "the token's signature is invalid",
  claims: 'the token needs a string "sub" and a number "exp"',
  expired: "the token has expired",
  "not yet valid": "the token is not valid yet"
}

const rejected = (message: string) => new JwtRejected({ message })

const claimAt = (claims: unknown, path: ReadonlyArray<string>): unknown =>
  path.reduce<unknown>(
    (value, name) => (Predicate.isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined),
    claims
  )

const lengthOf = (value: unknown): number =>
  typeof value === "string" ? value.length : (JSON.stringify(value)?.length ?? 0)
