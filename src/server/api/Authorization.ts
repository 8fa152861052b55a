/** Authentication of requests: the middleware that verifies access and refresh tokens. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as Exit from "effect/Exit"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { body, Forbidden, Unauthorized } from "../model/ApiErrors.ts"
import type { HostedApp } from "../model/Apps.ts"
import * as CurrentRequest from "../model/CurrentRequest.ts"
import * as Metrics from "../model/Metrics.ts"
import * as Origins from "./Origins.ts"
import { type Session, UserStore, type User } from "../users/UserStore.ts"
import { sessionGone } from "../users/Sessions.ts"
import { type AccessClaims, type TokenRejected, Tokens } from "../users/Tokens.ts"

/** A user, authenticated by an access token. */
export interface AuthenticatedUser {
  readonly hosted: HostedApp
  readonly user: User
  readonly claims: AccessClaims
}

/** The user of the request's access token. */
export class CurrentUser extends Context.Service<CurrentUser, AuthenticatedUser>()(
  "effect-app-services/server/api/Authorization/CurrentUser"
) {}

/** The user of the request's access token, who has to belong to the application in the path. */
export const currentUserOf = (hosted: HostedApp): Effect.Effect<AuthenticatedUser, Forbidden, CurrentUser> =>
  Effect.flatMap(CurrentUser, (current) => ofApp(current, hosted))

/** Rejects a user of another application. */
export const ofApp = (current: AuthenticatedUser, hosted: HostedApp): Effect.Effect<AuthenticatedUser, Forbidden> =>
  current.hosted.domainId === hosted.domainId
    ? Effect.succeed(current.hosted === hosted ? current : { ...current, hosted })
    : Effect.fail(new Forbidden(body("the token belongs to a user of another app", "UserAppDomainMismatch")))

/** A session, authenticated by its refresh token. */
export interface AuthenticatedSession {
  readonly hosted: HostedApp
  readonly user: User
  readonly session: Session
}

/** The session of the request's refresh token. */
export class CurrentSession extends Context.Service<CurrentSession, AuthenticatedSession>()(
  "effect-app-services/server/api/Authorization/CurrentSession"
) {}

/** Requires an access token, in the `Authorization` header or in the query (`baas_at`, formerly `stitch_at`). */
export class AccessToken extends HttpApiMiddleware.Service<AccessToken, { provides: CurrentUser }>()(
  "effect-app-services/server/api/AccessToken",
  { error: [Unauthorized, Forbidden] }
) {
  static readonly layer: Layer.Layer<AccessToken, never, Tokens | UserStore> = Layer.effect(
    AccessToken,
    Effect.gen(function* () {
      const authenticate = yield* authenticator
      return AccessToken.of((handler) =>
        Effect.gen(function* () {
          const user = yield* authenticate((yield* headerToken) ?? (yield* queryToken))
          return yield* Effect.provideService(handler, CurrentUser, user)
        })
      )
    })
  )
}

/** Verifies an access token and finds its user. */
export const authenticator = Effect.gen(function* () {
  const tokens = yield* Tokens
  const store = yield* UserStore
  return (token: Redacted.Redacted | undefined): Effect.Effect<AuthenticatedUser, Unauthorized | Forbidden> => {
    if (token === undefined) return Effect.fail(new Unauthorized(body("must authenticate first")))
    if (Redacted.value(token) === "") return Effect.fail(new Unauthorized(body("unauthorized")))
    return Effect.matchEffect(tokens.verifyAccess(token), {
      onFailure: (rejected) => Effect.fail(refused("access")(rejected)),
      onSuccess: ({ claims, hosted }) =>
        Effect.flatMap(store.user(hosted.app.id, claims.sub), (found): ReturnType<typeof known> => {
          const user = Option.getOrUndefined(found)
          return user === undefined
            ? Effect.fail(new Unauthorized(body("invalid session", "InvalidSession")))
            : known({ hosted, claims, user })
        })
    })
  }
})

