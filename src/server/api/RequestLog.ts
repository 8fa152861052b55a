/**
 * The request log: an entry per request, without secrets.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import { CurrentRequest, type Details } from "../model/CurrentRequest.ts"
import * as Metrics from "../model/Metrics.ts"

/**
 * A request that was answered. Its query, headers and body are left out, because they may have tokens and passwords.
 *
 * @category models
 * @since 0.1.0
 */
export interface Entry {
  /** When it was answered, in milliseconds since the epoch. */
  readonly at: number
  /** The HTTP method. */
  readonly method: string
  /** The path as the client sent it, without the query. */
  readonly path: string
  /** The status of the answer; `undefined` if the client disconnected before it. */
  readonly status: number | undefined
  /** The time until the answer, in milliseconds; until the first byte, if it is a stream. */
  readonly millis: number
  /** The id of the application, if the request names one that the server hosts. */
  readonly app: string | undefined
  /** The id of the user, if a token or a login tells. */
  readonly userId: string | undefined
  /**
   * The function that is called, as the client names it, which may be any text: `sum`, or `mongodb-atlas.find(shop.widgets)`
   * of a data source; that of an endpoint.
   */
  readonly call: string | undefined
  /** The `error_code` of an answer of the client API. */
  readonly code: string | undefined
  /** The address of the client: what a trusted proxy says, or the other end of the connection. */
  readonly address: string | undefined
  /** The id at the end of an error's `link`, `co_id=...`, which clients show to their users. */
  readonly logId: string | undefined
}

/** Called with the entry of every request after it is answered. */
export type OnRequest = (entry: Entry) => Effect.Effect<void>

/** Provides the state of the current request, and logs the request when it is answered. */
export const observed =
  (
    request: HttpServerRequest.HttpServerRequest,
    newId: Effect.Effect<string>,
    onRequest: OnRequest | undefined,
    record: ((entry: Entry) => void) | undefined
  ) =>
  <R>(
    answer: Effect.Effect<HttpServerResponse.HttpServerResponse, never, R>
  ): Effect.Effect<HttpServerResponse.HttpServerResponse, never, R> => {
    const { method, remoteAddress, url } = request
    const present: Details = { request, subject: {}, newId }
    const known = Effect.provideService(answer, CurrentRequest, present)
    return Metrics.timed(known, (context, exit, seconds) => {
      const status = exit._tag === "Success" ? exit.value.status : undefined
      Metrics.request(context, method, status, seconds)
      if (onRequest === undefined && record === undefined) return undefined
      const entry: Entry = {
        at: Context.get(context, Clock.Clock).currentTimeMillisUnsafe(),
        method,
        path: url.split("?", 1)[0] ?? "",
        status,
        millis: Math.round(seconds * 1000),
        app: present.subject.app,
        userId: present.subject.userId,
        call: present.subject.call,
        code: present.subject.code,
        address: Option.getOrUndefined(remoteAddress),
        logId: present.logId
      }
      record?.(entry)
      return onRequest?.(entry).pipe(
        // a failure of the log must not change the answer
        Effect.catchCause((cause) => Effect.logError("onRequest failed", cause))
      )
    })
  }
