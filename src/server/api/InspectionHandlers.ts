/** The handlers of the administration API for the parts and the documents of applications. */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as Option from "effect/Option"
import type { EjsonError } from "../../protocol/Ejson.ts"
import * as DataAccess from "../data/DataAccess.ts"
import { Database, type DatabaseError, type Document, type Namespace, type Operations } from "../data/Database.ts"
import { isDocument } from "../data/internal/bson.ts"
import * as Texts from "../data/Texts.ts"
import { FunctionRuntime } from "../functions/FunctionRuntime.ts"
import * as FunctionStream from "../functions/FunctionStream.ts"
import { type App, type AppFunction, mainSource } from "../model/App.ts"
import { Apps } from "../model/Apps.ts"
import * as CurrentRequest from "../model/CurrentRequest.ts"
import type { Endpoint } from "../model/Endpoint.ts"
import { FunctionError, systemUser } from "../model/FunctionContext.ts"
import { FunctionRunner, type Caller } from "../model/FunctionRunner.ts"
import { AppNotFound, InvalidRequest, UserNotFound } from "../users/AdminModels.ts"
import * as UserData from "../users/UserData.ts"
import { UserStore } from "../users/UserStore.ts"
import { ActivityLog } from "./ActivityLog.ts"
import { AdminApi } from "./AdminApi.ts"
import * as Endpoints from "./Endpoints.ts"
import {
  type CollectionInfo,
  DatabaseRefused,
  DocumentNotFound,
  type EndpointInfo,
  type FunctionInfo,
  FunctionNotFound
} from "./InspectionModels.ts"

/** Finds applications, and makes the callers as whom people look at them. */
const finding = Effect.gen(function* () {
  const { byId } = yield* Apps
  const store = yield* UserStore
  const database = yield* Database
  const runner = yield* FunctionRunner

  const appOf = (appId: string): Effect.Effect<App, AppNotFound> => {
    const hosted = byId.get(appId)
    if (hosted !== undefined) return Effect.succeed(hosted.app)
    const message = `there is no application "${appId}": the server hosts ${[...byId.keys()].join(", ")}`
    return Effect.fail(new AppNotFound({ appId, message }))
  }

  /** The system, or a user with its custom data. */
  const callerOf = Effect.fnUntraced(function* (appId: string, userId: string | undefined) {
    const app = yield* appOf(appId)
    if (userId === undefined) return { app, user: systemUser, request: undefined, asSystem: true } satisfies Caller
    const user = Option.getOrUndefined(yield* store.user(app.id, userId))
    if (user === undefined) {
      return yield* new UserNotFound({ appId, userId, message: `the application "${appId}" has no user ${userId}` })
    }
    if (user.disabled)
      return yield* new InvalidRequest({ message: `the user ${userId} is disabled: enable the user first` })
    const customData = yield* UserData.customData(database, app, user, (fn, args) =>
      runner.run({ app, user: systemUser, request: undefined }, fn, args)
    )
    return { app, user: UserData.functionUser(user, { ...customData }), request: undefined } satisfies Caller
  })

  return { appOf, callerOf }
})

const functionInfo = ({ body, closed, gate, name, private: isPrivate, runAs }: AppFunction): FunctionInfo => {
  const unusable = body._tag === "Broken" ? body.message : closed ? "a setting of it is not supported" : undefined
  return {
    name,
    private: isPrivate,
    runsAs: runAs._tag === "Caller" ? "caller" : runAs._tag === "System" ? "system" : "user",
    hasRule: gate !== undefined,
    ...(body._tag === "Source" && { file: body.file }),
    ...(unusable !== undefined && { unusable })
  }
}

const pathOf = ({ id }: App, { kind, route }: Endpoint): string => {
  if (kind === "Endpoint") return `/app/${id}/endpoint/${route}`
  const [service, name] = route.split("/")
  return `/api/client/v2.0/app/${id}/service/${service}/incoming_webhook/${name}`
}

const validations = { None: "none", Secret: "secret", Signature: "signature", GitHub: "github" } as const

