/** The handlers of push registrations. */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import { noDeviceId } from "../../protocol/internal/token.ts"
import { Api, PushPayload } from "./Api.ts"
import { body, NotFound } from "../model/ApiErrors.ts"
import { currentUserOf } from "./Authorization.ts"
import * as Body from "./Body.ts"
import * as Payload from "../model/Payload.ts"
import { findApp } from "./Requests.ts"
import { UserStore } from "../users/UserStore.ts"

const decodePush = Payload.decode(PushPayload)

export const layer = HttpApiBuilder.group(Api, "push", (handlers) =>
  Effect.gen(function* () {
    const find = yield* findApp
    const store = yield* UserStore

    /** The registration key of the session's device. */
    const deviceOf = Effect.fnUntraced(function* ({
      appId,
      service
    }: {
      readonly appId: string
      readonly service: string
    }) {
      const hosted = yield* find(appId)
      const { claims, user } = yield* currentUserOf(hosted)
      if (!hosted.app.push.has(service)) {
        return yield* new NotFound(body(`service not found: '${service}'`, "ServiceNotFound"))
      }
      return { service, userId: user.id, deviceId: claims.baas_device_id ?? noDeviceId }
    })

    return handlers
      .handleRaw(
        "register",
        Effect.fnUntraced(function* ({ params, request }) {
          const device = yield* deviceOf(params)
          const { registrationToken: token } = yield* Effect.flatMap(Body.json(request), decodePush)
          yield* store.setPushRegistration(params.appId, { ...device, token })
        })
      )
      .handle(
        "deregister",
        Effect.fnUntraced(function* ({ params }) {
          yield* store.deletePushRegistration(params.appId, yield* deviceOf(params))
        })
      )
  })
)
