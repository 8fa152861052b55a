/** OpenID Connect, as Google and Apple have it. */
import * as Cache from "effect/Cache"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import { BadRequest, body } from "../../model/ApiErrors.ts"
import type { OAuthProvider } from "../../model/OAuthProvider.ts"
import { refusals } from "../JwtVerifier.ts"
import { isSafe } from "../OAuthIssuers.ts"
import { PublishedKeys } from "../PublishedKeys.ts"
import { isCompact } from "./compactToken.ts"
import { type Adapter, type Flow, OAuthError, type Person } from "./oauthAdapter.ts"
import * as OAuthRequest from "./oauthRequest.ts"

/** How an issuer differs from others. */
export interface Settings {
  readonly issuer: string
  /** Further spellings of the issuer in id tokens. */
  readonly alsoKnownAs?: string
  readonly scope: string
  /** Whether the issuer answers by a form that the browser posts. */
  readonly postsForm: boolean
  /** The redirect URIs with which codes in the body of a login may have been requested; undefined if there are none. */
  readonly codesOf?: ReadonlyArray<string>
  readonly fieldsOf: (claims: Readonly<Record<string, unknown>>) => Person["fields"]
}

const Discovery = Schema.Struct({
  issuer: Schema.String,
  authorization_endpoint: Schema.String,
  token_endpoint: Schema.String,
  jwks_uri: Schema.String,
  userinfo_endpoint: Schema.optionalKey(Schema.String),
  code_challenge_methods_supported: Schema.optionalKey(Schema.Array(Schema.String)),
  authorization_response_iss_parameter_supported: Schema.optionalKey(Schema.Boolean)
})

const fetchDiscovery = OAuthRequest.fetch(Discovery)
const fetchClaims = OAuthRequest.fetch(Schema.Record(Schema.String, Schema.Unknown))

