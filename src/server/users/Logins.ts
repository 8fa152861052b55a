/** Login and linking: verifies the credentials of each provider and finds their identity. */
import * as Context from "effect/Context"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Ejson from "../../protocol/Ejson.ts"
import { ProviderType } from "../../protocol/Provider.ts"
import { ApiKeyPayload, CustomTokenPayload, EmailPasswordPayload } from "../../protocol/internal/requests.ts"
import { BadRequest, body, type ServiceUnavailable, Unauthorized, unsupportedProvider } from "../model/ApiErrors.ts"
import type { HostedApp } from "../model/Apps.ts"
import * as Payload from "../model/Payload.ts"
import * as Digest from "./Digest.ts"
import { type FunctionRequest, systemUser } from "../model/FunctionContext.ts"
import { FunctionRunner } from "../model/FunctionRunner.ts"
import * as Metrics from "../model/Metrics.ts"
import * as Ids from "../model/Ids.ts"
import type { OAuthProvider } from "../model/OAuthProvider.ts"
import { JwtVerifier } from "./JwtVerifier.ts"
import * as Refusals from "./internal/refusals.ts"
import { OAuth } from "./OAuth.ts"
import { PasswordHasher } from "./PasswordHasher.ts"
import { type Account, type Identity, UserStore, type User } from "./UserStore.ts"
import { Users } from "./Users.ts"
import { AuthEvents } from "./AuthEvents.ts"

/** The input of a login. */
export interface Attempt {
  readonly hosted: HostedApp
  /** The body of the request, without its `options`. */
  readonly payload: Readonly<Record<string, unknown>>
  readonly request: FunctionRequest | undefined
  /**
   * Whether credentials of a user who never logged in make one.
   *
   * @default true
   */
  readonly createsUser?: boolean | undefined
}

/** The result of a login. */
export interface Login {
  readonly user: User
  readonly identity: Identity
}

/** The shape of {@link Logins}. */
export interface Service {
  /** Verifies credentials, and finds or creates their user. */
  readonly logIn: (
    provider: string,
    attempt: Attempt
  ) => Effect.Effect<Login, BadRequest | Unauthorized | ServiceUnavailable>
  /** Finds or creates the user of an identity that is proven otherwise, as by a redirect. */
  readonly logInAs: (
    identity: Identity,
    attempt: Pick<Attempt, "hosted" | "request">
  ) => Effect.Effect<Login, BadRequest | Unauthorized>
  /**
   * Links credentials to a user; succeeds with the changed user. Invalid credentials are a 400: clients answer a 401 by
   * refreshing their session, some of them without end.
   */
  readonly link: (
    provider: string,
    attempt: Attempt,
    user: User
  ) => Effect.Effect<User, BadRequest | ServiceUnavailable>
  /** Links an identity that is proven otherwise. */
  readonly linkAs: (identity: Identity, hosted: HostedApp, user: User) => Effect.Effect<User, BadRequest>
}

type Dependencies =
  | AuthEvents
  | UserStore
  | Users
  | FunctionRunner
  | PasswordHasher
  | JwtVerifier
  | OAuth
  | SecureRandom.SecureRandom

