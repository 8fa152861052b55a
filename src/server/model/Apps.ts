/** The applications that a server hosts, with their internal ids. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { createHash } from "node:crypto"
import type { ProviderType } from "../../protocol/Provider.ts"
import type { App } from "./App.ts"

/** An application as the server runs it. */
export interface HostedApp {
  readonly app: App
  /** The application's internal id, which is in its tokens and profiles. */
  readonly domainId: string
  readonly providerId: (type: ProviderType) => string
}

/** The applications or the server's options are invalid. */
export class AppsError extends Schema.TaggedError<AppsError>("effect-app-services/server/model/AppsError")(
  "AppsError",
  {
    message: Schema.String
  }
) {}

/** The shape of {@link Apps}. */
export interface Service {
  /** By the id that clients use. */
  readonly byId: ReadonlyMap<string, HostedApp>
  /** By the id in tokens. */
  readonly byDomainId: ReadonlyMap<string, HostedApp>
  /** All applications, in a list that is another one after a replacement. */
  readonly all: () => ReadonlyArray<App>
  /** Replaces the application with the same id: requests that come later find the new one. */
  readonly replace: (app: App) => void
}

/** The hosted applications. */
export class Apps extends Context.Service<Apps, Service>()("effect-app-services/server/model/Apps") {
  static readonly make = Effect.fnUntraced(function* (apps: ReadonlyArray<App>) {
    const byId = new Map<string, HostedApp>()
    const byDomainId = new Map<string, HostedApp>()
    const put = (app: App): void => {
      const domainId = idOf(app.id)
      const hosted: HostedApp = { app, domainId, providerId: (type) => providerIdOf(app.id, type) }
      byId.set(app.id, hosted)
      byDomainId.set(domainId, hosted)
    }
    for (const app of apps) {
      if (byId.has(app.id))
        return yield* new AppsError({ message: `two applications have the id "${app.id}": give each its own` })
      put(app)
    }
    let all = apps
    return Apps.of({
      byId,
      byDomainId,
      all: () => all,
      replace: (app) => {
        put(app)
        all = all.map((it) => (it.id === app.id ? app : it))
      }
    })
  })

  /** Hosts applications. */
  static readonly layer = (apps: ReadonlyArray<App>): Layer.Layer<Apps, AppsError> =>
    Layer.effect(Apps, Apps.make(apps))
}

/** The id of a provider of an application, the same at every start. */
export const providerIdOf = (appId: string, type: ProviderType): string => idOf(`${appId} ${type}`)

/**
 * An object id that is the same at every start.
 *
 * @internal
 */
export const idOf = (name: string): string => createHash("sha256").update(name).digest("hex").slice(0, 24)
