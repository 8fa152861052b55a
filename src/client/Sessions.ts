/**
 * Keeps users logged in: provides a valid access token whenever one is needed, and ends sessions.
 *
 * - An access token expires by the local clock at arrival plus the lifetime that it states, so that a device whose clock is
 *   wrong behaves like any other.
 * - Far from expiry a token is returned at once; near it the present one is returned while a refresh runs in the background;
 *   past it the caller waits for the refresh.
 * - One refresh per user at a time, shared by all callers, and by all processes that share the token store.
 * - A request that is refused with status 401 for its token is repeated once, after one refresh.
 * - Only the host's verdict on the refresh token or the user ends a session, by its error code; a network failure, a 5xx, a
 *   429 or the refusal of a gateway never does.
 * - A refresh that was in flight when the user logged out writes nothing.
 * - A session that is kept alive is refreshed ahead of expiry by a fiber of its own; any other session costs no timer and no
 *   fiber.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import type * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import type * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import type * as Answers from "../protocol/internal/answers.ts"
import { noDeviceId } from "../protocol/internal/token.ts"
import type { ProviderType } from "../protocol/Provider.ts"
import { routes } from "../protocol/internal/routes.ts"
import type { AccessTokenClaims } from "../protocol/internal/token.ts"
import type { AppServicesError } from "./AppServicesError.ts"
import { authorized, authorizedToRefresh } from "./internal/authorization.ts"
import * as Requests from "./internal/requests.ts"
import * as Engine from "./internal/sessionEngine.ts"
import type { SessionEngine } from "./internal/sessionEngine.ts"
import * as KeepAlive from "./internal/sessionKeepAlive.ts"
import { newerThan, validSession } from "./internal/sessionRefresh.ts"
import * as Telemetry from "./internal/telemetry.ts"
import * as Transitions from "./internal/transitions.ts"
import { fromStore } from "./internal/users.ts"
import { isVerdict } from "./internal/verdicts.ts"
import { TokenStoreKey } from "./internal/tokenStoreKey.ts"
import { ProtocolClient } from "./ProtocolClient.ts"
import type { Session, TokenStore } from "./TokenStore.ts"
import { UserEvents } from "./UserEvents.ts"
import type { UserState } from "./UserState.ts"

/**
 * How sessions are kept.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /**
   * Refresh every session of the application ahead of expiry, those found in the token store included.
   *
   * @default false
   */
  readonly keepAlive?: boolean | undefined
  /**
   * When to retry a scheduled refresh that failed for a reason that may pass. A `Retry-After` of the host is respected.
   *
   * @default exponentially from one second to five minutes, jittered, without end
   */
  readonly keepAliveSchedule?: Schedule.Schedule<unknown, AppServicesError> | undefined
  /**
   * How long before expiry an access token that is asked for is renewed in the background; at most half of its lifetime. A
   * session that is kept alive is refreshed between one and two margins before expiry.
   *
   * @default "1 minute"
   */
  readonly renewalMargin?: Duration.Input | undefined
}

/**
 * The shape of {@link Sessions}. `operation` is the name that errors carry, such as `"AuthApi.logIn"`. What needs a session
 * fails with `UnknownUser` or `NotLoggedIn` without one, and with `SessionExpired` or `UserDisabled` if the host ends it;
 * every member fails with `StoreUnavailable` when the token store does.
 *
 * @category models
 * @since 0.1.0
 */
