/**
 * What load balancers and supervisors ask: `GET /healthz`, whether the process serves at all, and `GET /readyz`, whether it
 * should get requests. Both need no token, tell nothing about applications, and are not in the request log.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type { Database } from "../data/Database.ts"
import { attempt, type RowStore } from "../storage/RowStore.ts"

/** How long the outcome of a write to the data directory counts, in milliseconds: anyone may ask, and each write costs a flush. */
const validFor = 1000

/** The row that is written to find out whether the data directory can be written. */
const probe = { table: "health", key: "readyz", value: new Uint8Array([1]) }

/** An answer to a question about health. */
export interface Answer {
  readonly status: 200 | 503
  readonly body: { readonly status: "ok" } | { readonly status: "unavailable"; readonly reason: string }
}

const ok: Answer = { status: 200, body: { status: "ok" } }
const unavailable = (reason: string): Answer => ({ status: 503, body: { status: "unavailable", reason } })

const unwritable = unavailable("the data directory cannot be written: see the server's log")

const unreachable = unavailable("the database cannot be reached: see the server's log")

/** A question about health, by the target of a request. */
export const questionOf = (method: string | undefined, url: string | undefined): "healthz" | "readyz" | undefined => {
  const which = method === "GET" || method === "HEAD" ? asked.exec(url ?? "")?.[1] : undefined
  return which === "healthz" || which === "readyz" ? which : undefined
}

const asked = /^\/(healthz|readyz)(?:\?|$)/

/** The answer while a server that listens already reads its data. */
export const whileStarting = (question: "healthz" | "readyz"): Answer =>
  question === "healthz" ? ok : unavailable("the server is starting")

/** The headers of all answers: a cache must not repeat one. */
export const headers = { "cache-control": "no-store" }

/** The health of a server. */
export interface Health {
  /** The answer to a request; `undefined` if it asks something else. */
  readonly answer: (
    request: HttpServerRequest.HttpServerRequest
  ) => Effect.Effect<HttpServerResponse.HttpServerResponse> | undefined
  /** From now on the server should not get further requests, since it is about to stop. */
  readonly drain: Effect.Effect<void>
  readonly isDraining: () => boolean
}

/** Creates the health of a server with a row store and a database. */
export const make = (store: RowStore["Service"], database: Pick<Database["Service"], "ready">): Health => {
  let isDraining = false
  let written: { readonly at: number; readonly answer: Answer } | undefined

  const writable = attempt(() => store.commit([probe])).pipe(
    Effect.as(ok),
    // the path of the directory is for the log of the operator, once
    Effect.catch(({ message }) =>
      Effect.as(
        written?.answer === unwritable
          ? Effect.void
          : Effect.logError("not ready: the data directory cannot be written", message),
        unwritable
      )
    )
  )

  const ready = Effect.gen(function* () {
    if (isDraining) return unavailable("the server is draining: it is about to stop")
    if (database.ready !== undefined && Exit.isFailure(yield* Effect.exit(database.ready))) return unreachable
    if (!store.keeps) return ok
    const at = yield* Clock.currentTimeMillis
    if (written === undefined || at - written.at >= validFor) written = { at, answer: yield* writable }
    return written.answer
  })

  return {
    answer: ({ method, url }) => {
      const question = questionOf(method, url)
      return question === undefined
        ? undefined
        : Effect.map(question === "healthz" ? Effect.succeed(ok) : ready, ({ body, status }) =>
            HttpServerResponse.jsonUnsafe(body, { status, headers })
          )
    },
    drain: Effect.sync(() => {
      isDraining = true
    }),
    isDraining: () => isDraining
  }
}