/** Verifies credentials. */
export class Logins extends Context.Service<Logins, Service>()("effect-app-services/server/users/Logins") {
  /** Builds the service. */
  static readonly make: Effect.Effect<Service, never, Dependencies> = Effect.gen(function* () {
    const store = yield* UserStore
    const users = yield* Users
    const events = yield* AuthEvents
    const functions = yield* FunctionRunner
    const hasher = yield* PasswordHasher
    const jwt = yield* JwtVerifier
    const oauth = yield* OAuth
    const random = yield* SecureRandom.SecureRandom
    const newId = Effect.provideService(Ids.objectId, SecureRandom.SecureRandom, random)
    const newLetters = Effect.provideService(Ids.letters(24), SecureRandom.SecureRandom, random)

    /** Every anonymous login creates a user; clients reuse theirs. */
    const anonymous: Check = Effect.fnUntraced(function* ({ hosted }) {
      return { identity: identityOf(hosted, "anon-user", `${yield* newId}-${yield* newLetters}`) }
    })

    /**
     * Replaces the hash of a password that is right, unless the password was changed meanwhile. Another login may have replaced it
     * already.
     */
    const renewHash = Effect.fnUntraced(function* ({ app }: HostedApp, account: Account, password: Redacted.Redacted) {
      const { email, id, passwordHash: expected } = account
      const passwordHash = yield* hasher.hash(password)
      if (yield* store.updateAccount(app.id, { id, email, passwordHash }, expected)) return { ...account, passwordHash }
      const now = Option.getOrUndefined(yield* store.account(app.id, email))
      return now?.id === id && (yield* hasher.verify(password, now.passwordHash)) ? now : account
    })

    const emailPassword: Check = Effect.fnUntraced(function* ({ hosted, payload }) {
      const { password, username } = yield* decodeEmailPassword(payload)
      const account = Option.getOrUndefined(yield* store.account(hosted.app.id, username))
      const right = yield* hasher.verify(password, account?.passwordHash)
      // an unknown address and a wrong password must not be distinguishable, by timing either
      if (!right || account === undefined) return yield* new Unauthorized(body("unauthorized", "InvalidPassword"))
      if (!account.confirmed) return yield* Refusals.unauthorized
      const identity = identityOf(hosted, "local-userpass", account.id, { email: account.email })
      const isCurrent = hasher.isCurrent(account.passwordHash)
      return { identity, account: isCurrent ? account : yield* renewHash(hosted, account, password) }
    })

    const apiKey: Check = Effect.fnUntraced(function* ({ hosted, payload }) {
      const { key } = yield* decodeApiKey(payload)
      const found = Option.getOrUndefined(yield* store.apiKeyByDigest(hosted.app.id, Digest.of(key)))
      if (found === undefined || found.disabled) return yield* Refusals.unauthorized
      return { identity: identityOf(hosted, "api-key", found.id), ownerId: found.userId }
    })

    const customFunction: Check = Effect.fnUntraced(function* (attempt) {
      const { app } = attempt.hosted
      const fn = app.providers.customFunction
      if (fn === undefined) return yield* unsupportedProvider("custom-function")
      const payload = yield* Effect.mapError(
        Effect.fromResult(Ejson.fromJson(attempt.payload)),
        (error) => new BadRequest(body(`invalid credentials: ${error.message}`, "BadRequest"))
      )
      const result = yield* functions
        .run({ app, user: systemUser, request: attempt.request }, fn, [payload])
        .pipe(Effect.mapError((error) => new Unauthorized(body(error.message, "AuthError"))))
      const answer = typeof result === "string" ? { id: result } : result
      if (!hasId(answer)) {
        return yield* new Unauthorized(
          body(
            'the authentication function must return an id: a string, or an object with the string "id"',
            "AuthError"
          )
        )
      }
      const data = "name" in answer && typeof answer.name === "string" ? { name: answer.name } : {}
      return { identity: identityOf(attempt.hosted, "custom-function", answer.id, data) }
    })

    const customToken: Check = Effect.fnUntraced(function* ({ hosted, payload }) {
      const { app } = hosted
      const provider = app.providers.customToken
      if (provider === undefined) return yield* unsupportedProvider("custom-token")
      const { token } = yield* decodeCustomToken(payload)
      const { data, id } = yield* Effect.catch(jwt.verify(provider, app.id, token), (error) =>
        Refusals.ofCustomToken(app.id, error)
      )
      return { identity: identityOf(hosted, "custom-token", id, data) }
    })

    const account = Effect.fnUntraced(function* (provider: OAuthProvider, { hosted, payload }: Attempt) {
      const found = yield* Effect.catchTag(oauth.identify(provider, payload), "OAuthError", (error) =>
        Refusals.ofOAuth(hosted.app.id, provider.type, error)
      )
      return { identity: identityOf(hosted, provider.type, found.id, found.data) }
    })

    const check = (provider: string, attempt: Attempt): ReturnType<Check> => {
      const { providers } = attempt.hosted.app
      const found = Array.from(providers.oauth.values()).find(({ type }) => type === provider)
      if (found !== undefined) return account(found, attempt)
      if (provider === "anon-user" && providers.anonymous) return anonymous(attempt)
      if (provider === "local-userpass" && providers.emailPassword !== undefined) return emailPassword(attempt)
      if (provider === "api-key" && providers.apiKey) return apiKey(attempt)
      if (provider === "custom-function") return customFunction(attempt)
      if (provider === "custom-token") return customToken(attempt)
      return Effect.fail(unsupportedProvider(provider))
    }

    const userOf = Effect.fnUntraced(function* ({ createsUser, hosted, request }: Attempt, proof: Proof) {
      const { identity, ownerId } = proof
      const appId = hosted.app.id
      if (ownerId === undefined && createsUser === false) {
        const found = yield* store.userByIdentity(appId, identity.providerType, identity.id)
        return Option.getOrUndefined(found) ?? (yield* Refusals.unauthorized)
      }
      if (ownerId === undefined) return yield* users.ofIdentity(hosted, identity, request)
      yield* Effect.orDie(store.addIdentity(appId, ownerId, identity))
      return Option.getOrUndefined(yield* store.user(appId, ownerId)) ?? (yield* Refusals.unauthorized)
    })

    /**
     * A password may have been changed while it was verified, which takes its time. The sessions that this ends are those of
     * the user that was read before.
     */
    const checkAgain = Effect.fnUntraced(function* (appId: string, { account }: Proof) {
      if (account === undefined) return
      const now = Option.getOrUndefined(yield* store.account(appId, account.email))
      const same = now?.id === account.id && Redacted.value(now.passwordHash) === Redacted.value(account.passwordHash)
      if (!same) return yield* new Unauthorized(body("unauthorized", "InvalidPassword"))
    })

    const enter = Effect.fnUntraced(function* (attempt: Attempt, proof: Proof) {
      const user = yield* userOf(attempt, proof)
      if (user.disabled) return yield* new Unauthorized(body("user disabled", "UserDisabled"))
      yield* checkAgain(attempt.hosted.app.id, proof)
      const { providerType } = proof.identity
      yield* events.publish(attempt.hosted.app.id, { operation: "LOGIN", providers: [providerType], user })
      return { user, identity: proof.identity }
    })

    const join = (identity: Identity, hosted: HostedApp, user: User) =>
      Effect.mapError(users.link(hosted, user, identity), ({ what }) =>
        what === "provider"
          ? new BadRequest(body("unauthorized: the user has an e-mail identity already", "AuthError"))
          : new BadRequest(body("unauthorized: the credentials belong to another user", "AuthError"))
      )

    return Logins.of({
      logIn: Effect.fn("Logins.logIn")(
        function* (provider, attempt) {
          return yield* enter(attempt, yield* check(provider, attempt))
        },
        (login, provider) => counted(isProvider(provider) ? provider : "other", login)
      ),
      logInAs: Effect.fn("Logins.logInAs")(
        (identity, attempt) => enter({ ...attempt, payload: {} }, { identity }),
        (login, { providerType }) => counted(providerType, login)
      ),
      link: Effect.fn("Logins.link")(function* (provider, attempt, user) {
        if (provider === "anon-user") return yield* notLinkable("anonymous credentials cannot be added to a user")
        const { identity, ownerId = user.id } = yield* Effect.catchTag(
          check(provider, attempt),
          "Unauthorized",
          ({ error, error_code }) => Effect.fail(new BadRequest(body(error, error_code)))
        )
        if (ownerId !== user.id) return yield* notLinkable("the API key belongs to another user")
        return yield* join(identity, attempt.hosted, user)
      }),
      linkAs: Effect.fn("Logins.linkAs")(join)
    })
  })

