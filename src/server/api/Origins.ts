/** The origins of pages that may use an application, as its configuration restricts them. */
import * as Effect from "effect/Effect"
import { body, Forbidden } from "../model/ApiErrors.ts"
import type { HostedApp } from "../model/Apps.ts"
import { CurrentRequest, type Details, type Subject } from "../model/CurrentRequest.ts"
import * as Location from "./Location.ts"

const forbidden = new Forbidden(
  body("the origin of the request is not one of the application's allowed_request_origins")
)

/**
 * Rejects the current request if it comes from a page of another origin than the application allows. Requests without an
 * `Origin` are not those of pages; pages of the server itself, as of static hosting, are the application's own.
 */
export const check = (hosted: HostedApp): Effect.Effect<HostedApp, Forbidden> =>
  Effect.withFiber((fiber) => checked(hosted, fiber.getRef(CurrentRequest)))

/** The same, and adds to the subject of the request. */
export const checkAbout = (hosted: HostedApp, subject: Readonly<Subject>): Effect.Effect<HostedApp, Forbidden> =>
  Effect.withFiber((fiber) => {
    const current = fiber.getRef(CurrentRequest)
    if (current !== undefined) Object.assign(current.subject, subject)
    return checked(hosted, current)
  })

const checked = (hosted: HostedApp, current: Details | undefined): Effect.Effect<HostedApp, Forbidden> => {
  const { allowedRequestOrigins: allowed } = hosted.app
  const origin = current?.request.headers["origin"]
  if (allowed.size === 0 || current === undefined || origin === undefined || allowed.has(origin)) {
    return Effect.succeed(hosted)
  }
  return Effect.flatMap(Location.origin(current.request), (own) =>
    own === origin ? Effect.succeed(hosted) : Effect.fail(forbidden)
  )
}
