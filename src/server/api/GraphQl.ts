/** Answers GraphQL requests: queries and mutations of collections under their rules, and the application's resolvers. */
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import { FunctionRuntime } from "../functions/FunctionRuntime.ts"
import type { GraphQl } from "../model/GraphQl.ts"
import {
  BadRequest,
  body,
  NotFound,
  ServiceUnavailable,
  toResponse,
  tooManyResponse,
  unavailable
} from "../model/ApiErrors.ts"
import * as CurrentRequest from "../model/CurrentRequest.ts"
import * as GraphQlRequest from "../graphql/GraphQlRequest.ts"
import * as GraphQlSchema from "../graphql/GraphQlSchema.ts"
import * as Body from "./Body.ts"
import * as EndpointCaller from "./EndpointCaller.ts"
import * as Texts from "../data/Texts.ts"
import * as MongoService from "./MongoService.ts"
import { findApp, functionRequest } from "./Requests.ts"

const pathPattern = /^\/api\/client\/v2\.0\/app\/([\w-]+)\/graphql\/?$/

const Asked = Schema.fromJsonString(
  Schema.Struct({
    query: Schema.String,
    variables: Schema.optional(Schema.NullOr(Schema.Record(Schema.String, Schema.Unknown))),
    operationName: Schema.optional(Schema.NullOr(Schema.String))
  })
)

const read = (bytes: Uint8Array) =>
  Effect.mapError(
    Schema.decodeUnknownEffect(Asked)(new TextDecoder().decode(bytes)),
    () =>
      new BadRequest(
        body(
          "the request body must be JSON with a string 'query', and optionally 'variables' and 'operationName'",
          "InvalidParameter"
        )
      )
  )

/** A user's own settings do not change who may ask. */
const endpoint = { createsUsers: false, fetchesCustomData: true }

/** Makes what answers a GraphQL request; `undefined` for any other request. Schemas are made at their first request. */
export const handler = Effect.gen(function* () {
  const appOf = yield* findApp
  const runtime = yield* FunctionRuntime
  const callerOf = yield* EndpointCaller.make
  const schemas = new WeakMap<GraphQl, GraphQlSchema.Made["schema"]>()

  const schemaOf = (graphql: GraphQl) => {
    const schema = schemas.get(graphql) ?? GraphQlSchema.make(graphql).schema
    schemas.set(graphql, schema)
    return schema
  }

  const answer = Effect.fnUntraced(function* (appId: string, request: HttpServerRequest.HttpServerRequest) {
    const hosted = yield* appOf(appId)
    const { app } = hosted
    const { graphql } = app
    if (graphql === undefined || request.method !== "POST") {
      const message =
        graphql === undefined
          ? "the application has no GraphQL: none of its collections has a schema, and it has no custom resolvers"
          : "GraphQL requests are POST requests"
      return yield* new NotFound(body(message))
    }
    yield* CurrentRequest.about({ call: "graphql" })
    const bytes = yield* Body.bytes(request)
    const seen = functionRequest(request)
    const user = yield* callerOf({ endpoint, hosted, request, seen, bytes })
    const { operationName, query, variables } = yield* read(bytes)
    const caller = { app, user, request: seen }
    const answered = yield* GraphQlRequest.answer(
      {
        schema: schemaOf(graphql),
        introspection: graphql.introspection,
        database: runtime.databaseOf(caller),
        namespaceOf: ({ collection, database, service }) => ({ appId: app.id, service, database, collection }),
        call: (name, args) => runtime.execute(caller, name, args),
        codeOf: ({ code }) => MongoService.errorCode(code)
      },
      { query, variables: variables ?? undefined, operationName: operationName ?? undefined }
    ).pipe(Effect.mapError(({ message }) => new BadRequest(body(message, "ExecutionTimeLimitExceeded"))))
    // of all operations of a request, a later attempt may carry out those that did not reach the database
    if (answered.errors?.some(({ extensions }) => extensions["code"] === unavailable.error_code) === true) {
      return yield* new ServiceUnavailable(unavailable)
    }
    // a request may ask for the same large field many times
    if (Texts.isTooLarge(answered.data)) {
      const message = "the answer is too large: ask for fewer documents or fields"
      return HttpServerResponse.jsonUnsafe({ data: null, errors: [{ message }] })
    }
    return HttpServerResponse.jsonUnsafe(answered)
  })

  return (
    request: HttpServerRequest.HttpServerRequest
  ): Effect.Effect<HttpServerResponse.HttpServerResponse> | undefined => {
    const appId = pathPattern.exec(request.url.split("?")[0] ?? "")?.[1]
    if (appId === undefined || request.method === "OPTIONS") return undefined
    return answer(appId, request).pipe(
      Effect.catch((error) =>
        Effect.succeed(error._tag === "TooManyRequests" ? tooManyResponse(error) : toResponse(error))
      ),
      Effect.interruptible
    )
  }
})
