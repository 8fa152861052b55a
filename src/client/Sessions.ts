/**
 * The token engine: a valid token whenever one is asked for.
 *
 * - An access token expires by the local clock at arrival plus the lifetime that it states, so a device whose clock is
 *   wrong behaves like any other.
 * - Far from expiry a token is answered at once; near it the present one is answered while a refresh runs behind it; past
 *   it the caller waits for the refresh.
 * - One refresh per user at a time, shared by everybody who needs it.
 * - A request that is refused with status 401 is repeated once, after one refresh.
 * - Only the host's verdict on the refresh token or the user ends a session, by its code; a network failure, a 5xx, a 429
 *   or the refusal of a gateway never does.
 * - A refresh that was under way when the user logged out writes nothing.
 * - A session that is kept alive is refreshed ahead of expiry by itself; without that, no session costs a timer or a fiber.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import * as Random from "effect/Random"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import type * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import * as Answers from "../protocol/Answers.ts"
import { noDeviceId } from "../protocol/Device.ts"
import type { ProviderType } from "../protocol/Provider.ts"
import { routes } from "../protocol/Routes.ts"
import { accessTokenClaims } from "../protocol/Token.ts"
import { AppServicesError, InvalidResponse, NotLoggedIn } from "./AppServicesError.ts"
import * as Alone from "./internal/alone.ts"
import * as Authorization from "./internal/authorization.ts"
import * as Deadlines from "./internal/deadlines.ts"
import * as Gate from "./internal/gate.ts"
import * as KeyedLock from "../core/keyedLock.ts"
import * as SingleFlight from "./internal/singleFlight.ts"
import * as Telemetry from "./internal/telemetry.ts"
import * as Transitions from "./internal/transitions.ts"
import { fromStore, getUser } from "./internal/users.ts"
import { expired, isDisabled, isOver, isVerdict } from "./internal/verdicts.ts"
import { decodeAnswer, ProtocolClient } from "./ProtocolClient.ts"
import { TokenStore } from "./TokenStore.ts"
import type { Session, StoredUser } from "./TokenStore.ts"
import { UserEvents } from "./UserEvents.ts"
import type { UserState } from "./UserState.ts"

/**
 * How sessions are kept.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** Refresh every session of the application ahead of expiry, those found in the token store too. Default: `false`. */
  readonly keepAlive?: boolean | undefined
  /**
   * When to try again after a scheduled refresh that failed for a reason that may pass. A `Retry-After` of the host is
   * respected. Default: exponentially from one second to five minutes, jittered, without end.
   */
  readonly keepAliveSchedule?: Schedule.Schedule<unknown, AppServicesError> | undefined
  /**
   * How long before expiry a token that is asked for is renewed behind the answer; at most half of its lifetime. A session
   * that is kept alive is refreshed between one and two of these before expiry. Default: one minute.
   */
  readonly renewalMargin?: Duration.Input | undefined
}

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
    /** Stores the access token that a link answered. */
    link(
      operation: string,
      userId: string,
      accessToken: Redacted.Redacted,
      providerType: ProviderType
    ): Effect.Effect<void, AppServicesError>
    /**
     * Forgets a user's tokens and ends the session at the host. An anonymous user is removed; to remove is to remove any
     * user, to forget is to remove it without a word to the host.
     */
    end(operation: string, userId: string, how: "log out" | "remove" | "forget"): Effect.Effect<void, AppServicesError>
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
    /** Sends a request with the refresh token, as the API key routes want; a refusal of it ends the session. */
    authorizedToRefresh<A>(
      operation: string,
      userId: string,
      send: (token: Redacted.Redacted) => Effect.Effect<A, AppServicesError>
    ): Effect.Effect<A, AppServicesError>
    /** Refreshes a session ahead of expiry until the scope closes or the session ends. */
    keepAlive(operation: string, userId: string): Effect.Effect<void, AppServicesError, Scope.Scope>
    state(operation: string, userId: string): Effect.Effect<UserState, AppServicesError>
    /** The present state of a user, then each change. */
    states(operation: string, userId: string): Stream.Stream<UserState, AppServicesError>
  }
