/**
 * Logins by redirect that are under way: what binds the answer of an OAuth provider to the request, and both to one browser.
 *
 * Where they are kept is a port: in memory, where a restart of the server makes users begin again, or in a database, where
 * any server of an application can finish what another one began.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Lru from "../../core/lru.ts"
import { Apps, type HostedApp } from "../model/Apps.ts"
import type { OAuthProvider, OAuthType } from "../model/OAuthProvider.ts"
import * as Digest from "./Digest.ts"
import type { Flow } from "./OAuth.ts"

/** The request of a login by redirect. */
export interface Request {
  readonly hosted: HostedApp
  readonly provider: OAuthProvider
  /** The page to return to: one of the provider's redirect URIs. */
  readonly redirect: string
  /** The client's own text, which is returned to it. */
  readonly state: string
  readonly deviceId: string | undefined
  /** The session of the user who gets the identity; `undefined` for a login. */
  readonly link: { readonly userId: string; readonly sessionId: string } | undefined
  /** The URL of this server that the provider answers to. */
  readonly callback: string
}

/** A login under way, with the cookie that has to be in its browser. */
export interface Begun {
  readonly flow: Flow
  readonly cookie: { readonly name: string; readonly value: Redacted.Redacted }
}

/** A login whose browser is back. */
export interface Returned {
  /** The name of the cookie, which is used up. */
  readonly cookie: string
  readonly request: Request
  readonly flow: Flow
}

/** A login as it is kept until its browser is back. */
export interface Pending extends Omit<Request, "hosted" | "provider"> {
  readonly appId: string
  readonly provider: OAuthType
  readonly nonce: Redacted.Redacted
  readonly verifier: Redacted.Redacted
  /** The digest of the cookie. */
  readonly browser: string
  /** Milliseconds since the epoch. */
  readonly expiresAt: number
}

/** The shape of {@link PendingLogins}. */
export interface PendingService {
  readonly put: (key: string, login: Pending) => Effect.Effect<void>
  /** Takes a login, which no other call gets then. */
  readonly take: (key: string) => Effect.Effect<Pending | undefined>
}

/** Keeps logins until their browsers are back: in memory, or in MongoDB (`server/mongodb/internal/users/pending`). */
export class PendingLogins extends Context.Service<PendingLogins, PendingService>()(
  "effect-app-services/server/users/RedirectLogins/PendingLogins"
) {
  /** Keeps the newest logins in memory. */
  static readonly layerMemory: Layer.Layer<PendingLogins> = Layer.sync(PendingLogins, () => {
    const pending = new Map<string, Pending>()
    return PendingLogins.of({
      put: (key, login) => Effect.sync(() => Lru.put(pending, key, login, capacity)),
      take: (key) =>
        Effect.sync(() => {
          const found = pending.get(key)
          pending.delete(key)
          return found
        })
    })
  })
}

/** The shape of {@link RedirectLogins}. */
export interface Service {
  readonly begin: (request: Request) => Effect.Effect<Begun>
  /**
   * Takes the login of a state, which is then used up. `undefined` if there is none, if it has expired, or if the browser is
   * not the one that began it.
   */
  readonly take: (
    state: Redacted.Redacted,
    cookies: Readonly<Record<string, string | undefined>>
  ) => Effect.Effect<Returned | undefined>
}

/** Keeps logins by redirect. */
export class RedirectLogins extends Context.Service<RedirectLogins, Service>()(
  "effect-app-services/server/users/RedirectLogins"
) {
  /** Builds the service. */
  static readonly make: Effect.Effect<Service, never, Apps | PendingLogins | SecureRandom.SecureRandom> = Effect.gen(
    function* () {
      const random = yield* SecureRandom.SecureRandom
      const pending = yield* PendingLogins
      const { byId } = yield* Apps
      const secret = Effect.map(random.randomBytes(32), (bytes) => Redacted.make(Base64Url.encode(bytes)))

      return RedirectLogins.of({
        begin: Effect.fn("RedirectLogins.begin")(function* ({ hosted, provider, ...request }) {
          const flow: Flow = {
            callback: request.callback,
            state: yield* secret,
            nonce: yield* secret,
            verifier: yield* secret
          }
          const value = yield* secret
          const expiresAt = (yield* Clock.currentTimeMillis) + lifetimeMillis
          const { nonce, verifier } = flow
          yield* pending.put(Digest.of(flow.state), {
            ...request,
            appId: hosted.app.id,
            provider: provider.type,
            nonce,
            verifier,
            browser: Digest.of(value),
            expiresAt
          })
          return { flow, cookie: { name: cookieOf(flow.state), value } }
        }),
        take: Effect.fn("RedirectLogins.take")(function* (state, cookies) {
          const found = yield* pending.take(Digest.of(state))
          if (found === undefined || found.expiresAt <= (yield* Clock.currentTimeMillis)) return undefined
          const { appId, browser, expiresAt: _, nonce, provider: type, verifier, ...request } = found
          // the application may have been replaced meanwhile
          const hosted = byId.get(appId)
          const provider = Array.from(hosted?.app.providers.oauth.values() ?? []).find((it) => it.type === type)
          if (hosted === undefined || provider === undefined) return undefined
          const name = cookieOf(state)
          // digests tell nothing by the time that comparing them takes
          if (Digest.of(Redacted.make(cookies[name] ?? "")) !== browser) return undefined
          const flow: Flow = { callback: request.callback, state, nonce, verifier }
          return { request: { ...request, hosted, provider }, flow, cookie: name }
        })
      })
    }
  )

  static readonly layer: Layer.Layer<RedirectLogins, never, Apps | PendingLogins | SecureRandom.SecureRandom> =
    Layer.effect(RedirectLogins, RedirectLogins.make)
}

/** The time that a user may take at the provider. */
export const lifetime = Duration.minutes(10)
const lifetimeMillis = Duration.toMillis(lifetime)

/** The most logins under way, about 10 MB. Beyond it the oldest one is forgotten. */
const capacity = 10_000

/** A browser may have several logins under way, each with a cookie of its own. */
const cookieOf = (state: Redacted.Redacted) => `baas_oauth_${Digest.of(state).slice(0, 16)}`
