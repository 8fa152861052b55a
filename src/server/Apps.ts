/**
 * The applications that a server hosts, and what the server adds to each: its internal id and its signing key.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Mac from "effect/crypto/Mac"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { createHash, hkdfSync } from "node:crypto"
import type { ProviderType } from "../protocol/Provider.ts"
import type { App } from "./App.ts"

/**
 * An application as the server runs it.
 *
 * @category models
 * @since 0.1.0
 */
export interface HostedApp {
  readonly app: App
  /** The application's internal id, which its tokens and profiles carry. */
  readonly domainId: string
  readonly providerId: (type: ProviderType) => string
  readonly key: Mac.Key<typeof Mac.hmacSha256>
}

/**
 * Why applications cannot be hosted together.
 *
 * @category errors
 * @since 0.1.0
 */
export class AppsError extends Schema.TaggedError<AppsError>("effect-app-services/server/AppsError")("AppsError", {
  message: Schema.String
}) {}

/**
 * The hosted applications.
 *
 * @category services
 * @since 0.1.0
 */
export class Apps extends Context.Service<
  Apps,
  {
    readonly byId: ReadonlyMap<string, HostedApp>
    readonly byDomainId: ReadonlyMap<string, HostedApp>
  }
>()("effect-app-services/server/Apps") {
  /**
   * Hosts applications. Each has a signing key of its own: derived from `signingKey` where one is given, so that
   * sessions outlive the server, else made at random.
   */
  static readonly layer = (
    apps: ReadonlyArray<App>,
    signingKey?: Redacted.Redacted
  ): Layer.Layer<Apps, AppsError, SecureRandom.SecureRandom> => Layer.effect(Apps, make(apps, signingKey))
}

const make = Effect.fnUntraced(function* (apps: ReadonlyArray<App>, signingKey: Redacted.Redacted | undefined) {
  const random = yield* SecureRandom.SecureRandom
  if (signingKey !== undefined && Redacted.value(signingKey).length < 32) {
    return yield* new AppsError({ message: "a signing key needs at least 32 characters" })
  }
  const byId = new Map<string, HostedApp>()
  const byDomainId = new Map<string, HostedApp>()
  for (const app of apps) {
    if (byId.has(app.id)) return yield* new AppsError({ message: `two applications have the id "${app.id}"` })
    const domainId = idOf(app.id)
    const secret =
      signingKey === undefined
        ? yield* random.randomBytes(32)
        : new Uint8Array(hkdfSync("sha256", Redacted.value(signingKey), "", `session tokens of ${app.id}`, 32))
    const key = yield* Effect.orDie(Mac.key(Mac.hmacSha256, secret))
    const hosted: HostedApp = { app, domainId, providerId: (type) => idOf(`${app.id} ${type}`), key }
    byId.set(app.id, hosted)
    byDomainId.set(domainId, hosted)
  }
  return Apps.of({ byId, byDomainId })
})

/** An object id that is the same at every start. */
const idOf = (name: string): string => createHash("sha256").update(name).digest("hex").slice(0, 24)
