/**
 * What is told about a request once it is answered: enough to follow what clients do, and nothing that is secret.
 *
 * @since 0.1.0
 */
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
  /** What the `link` of the answer ends with, where it is an error: `co_id=...`. Clients show it to their users. */
  readonly logId: string | undefined
}

/**
 * Told about every request, one after the other as they are answered.
 *
 * @category models
 * @since 0.1.0
 */
export type OnRequest = (entry: Entry) => Effect.Effect<void>

/** What may be said of a request on its way. */
interface Subject {
  app?: string
  userId?: string
  call?: string
}

/** What is known of the present request. */
interface Present extends Subject {
  logId?: string
  readonly newId: Effect.Effect<string>
}

const CurrentRequest = Context.Reference<Present | undefined>("effect-app-services/server/RequestLog/CurrentRequest", {
  defaultValue: () => undefined
})

/**
 * The id by which the present request is found in the log; made when it is asked for first. Absent outside of a request.
 *
 * @category accessors
 * @since 0.1.0
 */
export const logId: Effect.Effect<string | undefined> = Effect.withFiber((fiber) => {
  const current = fiber.getRef(CurrentRequest)
  return current === undefined || current.logId !== undefined
    ? Effect.succeed(current?.logId)
    : Effect.map(current.newId, (id) => (current.logId ??= id))
})

/**
 * Puts that id on what an effect logs.
 *
 * @category combinators
 * @since 0.1.0
 */
export const annotated = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E, R> =>
  Effect.flatMap(logId, (id) => (id === undefined ? effect : Effect.annotateLogs(effect, { logId: id })))

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
    const current = fiber.getRef(CurrentRequest)
    if (current !== undefined) Object.assign(current, subject)
    return Effect.succeed(result)
  })

/**
 * Keeps what is known of a request, and tells about it when it is answered.
 *
 * @category combinators
 * @since 0.1.0
 */
export const observed =
  (
    { method, url }: HttpServerRequest.HttpServerRequest,
    newId: Effect.Effect<string>,
    onRequest: OnRequest | undefined
  ) =>
  <R>(
    answer: Effect.Effect<HttpServerResponse.HttpServerResponse, never, R>
  ): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R> => {
    const present: Present = { newId }
    const known = Effect.updateService(answer, CurrentRequest, () => present)
    return onRequest === undefined
      ? known
      : Effect.clockWith((clock) => {
          const start = clock.currentTimeMillisUnsafe()
          return Effect.onExit(known, (exit) =>
            onRequest({
              method,
              path: url.split("?", 1)[0] ?? "",
              status: exit._tag === "Success" ? exit.value.status : undefined,
              millis: clock.currentTimeMillisUnsafe() - start,
              app: present.app,
              userId: present.userId,
              call: present.call,
              logId: present.logId
            }).pipe(
              // who is told about an answer does not get to spoil it
              Effect.catchCause((cause) => Effect.logError("onRequest failed", cause))
            )
          )
        })
  }