/** Makes the adapter of an issuer. */
export const make = Effect.fnUntraced(function* (settings: Settings) {
  const client = yield* HttpClient.HttpClient
  const keys = yield* PublishedKeys
  const { issuer, postsForm, scope } = settings

  const discover = Effect.fn("OpenId.discover")(function* (url: string) {
    const found = yield* fetchDiscovery(client, HttpClientRequest.get(`${url}/.well-known/openid-configuration`))
    const { authorization_endpoint, jwks_uri, token_endpoint, userinfo_endpoint } = found
    const endpoints = [authorization_endpoint, jwks_uri, token_endpoint, userinfo_endpoint ?? token_endpoint]
    const secure = url.startsWith("https:")
    if (found.issuer !== url || !endpoints.every((it) => (secure ? it.startsWith("https://") : isSafe(it)))) {
      return yield* invalidAnswer(`the configuration of ${url} is of another issuer, or has insecure endpoints`)
    }
    return found
  })
  const configurations = yield* Cache.makeWith(discover, {
    capacity: 1,
    timeToLive: (exit) => (Exit.isSuccess(exit) ? Duration.hours(1) : Duration.zero)
  })
  const configuration = Cache.get(configurations, issuer)

  const personOf = (claims: Readonly<Record<string, unknown>>) => {
    const { email_verified, sub } = claims
    return typeof sub === "string" && sub !== ""
      ? Effect.succeed<Person>({
          id: sub,
          // Apple writes it as a string
          emailVerified: email_verified === true || email_verified === "true",
          fields: settings.fieldsOf(claims)
        })
      : Effect.fail(invalidAnswer(`${issuer} told no "sub" of the user`))
  }

  /** The person of an id token: signed by the issuer, for the application, and for this flow if there is one. */
  const verify = Effect.fnUntraced(function* (provider: OAuthProvider, token: Redacted.Redacted, flow?: Flow) {
    const text = Redacted.value(token)
    if (!isCompact(text)) return yield* rejected(refusals.malformed)
    const { jwks_uri } = yield* configuration
    const outcome = yield* Effect.mapError(
      keys.verify(jwks_uri, text, clockTolerance),
      ({ message }) => new OAuthError({ reason: "Unavailable", message })
    )
    if (outcome._tag === "Refused") return yield* rejected(refusals[outcome.why])
    const { aud, iss, nonce } = outcome.claims
    if (iss !== issuer && (settings.alsoKnownAs === undefined || iss !== settings.alsoKnownAs)) {
      return yield* rejected("the token is of another issuer")
    }
    const audience: ReadonlyArray<unknown> = Array.isArray(aud) ? aud : [aud]
    if (audience.length === 0 || !audience.every((it) => provider.clientIds.some((id) => id === it))) {
      return yield* rejected("the token is meant for another application")
    }
    if (flow !== undefined && nonce !== Redacted.value(flow.nonce)) {
      return yield* rejected("the token is of another login")
    }
    return yield* personOf(outcome.claims)
  })

  const exchange = Effect.fnUntraced(function* (provider: OAuthProvider, code: Redacted.Redacted, redirect: string) {
    const { token_endpoint } = yield* configuration
    const secret = yield* OAuthRequest.secretOf(provider)
    return yield* OAuthRequest.exchange(client, token_endpoint, provider, secret, { code, redirect_uri: redirect })
  })

  /** The tokens for a code of a login's body, which does not say what redirect URI the code was requested with. */
  const exchangeAny = (provider: OAuthProvider, code: Redacted.Redacted, redirects: ReadonlyArray<string>) =>
    redirects
      .slice(1)
      .reduce(
        (tried, redirect) =>
          Effect.catchTag(tried, "CodeRejected", (error) =>
            error.why === "redirect_uri_mismatch" ? exchange(provider, code, redirect) : Effect.fail(error)
          ),
        exchange(provider, code, redirects[0] ?? "")
      )
      .pipe(Effect.catchTag("CodeRejected", (error) => Effect.fail(OAuthRequest.codeRejected(error))))

  /** The person of the tokens for a code that the issuer exchanged for this application. */
  const personOfTokens = Effect.fnUntraced(function* (provider: OAuthProvider, tokens: OAuthRequest.Tokens) {
    if (tokens.id_token !== undefined) return yield* verify(provider, tokens.id_token)
    const { userinfo_endpoint } = yield* configuration
    if (userinfo_endpoint === undefined) return yield* invalidAnswer(`${issuer} sent no id token`)
    const request = HttpClientRequest.bearerToken(HttpClientRequest.get(userinfo_endpoint), tokens.access_token)
    return yield* Effect.flatMap(fetchClaims(client, request), personOf)
  })

  const adapter: Adapter = {
    postsForm,
    identify: Effect.fn("OpenId.identify")(function* (provider, payload) {
      const { authCode, id_token: idToken } = payload
      const redirects = settings.codesOf
      const names = redirects === undefined ? ["id_token"] : ["authCode", "id_token"]
      const sent = names.filter((name) => payload[name] !== undefined && payload[name] !== null)
      if (sent.length === 1 && typeof idToken === "string") return yield* verify(provider, Redacted.make(idToken))
      if (sent.length === 1 && redirects !== undefined && typeof authCode === "string") {
        return yield* personOfTokens(provider, yield* exchangeAny(provider, Redacted.make(authCode), redirects))
      }
      return yield* new BadRequest(
        body(
          sent.length > 1
            ? "'authCode' and 'id_token' exclude each other: send one of them"
            : `'${names.join("' or '")}' is a required string`,
          sent.length > 1 ? "InvalidParameter" : "MissingParameter"
        )
      )
    }),
    consentUrl: Effect.fn("OpenId.consentUrl")(function* (provider, { callback, nonce, state, verifier }) {
      yield* OAuthRequest.secretOf(provider)
      const { authorization_endpoint, code_challenge_methods_supported } = yield* configuration
      const url = new URL(authorization_endpoint)
      const parameters = {
        response_type: "code",
        client_id: provider.clientIds[0],
        redirect_uri: callback,
        scope,
        state: Redacted.value(state),
        nonce: Redacted.value(nonce),
        ...(postsForm && { response_mode: "form_post" }),
        ...(code_challenge_methods_supported?.includes("S256") === true && {
          code_challenge: challengeOf(verifier),
          code_challenge_method: "S256"
        })
      }
      for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
      return url.href
    }),
    redeem: Effect.fn("OpenId.redeem")(function* (provider, answer, flow) {
      const { authorization_response_iss_parameter_supported, code_challenge_methods_supported, token_endpoint } =
        yield* configuration
      // a code of another issuer must not be sent to this one (RFC 9207)
      if (
        answer.issuer === undefined ? authorization_response_iss_parameter_supported === true : answer.issuer !== issuer
      ) {
        return yield* rejected("the answer is of another issuer than the request")
      }
      const secret = yield* OAuthRequest.secretOf(provider)
      const tokens = yield* OAuthRequest.exchange(client, token_endpoint, provider, secret, {
        code: answer.code,
        redirect_uri: flow.callback,
        ...(code_challenge_methods_supported?.includes("S256") === true && { code_verifier: flow.verifier })
      }).pipe(Effect.catchTag("CodeRejected", (error) => Effect.fail(OAuthRequest.codeRejected(error))))
      if (tokens.id_token === undefined) return yield* invalidAnswer(`${issuer} sent no id token`)
      return yield* verify(provider, tokens.id_token, flow)
    })
  }
  return adapter
})

/** How far the clock of an issuer may differ from the server's, in seconds. */
const clockTolerance = 60

const rejected = (message: string) => new OAuthError({ reason: "Rejected", message })
const invalidAnswer = (message: string) => new OAuthError({ reason: "InvalidAnswer", message })

const challengeOf = (verifier: Redacted.Redacted) =>
  createHash("sha256").update(Redacted.value(verifier)).digest("base64url")

/** Google. */
export const google = (issuer: string): Settings => ({
  issuer,
  ...(issuer === "https://accounts.google.com" && { alsoKnownAs: "accounts.google.com" }),
  scope: "openid email profile",
  postsForm: false,
  // of its JavaScript library with a pop-up, and of its mobile libraries
  codesOf: ["postmessage", ""],
  fieldsOf: ({ birthdate, email, family_name, gender, given_name, name, picture }) => ({
    email,
    name,
    first_name: given_name,
    last_name: family_name,
    picture,
    gender,
    birthday: birthdate
  })
})

/** Apple: it tells the e-mail address only. */
export const apple = (issuer: string): Settings => ({
  issuer,
  scope: "openid email name",
  postsForm: true,
  fieldsOf: ({ email }) => ({ email })
})
