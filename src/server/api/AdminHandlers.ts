/** The handlers of the administration API, and its access control. */
import * as Clock from "effect/Clock"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Fiber from "effect/Fiber"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as HttpRouter from "effect/http/HttpRouter"
import * as HttpServer from "effect/http/HttpServer"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as PrometheusMetrics from "effect/observability/PrometheusMetrics"
import type * as Redacted from "effect/Redacted"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Stream from "effect/Stream"
import type { Database } from "../data/Database.ts"
import type { FunctionRuntime } from "../functions/FunctionRuntime.ts"
import type { FunctionRunner } from "../model/FunctionRunner.ts"
import { RowStore } from "../storage/RowStore.ts"
import { Admin } from "../users/Admin.ts"
import { isLocal } from "./AdminAccess.ts"
import { ActivityLog } from "./ActivityLog.ts"
import { AdminApi, AdminToken, BackupFailed, pageSize, prefix, RequestShape, TokenRejected } from "./AdminApi.ts"
import * as Inspection from "./InspectionHandlers.ts"
import { type Page, InvalidRequest } from "../users/AdminModels.ts"
import { providerTypes } from "../model/App.ts"
import { Apps } from "../model/Apps.ts"
import * as Metrics from "../model/Metrics.ts"
import * as Digest from "../users/Digest.ts"
import { Inbox, type Message } from "../users/Inbox.ts"
import type { UserStore } from "../users/UserStore.ts"
import { Triggers } from "../triggers/Triggers.ts"

const server = HttpApiBuilder.group(AdminApi, "server", (handlers) =>
  Effect.gen(function* () {
    const { byId } = yield* Apps
    const inbox = yield* Inbox
    const { snapshot } = yield* RowStore
    const activity = yield* ActivityLog
    return handlers.handleAll({
      apps: () =>
        Effect.succeed(Array.from(byId.values(), ({ app }) => ({ id: app.id, providers: providerTypes(app) }))),
      metrics: () => PrometheusMetrics.format(),
      backup: Effect.fnUntraced(function* () {
        if (snapshot === undefined) {
          return yield* new InvalidRequest({
            message: "the server has no data directory to back up: it keeps everything in memory, or elsewhere"
          })
        }
        return yield* Effect.mapError(snapshot, ({ message }) => new BackupFailed({ message }))
      }),
      inbox: Effect.fnUntraced(function* ({ query: { after, app, to, wait = 0 } }) {
        const isMeant = (message: Message) =>
          (app === undefined || message.app === app) && (to === undefined || message.to === to)
        // if the message `after` was evicted, all messages may be newer
        const read = Effect.map(inbox.messages(), (kept) =>
          kept.slice(kept.findIndex(({ tokenId }) => tokenId === after) + 1).filter(isMeant)
        )
        if (wait === 0) return yield* read
        // subscribes before reading, so that no message is missed in between
        const arrival = yield* Effect.forkChild(Stream.runHead(Stream.filter(inbox.arrivals, isMeant)), {
          startImmediately: true
        })
        const found = yield* read
        if (found.length > 0) return found
        yield* Effect.timeoutOption(Fiber.await(arrival), `${wait} seconds`)
        return yield* read
      }),
      log: ({ query: { after = 0, limit = 1000 } }) => Effect.sync(() => activity.read(after, limit)),
      figures: () =>
        Effect.contextWith((context: Context.Context<never>) =>
          Effect.map(Clock.currentTimeMillis, (now) => ({
            now,
            ...activity.counts(now),
            memory: process.memoryUsage.rss(),
            processes: Metrics.processesOf(context, [...byId.keys()])
          }))
        )
    })
  })
)

const users = HttpApiBuilder.group(AdminApi, "users", (handlers) =>
  Effect.map(Admin, (admin) =>
    handlers.handleAll({
      list: ({ params, query }) =>
        pageOf(
          query,
          (page) => admin.users(params.app, page),
          ({ id }) => id
        ),
      create: ({ params, payload }) => admin.createUser(params.app, payload),
      show: ({ params }) => admin.user(params.app, params.userId),
      remove: ({ params }) => admin.deleteUser(params.app, params.userId),
      disable: ({ params }) => admin.disableUser(params.app, params.userId),
      enable: ({ params }) => admin.enableUser(params.app, params.userId),
      revokeAll: ({ params }) => admin.revokeSessions(params.app, params.userId),
      revoke: ({ params }) => admin.revokeSession(params.app, params.userId, params.sessionId)
    })
  )
)

