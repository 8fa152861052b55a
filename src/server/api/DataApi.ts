/**
 * Answers requests to the Data API: operations on documents as a client's, under the rules of collections.
 */
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import { isDocument } from "../data/internal/bson.ts"
import * as Texts from "../data/Texts.ts"
import { FunctionRuntime } from "../functions/FunctionRuntime.ts"
import { BadRequest, body, NotFound, toResponse, tooManyResponse } from "../model/ApiErrors.ts"
import * as CurrentRequest from "../model/CurrentRequest.ts"
import type { DataApi } from "../model/DataApi.ts"
import * as Body from "./Body.ts"
import * as EndpointCaller from "./EndpointCaller.ts"
import * as EndpointProof from "./EndpointProof.ts"
import * as EndpointResponse from "./EndpointResponse.ts"
import { functionFailed } from "./FunctionCalls.ts"
import * as MongoService from "./MongoService.ts"
import { findApp, functionRequest } from "./Requests.ts"

const pathPattern = /^(?:\/api\/client\/v2\.0)?\/app\/([\w-]+)\/endpoint\/data\/([^/]+)\/action\/([^/]+)\/?$/

/** An action: the operation of the MongoDB service behind it, and its form here. */
interface Action {
  readonly operation: string
  /** The names of arguments, with those of the operation. */
  readonly takes: Readonly<Record<string, string>>
  readonly status?: number
  readonly answer: (result: unknown) => unknown
}

const asIs = (result: unknown): unknown => result
const documents = (result: unknown): unknown => ({ documents: result })
const changing = { filter: "query", update: "update", upsert: "upsert" }

const actions: Readonly<Record<string, Action>> = {
  findOne: {
    operation: "findOne",
    takes: { filter: "query", projection: "project", sort: "sort" },
    answer: (result) => ({ document: result })
  },
  find: {
    operation: "find",
    takes: { filter: "query", projection: "project", sort: "sort", limit: "limit", skip: "skip" },
    answer: documents
  },
  insertOne: { operation: "insertOne", takes: { document: "document" }, status: 201, answer: asIs },
  insertMany: { operation: "insertMany", takes: { documents: "documents" }, status: 201, answer: asIs },
  updateOne: { operation: "updateOne", takes: changing, answer: asIs },
  updateMany: { operation: "updateMany", takes: changing, answer: asIs },
  replaceOne: {
    operation: "updateOne",
    takes: { filter: "query", replacement: "update", upsert: "upsert" },
    answer: asIs
  },
  deleteOne: { operation: "deleteOne", takes: { filter: "query" }, answer: asIs },
  deleteMany: { operation: "deleteMany", takes: { filter: "query" }, answer: asIs },
  aggregate: { operation: "aggregate", takes: { pipeline: "pipeline" }, answer: documents }
}

const invalid = (message: string) => new BadRequest(body(message, "InvalidParameter"))

/** The name of the data source, and the arguments of the operation. */
const argumentsOf = (name: string, { takes }: Action, given: unknown) => {
  if (!isDocument(given)) return Effect.fail(invalid("the request body must be a document"))
  const { collection, database, dataSource, ...rest } = given
  if (typeof dataSource !== "string" || dataSource === "") {
    return Effect.fail(new BadRequest(body("'dataSource' is a required string", "MissingParameter")))
  }
  const args: Record<string, unknown> = { database, collection }
  for (const [key, value] of Object.entries(rest)) {
    const known = Object.hasOwn(takes, key) ? takes[key] : undefined
    if (known === undefined) {
      const names = Object.keys(takes).map((it) => `'${it}'`)
      return Effect.fail(invalid(`unknown argument '${key}' of ${name}: it takes ${names.join(", ")}`))
    }
    args[known] = value
  }
  if (name === "replaceOne" && !isReplacement(rest["replacement"])) {
    return Effect.fail(invalid("'replacement' must be a document without update operators"))
  }
  return Effect.succeed({ dataSource, args })
}

