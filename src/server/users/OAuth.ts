/** Logins with accounts at Google, Facebook and Apple: verifies them, and reads what the application stores of them. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import * as Layer from "effect/Layer"
import type * as Redacted from "effect/Redacted"
import type { BadRequest } from "../model/ApiErrors.ts"
import type { OAuthProvider, OAuthType } from "../model/OAuthProvider.ts"
import * as Facebook from "./internal/facebook.ts"
import { type Adapter, type Flow, OAuthError, type Person } from "./internal/oauthAdapter.ts"
import * as OpenId from "./internal/openId.ts"
import { OAuthIssuers } from "./OAuthIssuers.ts"
import type { PublishedKeys } from "./PublishedKeys.ts"

export { type Flow, OAuthError } from "./internal/oauthAdapter.ts"

/** A verified account: the id at the provider, and what becomes part of the user's profile. */
export interface Account {
  readonly id: string
  readonly data: Readonly<Record<string, unknown>>
}

/** The shape of {@link OAuth}. */
export interface Service {
  /** Verifies the credentials in the body of a login. */
  readonly identify: (
    provider: OAuthProvider,
    payload: Readonly<Record<string, unknown>>
  ) => Effect.Effect<Account, OAuthError | BadRequest>
  /** The page on which the user logs in at the provider. */
  readonly consentUrl: Adapter["consentUrl"]
  /** Exchanges the code of a login by redirect. `issuer` is the one that the answer names. */
  readonly redeem: (
    provider: OAuthProvider,
    answer: { readonly code: Redacted.Redacted; readonly issuer: string | undefined },
    flow: Flow
  ) => Effect.Effect<Account, OAuthError>
  /** Whether the provider answers by a form that the browser posts. */
  readonly postsForm: (type: OAuthType) => boolean
}

/** Verifies accounts at OAuth providers. */
export class OAuth extends Context.Service<OAuth, Service>()("effect-app-services/server/users/OAuth") {
  /** Builds the service. */
  static readonly make: Effect.Effect<Service, never, HttpClient.HttpClient | PublishedKeys> = Effect.gen(function* () {
    const issuers = yield* OAuthIssuers
    const adapters: Readonly<Record<OAuthType, Adapter>> = {
      "oauth2-google": yield* OpenId.make(OpenId.google(issuers.google)),
      "oauth2-facebook": yield* Facebook.make(issuers.facebook),
      "oauth2-apple": yield* OpenId.make(OpenId.apple(issuers.apple))
    }
    return OAuth.of({
      identify: (provider, payload) =>
        Effect.flatMap(adapters[provider.type].identify(provider, payload), (person) => accountOf(provider, person)),
      consentUrl: (provider, flow) => adapters[provider.type].consentUrl(provider, flow),
      redeem: (provider, answer, flow) =>
        Effect.flatMap(adapters[provider.type].redeem(provider, answer, flow), (person) => accountOf(provider, person)),
      postsForm: (type) => adapters[type].postsForm
    })
  })

  static readonly layer: Layer.Layer<OAuth, never, HttpClient.HttpClient | PublishedKeys> = Layer.effect(
    OAuth,
    OAuth.make
  )
}

/** The most characters of a field. */
const fieldLimit = 4096

const isStorable = (value: unknown): boolean =>
  typeof value === "string" ? value !== "" && value.length <= fieldLimit : Number.isFinite(value)

/** What the application stores of a person, if the person may log in. */
const accountOf = Effect.fnUntraced(function* (provider: OAuthProvider, { emailVerified, fields, id }: Person) {
  const { email } = fields
  if (provider.domains.size > 0) {
    const domain = typeof email === "string" ? email.slice(email.lastIndexOf("@") + 1).toLowerCase() : ""
    if (!emailVerified || !provider.domains.has(domain)) {
      return yield* new OAuthError({
        reason: "DomainNotAllowed",
        message: "the e-mail address is not verified, or its domain is not one that may log in"
      })
    }
  }
  const data: Record<string, unknown> = {}
  for (const { name, required } of provider.metadataFields) {
    if (isStorable(fields[name])) data[name] = fields[name]
    else if (required) {
      return yield* new OAuthError({ reason: "Rejected", message: `the provider told no "${name}" of the user` })
    }
  }
  return { id, data }
})
