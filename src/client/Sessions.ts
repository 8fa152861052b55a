/**
 * The token engine: a valid token whenever one is asked for.
 *
 * - An access token expires by the local clock at arrival plus the lifetime that it states, so a device whose clock is
 *   wrong behaves like any other.
 * - Far from expiry a token is answered at once; near it the present one is answered while a refresh runs behind it; past
 *   it the caller waits for the refresh.
 * - One refresh per user at a time, shared by everybody who needs it.
 * - A request that is refused with status 401 is repeated once, after one refresh.
 * - Only the host's verdict on the refresh token ends a session; a network failure, a 5xx or a 429 never does.
 * - A refresh that was under way when the user logged out writes nothing.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Answers from "../protocol/Answers.ts"
import { noDeviceId } from "../protocol/Device.ts"
import type { ProviderType } from "../protocol/Provider.ts"
import { routes } from "../protocol/Routes.ts"
import { accessTokenClaims } from "../protocol/Token.ts"
import { AppServicesError, InvalidResponse, NotLoggedIn, SessionExpired } from "./AppServicesError.ts"
import type { Reason } from "./AppServicesError.ts"
import * as SingleFlight from "./internal/singleFlight.ts"
import { fromStore, getUser } from "./internal/users.ts"
import { decodeAnswer, ProtocolClient } from "./ProtocolClient.ts"
import { TokenStore } from "./TokenStore.ts"
import type { Session } from "./TokenStore.ts"

/** How long before its expiry a token is renewed behind the answer, in milliseconds; at most half of its lifetime. */
const renewalMargin = 60_000

/**
 * Every method names the operation on whose behalf it works, for the errors.
 *
 * @category services
 * @since 0.1.0
 */
export class Sessions extends Context.Service<
  Sessions,
  {
    /** Stores the session that a login answered; its user becomes the most recent one. Yields the user's id. */
    begin(
      operation: string,
      login: typeof Answers.LoggedIn.Type,
      providerType: ProviderType
    ): Effect.Effect<string, AppServicesError>
    /** Forgets a user's tokens, an anonymous user altogether, and ends the session at the host. */
    end(operation: string, userId: string): Effect.Effect<void, AppServicesError>
    /** An access token that is good now. */
    accessToken(operation: string, userId: string): Effect.Effect<Redacted.Redacted, AppServicesError>
    /** Fetches a new access token, whatever the age of the present one. */
    refresh(operation: string, userId: string): Effect.Effect<Session, AppServicesError>
    /** Sends a request with an access token and, after a refusal that a new token can mend, once more with a new one. */
    authorized<A>(
      operation: string,
      userId: string,
      send: (token: Redacted.Redacted) => Effect.Effect<A, AppServicesError>
    ): Effect.Effect<A, AppServicesError>
  }
>()("effect-app-services/client/Sessions") {
  static readonly layer: Layer.Layer<Sessions, never, ProtocolClient | TokenStore> = Layer.effect(
    this,
    Effect.suspend(() => make)
  )
}

const decodeRefreshed = decodeAnswer(Answers.Refreshed)

const same = (a: Redacted.Redacted, b: Redacted.Redacted): boolean => Redacted.value(a) === Redacted.value(b)

/** Whether a new access token may mend a refusal: the code of the protocol, or the text some hosts send instead. */
const isStaleToken = (error: AppServicesError): boolean =>
  error.reason._tag === "Unauthorized" &&
  (error.reason.code === "InvalidSession" || error.reason.serverMessage === "unauthorized")

/** Whether the host has spoken about the refresh token itself; a proxy's page in its place has not. */
const isVerdict = ({ reason }: AppServicesError): boolean =>
  (reason._tag === "Unauthorized" || (reason._tag === "RequestRejected" && reason.status === 403)) &&
  (reason.code !== undefined || reason.serverMessage !== undefined)