export interface Service {
  /** Stores the session that a login answered; its user becomes the most recent one. Returns the user's id. */
  readonly begin: (
    operation: string,
    login: typeof Answers.LoggedIn.Type,
    providerType: ProviderType
  ) => Effect.Effect<string, AppServicesError>
  /** Stores the access token that a link answered. */
  readonly link: (
    operation: string,
    userId: string,
    accessToken: Redacted.Redacted,
    providerType: ProviderType
  ) => Effect.Effect<void, AppServicesError>
  /**
   * Deletes a user's tokens here, then ends the session at the host. `"log out"` keeps the user, unless it is anonymous;
   * `"remove"` removes any user; `"forget"` does so without a request to the host.
   */
  readonly end: (
    operation: string,
    userId: string,
    how: "log out" | "remove" | "forget"
  ) => Effect.Effect<void, AppServicesError>
  /** An access token that is valid now. */
  readonly accessToken: (operation: string, userId: string) => Effect.Effect<Redacted.Redacted, AppServicesError>
  /** Fetches a new access token, however valid the present one is. */
  readonly refresh: (operation: string, userId: string) => Effect.Effect<Session, AppServicesError>
  /** Sends a request with an access token, and once more with a new one after a refusal that a new token may mend. */
  readonly authorized: <A>(
    operation: string,
    userId: string,
    send: (token: Redacted.Redacted) => Effect.Effect<A, AppServicesError>
  ) => Effect.Effect<A, AppServicesError>
  /** Sends a request with the refresh token, as the routes of API keys require; a refusal of it ends the session. */
  readonly authorizedToRefresh: <A>(
    operation: string,
    userId: string,
    send: (token: Redacted.Redacted) => Effect.Effect<A, AppServicesError>
  ) => Effect.Effect<A, AppServicesError>
  /** Refreshes a session ahead of expiry until the scope closes or the session ends. */
  readonly keepAlive: (operation: string, userId: string) => Effect.Effect<void, AppServicesError, Scope.Scope>
  /** The present state of a user; sends nothing. */
  readonly state: (operation: string, userId: string) => Effect.Effect<UserState, AppServicesError>
  /** The present state of a user, then each change. */
  readonly states: (operation: string, userId: string) => Stream.Stream<UserState, AppServicesError>
}

/**
 * Keeps the sessions of an application's users. `AuthApi` begins and ends them, every request uses them; call it yourself
 * only together with `ProtocolClient`, for requests that the SDK has no service for.
 *
 * @example
 * ```ts
 * import { ProtocolClient, Sessions } from "effect-app-services"
 * import { Effect } from "effect"
 *
 * const profileText = Effect.fn("profileText")(function*(userId: string) {
 *   const client = yield* ProtocolClient
 *   const sessions = yield* Sessions
 *   const operation = { name: "profileText", kind: "general" } as const
 *   return yield* sessions.authorized(operation.name, userId, (token) =>
 *     client.execute({ operation, method: "GET", path: "/api/client/v2.0/auth/profile", token })
 *   )
 * })
 * ```
 *
 * @category services
 * @since 0.1.0
 */
export class Sessions extends Context.Service<Sessions, Service>()("effect-app-services/client/Sessions") {
  /** Builds the service. */
  static readonly make = Effect.fnUntraced(function* (
    options: Options
  ): Effect.fn.Return<Service, never, ProtocolClient | TokenStore | UserEvents | Scope.Scope> {
    const client = yield* ProtocolClient
    const events = yield* UserEvents
    const tokens = (yield* TokenStoreKey).forApp(client.appId)
    const engine = yield* Engine.make(client, events, tokens, options.renewalMargin ?? "1 minute")
    const keepAlive = yield* KeepAlive.make(engine, options.keepAlive === true, options.keepAliveSchedule)
    if (options.keepAlive === true) {
      const userIds = yield* Effect.orElseSucceed(tokens.userIds, (): ReadonlyArray<string> => [])
      yield* Effect.forEach(userIds, keepAlive.ensure, { discard: true })
    }
    yield* hearOthers(engine, keepAlive)
    return {
      begin: begin(engine, keepAlive),
      link: link(engine),
      end: end(engine, keepAlive),
      accessToken: (operation, userId) =>
        Effect.map(validSession(engine, operation, userId), ({ accessToken }) => accessToken),
      refresh: (operation, userId) =>
        Effect.flatMap(Engine.sessionOf(engine, operation, userId), ({ accessToken }) =>
          newerThan(engine, operation, userId, accessToken)
        ),
      authorized: authorized(engine),
      authorizedToRefresh: authorizedToRefresh(engine),
      keepAlive: (operation, userId) =>
        Effect.andThen(
          Engine.sessionOf(engine, operation, userId),
          Effect.asVoid(Effect.forkScoped(keepAlive.run(userId)))
        ),
      state: stateOf(engine),
      states: statesOf(engine)
    }
  })

  /** The service over the wire client, the token store and the events. */
  static readonly layer = (
    options: Options = {}
  ): Layer.Layer<Sessions, never, ProtocolClient | TokenStore | UserEvents> => Layer.effect(this, this.make(options))
}

/** Publishes the changes that other processes make of the store. */
const hearOthers = (engine: SessionEngine, keepAlive: KeepAlive.KeepAlive) => {
  const { events, locked, tokens } = engine
  if (tokens.shared === undefined) return Effect.void
  return tokens.shared.listen(({ events: changes, userId }) =>
    Effect.gen(function* () {
      for (const event of changes) {
        if (event._tag === "LoggedIn") yield* keepAlive.ensure(userId)
        // what this process remembers of an earlier session does not hold for the next one
        if (event._tag !== "Switched" && event._tag !== "ProfileChanged") Engine.forget(engine, userId)
        yield* events.publish(userId, event)
      }
    }).pipe(locked(userId))
  )
}

