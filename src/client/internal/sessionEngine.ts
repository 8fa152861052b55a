import * as Clock from "effect/Clock"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import * as KeyedLock from "../../core/keyedLock.ts"
import { accessTokenClaims } from "../../protocol/internal/token.ts"
import { AppServicesError, InvalidResponse, NotLoggedIn } from "../AppServicesError.ts"
import type { Service as Client } from "../ProtocolClient.ts"
import type { AppTokens, Session, SharedUsers, StoredUser } from "../TokenStore.ts"
import type { Service as Events } from "../UserEvents.ts"
import * as Alone from "./alone.ts"
import * as Deadlines from "./deadlines.ts"
import * as Gate from "./gate.ts"
import * as SingleFlight from "./singleFlight.ts"
import type * as Transitions from "./transitions.ts"
import { fromStore, getUser } from "./users.ts"
import { expired } from "./verdicts.ts"

/** What is remembered of a session that could not be refreshed. */
interface RefreshFailure {
  /** When the first refresh of the session failed, in milliseconds since the epoch. */
  readonly since: number
  readonly error: AppServicesError
  /** When to refresh in the background again, in milliseconds of the monotonic clock. */
  readonly pausedUntil: number
  /** When the host allows another refresh at all, in milliseconds of the monotonic clock. */
  readonly blockedUntil: number
}

/**
 * The state that the operations on sessions share: refresh, keep-alive, authorization, login and logout.
 *
 * @internal
 */
export interface SessionEngine {
  readonly client: Client
  readonly events: Events
  readonly tokens: AppTokens
  /** Whichever process does it: in this one alone, or with those that share the store. */
  readonly together: Pick<SharedUsers, "latest" | "exclusively">
  /** Serializes the changes of one user and their events. */
  readonly locked: (userId: string) => <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** Lets an effect finish before the layer closes; interrupts it if the layer has closed. */
  readonly guarded: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
  /** The refreshes in flight, by user. */
  readonly refreshing: SingleFlight.SingleFlight<Session, AppServicesError>
  readonly deadlines: Deadlines.Deadlines
  readonly failures: Map<string, RefreshFailure>
  /** In milliseconds. */
  readonly renewalMargin: number
}

/** @internal */
export const make = Effect.fnUntraced(function* (
  client: Client,
  events: Events,
  tokens: AppTokens,
  renewalMargin: Duration.Input
) {
  const engine: SessionEngine = {
    client,
    events,
    tokens,
    together: tokens.shared ?? Alone.alone(tokens),
    locked: KeyedLock.make(),
    guarded: yield* Gate.make,
    refreshing: yield* SingleFlight.make<Session, AppServicesError>(),
    deadlines: Deadlines.make(),
    failures: new Map(),
    renewalMargin: Duration.toMillis(Duration.fromInputUnsafe(renewalMargin))
  }
  return engine
})

/**
 * Writes the store and publishes the events of the change: both or neither, in one order per user, and neither once the
 * layer is closed, which waits for what is being written.
 *
 * @internal
 */
export const write = <A>(
  { events, guarded, locked, tokens }: SessionEngine,
  operation: string,
  userId: string,
  change: (current: Option.Option<StoredUser>) => Transitions.Change<A>,
  options?: { readonly promote: boolean }
): Effect.Effect<A, AppServicesError> =>
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
  }).pipe(guarded, locked(userId), Effect.uninterruptible)

/**
 * The session of a user as stored, perhaps cached; fails with `UnknownUser` or `NotLoggedIn`.
 *
 * @internal
 */
export const sessionOf = Effect.fnUntraced(function* ({ tokens }: SessionEngine, operation: string, userId: string) {
  const { session } = yield* getUser(tokens, operation, userId)
  return session ?? (yield* new AppServicesError({ operation, reason: new NotLoggedIn({ userId }) }))
})

/**
 * The session as the store has it now, or why it ended.
 *
 * @internal
 */
export const latestSession = Effect.fnUntraced(function* (
  { together }: SessionEngine,
  operation: string,
  userId: string
) {
  const { ended, session } = yield* getUser({ get: together.latest }, operation, userId)
  if (session !== undefined) return session
  const reason = new NotLoggedIn({ userId })
  return yield* ended === "SessionExpired"
    ? expired(operation, userId, { reason })
    : new AppServicesError({ operation, reason })
})

/**
 * The session and the claims of an access token that has just arrived.
 *
 * @internal
 */
export const receive = Effect.fnUntraced(function* (
  { deadlines }: SessionEngine,
  operation: string,
  userId: string,
  tokens: Pick<Session, "accessToken" | "refreshToken">
) {
  const claims = yield* Effect.mapError(
    accessTokenClaims(tokens.accessToken),
    (error) => new AppServicesError({ operation, reason: new InvalidResponse({ status: 200, problem: error.message }) })
  )
  const receivedAt = yield* Clock.currentTimeMillis
  const session: Session = { ...tokens, receivedAt, expiresAt: receivedAt + (claims.exp - claims.iat) * 1000 }
  yield* deadlines.remaining(userId, session)
  return { session, claims }
})

/**
 * The claims of the stored access token, if there is one that can be read.
 *
 * @internal
 */
export const storedClaims = Effect.fnUntraced(function* ({ tokens }: SessionEngine, operation: string, userId: string) {
  const user = yield* fromStore(operation)(tokens.get(userId))
  const token = Option.isSome(user) ? user.value.session?.accessToken : undefined
  return token === undefined ? undefined : yield* claimsOf(token)
})

/**
 * The claims of an access token; undefined if it cannot be read.
 *
 * @internal
 */
export const claimsOf = (token: Redacted.Redacted) =>
  Effect.map(Effect.option(accessTokenClaims(token)), Option.getOrUndefined)

/**
 * Forgets what is remembered of a session that has ended or was replaced.
 *
 * @internal
 */
export const forget = ({ deadlines, failures }: SessionEngine, userId: string): void => {
  failures.delete(userId)
  deadlines.forget(userId)
}