const accounts = HttpApiBuilder.group(AdminApi, "accounts", (handlers) =>
  Effect.map(Admin, (admin) =>
    handlers.handleAll({
      list: ({ params, query }) =>
        pageOf(
          query,
          (page) => admin.accounts(params.app, page),
          ({ email }) => email
        ),
      confirm: ({ params, payload }) => admin.confirmAccount(params.app, payload.email),
      setPassword: ({ params, payload }) => admin.setPassword(params.app, payload),
      remove: ({ params, payload }) => admin.deleteAccount(params.app, payload.email)
    })
  )
)

const triggers = HttpApiBuilder.group(AdminApi, "triggers", (handlers) =>
  Effect.map(Triggers, ({ list, resume, run }) =>
    handlers.handleAll({
      list: ({ params }) => list(params.app),
      resume: ({ params, payload }) => resume(params.app, params.trigger, payload.from),
      run: ({ params }) => run(params.app, params.trigger)
    })
  )
)

/** Reads one more than the page, to know whether there is a next page. */
const pageOf = <A, E>(
  { limit = pageSize, ...query }: Page,
  list: (page: Page) => Effect.Effect<ReadonlyArray<A>, E>,
  key: (item: A) => string
) =>
  Effect.map(list({ ...query, limit: limit + 1 }), (found) => {
    const items = found.slice(0, limit)
    const last = items.at(-1)
    return found.length > limit && last !== undefined ? { items, next: key(last) } : { items }
  })

/** Compares digests of equal length in constant time. */
const token = (expected: Redacted.Redacted) =>
  Layer.succeed(AdminToken, {
    bearer: (handler, { credential }) =>
      Digest.areEqual(expected, credential)
        ? handler
        : Effect.fail(
            new TokenRejected({
              message: "missing or wrong administration token: send it as 'authorization: Bearer TOKEN'"
            })
          )
  })

const issues = SchemaIssue.makeFormatterStandardSchemaV1()

const shape = HttpApiMiddleware.layerSchemaErrorTransform(RequestShape, (error) => {
  // an answer that cannot be encoded is an error of the server
  if (error.kind === "Body" || error.kind === "ResponseHeaders") return Effect.die(error)
  const [first] = issues(error.cause.issue).issues
  const place = first?.path?.map(String).join(".") ?? ""
  const what = place === "" ? error.kind.toLowerCase() : `'${place}'`
  return Effect.fail(new InvalidRequest({ message: `invalid ${what}: ${first?.message ?? "not as expected"}` }))
})

const failure = (status: number, _tag: string, message: string) =>
  HttpServerResponse.jsonUnsafe({ _tag, message }, { status })

/** Rejects requests from other machines. Answers must not be cached, or be taken for anything but JSON. */
const access = HttpRouter.middleware((answer) =>
  Effect.gen(function* () {
    const response = isLocal(yield* HttpServerRequest.HttpServerRequest)
      ? yield* answer
      : failure(403, "NotLocal", "the administration API accepts requests from the server's own machine only")
    return HttpServerResponse.setHeaders(
      response.status === 415
        ? failure(415, "InvalidRequest", "send JSON: 'content-type: application/json'")
        : response,
      { "cache-control": "no-store", "x-content-type-options": "nosniff" }
    )
  })
)

/** The handlers of the administration API, which require the bearer token. */
export const layer = (
  expected: Redacted.Redacted
): Layer.Layer<
  never,
  never,
  | Admin
  | ActivityLog
  | Apps
  | Database
  | FunctionRunner
  | FunctionRuntime
  | Inbox
  | RowStore
  | Triggers
  | UserStore
  | HttpRouter.HttpRouter
> =>
  HttpApiBuilder.layer(AdminApi, { openapiPath: `${prefix}/openapi.json` }).pipe(
    Layer.provide([server, users, accounts, triggers, Inspection.parts, Inspection.documents]),
    Layer.provide([token(expected), shape]),
    Layer.provide([access.layer, HttpServer.layerServices])
  )
