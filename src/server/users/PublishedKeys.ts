/** Verifies JSON Web Tokens with the keys that their issuer publishes. */
import * as Cache from "effect/Cache"
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as jose from "../model/internal/jose.ts"
import * as Remote from "./internal/remote.ts"

/** The issuer's keys could not be fetched. The URL is for the operator only. */
export class KeysUnavailable extends Schema.TaggedError<KeysUnavailable>(
  "effect-app-services/server/users/KeysUnavailable"
)("KeysUnavailable", { message: Schema.String, url: Schema.optionalKey(Schema.String) }) {}

/** The shape of {@link PublishedKeys}. */
export interface Service {
  /**
   * Verifies a token, signed with RS256, with the JSON Web Key Set at a URL. The clock of the issuer may differ by
   * `toleranceSeconds`.
   */
  readonly verify: (
    url: string,
    token: string,
    toleranceSeconds?: number
  ) => Effect.Effect<jose.Outcome, KeysUnavailable>
}

/** Fetches and caches the keys of issuers. */
export class PublishedKeys extends Context.Service<PublishedKeys, Service>()(
  "effect-app-services/server/users/PublishedKeys"
) {
  /** Builds the service. */
  static readonly make: Effect.Effect<Service, never, HttpClient.HttpClient> = Effect.gen(function* () {
    const client = yield* HttpClient.HttpClient

    const fetchKeys = Effect.fn("PublishedKeys.fetch")(function* (url: string) {
      const unavailable = (why: string) =>
        new KeysUnavailable({ message: `the issuer's keys cannot be fetched: ${why}`, url })
      const answer = yield* Effect.mapError(Remote.json(client, HttpClientRequest.get(url)), ({ message }) =>
        unavailable(message)
      )
      if (answer.status >= 300) return yield* unavailable(`status ${answer.status}`)
      const verify = jose.byKeySet(answer.json)
      if (verify === undefined) return yield* unavailable("the answer is not a JSON Web Key Set")
      return { verify, fetchedAt: yield* Clock.currentTimeMillis }
    })

    // concurrent callers share a fetch, and its failure
    const keySets = yield* Cache.makeWith(fetchKeys, {
      capacity: mostIssuers,
      timeToLive: (exit) => (Exit.isSuccess(exit) ? keysLifetime : Duration.zero)
    })

    return PublishedKeys.of({
      verify: Effect.fn("PublishedKeys.verify")(function* (url, token, toleranceSeconds = 0) {
        const now = yield* Clock.currentTimeMillis
        const check = ({ verify }: KeySet) => Effect.promise(() => verify(toleranceSeconds)(token, now))
        const keySet = yield* Cache.get(keySets, url)
        const outcome = yield* check(keySet)
        if (outcome._tag === "Verified" || outcome.why !== "unknown key") return outcome
        if (now - keySet.fetchedAt < refetchAfter) return outcome
        yield* Cache.invalidateWhen(keySets, url, (cached) => cached === keySet)
        return yield* check(yield* Cache.get(keySets, url))
      })
    })
  })

  static readonly layer: Layer.Layer<PublishedKeys, never, HttpClient.HttpClient> = Layer.effect(
    PublishedKeys,
    PublishedKeys.make
  )
}

interface KeySet {
  readonly verify: (toleranceSeconds: number) => jose.Verify
  readonly fetchedAt: number
}

const mostIssuers = 1000
/** How long fetched keys are used. A withdrawn key is rejected after that. */
const keysLifetime = Duration.minutes(10)
/** A token with an unknown key causes a new fetch, at most once in this time. */
const refetchAfter = Duration.toMillis("30 seconds")
