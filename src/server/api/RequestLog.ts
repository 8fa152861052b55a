/**
 * What is told about a request once it is answered: enough to follow what clients do, and nothing that is secret.
 */
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import { CurrentRequest, type Details } from "../model/CurrentRequest.ts"

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

/** Told about every request, one after the other as they are answered. */
export type OnRequest = (entry: Entry) => Effect.Effect<void>

/** Keeps what is known of a request, and tells about it when it is answered. */
export const observed =
  (
    { method, url }: HttpServerRequest.HttpServerRequest,
    newId: Effect.Effect<string>,
    onRequest: OnRequest | undefined
  ) =>
  <R>(
    answer: Effect.Effect<HttpServerResponse.HttpServerResponse, never, R>
  ): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R> => {
    const present: Details = { subject: {}, newId }
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
              app: present.subject.app,
              userId: present.subject.userId,
              call: present.subject.call,
              logId: present.logId
            }).pipe(
              // who is told about an answer does not get to spoil it
              Effect.catchCause((cause) => Effect.logError("onRequest failed", cause))
            )
          )
        })
  }
