/**
 * What is told about a request once it is answered: enough to follow what clients do, and nothing that is secret.
 *
 * @since 0.1.0
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"

/**
 * A request that was answered. Its query, headers and body are left out: they hold tokens and passwords.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  readonly method: string
  /** As the client sent it, without the query. */
  readonly path: string
  /** Absent when the client went away before there was an answer. */
  readonly status: number | undefined
  /** How long the answer took; one that streams has just begun. */
  readonly millis: number
  /** The application, where one of the server's is meant. */
  readonly app: string | undefined
  /** The user, where a token or a login told. */
  readonly userId: string | undefined
  /**
   * The function that is called, in the client's words, which may be any: `sum`, or `mongodb-atlas.find(shop.widgets)` of
   * a data source.
   */
  readonly call: string | undefined
}

/**
 * Told about every request, one after the other as they are answered.
 *
 * @category models
 * @since 0.1.0
 */
export type OnRequest = (entry: Entry) => Effect.Effect<void>

interface Subject {
  app?: string
  userId?: string
  call?: string
}

/** What becomes known of a request on its way; nothing is kept of it where nobody is told. */
const CurrentSubject = Context.Reference<Subject | undefined>("effect-app-services/server/RequestLog/CurrentSubject", {
  defaultValue: () => undefined
})

/**
 * Says what the present request is about, and yields the result, if any.
 *
 * @category combinators
 * @since 0.1.0
 */
export const about: {
  (subject: Readonly<Subject>): Effect.Effect<void>
  <A>(subject: Readonly<Subject>, result: A): Effect.Effect<A>
} = <A>(subject: Readonly<Subject>, result?: A): Effect.Effect<A | undefined> =>
  Effect.withFiber((fiber) => {
    const current = fiber.getRef(CurrentSubject)
    if (current !== undefined) Object.assign(current, subject)
    return Effect.succeed(result)
  })

/**
 * Tells about a request when it is answered.
 *
 * @category combinators
 * @since 0.1.0
 */
export const observed = (
  { method, url }: HttpServerRequest.HttpServerRequest,
  onRequest: OnRequest
): (<R>(
  answer: Effect.Effect<HttpServerResponse.HttpServerResponse, never, R>
) => Effect.Effect<HttpServerResponse.HttpServerResponse, never, R>) =>
  Effect.fnUntraced(function* (answer) {
    const subject: Subject = {}
    const start = yield* Clock.currentTimeMillis
    return yield* answer.pipe(
      Effect.provideService(CurrentSubject, subject),
      Effect.onExit((exit) =>
        Effect.flatMap(Clock.currentTimeMillis, (now) =>
          onRequest({
            method,
            path: url.split("?", 1)[0] ?? "",
            status: exit._tag === "Success" ? exit.value.status : undefined,
            millis: now - start,
            app: subject.app,
            userId: subject.userId,
            call: subject.call
          }).pipe(
            // who is told about an answer does not get to spoil it
            Effect.catchCause((cause) => Effect.logError("onRequest failed", cause))
          )
        )
      )
    )
  })