const make = Effect.gen(function* () {
  const client = yield* ProtocolClient
  const tokens = (yield* TokenStore).forApp(client.appId)
  const share = yield* SingleFlight.make<Session, AppServicesError>()

  const sessionOf = Effect.fnUntraced(function* (operation: string, userId: string) {
    const { session } = yield* getUser(tokens, operation, userId)
    return session ?? (yield* new AppServicesError({ operation, reason: new NotLoggedIn({ userId }) }))
  })

  const receive = Effect.fnUntraced(function* (
    operation: string,
    accessToken: Redacted.Redacted,
    refreshToken: Redacted.Redacted
  ) {
    const claims = yield* Effect.mapError(
      accessTokenClaims(accessToken),
      (error) =>
        new AppServicesError({ operation, reason: new InvalidResponse({ status: 200, problem: error.message }) })
    )
    const receivedAt = yield* Clock.currentTimeMillis
    return {
      session: { accessToken, refreshToken, receivedAt, expiresAt: receivedAt + (claims.exp - claims.iat) * 1000 },
      claims
    }
  })

  /** Puts `next` in the place of a session that has `refreshToken`; a user who logged out meanwhile stays logged out. */
  const replace = (operation: string, userId: string, refreshToken: Redacted.Redacted, next: Session | undefined) =>
    fromStore(operation)(
      tokens.modify(userId, (current): readonly [Session | undefined, typeof current] => {
        if (Option.isNone(current)) return [undefined, current]
        const { session, ...user } = current.value
        if (session === undefined || !same(session.refreshToken, refreshToken)) return [session, current]
        return [next, Option.some(next === undefined ? user : { ...user, session: next })]
      })
    )

  const fetchSession = Effect.fnUntraced(
    function* (operation: string, userId: string, old: Session) {
      const body = yield* client.execute({
        operation: { name: operation, kind: "session" },
        method: "POST",
        path: routes.session,
        token: old.refreshToken,
        idempotent: true
      })
      const { access_token } = yield* decodeRefreshed(operation, body)
      const { session } = yield* receive(operation, access_token, old.refreshToken)
      const stored = yield* replace(operation, userId, old.refreshToken, session)
      return stored ?? (yield* new AppServicesError({ operation, reason: new NotLoggedIn({ userId }) }))
    },
    (effect, operation, userId, old) =>
      Effect.catchIf(effect, isVerdict, (error) =>
        Effect.andThen(
          replace(operation, userId, old.refreshToken, undefined),
          Effect.fail(new AppServicesError({ operation, reason: new SessionExpired({ ...answerOf(error), userId }) }))
        )
      )
  )

  /** A session whose access token is another than `seen`; whoever comes while it is being fetched takes the same one. */
  const newerThan = (operation: string, userId: string, seen: Redacted.Redacted) =>
    share(
      userId,
      Effect.flatMap(sessionOf(operation, userId), (session) =>
        same(session.accessToken, seen) ? fetchSession(operation, userId, session) : Effect.succeed(session)
      )
    ).pipe(
      // the error may come from a refresh that another operation began
      Effect.mapError(({ reason }) => new AppServicesError({ operation, reason }))
    )

  const accessToken = Effect.fnUntraced(function* (operation: string, userId: string) {
    const session = yield* sessionOf(operation, userId)
    const left = session.expiresAt - (yield* Clock.currentTimeMillis)
    const margin = Math.min(renewalMargin, (session.expiresAt - session.receivedAt) / 2)
    if (left > margin) return session.accessToken
    const renewed = newerThan(operation, userId, session.accessToken)
    if (left <= 0) return (yield* renewed).accessToken
    yield* Effect.forkDetach(Effect.ignore(renewed))
    return session.accessToken
  })

  return Sessions.of({
    accessToken,
    refresh: Effect.fnUntraced(function* (operation, userId) {
      const { accessToken } = yield* sessionOf(operation, userId)
      return yield* newerThan(operation, userId, accessToken)
    }),
    authorized: (operation, userId, send) =>
      Effect.flatMap(accessToken(operation, userId), (token) =>
        Effect.catchIf(send(token), isStaleToken, () =>
          Effect.flatMap(newerThan(operation, userId, token), (session) =>
            Effect.catchIf(send(session.accessToken), isStaleToken, (error) =>
              Effect.fail(
                new AppServicesError({ operation, reason: new SessionExpired({ ...answerOf(error), userId }) })
              )
            )
          )
        )
      ),
    begin: Effect.fnUntraced(function* (operation, login, providerType) {
      const { claims, session } = yield* receive(operation, login.access_token, login.refresh_token)
      const deviceId = [login.device_id, claims.baas_device_id, claims.stitch_devId].find(
        (id) => id && id !== noDeviceId
      )
      yield* fromStore(operation)(
        tokens.modify(login.user_id, (current) => [
          undefined,
          Option.some({
            id: login.user_id,
            ...Option.getOrElse(current, () => ({ providerType })),
            session,
            ...(deviceId != null && { deviceId })
          })
        ])
      )
      yield* fromStore(operation)(tokens.promote(login.user_id))
      if (deviceId != null) yield* fromStore(operation)(tokens.setDeviceId(deviceId))
      return login.user_id
    }),
    end: Effect.fnUntraced(function* (operation, userId) {
      const refreshToken = yield* fromStore(operation)(
        tokens.modify(userId, (current): readonly [Redacted.Redacted | undefined, typeof current] => {
          if (Option.isNone(current)) return [undefined, current]
          const { session, ...user } = current.value
          return [session?.refreshToken, user.providerType === "anon-user" ? Option.none() : Option.some(user)]
        })
      )
      if (refreshToken === undefined) return
      yield* client
        .execute({
          operation: { name: operation, kind: "session" },
          method: "DELETE",
          path: routes.session,
          token: refreshToken
        })
        .pipe(
          // a session that the host no longer has is what was asked for
          Effect.catchIf(isVerdict, () => Effect.void)
        )
    })
  })
})

const answerOf = ({ reason }: { readonly reason: Reason }) =>
  reason._tag === "Unauthorized" || reason._tag === "RequestRejected"
    ? {
        status: reason.status,
        ...(reason.code !== undefined && { code: reason.code }),
        ...(reason.serverMessage !== undefined && { serverMessage: reason.serverMessage }),
        ...(reason.link !== undefined && { link: reason.link })
      }
    : { status: 401 }