const deviceIdOf = (login: typeof Answers.LoggedIn.Type, claims: AccessTokenClaims): string | undefined =>
  [login.device_id, claims.baas_device_id, claims.stitch_devId].find((id) => id && id !== noDeviceId) ?? undefined

const begin = (engine: SessionEngine, keepAlive: KeepAlive.KeepAlive): Service["begin"] =>
  Effect.fnUntraced(function* (operation, login, providerType) {
    const userId = login.user_id
    const received = { accessToken: login.access_token, refreshToken: login.refresh_token }
    const { claims, session } = yield* Engine.receive(engine, operation, userId, received)
    const changes = Transitions.customDataChange(yield* Engine.storedClaims(engine, operation, userId), claims)
    const deviceId = deviceIdOf(login, claims)
    engine.failures.delete(userId)
    const loggedIn = Transitions.loggedIn({ id: userId, providerType, deviceId }, session, changes)
    const wasLoggedIn = yield* Engine.write(engine, operation, userId, loggedIn, { promote: true })
    if (deviceId !== undefined) yield* fromStore(operation)(engine.tokens.setDeviceId(deviceId))
    yield* Metric.update(Telemetry.sessionsBegun, 1)
    if (!wasLoggedIn) yield* Metric.modify(Telemetry.liveSessions, 1)
    yield* keepAlive.begin(userId)
    return userId
  }, Effect.uninterruptible)

const link = (engine: SessionEngine): Service["link"] =>
  Effect.fnUntraced(function* (operation, userId, accessToken, providerType) {
    const old = yield* Engine.sessionOf(engine, operation, userId)
    const received = { accessToken, refreshToken: old.refreshToken }
    const { claims, session } = yield* Engine.receive(engine, operation, userId, received)
    const changes = Transitions.customDataChange(yield* Engine.storedClaims(engine, operation, userId), claims)
    yield* Engine.write(engine, operation, userId, Transitions.linked(old, session, providerType, changes))
  }, Effect.uninterruptible)

const end = (engine: SessionEngine, keepAlive: KeepAlive.KeepAlive): Service["end"] =>
  Effect.fnUntraced(function* (operation, userId, how) {
    const refreshToken = yield* Engine.write(engine, operation, userId, Transitions.loggedOut(how !== "log out"))
    Engine.forget(engine, userId)
    yield* keepAlive.stop(userId)
    if (refreshToken === undefined) return
    yield* Metric.modify(Telemetry.liveSessions, -1)
    if (how === "forget") return
    const request = {
      operation: { name: operation, kind: "session" },
      method: "DELETE",
      route: routes.session,
      parameters: {},
      decode: Requests.ignoreAnswer
    } as const
    yield* Effect.catchIf(
      Requests.send(engine.client, request, refreshToken),
      isVerdict,
      () =>
        // a session that the host has ended already is what was asked for
        Effect.void
    )
  })

const stateOf = ({ failures, refreshing, tokens }: SessionEngine): Service["state"] =>
  Effect.fnUntraced(function* (operation, userId): Effect.fn.Return<UserState, AppServicesError> {
    const user = yield* fromStore(operation)(tokens.get(userId))
    if (Option.isNone(user)) return { _tag: "Removed" }
    if (user.value.session === undefined) return { _tag: "LoggedOut", cause: user.value.ended ?? "LoggedOut" }
    if (refreshing.isRunning(userId)) return { _tag: "Refreshing" }
    const failure = failures.get(userId)
    return failure === undefined ? { _tag: "Active" } : { _tag: "Stale", since: failure.since, error: failure.error }
  })

const statesOf = (engine: SessionEngine): Service["states"] => {
  const state = stateOf(engine)
  return (operation, userId) =>
    Stream.unwrap(
      Effect.gen(function* () {
        const changes = yield* engine.events.subscribe(userId)
        const first = yield* state(operation, userId)
        return Stream.concat(
          Stream.succeed(first),
          Stream.mapEffect(changes, () => state(operation, userId))
        ).pipe(
          Stream.changesWith(
            (a, b) => a._tag === b._tag && (a._tag !== "Stale" || b._tag !== "Stale" || a.since === b.since)
          )
        )
      })
    )
}