/** The endpoints with their requests in the log. */
const endpointsOf = (app: App, activity: ActivityLog["Service"]): ReadonlyArray<EndpointInfo> => {
  const requests = activity.requests().filter((it) => it.app === app.id)
  const answered = requests.map((it) => ({ by: Endpoints.answering(app, it.method, it.path), it }))
  return app.endpoints.map((endpoint) => {
    const { fn, kind, method, validation } = endpoint
    const runs = answered.filter(({ by }) => by === endpoint).map(({ it }) => it)
    const last = runs.at(-1)
    return {
      kind: kind === "Endpoint" ? "endpoint" : "webhook",
      method,
      path: pathOf(app, endpoint),
      function: fn.name,
      validation: validations[validation._tag],
      requests: runs.length,
      failures: runs.filter(({ status = 0 }) => status >= 400).length,
      ...(last !== undefined && {
        lastRun: {
          at: last.at,
          millis: last.millis,
          ...(last.status !== undefined && { status: last.status }),
          ...(last.logId !== undefined && { logId: last.logId })
        }
      })
    }
  })
}

const invalid = (what: string, message: string) => new InvalidRequest({ message: `${what}: ${message}` })

/** Reads Extended JSON that a person wrote, with the type of each number. */
const valueOf = (what: string, text: string) =>
  Texts.read(text).pipe(
    Effect.flatMap((json) => Texts.reviveExact([json], text)),
    Effect.mapBoth({ onSuccess: ([value]) => value, onFailure: ({ message }) => invalid(what, message) })
  )

const documentOf = Effect.fnUntraced(function* (what: string, text: string | undefined) {
  const value = text === undefined || text.trim() === "" ? {} : yield* valueOf(what, text)
  return isDocument(value) ? value : yield* invalid(what, 'expected a document, as in {"name": "Ada"}')
})

const argumentsOf = Effect.fnUntraced(
  function* (text: string) {
    const json = yield* Texts.read(text.trim() === "" ? "[]" : text)
    return Array.isArray(json)
      ? yield* Texts.revive(json, text)
      : yield* invalid("arguments", 'expected an array, as in [1, "two"]')
  },
  Effect.catchTag("EjsonError", ({ message }) => invalid("arguments", message))
)

/** The handlers of functions, endpoints and notes. */
export const parts = HttpApiBuilder.group(AdminApi, "parts", (handlers) =>
  Effect.gen(function* () {
    const { appOf, callerOf } = yield* finding
    const runtime = yield* FunctionRuntime
    const activity = yield* ActivityLog

    const resultOf = (result: unknown): Effect.Effect<string | undefined, FunctionError | EjsonError> =>
      FunctionStream.isStreaming(result)
        ? new FunctionError({
            code: "FunctionExecutionError",
            message: "it returns a stream, which the page does not show"
          })
        : result === undefined
          ? Effect.undefined
          : Texts.write(result)

    return handlers.handleAll({
      notes: ({ params }) =>
        Effect.map(appOf(params.app), ({ report }) =>
          report.map(({ file, message }) => (file === undefined ? { message } : { file, message }))
        ),
      functions: ({ params }) =>
        Effect.map(appOf(params.app), ({ functions }) => Array.from(functions.values(), functionInfo)),
      endpoints: ({ params }) => Effect.map(appOf(params.app), (app) => endpointsOf(app, activity)),
      run: Effect.fnUntraced(function* ({ params, payload: { arguments: text, name, user } }) {
        const caller = yield* callerOf(params.app, user)
        if (!caller.app.functions.has(name)) {
          const message = `the application "${params.app}" has no function "${name}"`
          return yield* new FunctionNotFound({ appId: params.app, name, message })
        }
        const args = yield* argumentsOf(text)
        yield* CurrentRequest.about({ app: params.app, call: name })
        const logId = yield* CurrentRequest.logId
        const start = yield* Clock.monotonicTimeNanos
        const outcome = yield* runtime.execute(caller, name, args).pipe(
          Effect.flatMap(resultOf),
          Effect.match({
            onSuccess: (result) => (result === undefined ? {} : { result }),
            onFailure: (error) => ({
              error: {
                code: error instanceof FunctionError ? error.code : "FunctionExecutionError",
                message: error.message
              }
            })
          })
        )
        const millis = Number((yield* Clock.monotonicTimeNanos) - start) / 1e6
        return { millis, ...outcome, log: logId === undefined ? [] : activity.linesOf(logId) }
      })
    })
  })
)

/** The most documents in an answer, and the characters of their texts. */
const page = { usual: 50, characters: 4 * 1024 * 1024 }

/** How far matching documents are counted. */
const mostCounted = 10_000

const refused = ({ code, message }: DatabaseError) =>
  new DatabaseRefused({ message, ...(code !== undefined && { code }) })