const known = (current: AuthenticatedUser): Effect.Effect<AuthenticatedUser, Unauthorized | Forbidden> => {
  const { hosted, user } = current
  const checked = Origins.checkAbout(hosted, { app: hosted.app.id, userId: user.id })
  return user.disabled
    ? // not a 401, because a refresh cannot help
      Effect.andThen(checked, Effect.fail(new Forbidden(body("user disabled", "UserDisabled"))))
    : Effect.as(checked, current)
}

/** Requires the refresh token of a session that has not ended. */
export class RefreshToken extends HttpApiMiddleware.Service<RefreshToken, { provides: CurrentSession }>()(
  "effect-app-services/server/api/RefreshToken",
  { error: [Unauthorized, Forbidden] }
) {
  static readonly layer: Layer.Layer<RefreshToken, never, Tokens | UserStore> = Layer.effect(
    RefreshToken,
    Effect.gen(function* () {
      const tokens = yield* Tokens
      const store = yield* UserStore
      const authenticate = Effect.gen(function* () {
        const token = yield* headerToken
        if (token === undefined) return yield* new Unauthorized(body("must authenticate first"))
        if (Redacted.value(token) === "") {
          return yield* new Unauthorized(body("expected Authorization header with JWT (Bearer schema)"))
        }
        const { claims, hosted } = yield* Effect.mapError(tokens.verifyRefresh(token), refused("refresh"))
        yield* CurrentRequest.about({ app: hosted.app.id })
        const session = Option.getOrUndefined(yield* store.session(hosted.app.id, claims.baas_id))
        const user = Option.getOrUndefined(yield* store.user(hosted.app.id, claims.sub))
        if (user !== undefined) yield* CurrentRequest.about({ userId: user.id })
        yield* Origins.check(hosted)
        if (user?.disabled === true) return yield* new Unauthorized(body("user disabled", "UserDisabled"))
        if (session === undefined || user === undefined) {
          return yield* sessionGone
        }
        return { hosted, session, user }
      })
      return RefreshToken.of((handler, { endpoint }) => {
        const answer = Effect.flatMap(authenticate, (current) =>
          Effect.provideService(handler, CurrentSession, current)
        )
        // rejected tokens count too, which do not reach the handler
        return endpoint.identifier === "refresh" ? Effect.onExit(answer, countRefresh) : answer
      })
    })
  )
}

const countRefresh = (exit: Exit.Exit<unknown, unknown>): Effect.Effect<void> =>
  Effect.withFiber((fiber) =>
    Effect.sync(() => Metrics.refresh(fiber.context, fiber.getRef(CurrentRequest.CurrentRequest)?.subject.app, exit))
  )

/** The bearer token of the `Authorization` header; empty if the header has another form. */
export const tokenOf = ({ headers }: HttpServerRequest.HttpServerRequest): Redacted.Redacted | undefined => {
  const header = headers["authorization"]
  return header === undefined ? undefined : Redacted.make(/^Bearer +(\S+) *$/i.exec(header)?.[1] ?? "")
}

/** The bearer token of the current request. */
export const headerToken = Effect.map(HttpServerRequest.HttpServerRequest, tokenOf)

const queryToken = Effect.map(HttpServerRequest.ParsedSearchParams, (query) => {
  const token = query["baas_at"] ?? query["stitch_at"]
  return typeof token === "string" ? Redacted.make(token) : undefined
})

/**
 * The error for an invalid token. Clients decide by the code: they refresh an access token, and end the session of a refresh
 * token. A session has ended for every reason that makes its refresh token invalid, also if the key was revoked.
 */
const refused =
  (type: "access" | "refresh") =>
  ({ why }: TokenRejected): Unauthorized => {
    if (why === "type") return new Unauthorized(body(`invalid ${type} token: incorrect token type`, "InvalidSession"))
    return type === "refresh" ? sessionGone : new Unauthorized(body(words[why], "InvalidSession"))
  }

const words = { expired: "invalid session", malformed: "token is malformed", signature: "signature is invalid" }