const isReplacement = (value: unknown): boolean =>
  isDocument(value) && !Object.keys(value).some((key) => key.startsWith("$"))

const decoder = new TextDecoder()

/** Reads Extended JSON, whose plain form is JSON. */
const read = (bytes: Uint8Array) => {
  const text = decoder.decode(bytes)
  return Texts.read(text).pipe(
    Effect.flatMap((json) => Texts.reviveExact([json], text)),
    Effect.mapBoth({ onSuccess: ([value]) => value, onFailure: ({ message }) => Body.invalid(message) })
  )
}

const write = (value: unknown, encoding: "JSON" | "EJSON") =>
  Effect.mapError(encoding === "JSON" ? Texts.writePlain(value) : Texts.write(value), ({ message }) => invalid(message))

/**
 * Makes what answers a request to the Data API; `undefined` for any other request.
 *
 * Operations run as the caller, who is known as those of endpoints are, unless the Data API has another identity.
 */
export const handler = Effect.gen(function* () {
  const appOf = yield* findApp
  const runtime = yield* FunctionRuntime
  const callerOf = yield* EndpointCaller.make

  const answer = Effect.fnUntraced(function* (
    [appId, version, name]: readonly [string, string, string],
    request: HttpServerRequest.HttpServerRequest
  ) {
    const hosted = yield* appOf(appId)
    const { app } = hosted
    const dataApi: DataApi | undefined = app.dataApi
    const action = Object.hasOwn(actions, name) ? actions[name] : undefined
    if (dataApi === undefined || !dataApi.versions.has(version) || action === undefined || request.method !== "POST") {
      return yield* new NotFound(
        body(
          dataApi === undefined ? "the Data API is not enabled" : `unknown action ${request.method} ${version}/${name}`
        )
      )
    }
    yield* CurrentRequest.about({ call: `data/${name}` })
    const bytes = yield* Body.bytes(request)
    yield* EndpointProof.check(dataApi, request, new URLSearchParams(request.url.split("?")[1] ?? ""), bytes)
    const seen = functionRequest(request)
    const user =
      dataApi.access.runAs._tag === "Caller"
        ? yield* callerOf({ endpoint: dataApi, hosted, request, seen, bytes })
        : EndpointCaller.anyone
    const given = yield* read(bytes)
    const { args, dataSource } = yield* argumentsOf(name, action, withoutCredentials(given))
    const fn = { ...dataApi.access, name: "Data API", private: false, body: none }
    const database = yield* Effect.mapError(
      runtime.databaseAs({ app, user, request: seen }, fn, [given]),
      functionFailed
    )
    const result = yield* MongoService.call(database, app, dataSource, action.operation, [args])
    const encoding = EndpointResponse.encodingOf(dataApi, request)
    return HttpServerResponse.text(yield* write(action.answer(result), encoding), {
      status: action.status ?? 200,
      contentType: encoding === "JSON" ? "application/json" : "application/ejson"
    })
  })

  return (
    request: HttpServerRequest.HttpServerRequest
  ): Effect.Effect<HttpServerResponse.HttpServerResponse> | undefined => {
    const [, appId, version, name] = pathPattern.exec(request.url.split("?")[0] ?? "") ?? []
    if (appId === undefined || version === undefined || name === undefined) return undefined
    return answer([appId, version, name], request).pipe(
      Effect.catch((error) =>
        Effect.succeed(error._tag === "TooManyRequests" ? tooManyResponse(error) : toResponse(error))
      ),
      Effect.interruptible
    )
  }
})

/** The Data API has no function. */
const none = { _tag: "Broken", code: "FunctionNotFound", message: "the Data API has no function" } as const

/** The document of a request whose body has credentials beside it. */
const withoutCredentials = (given: unknown): unknown => {
  if (!isDocument(given)) return given
  return Object.fromEntries(Object.entries(given).filter(([key]) => !EndpointCaller.isCredential(key)))
}