/** The handlers of documents. */
export const documents = HttpApiBuilder.group(AdminApi, "documents", (handlers) =>
  Effect.gen(function* () {
    const { appOf, callerOf } = yield* finding
    const runtime = yield* FunctionRuntime
    const database = yield* Database

    interface Target extends Omit<Namespace, "appId"> {
      readonly user?: string
    }
    /** The collection, and the database as the chosen user or the system may use it. */
    const opened = Effect.fnUntraced(function* (appId: string, { collection, database: name, service, user }: Target) {
      const caller = yield* callerOf(appId, user)
      const namespace: Namespace = { appId, service, database: name, collection }
      const operations: Operations = user === undefined ? database : runtime.databaseOf(caller)
      return { namespace, operations }
    })

    const written = Effect.fnUntraced(function* (found: ReadonlyArray<Document>) {
      const texts: Array<string> = []
      let characters = 0
      for (const document of found) {
        const text = yield* Effect.orDie(Texts.write(document))
        characters += text.length
        if (characters > page.characters && texts.length > 0) return { documents: texts, truncated: true }
        texts.push(text)
      }
      return { documents: texts, truncated: false }
    })

    return handlers.handleAll({
      collections: ({ params }) =>
        Effect.flatMap(appOf(params.app), (app) => Effect.mapError(collectionsOf(app, database), refused)),
      find: Effect.fnUntraced(function* ({
        params,
        payload: { filter, limit = page.usual, projection, skip, sort, ...target }
      }) {
        const { namespace, operations } = yield* opened(params.app, target)
        const wanted = yield* documentOf("filter", filter)
        const projected = yield* documentOf("projection", projection)
        const order = yield* documentOf("sort", sort)
        const found = yield* Effect.mapError(
          operations.find(namespace, {
            filter: wanted,
            limit,
            ...(skip !== undefined && { skip }),
            ...(Object.keys(projected).length > 0 && { projection: projected }),
            ...(Object.keys(order).length > 0 && { sort: order })
          }),
          refused
        )
        const count = yield* Effect.mapError(
          operations.count(namespace, { filter: wanted, limit: mostCounted }),
          refused
        )
        return { ...(yield* written(found)), count }
      }),
      insert: Effect.fnUntraced(function* ({ params, payload: { document, ...target } }) {
        const { namespace, operations } = yield* opened(params.app, target)
        yield* Effect.mapError(operations.insert(namespace, [yield* documentOf("document", document)]), refused)
      }),
      replace: Effect.fnUntraced(function* ({ params, payload: { document, id, ...target } }) {
        const { namespace, operations } = yield* opened(params.app, target)
        const filter = { _id: yield* valueOf("id", id) }
        const change = { _tag: "Replace", document: yield* documentOf("document", document) } as const
        const { matchedCount } = yield* Effect.mapError(operations.update(namespace, { filter, change }), refused)
        if (matchedCount === 0) return yield* notFound(id)
      }),
      remove: Effect.fnUntraced(function* ({ params, payload: { id, ...target } }) {
        const { namespace, operations } = yield* opened(params.app, target)
        const filter = { _id: yield* valueOf("id", id) }
        const deleted = yield* Effect.mapError(operations.delete(namespace, { filter }), refused)
        if (deleted === 0) return yield* notFound(id)
      })
    })
  })
)

const notFound = (id: string) =>
  new DocumentNotFound({
    message: `there is no document with the _id ${id}: it was deleted, or the user may not see it`
  })

/** The collections that hold documents, and those that the application has rules for. */
const collectionsOf = Effect.fnUntraced(function* (app: App, database: Database["Service"]) {
  const sources = new Map<string, DataAccess.DataSource>(app.dataSources)
  const main = mainSource(app)
  if (!sources.has(main)) sources.set(main, { open: false, collections: new Map() })
  const found: Array<CollectionInfo> = []
  for (const [service, source] of sources) {
    const names = new Set(source.collections.keys())
    for (const name of yield* database.databases({ appId: app.id, service })) {
      for (const collection of yield* database.collections({ appId: app.id, service, database: name })) {
        names.add(`${name}.${collection}`)
      }
    }
    for (const full of [...names].toSorted()) {
      const dot = full.indexOf(".")
      const [name, collection] = [full.slice(0, dot), full.slice(dot + 1)]
      const access = DataAccess.accessTo(source, name, collection)
      found.push({
        service,
        database: name,
        collection,
        access: access === true ? "open" : access === false ? "closed" : "rules",
        hasSchema: DataAccess.schemaOf(source, name, collection) !== undefined
      })
    }
  }
  return found
})
