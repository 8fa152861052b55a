/**
 * The applications of a running server, which can be replaced while it runs.
 *
 * @since 0.2.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Logger from "effect/Logger"
import * as Schema from "effect/Schema"
import * as Semaphore from "effect/Semaphore"
import type { Database } from "./data/Database.ts"
import { FunctionRuntime } from "./functions/FunctionRuntime.ts"
import type { App } from "./model/App.ts"
import { Apps } from "./model/Apps.ts"
import * as Seeds from "./Seeds.ts"
import type { RowStore } from "./storage/RowStore.ts"
import { Triggers } from "./triggers/Triggers.ts"

/**
 * An application cannot be replaced: the server has none with its id, or its data cannot be written.
 *
 * @category errors
 * @since 0.2.0
 */
export class ReplaceError extends Schema.TaggedError<ReplaceError>("effect-app-services/server/ReplaceError")(
  "ReplaceError",
  { message: Schema.String }
) {}

/**
 * The shape of {@link Applications}.
 *
 * @category models
 * @since 0.2.0
 */
export interface Service {
  /**
   * Replaces the application with the same id, at once and as a whole: each request is answered by the old one or by the new
   * one. Users, sessions and documents stay. Calls of old functions end first, then their processes. Triggers go on where they
   * were. The port for MongoDB's tools keeps the data sources of the start.
   */
  readonly replace: (app: App) => Effect.Effect<void, ReplaceError>
  /** Runs an effect whose log the page for people shows beside that of the server. */
  readonly logged: <A, E, R>(effect: Effect.Effect<A, E, R>) => Effect.Effect<A, E, R>
}

/**
 * Replaces the applications of a server.
 *
 * @category services
 * @since 0.2.0
 */
export class Applications extends Context.Service<Applications, Service>()("effect-app-services/server/Applications") {
  /** @internal */
  static readonly layer = (outside: Context.Context<never>) =>
    Layer.effect(
      Applications,
      Effect.gen(function* () {
        const apps = yield* Apps
        const runtime = yield* FunctionRuntime
        const triggers = yield* Triggers
        // the triggers of one version end before those of the next begin
        const turns = yield* Semaphore.make(1)
        const seeds = yield* Effect.context<Database | RowStore>()
        return Applications.of({
          logged: Effect.provideService(Logger.CurrentLoggers, Context.get(outside, Logger.CurrentLoggers)),
          replace: Effect.fnUntraced(
            function* (app) {
              const old = apps.byId.get(app.id)?.app
              if (old === undefined) {
                const ids = [...apps.byId.keys()].join(", ")
                return yield* new ReplaceError({
                  message: `there is no application "${app.id}": the server hosts ${ids}`
                })
              }
              yield* Effect.provideContext(Seeds.plant([app]), seeds)
              apps.replace(locatedAs(old, app))
              yield* triggers.restart
              yield* runtime.retire(old)
            },
            Effect.mapError(({ message }) => new ReplaceError({ message })),
            (replaced) => turns.withPermit(replaced)
          )
        })
      })
    )
}

/** The new version, with the address that the files of the old one have. */
const locatedAs = (old: App, { hosting, ...app }: App): App => ({
  ...app,
  hosting:
    hosting === undefined || hosting.uri !== undefined || old.hosting === undefined
      ? hosting
      : { ...hosting, uri: hosting.domain === undefined ? old.hosting.uri : `https://${hosting.domain}` }
})
