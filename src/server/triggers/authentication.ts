/** Authentication triggers. */
import * as Effect from "effect/Effect"
import type { App } from "../model/App.ts"
import type { AuthenticationTrigger } from "../model/Trigger.ts"
import type { AuthEvent } from "../users/AuthEvents.ts"
import * as UserData from "../users/UserData.ts"
import type { Fire } from "./firing.ts"

/** The first argument of the function. */
const argumentOf = ({ operation, providers, time, user }: AuthEvent): Record<string, unknown> => ({
  operationType: operation,
  providers: [...providers],
  user: {
    id: user.id,
    type: user.type,
    data: UserData.profileData(user),
    custom_data: {},
    identities: user.identities.map(({ data, id, providerType }) => ({ id, provider_type: providerType, data }))
  },
  // @effect-diagnostics-next-line globalDate:off -- BSON dates are JavaScript dates
  time: new Date(time)
})

/** Fires the triggers of an application that an event concerns, each in a fiber of the scope. */
export const handle = Effect.fnUntraced(function* (app: App, event: AuthEvent, fire: Fire) {
  const concerned = app.triggers.filter(
    (trigger): trigger is AuthenticationTrigger =>
      trigger._tag === "Authentication" &&
      trigger.operations.has(event.operation) &&
      event.providers.some((provider) => trigger.providers.has(provider))
  )
  for (const trigger of concerned) {
    yield* Effect.forkScoped(fire(trigger, [argumentOf(event)]), { startImmediately: true })
  }
})