  static readonly layer: Layer.Layer<Logins, never, Dependencies> = Layer.effect(Logins, Logins.make)
}

const isProvider = Schema.is(ProviderType)

/** Counts a login by its outcome. */
const counted = <E extends { readonly _tag: string }>(provider: string, login: Effect.Effect<Login, E>) =>
  Effect.onExit(login, (exit) =>
    Effect.contextWith((context: Context.Context<never>) => Effect.sync(() => Metrics.login(context, provider, exit)))
  )

/** The identity that credentials prove. */
interface Proof {
  readonly identity: Identity
  /** The owner of an identity that exists before the first login with it. */
  readonly ownerId?: string
  /** The account whose password was verified. */
  readonly account?: Account
}

type Check = (attempt: Attempt) => Effect.Effect<Proof, BadRequest | Unauthorized | ServiceUnavailable>

const decodeEmailPassword = Payload.decode(EmailPasswordPayload)
const decodeApiKey = Payload.decode(ApiKeyPayload)
const decodeCustomToken = Payload.decode(CustomTokenPayload)

/** @internal */
export const identityOf = (
  hosted: HostedApp,
  providerType: ProviderType,
  id: string,
  data: Identity["data"] = {}
): Identity => ({ id, providerType, providerId: hosted.providerId(providerType), data })

const notLinkable = (why: string) => new BadRequest(body(`invalid user link request: ${why}`, "InvalidParameter"))

const hasId = (u: unknown): u is { readonly id: string; readonly name?: unknown } =>
  typeof u === "object" && u !== null && "id" in u && typeof u.id === "string" && u.id !== ""
