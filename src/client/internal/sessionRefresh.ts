import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Metric from "effect/Metric"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Answers from "../../protocol/internal/answers.ts"
import { routes } from "../../protocol/internal/routes.ts"
import { AppServicesError, NotLoggedIn } from "../AppServicesError.ts"
import { decodeAnswer } from "../ProtocolClient.ts"
import type { Session } from "../TokenStore.ts"
import * as Deadlines from "./deadlines.ts"
import * as Requests from "./requests.ts"
import { claimsOf, forget, latestSession, receive, sessionOf, write } from "./sessionEngine.ts"
import type { SessionEngine } from "./sessionEngine.ts"
import * as Telemetry from "./telemetry.ts"
import * as Transitions from "./transitions.ts"
import { fromStore } from "./users.ts"
import { expired, isDisabled, isOver, isVerdict } from "./verdicts.ts"

const decodeRefreshed = decodeAnswer(Answers.Refreshed)

/** For how many milliseconds after a failed refresh a token that is still valid is used without another attempt. */
const renewalPauseMillis = 10_000

/**
 * Ends a session, because the host has refused its refresh token or disabled the user. Returns the session of a later
 * login, if there is one.
 *
 * @internal
 */
export const endByVerdict = Effect.fnUntraced(function* (
  engine: SessionEngine,
  operation: string,
  userId: string,
  old: Session,
  error: AppServicesError,
  by: "refresh" | "call"
) {
  const over = expired(operation, userId, error)
  const { ended, later } = yield* write(engine, operation, userId, Transitions.sessionExpired(old, over, by))
  yield* Telemetry.countRefresh(ended ? "expired" : "discarded")
  if (ended) {
    yield* Metric.modify(Telemetry.liveSessions, -1)
    forget(engine, userId)
  }
  return later ?? (yield* isDisabled(error) ? new AppServicesError({ operation, reason: error.reason }) : over)
})

/** Fetches a new access token and stores it, unless the session has changed meanwhile. */
const fetchSession = Effect.fnUntraced(
  function* (engine: SessionEngine, operation: string, userId: string, old: Session) {
    yield* engine.events.publish(userId, { _tag: "RefreshStarted" })
    const request = {
      operation: { name: operation, kind: "session" },
      method: "POST",
      route: routes.session,
      parameters: {},
      idempotent: true,
      decode: decodeRefreshed
    } as const
    const { access_token } = yield* Requests.send(engine.client, request, old.refreshToken)
    const received = { accessToken: access_token, refreshToken: old.refreshToken }
    const { claims, session } = yield* receive(engine, operation, userId, received)
    engine.failures.delete(userId)
    const changes = Transitions.customDataChange(yield* claimsOf(old.accessToken), claims)
    const stored = yield* write(engine, operation, userId, Transitions.refreshed(old, session, changes))
    yield* Telemetry.countRefresh(stored === session ? "refreshed" : "discarded")
    return stored ?? (yield* new AppServicesError({ operation, reason: new NotLoggedIn({ userId }) }))
  },
  (effect, engine, operation, userId, old) =>
    Effect.catch(effect, (error) => {
      if (isVerdict(error)) return endByVerdict(engine, operation, userId, old, error, "refresh")
      return isOver(error)
        ? Effect.fail(error)
        : Effect.andThen(noteFailure(engine, userId, old, error), Effect.fail(error))
    }),
  Effect.trackDuration(Telemetry.refreshDuration),
  // the stack trace would name a line of this package
  Effect.withSpan("Sessions.refresh", {}, { captureStackTrace: false })
)

/** Remembers that a refresh failed for a reason that may pass, and publishes it. */
const noteFailure = Effect.fnUntraced(
  function* ({ events, failures, tokens }: SessionEngine, userId: string, old: Session, error: AppServicesError) {
    yield* Telemetry.countRefresh("failed")
    const user = yield* Effect.option(tokens.get(userId))
    // the failure of a session that has ended concerns no caller; a store that does not answer has not ended it
    if (Option.isSome(user) && !Transitions.isOf(old, user.value)) return
    const now = yield* Deadlines.monotonicMillis
    const retryAfter = error.retryAfterMillis ?? 0
    failures.set(userId, {
      since: failures.get(userId)?.since ?? (yield* Clock.currentTimeMillis),
      error,
      pausedUntil: now + Math.max(retryAfter, renewalPauseMillis),
      blockedUntil: now + retryAfter
    })
    yield* events.publish(userId, { _tag: "RefreshFailed", error })
  },
  (effect, { locked }, userId) => locked(userId)(effect)
)

/** The work of a refresh: a session whose access token differs from `seen`, whichever process fetches it. */
const renew = (engine: SessionEngine, operation: string, userId: string, seen: Redacted.Redacted) => {
  const look = Effect.map(latestSession(engine, operation, userId), (session) =>
    Transitions.same(session.accessToken, seen) ? Result.fail(session) : Result.succeed(session)
  )
  return Effect.catchTag(
    engine.together.exclusively(userId, look, (session) => fetchSession(engine, operation, userId, session)),
    "TokenStoreError",
    (error) => fromStore(operation)(Effect.fail(error))
  )
}

/**
 * Waits for a session whose access token differs from `seen`; concurrent callers share one refresh.
 *
 * @internal
 */
export const newerThan = Effect.fnUntraced(
  function* (engine: SessionEngine, operation: string, userId: string, seen: Redacted.Redacted) {
    const failure = engine.failures.get(userId)
    if (failure !== undefined && failure.blockedUntil > (yield* Deadlines.monotonicMillis)) return yield* failure.error
    return yield* engine.refreshing.run(userId, renew(engine, operation, userId, seen))
  },
  // the error may come from a refresh that another operation began
  (effect, _, operation) => Effect.mapError(effect, ({ reason }) => new AppServicesError({ operation, reason })),
  (effect) =>
    Effect.acquireUseRelease(
      Metric.modify(Telemetry.refreshWaiters, 1),
      () => effect,
      () => Metric.modify(Telemetry.refreshWaiters, -1)
    )
)

/** Starts a refresh that its caller does not wait for. */
const renewInBackground = (engine: SessionEngine, userId: string, session: Session) =>
  engine.refreshing.start(
    userId,
    Effect.tapError(renew(engine, "Sessions.renew", userId, session.accessToken), (error) =>
      // an unreachable store is not asked again by each call
      error.reason._tag === "StoreUnavailable" && engine.failures.get(userId)?.error !== error
        ? noteFailure(engine, userId, session, error)
        : Effect.void
    )
  )

/**
 * The session, its access token valid now. Near expiry the present token is returned while a refresh runs in the
 * background; past it the caller waits for the refresh.
 *
 * @internal
 */
export const validSession = Effect.fnUntraced(function* (engine: SessionEngine, operation: string, userId: string) {
  const session = yield* sessionOf(engine, operation, userId)
  const { expiresAt, receivedAt } = session
  const left = yield* engine.deadlines.remaining(userId, session)
  if (left > Math.min(engine.renewalMargin, (expiresAt - receivedAt) / 2)) return session
  if (left <= 0) return yield* newerThan(engine, operation, userId, session.accessToken)
  const pausedUntil = engine.failures.get(userId)?.pausedUntil ?? -Infinity
  if (pausedUntil <= (yield* Deadlines.monotonicMillis)) yield* renewInBackground(engine, userId, session)
  return session
})
