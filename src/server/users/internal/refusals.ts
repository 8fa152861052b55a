/** What clients are told about rejected logins. The reasons are only logged, because an attacker should not learn them. */
import * as Effect from "effect/Effect"
import { body, ServiceUnavailable, Unauthorized } from "../../model/ApiErrors.ts"
import * as CurrentRequest from "../../model/CurrentRequest.ts"
import type { OAuthType } from "../../model/OAuthProvider.ts"
import type { JwtRejected } from "../JwtVerifier.ts"
import type { KeysUnavailable } from "../PublishedKeys.ts"
import type { OAuthError } from "./oauthAdapter.ts"

/** The error that clients expect for wrong credentials. */
export const unauthorized = new Unauthorized(body("unauthorized", "AuthError"))

/** Not a 401: the credentials may be right, and a later attempt may succeed. */
const unavailable = new ServiceUnavailable(
  body("the identity provider does not respond as expected at the moment: try again later")
)

const codeRejected = new Unauthorized(body("error exchanging access code with OAuth2 provider", "AuthError"))

const domainNotAllowed = new Unauthorized(body("the domain of the e-mail address is not allowed", "DomainNotAllowed"))

type Refusal = Effect.Effect<never, Unauthorized | ServiceUnavailable>

/** Logs a reason, and fails with what the client is told. */
const refuse = (
  log: Effect.Effect<void>,
  annotations: Readonly<Record<string, string>>,
  told: Unauthorized | ServiceUnavailable
): Refusal => Effect.andThen(CurrentRequest.annotated(Effect.annotateLogs(log, annotations)), Effect.fail(told))

/** The failure of a login with a custom token. */
export const ofCustomToken = (app: string, error: JwtRejected | KeysUnavailable): Refusal => {
  if (error._tag === "JwtRejected") {
    return refuse(Effect.logInfo(`custom-token: rejected a login: ${error.message}`), { app }, unauthorized)
  }
  const { message, url } = error
  const log = Effect.logWarning(`custom-token: ${message}`)
  // keys without a URL are configured ones, and a later attempt cannot succeed
  return url === undefined ? refuse(log, { app }, unauthorized) : refuse(log, { app, url }, unavailable)
}

/** The failure of a login with an OAuth provider. */
export const ofOAuth = (app: string, type: OAuthType, { message, reason }: OAuthError): Refusal => {
  const rejected = Effect.logInfo(`${type}: rejected a login: ${message}`)
  switch (reason) {
    case "Rejected":
      return refuse(rejected, { app }, unauthorized)
    case "CodeRejected":
      return refuse(rejected, { app }, codeRejected)
    case "DomainNotAllowed":
      return refuse(rejected, { app }, domainNotAllowed)
    case "Unavailable":
    case "InvalidAnswer":
      return refuse(Effect.logWarning(`${type}: ${message}`), { app }, unavailable)
  }
}
