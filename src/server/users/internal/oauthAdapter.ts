/** What the OAuth providers have in common: how a user is recognised, and why not. */
import type * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import type { BadRequest } from "../../model/ApiErrors.ts"
import type { Field, OAuthProvider } from "../../model/OAuthProvider.ts"

/**
 * Why a login with an OAuth provider failed. The message is for the operator, and contains no token, code or secret.
 *
 * - `Rejected`: the credentials, or the answer of the browser, are not acceptable
 * - `CodeRejected`: the provider does not accept the authorization code, or the application
 * - `DomainNotAllowed`: the domain of the e-mail address is not one of those that may log in
 * - `Unavailable`: the provider did not answer; it can be tried again
 * - `InvalidAnswer`: the provider answered with something that is not of the protocol
 */
export class OAuthError extends Schema.TaggedError<OAuthError>("effect-app-services/server/users/OAuthError")(
  "OAuthError",
  {
    reason: Schema.Literals(["Rejected", "CodeRejected", "DomainNotAllowed", "Unavailable", "InvalidAnswer"]),
    message: Schema.String
  }
) {}

/** An account at a provider. */
export interface Person {
  /** The provider's id of the account. */
  readonly id: string
  /** Whether the provider has verified that the e-mail address is the user's. */
  readonly emailVerified: boolean
  readonly fields: { readonly [Name in Field]?: unknown }
}

/** What binds the answer of a provider to the request of a login by redirect. */
export interface Flow {
  /** The URL of this server that the provider answers to. */
  readonly callback: string
  readonly state: Redacted.Redacted
  readonly nonce: Redacted.Redacted
  /** The secret of which the request has the digest (PKCE). */
  readonly verifier: Redacted.Redacted
}

/** A provider's own way. */
export interface Adapter {
  /** Verifies the credentials in the body of a login. */
  readonly identify: (
    provider: OAuthProvider,
    payload: Readonly<Record<string, unknown>>
  ) => Effect.Effect<Person, OAuthError | BadRequest>
  /** The page on which the user logs in at the provider. */
  readonly consentUrl: (provider: OAuthProvider, flow: Flow) => Effect.Effect<string, OAuthError>
  /** Exchanges the code of a login by redirect. `issuer` is the one that the answer names. */
  readonly redeem: (
    provider: OAuthProvider,
    answer: { readonly code: Redacted.Redacted; readonly issuer: string | undefined },
    flow: Flow
  ) => Effect.Effect<Person, OAuthError>
  /** Whether the provider answers by a form that the browser posts. */
  readonly postsForm: boolean
}
