/** Facebook Login: access tokens, which the Graph API has to be asked about. */
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { createHmac } from "node:crypto"
import type { Field, OAuthProvider } from "../../model/OAuthProvider.ts"
import * as Payload from "../../model/Payload.ts"
import { type Adapter, OAuthError, type Person } from "./oauthAdapter.ts"
import * as OAuthRequest from "./oauthRequest.ts"

const decodePayload = Payload.decode(Schema.Struct({ accessToken: Schema.RedactedFromValue(Schema.String) }))

const Inspected = Schema.Struct({
  data: Schema.Struct({
    app_id: Schema.optionalKey(Schema.Union([Schema.String, Schema.Finite])),
    is_valid: Schema.optionalKey(Schema.Boolean),
    user_id: Schema.optionalKey(Schema.Union([Schema.String, Schema.Finite]))
  })
})
const decodeInspected = Schema.decodeUnknownEffect(Inspected)

const Optional = Schema.optionalKey(Schema.Unknown)
const fetchMe = OAuthRequest.fetch(
  Schema.Struct({
    id: Schema.String,
    email: Optional,
    name: Optional,
    first_name: Optional,
    last_name: Optional,
    gender: Optional,
    birthday: Optional,
    picture: Schema.optionalKey(Schema.Struct({ data: Schema.Struct({ url: Schema.String }) })),
    age_range: Schema.optionalKey(Schema.Struct({ min: Optional, max: Optional }))
  })
)

/** Makes the adapter. */
export const make = Effect.fnUntraced(function* (urls: { readonly dialog: string; readonly graph: string }) {
  const client = yield* HttpClient.HttpClient

  /** The person of an access token that was issued for this application. */
  const personOf = Effect.fnUntraced(function* (provider: OAuthProvider, token: Redacted.Redacted) {
    const secret = yield* OAuthRequest.secretOf(provider)
    const appId = provider.clientIds[0]
    const inspection = HttpClientRequest.setUrlParams(HttpClientRequest.get(`${urls.graph}/debug_token`), {
      input_token: token,
      access_token: Redacted.make(`${appId}|${Redacted.value(secret)}`)
    })
    const answer = yield* OAuthRequest.send(client, inspection)
    // a token that cannot be read, and a wrong client secret
    if (answer.status >= 300)
      return yield* rejected(`Facebook refused to inspect the token with status ${answer.status}`)
    const { data } = yield* Effect.mapError(decodeInspected(answer.json), () =>
      invalidAnswer("Facebook told nothing about the token")
    )
    if (data.is_valid !== true) return yield* rejected("the token is not valid, or has expired")
    // a token of another application proves that its user logged in there, and not here
    if (!provider.clientIds.includes(String(data.app_id))) return yield* rejected("the token is of another application")
    const me = yield* fetchMe(
      client,
      HttpClientRequest.setUrlParams(HttpClientRequest.get(`${urls.graph}/me`), {
        fields: graphFieldsOf(provider).join(","),
        access_token: token,
        appsecret_proof: Redacted.make(
          createHmac("sha256", Redacted.value(secret)).update(Redacted.value(token)).digest("hex")
        )
      })
    )
    if (me.id === "" || me.id !== String(data.user_id))
      return yield* invalidAnswer("Facebook told two users of one token")
    const { age_range, id, picture, ...fields } = me
    const person: Person = {
      id,
      // Facebook tells verified addresses only
      emailVerified: true,
      fields: { ...fields, picture: picture?.data.url, min_age: age_range?.min, max_age: age_range?.max }
    }
    return person
  })

  const adapter: Adapter = {
    postsForm: false,
    identify: Effect.fn("Facebook.identify")(function* (provider, payload) {
      const { accessToken } = yield* decodePayload(payload)
      return yield* personOf(provider, accessToken)
    }),
    consentUrl: Effect.fn("Facebook.consentUrl")(function* (provider, { callback, state }) {
      yield* OAuthRequest.secretOf(provider)
      const url = new URL(`${urls.dialog}/dialog/oauth`)
      const parameters = {
        response_type: "code",
        client_id: provider.clientIds[0],
        redirect_uri: callback,
        scope: scopesOf(provider).join(","),
        state: Redacted.value(state)
      }
      for (const [name, value] of Object.entries(parameters)) url.searchParams.set(name, value)
      return url.href
    }),
    redeem: Effect.fn("Facebook.redeem")(function* (provider, answer, { callback }) {
      if (answer.issuer !== undefined) return yield* rejected("the answer is of another issuer than the request")
      const secret = yield* OAuthRequest.secretOf(provider)
      const { access_token } = yield* OAuthRequest.exchange(
        client,
        `${urls.graph}/oauth/access_token`,
        provider,
        secret,
        { code: answer.code, redirect_uri: callback }
      ).pipe(Effect.catchTag("CodeRejected", (error) => Effect.fail(OAuthRequest.codeRejected(error))))
      return yield* personOf(provider, access_token)
    })
  }
  return adapter
})

const rejected = (message: string) => new OAuthError({ reason: "Rejected", message })
const invalidAnswer = (message: string) => new OAuthError({ reason: "InvalidAnswer", message })

/** The names of fields that the Graph API calls otherwise. */
const renamed: { readonly [Name in Field]?: string } = { min_age: "age_range", max_age: "age_range" }

/** The fields to ask for. The address is needed for restrictions to domains. */
const graphFieldsOf = ({ domains, metadataFields }: OAuthProvider): ReadonlyArray<string> => [
  ...new Set([
    "id",
    ...(domains.size === 0 ? [] : ["email"]),
    ...metadataFields.map(({ name }) => renamed[name] ?? name)
  ])
]

/** The permissions that fields need, beyond those of every login. */
const permissions: { readonly [Name in Field]?: string } = {
  gender: "user_gender",
  birthday: "user_birthday",
  min_age: "user_age_range",
  max_age: "user_age_range"
}

const scopesOf = ({ metadataFields }: OAuthProvider): ReadonlyArray<string> => [
  ...new Set(["email", "public_profile", ...metadataFields.flatMap(({ name }) => permissions[name] ?? [])])
]