>()("effect-app-services/client/Sessions") {
  static readonly layer = (
    options: Options = {}
  ): Layer.Layer<Sessions, never, ProtocolClient | TokenStore | UserEvents> => Layer.effect(this, make(options))
}

const decodeRefreshed = decodeAnswer(Answers.Refreshed)

const defaultKeepAlive = Schedule.min([Schedule.exponential("1 second"), Schedule.spaced("5 minutes")]).pipe(
  Schedule.jittered
)

/** After a failed refresh, how long a token that is still good is answered without trying again behind it. */
const renewalPauseMillis = 10_000

/** A host whose tokens hardly live is not asked for new ones more often than this, in milliseconds. */
const shortestSleep = 1_000

/** What is remembered of a session that could not be refreshed. */
interface Failure {
  readonly since: number
  readonly error: AppServicesError
  /** When to try again behind an answer, and when the host allows another try at all, by the monotonic clock. */
  readonly pausedUntil: number
  readonly blockedUntil: number
}

const make = Effect.fnUntraced(function* (options: Options) {
  const client = yield* ProtocolClient
  const events = yield* UserEvents
  const tokens = (yield* TokenStore).forApp(client.appId)
  const together = tokens.shared ?? Alone.alone(tokens)
  const locked = KeyedLock.make()
  const passing = yield* Gate.make
  const share = yield* SingleFlight.make<Session, AppServicesError>()
  const kept = yield* SingleFlight.make<void, never>()
  const deadlines = Deadlines.make()
  const failures = new Map<string, Failure>()
  const renewalMargin = Duration.toMillis(Duration.fromInputUnsafe(options.renewalMargin ?? "1 minute"))
  const keepAliveSchedule = (options.keepAliveSchedule ?? defaultKeepAlive).pipe(
    Schedule.setInputType<AppServicesError>(),
    Schedule.while(({ input }) => !isOver(input)),
    Schedule.modifyDelay(({ duration, input }) =>
      Effect.succeed(Duration.max(duration, Duration.millis(input.retryAfterMillis ?? 0)))
    )
  )

  /**
   * Writes the store and announces what was written: both or neither, in one order, and neither once the layer is closed,
   * which waits for what is being written.
   */
  const write = <A>(
    operation: string,
    userId: string,
    change: (current: Option.Option<StoredUser>) => Transitions.Change<A>,
    options?: { readonly promote: boolean }
  ) =>
    Effect.suspend(() => {
      const modified = tokens.modify(
        userId,
        (current) => {
          const changed = change(current)
          return [changed, changed.next]
        },
        { ...options, announce: ({ announce }) => announce }
      )
      return Effect.flatMap(fromStore(operation)(modified), ({ announce, result }) =>
        Effect.as(
          Effect.forEach(announce, (event) => events.publish(userId, event), { discard: true }),
          result
        )
      )
    }).pipe(passing, locked(userId), Effect.uninterruptible)

  const marginOf = ({ expiresAt, receivedAt }: Session) => Math.min(renewalMargin, (expiresAt - receivedAt) / 2)

  const sessionOf = Effect.fnUntraced(function* (operation: string, userId: string) {
    const { session } = yield* getUser(tokens, operation, userId)
    return session ?? (yield* new AppServicesError({ operation, reason: new NotLoggedIn({ userId }) }))
  })

  /** The session as the store has it now, or why there is none any more. */
  const latestSession = Effect.fnUntraced(function* (operation: string, userId: string) {
    const { ended, session } = yield* getUser({ get: together.latest }, operation, userId)
    if (session !== undefined) return session
    return yield* ended === "SessionExpired"
      ? expired(operation, userId, { reason: new NotLoggedIn({ userId }) })
      : new AppServicesError({ operation, reason: new NotLoggedIn({ userId }) })
  })

  const receive = Effect.fnUntraced(function* (
    operation: string,
    userId: string,
    accessToken: Redacted.Redacted,
    refreshToken: Redacted.Redacted
  ) {
    const claims = yield* Effect.mapError(
      accessTokenClaims(accessToken),
      (error) =>
        new AppServicesError({ operation, reason: new InvalidResponse({ status: 200, problem: error.message }) })
    )
    const receivedAt = yield* Clock.currentTimeMillis
    const expiresAt = receivedAt + (claims.exp - claims.iat) * 1000
    const session: Session = { accessToken, refreshToken, receivedAt, expiresAt }
    yield* deadlines.remaining(userId, session)
    return { session, claims }
  })

  const forget = (userId: string) => {
    failures.delete(userId)
    deadlines.forget(userId)
  }

  /** The host has refused the refresh token, or the user: the session is over. Yields that of a later login, if there is one. */
  const endByVerdict = Effect.fnUntraced(function* (
    operation: string,
    userId: string,
    old: Session,
    error: AppServicesError,
    by: "refresh" | "call"
  ) {
    const over = expired(operation, userId, error)
    const { ended, later } = yield* write(operation, userId, Transitions.sessionExpired(old, over, by))
    yield* Metric.update(Telemetry.refreshes[ended ? "expired" : "discarded"], 1)
    if (ended) {
      yield* Metric.modify(Telemetry.liveSessions, -1)
      forget(userId)
    }
    return later ?? (yield* isDisabled(error) ? new AppServicesError({ operation, reason: error.reason }) : over)
  })

  /** The claims of the access token that stands in the store, if there is one that can be read. */
  const presentClaims = Effect.fnUntraced(function* (operation: string, userId: string) {
    const user = yield* fromStore(operation)(tokens.get(userId))
    const token = Option.isSome(user) ? user.value.session?.accessToken : undefined
    return token === undefined ? undefined : Option.getOrUndefined(yield* Effect.option(accessTokenClaims(token)))
  })

  const fetchSession = Effect.fnUntraced(
    function* (operation: string, userId: string, old: Session) {
      yield* events.publish(userId, { _tag: "RefreshStarted" })
      const body = yield* client.execute({
        operation: { name: operation, kind: "session" },
        method: "POST",
        path: routes.session,
        token: old.refreshToken,
        idempotent: true
      })
      const { access_token } = yield* decodeRefreshed(operation, body)
      const { claims, session } = yield* receive(operation, userId, access_token, old.refreshToken)
      const before = yield* Effect.option(accessTokenClaims(old.accessToken))
      failures.delete(userId)
      const changes = Transitions.customDataChange(Option.getOrUndefined(before), claims)
      const stored = yield* write(operation, userId, Transitions.refreshed(old, session, changes))
      yield* Metric.update(Telemetry.refreshes[stored === session ? "refreshed" : "discarded"], 1)
      return stored ?? (yield* new AppServicesError({ operation, reason: new NotLoggedIn({ userId }) }))
    },
    (effect, operation, userId, old) =>
      Effect.catch(effect, (error) => {
        if (isVerdict(error)) return endByVerdict(operation, userId, old, error, "refresh")
        return isOver(error) ? Effect.fail(error) : Effect.andThen(noteFailure(userId, old, error), Effect.fail(error))
      }),
    Effect.trackDuration(Telemetry.refreshDuration),
    // no trace of where it was called: that is a line of ours
    Effect.withSpan("Sessions.refresh", {}, { captureStackTrace: false })
  )

  const noteFailure = Effect.fnUntraced(
    function* (userId: string, old: Session, error: AppServicesError) {
      yield* Metric.update(Telemetry.refreshes.failed, 1)
      const user = yield* Effect.option(tokens.get(userId))
      // nobody waits for a token of a session that is gone; where the store does not answer, it is not gone
      if (Option.isSome(user) && !Transitions.isOf(old, user.value)) return
      const now = yield* Deadlines.monotonicMillis
      const wait = error.retryAfterMillis ?? 0
      failures.set(userId, {
        since: failures.get(userId)?.since ?? (yield* Clock.currentTimeMillis),
        error,
        pausedUntil: now + Math.max(wait, renewalPauseMillis),
        blockedUntil: now + wait
      })
      yield* events.publish(userId, { _tag: "RefreshFailed", error })
    },
    (effect, userId) => locked(userId)(effect)
  )

  /** The work behind a refresh: a session whose access token is another than `seen`, whichever process fetches it. */
  const renew = (operation: string, userId: string, seen: Redacted.Redacted) => {
    const look = Effect.map(latestSession(operation, userId), (session) =>
      Transitions.same(session.accessToken, seen) ? Result.fail(session) : Result.succeed(session)
    )
    return Effect.catchTag(
      together.exclusively(userId, look, (session) => fetchSession(operation, userId, session)),
      "TokenStoreError",
      (error) => fromStore(operation)(Effect.fail(error))
    )
  }

  /** Waits for a session whose access token is another than `seen`; all who come meanwhile wait for the same. */
  const newerThan = Effect.fnUntraced(
    function* (operation: string, userId: string, seen: Redacted.Redacted) {
      const failure = failures.get(userId)
      if (failure !== undefined && failure.blockedUntil > (yield* Deadlines.monotonicMillis))
        return yield* failure.error
      return yield* share.run(userId, renew(operation, userId, seen))
    },
    // the error may come from a refresh that another operation began
    (effect, operation) => Effect.mapError(effect, ({ reason }) => new AppServicesError({ operation, reason })),
    (effect) =>
      Effect.acquireUseRelease(
        Metric.modify(Telemetry.refreshWaiters, 1),
        () => effect,
        () => Metric.modify(Telemetry.refreshWaiters, -1)
      )
  )

  /** The session, its access token good now. */
  const goodSession = Effect.fnUntraced(function* (operation: string, userId: string) {
    const session = yield* sessionOf(operation, userId)
    const left = yield* deadlines.remaining(userId, session)
    if (left > marginOf(session)) return session
    if (left <= 0) return yield* newerThan(operation, userId, session.accessToken)
    const pausedUntil = failures.get(userId)?.pausedUntil ?? -Infinity
    if (pausedUntil <= (yield* Deadlines.monotonicMillis)) {
      const renewed = renew("Sessions.renew", userId, session.accessToken)
      yield* share.start(
        userId,
        Effect.tapError(renewed, (error) =>
          // a store that is away is not asked anew for each call
          error.reason._tag === "StoreUnavailable" && failures.get(userId)?.error !== error
            ? noteFailure(userId, session, error)
            : Effect.void
        )
      )
    }
    return session
  })

  /** Refreshes a session ahead of expiry, time and again; ends with the session. */
  const tend = Effect.fnUntraced(function* (userId: string) {
    const operation = "Sessions.keepAlive"
    while (true) {
      const session = yield* sessionOf(operation, userId)
      const left = yield* deadlines.remaining(userId, session)
      const lead = Math.min(renewalMargin, (session.expiresAt - session.receivedAt) / 4) * (1 + (yield* Random.next))
      yield* Effect.sleep(Math.max(shortestSleep, left - lead))
      // whoever refreshed meanwhile, or woke this up late, leaves one refresh to do at most
      const present = yield* sessionOf(operation, userId)
      if (!Transitions.same(present.accessToken, session.accessToken)) continue
      yield* Effect.retry(newerThan(operation, userId, session.accessToken), keepAliveSchedule)
    }
  })

  const keep = (userId: string) => Effect.ignore(tend(userId))

  const state = Effect.fnUntraced(function* (
    operation: string,
    userId: string
  ): Effect.fn.Return<UserState, AppServicesError> {
    const user = yield* fromStore(operation)(tokens.get(userId))
    if (Option.isNone(user)) return { _tag: "Removed" }
    if (user.value.session === undefined) return { _tag: "LoggedOut", cause: user.value.ended ?? "LoggedOut" }
    if (share.isRunning(userId)) return { _tag: "Refreshing" }
    const failure = failures.get(userId)
    return failure === undefined ? { _tag: "Active" } : { _tag: "Stale", since: failure.since, error: failure.error }
  })

  if (options.keepAlive === true) {
    const users = yield* Effect.orElseSucceed(tokens.userIds, (): ReadonlyArray<string> => [])
    yield* Effect.forEach(users, (userId) => kept.start(userId, keep(userId)), { discard: true })
  }

  if (tokens.shared !== undefined) {
    yield* tokens.shared.listen(({ events: changed, userId }) =>
      Effect.gen(function* () {
        for (const event of changed) {
          if (event._tag === "LoggedIn" && options.keepAlive === true) yield* kept.start(userId, keep(userId))
          // what this process made of an earlier session holds for that one only
          if (event._tag !== "Switched" && event._tag !== "ProfileChanged") forget(userId)
          yield* events.publish(userId, event)
        }
      }).pipe(locked(userId))
    )
  }

  return Sessions.of({
    ...Authorization.make({ sessionOf, goodSession, newerThan, endByVerdict }),
    accessToken: (operation, userId) => Effect.map(goodSession(operation, userId), ({ accessToken }) => accessToken),
    state,
    states: (operation, userId) =>
      Stream.unwrap(
        Effect.gen(function* () {
          const changes = yield* events.subscribe(userId)
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
      ),
    keepAlive: Effect.fnUntraced(function* (operation, userId) {
      yield* sessionOf(operation, userId)
      yield* Effect.forkScoped(keep(userId))
    }),
    refresh: Effect.fnUntraced(function* (operation, userId) {
      const { accessToken } = yield* sessionOf(operation, userId)
      return yield* newerThan(operation, userId, accessToken)
    }),
    begin: Effect.fnUntraced(function* (operation, login, providerType) {
      const userId = login.user_id
      const { claims, session } = yield* receive(operation, userId, login.access_token, login.refresh_token)
      const changes = Transitions.customDataChange(yield* presentClaims(operation, userId), claims)
      const deviceId =
        [login.device_id, claims.baas_device_id, claims.stitch_devId].find((id) => id && id !== noDeviceId) ?? undefined
      const user = { id: userId, providerType, deviceId }
      failures.delete(userId)
      const wasLoggedIn = yield* write(operation, userId, Transitions.loggedIn(user, session, changes), {
        promote: true
      })
      if (deviceId !== undefined) yield* fromStore(operation)(tokens.setDeviceId(deviceId))
      yield* Metric.update(Telemetry.sessionsBegun, 1)
      if (!wasLoggedIn) yield* Metric.modify(Telemetry.liveSessions, 1)
      if (options.keepAlive === true) {
        // the session before this one was kept by other times
        yield* kept.stop(userId)
        yield* kept.start(userId, keep(userId))
      }
      return userId
    }, Effect.uninterruptible),
    link: Effect.fnUntraced(function* (operation, userId, accessToken, providerType) {
      const old = yield* sessionOf(operation, userId)
      const { claims, session } = yield* receive(operation, userId, accessToken, old.refreshToken)
      const changes = Transitions.customDataChange(yield* presentClaims(operation, userId), claims)
      yield* write(operation, userId, Transitions.linked(old, session, providerType, changes))
    }, Effect.uninterruptible),
    end: Effect.fnUntraced(function* (operation, userId, how) {
      const refreshToken = yield* write(operation, userId, Transitions.loggedOut(how !== "log out"))
      forget(userId)
      yield* kept.stop(userId)
      if (refreshToken === undefined) return
      yield* Metric.modify(Telemetry.liveSessions, -1)
      if (how === "forget") return
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
