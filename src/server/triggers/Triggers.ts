/** Runs the triggers of applications as long as their server runs. */
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as PubSub from "effect/PubSub"
import { Database, type DatabaseError } from "../data/Database.ts"
import * as PlainNumbers from "../data/PlainNumbers.ts"
import { FunctionRuntime } from "../functions/FunctionRuntime.ts"
import type { App } from "../model/App.ts"
import { AuthEvents } from "../users/AuthEvents.ts"
import * as authentication from "./authentication.ts"
import * as database from "./database.ts"
import * as firing from "./firing.ts"
import * as scheduled from "./scheduled.ts"

/**
 * Starts the triggers. Their functions run in the context `outside`: its clock, and its loggers.
 *
 * Change events are seen from the start on. What a server that ends has not processed is lost.
 */
export const layer = (
  apps: ReadonlyArray<App>,
  outside: Context.Context<never>
): Layer.Layer<never, DatabaseError, Database | FunctionRuntime | AuthEvents> =>
  Layer.effectDiscard(
    Effect.gen(function* () {
      const db = PlainNumbers.make(yield* Database)
      const runtime = yield* FunctionRuntime
      const subscription = yield* AuthEvents.use(({ subscribe }) => subscribe)
      const fork = (effect: Effect.Effect<void>) => Effect.forkScoped(Effect.provideContext(effect, outside))
      const fires = new Map(apps.map((app) => [app.id, { app, fire: firing.make(runtime, app) }]))
      for (const { app, fire } of fires.values()) {
        for (const trigger of app.triggers) {
          if (trigger._tag === "Scheduled") yield* fork(scheduled.run(trigger, fire))
          if (trigger._tag === "Database") yield* fork(yield* database.open(db, app, trigger, fire))
        }
      }
      const next = Effect.flatMap(PubSub.take(subscription), (event) => {
        const found = fires.get(event.appId)
        return found === undefined ? Effect.void : authentication.handle(found.app, event, found.fire)
      })
      yield* fork(Effect.scoped(Effect.forever(next)))
    })
  )
