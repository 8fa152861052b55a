/** Requests to OAuth providers. */
import * as Effect from "effect/Effect"
import * as FetchHttpClient from "effect/http/FetchHttpClient"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import type * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { type OAuthProvider } from "../../model/OAuthProvider.ts"
import { OAuthError } from "./oauthAdapter.ts"
import * as Remote from "./remote.ts"

/**
 * Sends a request. `Unavailable` if the provider does not answer or is overloaded. Redirects are not followed, because
 * requests contain secrets.
 */
export const send = (
  client: HttpClient.HttpClient,
  request: HttpClientRequest.HttpClientRequest
): Effect.Effect<Remote.Answer, OAuthError> =>
  Remote.json(client, request).pipe(
    Effect.provideService(FetchHttpClient.RequestInit, { redirect: "manual" }),
    Effect.provideService(HttpClient.TracerPropagationEnabled, false),
    Effect.mapError(
      ({ away, message }) =>
        new OAuthError({ reason: away ? "Unavailable" : "InvalidAnswer", message: of(message, request) })
    ),
    Effect.flatMap((answer) =>
      answer.status >= 500 || answer.status === 429
        ? Effect.fail(new OAuthError({ reason: "Unavailable", message: of(`status ${answer.status}`, request) }))
        : Effect.succeed(answer)
    )
  )

/** The request without its query, which may contain secrets. */
const of = (message: string, { url }: HttpClientRequest.HttpClientRequest) => `${url.split("?")[0]}: ${message}`

/** Sends a request, and decodes an answer with a status of success. Any other status is an `InvalidAnswer`. */
export const fetch = <A, I>(schema: Schema.Codec<A, I>) => {
  const decode = Schema.decodeUnknownEffect(schema)
  return Effect.fnUntraced(function* (client: HttpClient.HttpClient, request: HttpClientRequest.HttpClientRequest) {
    const { json, status } = yield* send(client, request)
    const invalid = (message: string) => new OAuthError({ reason: "InvalidAnswer", message: of(message, request) })
    if (status >= 300) return yield* invalid(`status ${status}`)
    return yield* Effect.mapError(decode(json), () => invalid("the answer has not the documented form"))
  })
}

const TokenAnswer = Schema.Struct({
  access_token: Schema.RedactedFromValue(Schema.String),
  id_token: Schema.optionalKey(Schema.RedactedFromValue(Schema.String))
})

/** The tokens for an authorization code. */
export type Tokens = typeof TokenAnswer.Type

const decodeTokens = Schema.decodeUnknownEffect(TokenAnswer)
const decodeProblem = Schema.decodeUnknownOption(Schema.Struct({ error: Schema.String }))

/** Exchanges an authorization code. */
export const exchange = Effect.fnUntraced(function* (
  client: HttpClient.HttpClient,
  url: string,
  { clientIds, type }: OAuthProvider,
  clientSecret: Redacted.Redacted,
  parameters: {
    readonly code: Redacted.Redacted
    readonly redirect_uri: string
    readonly code_verifier?: Redacted.Redacted
  }
) {
  const request = HttpClientRequest.bodyUrlParams(HttpClientRequest.post(url), {
    grant_type: "authorization_code",
    client_id: clientIds[0],
    client_secret: clientSecret,
    ...parameters
  })
  const { json, status } = yield* send(client, request)
  if (status >= 300) {
    const problem = decodeProblem(json)
    // such as invalid_grant; a text of another form might repeat the code
    const why = problem._tag === "Some" && /^[a-z_]{1,40}$/.test(problem.value.error) ? problem.value.error : undefined
    return yield* new CodeRejected({
      why,
      message: `${type} rejected a code with status ${status}: ${why ?? "unknown"}`
    })
  }
  return yield* Effect.mapError(
    decodeTokens(json),
    () => new OAuthError({ reason: "InvalidAnswer", message: of("the answer has no access token", request) })
  )
})

/** The provider does not exchange a code. `why` is the error code of OAuth 2.0. */
export class CodeRejected extends Schema.TaggedError<CodeRejected>("effect-app-services/server/users/CodeRejected")(
  "CodeRejected",
  { why: Schema.UndefinedOr(Schema.String), message: Schema.String }
) {}

/** Makes a rejected code the failure of the login. */
export const codeRejected = ({ message }: CodeRejected): OAuthError =>
  new OAuthError({ reason: "CodeRejected", message })

/** The client secret, without which codes cannot be exchanged. */
export const secretOf = ({ clientSecret, type }: OAuthProvider): Effect.Effect<Redacted.Redacted, OAuthError> =>
  clientSecret === undefined
    ? Effect.fail(new OAuthError({ reason: "CodeRejected", message: `${type} has no client secret` }))
    : Effect.succeed(clientSecret)
