/** Sessions: created by a login, refreshed with the refresh token, ended by a logout. */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import type * as Redacted from "effect/Redacted"
import { noDeviceId } from "../../protocol/internal/token.ts"
import { body, Unauthorized } from "../model/ApiErrors.ts"
import type { HostedApp } from "../model/Apps.ts"
import * as Ids from "../model/Ids.ts"
import { type Identity, type Session, UserStore, type User } from "./UserStore.ts"
import { Tokens } from "./Tokens.ts"
import { Users } from "./Users.ts"

/** The result of a login. */
export interface Begun {
  readonly access_token: Redacted.Redacted
  readonly refresh_token: Redacted.Redacted
  readonly user_id: string
  readonly device_id: string
}

/** The shape of {@link Sessions}. */
export interface Service {
  /** A device keeps the id that it sends; one without an id gets one. */
  readonly begin: (
    hosted: HostedApp,
    user: User,
    identity: Identity,
    deviceId: string | undefined
  ) => Effect.Effect<Begun>
  /** The result of a login, for an existing session. */
  readonly answer: (hosted: HostedApp, user: User, session: Session) => Effect.Effect<Begun>
  /** The session of an access token, if it has not ended. */
  readonly find: (hosted: HostedApp, sessionId: string) => Effect.Effect<Session, Unauthorized>
  /** A new access token with the current custom data. The refresh token stays: clients would not store another. */
  readonly renew: (hosted: HostedApp, user: User, session: Session) => Effect.Effect<Redacted.Redacted, Unauthorized>
  /** Ends the session; its access tokens stay valid until they expire, as on the original service. */
  readonly end: (hosted: HostedApp, session: Session) => Effect.Effect<void>
}

/** Creates, refreshes and ends sessions. */
export class Sessions extends Context.Service<Sessions, Service>()("effect-app-services/server/users/Sessions") {
  /** Builds the service. */
  static readonly make: Effect.Effect<Service, never, UserStore | Tokens | Users | SecureRandom.SecureRandom> =
    Effect.gen(function* () {
      const store = yield* UserStore
      const tokens = yield* Tokens
      const users = yield* Users
      const random = yield* SecureRandom.SecureRandom
      const newId = Effect.provideService(Ids.objectId, SecureRandom.SecureRandom, random)

      const access = Effect.fnUntraced(function* (hosted: HostedApp, user: User, session: Session) {
        return yield* tokens.access(hosted, session, yield* users.customData(hosted, user))
      })

      const answer = Effect.fn("Sessions.answer")(function* (hosted: HostedApp, user: User, session: Session) {
        return {
          access_token: yield* access(hosted, user, session),
          refresh_token: yield* tokens.refresh(hosted, session),
          user_id: user.id,
          device_id: session.deviceId
        }
      })

      return Sessions.of({
        renew: Effect.fn("Sessions.renew")(function* (hosted, user, session) {
          const { id, providerType } = session.identity
          const key =
            providerType === "api-key" ? Option.getOrUndefined(yield* store.apiKey(hosted.app.id, id)) : undefined
          if (key?.disabled === true) {
            yield* store.deleteSession(hosted.app.id, session.id)
            return yield* sessionGone
          }
          return yield* access(hosted, user, session)
        }),
        answer,
        begin: Effect.fn("Sessions.begin")(function* (hosted, user, identity, deviceId) {
          const now = yield* Clock.currentTimeMillis
          const lifetime =
            identity.providerType === "anon-user" ? anonymousLifetime : hosted.app.tokens.refreshTokenLifetime
          const known = deviceId !== undefined && Ids.isObjectId(deviceId) && deviceId !== noDeviceId
          const session: Session = {
            id: yield* newId,
            userId: user.id,
            identity,
            deviceId: known ? deviceId.toLowerCase() : yield* newId,
            createdAt: now,
            expiresAt: now + Duration.toMillis(lifetime),
            ...(user.epoch === undefined ? undefined : { epoch: user.epoch })
          }
          const begun = yield* answer(hosted, user, session)
          yield* store.createSession(hosted.app.id, session)
          return begun
        }),
        find: Effect.fn("Sessions.find")(function* ({ app }, sessionId) {
          const session = Option.getOrUndefined(yield* store.session(app.id, sessionId))
          return session ?? (yield* new Unauthorized(body("invalid session", "InvalidSession")))
        }),
        end: Effect.fn("Sessions.end")((hosted, session) => store.deleteSession(hosted.app.id, session.id))
      })
    })

  static readonly layer: Layer.Layer<Sessions, never, UserStore | Tokens | Users | SecureRandom.SecureRandom> =
    Layer.effect(Sessions, Sessions.make)
}

/** An anonymous user cannot log in again, so the session lasts 50 years. */
const anonymousLifetime = Duration.days(365 * 50)

/**
 * The error that `realm-web` recognises as an ended session, so that its logout succeeds.
 *
 * @internal
 */
export const sessionGone = new Unauthorized(body("invalid session: failed to find refresh token", "InvalidSession"))
