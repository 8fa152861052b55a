import * as Effect from "effect/Effect"
import type { AppServicesError } from "../AppServicesError.ts"
import type { Service } from "../Sessions.ts"
import type { Session } from "../TokenStore.ts"
import { sessionOf } from "./sessionEngine.ts"
import type { SessionEngine } from "./sessionEngine.ts"
import { endByVerdict, newerThan, validSession } from "./sessionRefresh.ts"
import { expired, isDisabled, isRefusedToken, isStaleToken } from "./verdicts.ts"

type Failable<A> = Effect.Effect<A, AppServicesError>

/** Sends with a session; that the user is disabled ends the session. */
const sendAs = <A>(
  engine: SessionEngine,
  operation: string,
  userId: string,
  session: Session,
  send: (session: Session) => Failable<A>
): Failable<A> =>
  Effect.catchIf(send(session), isDisabled, (error) =>
    Effect.flatMap(endByVerdict(engine, operation, userId, session, error, "call"), send)
  )

/**
 * Sends a request with an access token, and once more with a new one after a refusal that a new token may mend.
 *
 * @internal
 */
export const authorized =
  (engine: SessionEngine): Service["authorized"] =>
  (operation, userId, send) => {
    const asSession = ({ accessToken }: Session) => send(accessToken)
    return Effect.flatMap(validSession(engine, operation, userId), (session) =>
      Effect.catchIf(sendAs(engine, operation, userId, session, asSession), isStaleToken, () =>
        Effect.flatMap(newerThan(engine, operation, userId, session.accessToken), (newer) =>
          Effect.mapError(sendAs(engine, operation, userId, newer, asSession), (error) =>
            isRefusedToken(error) ? expired(operation, userId, error) : error
          )
        )
      )
    )
  }

/**
 * Sends a request with the refresh token; a refusal of it ends the session.
 *
 * @internal
 */
export const authorizedToRefresh =
  (engine: SessionEngine): Service["authorizedToRefresh"] =>
  (operation, userId, send) => {
    const asSession = ({ refreshToken }: Session) => send(refreshToken)
    return Effect.flatMap(sessionOf(engine, operation, userId), (session) =>
      Effect.catchIf(sendAs(engine, operation, userId, session, asSession), isRefusedToken, (error) =>
        Effect.flatMap(endByVerdict(engine, operation, userId, session, error, "call"), asSession)
      )
    )
  }
