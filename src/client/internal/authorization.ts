import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type { AppServicesError } from "../AppServicesError.ts"
import type { Session } from "../TokenStore.ts"
import { expired, isDisabled, isRefusedToken, isStaleToken } from "./verdicts.ts"

type Failable<A> = Effect.Effect<A, AppServicesError>
type Send<A> = (token: Redacted.Redacted) => Failable<A>

interface Engine {
  readonly sessionOf: (operation: string, userId: string) => Failable<Session>
  /** The session, its access token good now. */
  readonly goodSession: (operation: string, userId: string) => Failable<Session>
  readonly newerThan: (operation: string, userId: string, seen: Redacted.Redacted) => Failable<Session>
  /** Ends a session; yields that of a later login, if there is one. */
  readonly endByVerdict: (
    operation: string,
    userId: string,
    old: Session,
    error: AppServicesError,
    by: "call"
  ) => Failable<Session>
}

/**
 * Requests with the tokens of a session, and what their refusals make of it.
 *
 * @internal
 */
export const make = ({ endByVerdict, goodSession, newerThan, sessionOf }: Engine) => {
  /** That the user is disabled ends the session. */
  const sendAs = <A>(
    operation: string,
    userId: string,
    session: Session,
    send: (session: Session) => Failable<A>
  ): Failable<A> =>
    Effect.catchIf(send(session), isDisabled, (error) =>
      Effect.flatMap(endByVerdict(operation, userId, session, error, "call"), send)
    )

  return {
    authorized: <A>(operation: string, userId: string, send: Send<A>): Failable<A> => {
      const asSession = ({ accessToken }: Session) => send(accessToken)
      return Effect.flatMap(goodSession(operation, userId), (session) =>
        Effect.catchIf(sendAs(operation, userId, session, asSession), isStaleToken, () =>
          Effect.flatMap(newerThan(operation, userId, session.accessToken), (newer) =>
            Effect.mapError(sendAs(operation, userId, newer, asSession), (error) =>
              isRefusedToken(error) ? expired(operation, userId, error) : error
            )
          )
        )
      )
    },
    authorizedToRefresh: <A>(operation: string, userId: string, send: Send<A>): Failable<A> => {
      const asSession = ({ refreshToken }: Session) => send(refreshToken)
      return Effect.flatMap(sessionOf(operation, userId), (session) =>
        Effect.catchIf(sendAs(operation, userId, session, asSession), isRefusedToken, (error) =>
          Effect.flatMap(endByVerdict(operation, userId, session, error, "call"), asSession)
        )
      )
    }
  }
}
