/**
 * Logging in and registering: each provider's way from credentials to an identity.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Ejson from "../protocol/Ejson.ts"
import { ApiKeyPayload, EmailPasswordPayload, type ProviderType } from "../protocol/Provider.ts"
import * as ApiKeys from "./ApiKeys.ts"
import { BadRequest, body, Conflict, Unauthorized } from "./ApiErrors.ts"
import type { HostedApp } from "./Apps.ts"
import * as Body from "./Body.ts"
import { type FunctionRequest, systemUser } from "./FunctionContext.ts"
import { FunctionRuntime } from "./FunctionRuntime.ts"
import * as Ids from "./Ids.ts"
import { PasswordHasher } from "./PasswordHasher.ts"
import { type Identity, State, type User } from "./State.ts"
import { Users } from "./Users.ts"

/**
 * What a login needs to know.
 *
 * @category models
 * @since 0.1.0
 */
export interface Attempt {
  readonly hosted: HostedApp
  /** The body of the request, without its `options`. */
  readonly payload: Readonly<Record<string, unknown>>
  readonly request: FunctionRequest | undefined
}

/**
 * Who logged in, and as what.
 *
 * @category models
 * @since 0.1.0
 */
export interface Login {
  readonly user: User
  readonly identity: Identity
}

/**
 * Checks credentials.
 *
 * @category services
 * @since 0.1.0
 */
export class Logins extends Context.Service<
  Logins,
  {
    readonly logIn: (provider: string, attempt: Attempt) => Effect.Effect<Login, BadRequest | Unauthorized>
    readonly register: (
      hosted: HostedApp,
      email: string,
      password: Redacted.Redacted
    ) => Effect.Effect<void, BadRequest | Conflict>
  }
>()("effect-app-services/server/Logins") {
  static readonly layer: Layer.Layer<
    Logins,
    never,
    State | Users | FunctionRuntime | PasswordHasher | SecureRandom.SecureRandom
  > = Layer.effect(
    Logins,
    Effect.suspend(() => make)
  )
}

type LogIn = (attempt: Attempt) => Effect.Effect<Login, BadRequest | Unauthorized>

const decodeEmailPassword = Body.decode(EmailPasswordPayload)
const decodeApiKey = Body.decode(ApiKeyPayload)

const make = Effect.gen(function* () {
  const state = yield* State
  const users = yield* Users
  const runtime = yield* FunctionRuntime
  const hasher = yield* PasswordHasher
  const random = yield* SecureRandom.SecureRandom
  const newId = Effect.provideService(Ids.objectId, SecureRandom.SecureRandom, random)
  const newLetters = Effect.provideService(Ids.letters(24), SecureRandom.SecureRandom, random)

  const byIdentity = Effect.fnUntraced(function* (
    { hosted, request }: Attempt,
    providerType: ProviderType,
    id: string,
    data: Identity["data"] = {}
  ) {
    const identity: Identity = { id, providerType, providerId: hosted.providerId(providerType), data }
    return { identity, user: yield* users.ofIdentity(hosted, identity, request) }
  })

  /** Every anonymous login is a new user; keeping one is up to the client. */
  const anonymous: LogIn = Effect.fnUntraced(function* (attempt) {
    return yield* byIdentity(attempt, "anon-user", `${yield* newId}-${yield* newLetters}`)
  })

  const emailPassword: LogIn = Effect.fnUntraced(function* (attempt) {
    const { password, username } = yield* decodeEmailPassword(attempt.payload)
    const account = Option.getOrUndefined(yield* state.account(attempt.hosted.app.id, username))
    const right = yield* hasher.verify(password, account?.passwordHash)
    // an unknown address and a wrong password are told apart by nothing, the time it takes included
    if (!right || account === undefined) return yield* new Unauthorized(body("unauthorized", "InvalidPassword"))
    if (!account.confirmed) return yield* new Unauthorized(body("unauthorized", "AuthError"))
    return yield* byIdentity(attempt, "local-userpass", account.id, { email: account.email })
  })

  const apiKey: LogIn = Effect.fnUntraced(function* ({ hosted, payload }) {
    const { key } = yield* decodeApiKey(payload)
    const appId = hosted.app.id
    const found = Option.getOrUndefined(yield* state.apiKeyByDigest(appId, ApiKeys.digest(key)))
    if (found === undefined || found.disabled) return yield* new Unauthorized(body("unauthorized", "AuthError"))
    const identity: Identity = {
      id: found.id,
      providerType: "api-key",
      providerId: hosted.providerId("api-key"),
      data: {}
    }
    yield* Effect.orDie(state.addIdentity(appId, found.userId, identity))
    const user = Option.getOrUndefined(yield* state.user(appId, found.userId))
    return user === undefined ? yield* new Unauthorized(body("unauthorized", "AuthError")) : { user, identity }
  })

  const customFunction: LogIn = Effect.fnUntraced(function* (attempt) {
    const { app } = attempt.hosted
    const fn = app.providers.customFunction
    if (fn === undefined) return yield* unsupported("custom-function")
    const payload = yield* Effect.mapError(
      Effect.fromResult(Ejson.fromJson(attempt.payload)),
      (error) => new BadRequest(body(`invalid credentials: ${error.message}`, "BadRequest"))
    )
    const result = yield* runtime
      .run({ app, user: systemUser, request: attempt.request }, fn, [payload])
      .pipe(Effect.mapError((error) => new Unauthorized(body(error.message, "AuthError"))))
    const answer = typeof result === "string" ? { id: result } : result
    if (!hasId(answer)) {
      return yield* new Unauthorized(
        body('the authentication function must return an id: a string, or an object with the string "id"', "AuthError")
      )
    }
    return yield* byIdentity(attempt, "custom-function", answer.id, "name" in answer ? { name: answer.name } : {})
  })

  return Logins.of({
    logIn: Effect.fn("Logins.logIn")(function* (provider, attempt) {
      const { providers } = attempt.hosted.app
      if (provider === "anon-user" && providers.anonymous) return yield* anonymous(attempt)
      if (provider === "local-userpass" && providers.emailPassword !== undefined) return yield* emailPassword(attempt)
      if (provider === "api-key" && providers.apiKey) return yield* apiKey(attempt)
      if (provider === "custom-function" && providers.customFunction !== undefined)
        return yield* customFunction(attempt)
      return yield* unsupported(provider)
    }),
    register: Effect.fn("Logins.register")(function* ({ app }, email, password) {
      if (app.providers.emailPassword === undefined) return yield* unsupported("local-userpass")
      if (email === "") return yield* new BadRequest(body("email invalid", "BadRequest"))
      const length = Redacted.value(password).length
      if (length < 6 || length > 128) {
        return yield* new BadRequest(body("password must be between 6 and 128 characters", "BadRequest"))
      }
      const taken = new Conflict(body("name already in use", "AccountNameInUse"))
      if (Option.isSome(yield* state.account(app.id, email))) return yield* taken
      const passwordHash = yield* hasher.hash(password)
      const account = { id: yield* newId, email, passwordHash, confirmed: app.providers.emailPassword.autoConfirm }
      yield* Effect.mapError(state.createAccount(app.id, account), () => taken)
    })
  })
})

const hasId = (u: unknown): u is { readonly id: string; readonly name?: unknown } =>
  typeof u === "object" && u !== null && "id" in u && typeof u.id === "string" && u.id !== ""

const unsupported = (provider: string) => new BadRequest(body(`authentication via '${provider}' is unsupported`))
