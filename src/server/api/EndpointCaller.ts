/**
 * The caller of an endpoint whose function runs as its caller: a user with an access token, or with credentials in
 * the headers or in a JSON body.
 */
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import { Database } from "../data/Database.ts"
import { FunctionRuntime } from "../functions/FunctionRuntime.ts"
import { BadRequest, body, Unauthorized } from "../model/ApiErrors.ts"
import type { HostedApp } from "../model/Apps.ts"
import * as CurrentRequest from "../model/CurrentRequest.ts"
import type { Endpoint } from "../model/Endpoint.ts"
import { type FunctionRequest, type FunctionUser, systemUser } from "../model/FunctionContext.ts"
import { Logins } from "../users/Logins.ts"
import type { User } from "../users/UserStore.ts"
import * as UserData from "../users/UserData.ts"
import { authenticator, ofApp, tokenOf } from "./Authorization.ts"
import { emailAccount, RateLimits } from "./RateLimits.ts"

/** A request whose sender is asked for. */
export interface Asked {
  readonly endpoint: Pick<Endpoint, "createsUsers" | "fetchesCustomData">
  readonly hosted: HostedApp
  readonly request: HttpServerRequest.HttpServerRequest
  /** The request as functions see it. */
  readonly seen: FunctionRequest
  readonly bytes: Uint8Array
}

interface Credentials {
  readonly provider: "local-userpass" | "api-key" | "custom-token"
  readonly payload: Readonly<Record<string, unknown>>
  /** The account that failed attempts are counted against. */
  readonly account: string | undefined
}

type Find = (name: string) => unknown

const isText = (u: unknown): u is string => typeof u === "string" && u !== ""

/** Names of the credentials, in headers and in a body. */
const names = ["email", "password", "apiKey", "api-key", "jwtTokenString"] as const

/** Whether a body's field is meant as a credential. */
export const isCredential = (name: string): boolean => names.some((it) => it === name)

/** The user of requests that run under another identity than their sender's. */
export const anyone: FunctionUser = { id: "", type: "normal", data: {}, customData: {}, identities: [] }

const incomplete = new BadRequest(
  body(
    "must specify some form of authentication (either email+password, api-key, or jwt) in the request header or body",
    "MissingParameter"
  )
)

const missing = new BadRequest(body("no authentication methods were specified", "InvalidParameter"))

const unknownUser = new Unauthorized(body("invalid session: error finding user for endpoint", "InvalidSession"))

const credentialsOf = (find: Find): Credentials | undefined => {
  const [email, password, key, olderKey, token] = names.map(find)
  if (isText(email) && isText(password)) {
    return { provider: "local-userpass", payload: { username: email, password }, account: emailAccount(email) }
  }
  const apiKey = isText(key) ? key : olderKey
  if (isText(apiKey)) return { provider: "api-key", payload: { key: apiKey }, account: `api-key ${apiKey}` }
  return isText(token) ? { provider: "custom-token", payload: { token }, account: `custom-token ${token}` } : undefined
}

const hasAny = (find: Find): boolean => names.some((name) => isText(find(name)))

/** The values of a body that is a JSON object. */
const bodyOf = (bytes: Uint8Array): Find => {
  const json = Result.try((): unknown => JSON.parse(new TextDecoder().decode(bytes)))
  const fields = Result.isSuccess(json) && Predicate.isObject(json.success) ? json.success : {}
  return (name) => (Object.hasOwn(fields, name) ? Reflect.get(fields, name) : undefined)
}

const given = ({ bytes, request }: Asked): Effect.Effect<Credentials, BadRequest> => {
  const ofHeaders: Find = (name) => request.headers[name.toLowerCase()]
  const ofBody = bodyOf(bytes)
  const inHeaders = hasAny(ofHeaders)
  if (inHeaders && hasAny(ofBody)) {
    return Effect.fail(
      new BadRequest(body("credentials must be in the headers or in the body, not in both", "InvalidParameter"))
    )
  }
  const found = credentialsOf(inHeaders ? ofHeaders : ofBody)
  if (found !== undefined) return Effect.succeed(found)
  return Effect.fail(inHeaders || hasAny(ofBody) ? incomplete : missing)
}

/**
 * Makes what finds the user of a request.
 *
 * It fails with 400 where no credentials are given, with 401 where they are wrong, and with 429 where there were too many
 * wrong ones: the limits are those of logins. No session begins.
 */
export const make = Effect.gen(function* () {
  const authenticate = yield* authenticator
  const logins = yield* Logins
  const { limit } = yield* RateLimits
  const database = yield* Database
  const runtime = yield* FunctionRuntime

  const seenUser = Effect.fnUntraced(function* ({ endpoint, hosted }: Asked, user: User) {
    yield* CurrentRequest.about({ userId: user.id })
    if (!endpoint.fetchesCustomData) return UserData.functionUser(user, {})
    const { app } = hosted
    const found = yield* UserData.customData(database, app, user, (fn, args) =>
      runtime.run({ app, user: systemUser, request: undefined }, fn, args)
    )
    return UserData.functionUser(user, { ...found })
  })

  return Effect.fnUntraced(function* (asked: Asked) {
    const { endpoint, hosted, request, seen } = asked
    const token = tokenOf(request)
    if (token !== undefined && /^bearer\b/i.test(request.headers["authorization"] ?? "")) {
      const current = yield* Effect.flatMap(authenticate(token), (current) => ofApp(current, hosted))
      return yield* seenUser(asked, current.user)
    }
    const { account, payload, provider } = yield* given(asked)
    const attempt = { hosted, payload, request: seen, createsUser: endpoint.createsUsers }
    const login = logins.logIn(provider, attempt)
    const { user } = yield* limit({ kind: "logIn", appId: hosted.app.id, request, account })(login).pipe(
      Effect.catchTag("Unauthorized", (error) => Effect.fail(error.error_code === "UserDisabled" ? error : unknownUser))
    )
    return yield* seenUser(asked, user)
  })
})
