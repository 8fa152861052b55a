/** The current HTTP request: its id in the log, and its subject. */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"

/** The subject of a request, as far as it is known. */
export interface Subject {
  /** The id of the application. */
  app?: string
  userId?: string
  /** The function that is called, in the client's words. */
  call?: string
  /** The code of the error that it is answered with. */
  code?: string
}

/** The state of one request. */
export interface Details {
  readonly request: HttpServerRequest.HttpServerRequest
  readonly subject: Subject
  /** Created by `newId` at its first use. */
  logId?: string
  readonly newId: Effect.Effect<string>
}

/** The request that the running fiber answers; `undefined` outside of a request. */
export const CurrentRequest = Context.Reference<Details | undefined>(
  "effect-app-services/server/model/CurrentRequest",
  { defaultValue: () => undefined }
)

/** The id of the current request in the log, created at its first use; `undefined` outside of a request. */
export const logId: Effect.Effect<string | undefined> = Effect.withFiber((fiber) => {
  const current = fiber.getRef(CurrentRequest)
  return current === undefined || current.logId !== undefined
    ? Effect.succeed(current?.logId)
    : Effect.map(current.newId, (id) => (current.logId ??= id))
})

/** Annotates the log lines of an effect with `logId`. */
export const annotated = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(logId, (id) => (id === undefined ? effect : Effect.annotateLogs(effect, { logId: id })))

/** Adds to the subject of the current request, and succeeds with `result`. */
export const about: {
  (subject: Readonly<Subject>): Effect.Effect<void>
  <A>(subject: Readonly<Subject>, result: A): Effect.Effect<A>
} = <A>(subject: Readonly<Subject>, result?: A): Effect.Effect<A | undefined> =>
  Effect.withFiber((fiber) => {
    const current = fiber.getRef(CurrentRequest)
    if (current !== undefined) Object.assign(current.subject, subject)
    return Effect.succeed(result)
  })
