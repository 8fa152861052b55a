/**
 * The handlers of function calls: of the application's own functions and of the MongoDB service, answered at once or as
 * a stream of events.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Stream from "effect/Stream"
import * as ejson from "../../protocol/internal/ejson.ts"
import * as Ejson from "../../protocol/Ejson.ts"
import * as EventStream from "../../protocol/EventStream.ts"
import { Api } from "../Api.ts"
import { BadRequest, body, NotFound } from "../ApiErrors.ts"
import type { HostedApp } from "../Apps.ts"
import { currentUserOf } from "../users/Authorization.ts"
import * as Body from "../Body.ts"
import type { DatabaseError } from "../data/Database.ts"
import type { FunctionError } from "./FunctionContext.ts"
import { type Caller, FunctionRuntime, type Sent } from "./FunctionRuntime.ts"
import * as failures from "./internal/failures.ts"
import { isDocument } from "../data/internal/bson.ts"
import * as MongoService from "../data/MongoService.ts"
import * as RequestLog from "../RequestLog.ts"
import { findApp, functionRequest } from "../Requests.ts"
import { customDataOfClaim, functionUser } from "../users/UserData.ts"

const functionFailed = (error: FunctionError | Ejson.EjsonError): BadRequest | NotFound =>
  error._tag === "EjsonError"
    ? Body.invalid(error.message)
    : error.code === "FunctionNotFound"
      ? new NotFound(body(error.message, error.code))
      : new BadRequest(body(error.message, error.code))

interface Call {
  readonly name: string
  readonly sent: Sent
  /** Absent where a function of the application's own is called. */
  readonly service: string | undefined
}

const callOf = ({ json, text }: Body.Text): Effect.Effect<Call, BadRequest> => {
  const { name, service } = json
  // some clients write null for what they leave out
  const args = json["arguments"] ?? []
  if (typeof name !== "string") {
    return Effect.fail(new BadRequest(body("'name' is a required string", "MissingParameter")))
  }
  if (!Array.isArray(args)) {
    return Effect.fail(new BadRequest(body("'arguments' must be an array", "InvalidParameter")))
  }
  const call: Call = {
    name,
    sent: { document: text, json: args },
    service: typeof service === "string" && service !== "" ? service : undefined
  }
  return Effect.as(RequestLog.about({ call: titleOf(call) }), call)
}

const titleOf = ({ name, sent, service }: Call): string => {
  if (service === undefined) return name
  const [first] = sent.json
  const { collection, database } = isDocument(first) ? first : {}
  const place = typeof database === "string" && typeof collection === "string" ? `(${database}.${collection})` : ""
  return `${service}.${name}${place}`
}

const callerOf = Effect.fnUntraced(function* (hosted: HostedApp, request: HttpServerRequest.HttpServerRequest) {
  const { claims, user } = yield* currentUserOf(hosted)
  const caller: Caller = {
    app: hosted.app,
    user: functionUser(user, customDataOfClaim(claims.user_data)),
    request: functionRequest(request)
  }
  return caller
})

/** The call that the query of a request for a stream holds, in any of the encodings that clients use. */
const queriedCall = Effect.gen(function* () {
  const query = yield* HttpServerRequest.ParsedSearchParams
  const parameter = query["baas_request"] ?? query["stitch_request"]
  if (typeof parameter !== "string") {
    return yield* new BadRequest(body("'baas_request' is a required parameter", "MissingParameter"))
  }
  const text = EventStream.decodeRequest(parameter)
  const json = text === undefined ? undefined : parseJson(text)
  if (text === undefined || !isDocument(json)) {
    return yield* new BadRequest(body("'baas_request' must be the base64 of a JSON object", "BadRequest"))
  }
  return yield* callOf({ text, json })
})

const parseJson = (text: string): unknown => {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The arguments of a call to a service, as values. */
const valuesOf = ({ json }: Sent): Effect.Effect<ReadonlyArray<unknown>, BadRequest> =>
  Effect.try({ try: () => json.map(ejson.revive), catch: (cause) => Body.invalid(ejson.describe(cause)) })

/** The result of a service, for a client. */
const write = (result: unknown): Effect.Effect<string, BadRequest> =>
  Effect.mapError(
    Effect.fromResult(Ejson.stringify(result)),
    ({ message }) => new BadRequest(body(failures.notSendable(message), "FunctionExecutionError"))
  )

/** How often a stream says that it is still there. */
const keepAliveInterval = "25 seconds"

const failureOf = (error: FunctionError | Ejson.EjsonError | DatabaseError): string => {
  switch (error._tag) {
    case "FunctionError":
      return EventStream.writeFailure(error.code, error.message)
    case "EjsonError":
      return EventStream.writeFailure("FunctionExecutionError", failures.notSendable(error.message))
    case "DatabaseError":
      return EventStream.writeFailure("MongoDBError", error.message)
  }
}

/** The answer begins at once, with a comment, so that whoever waits for its headers knows that the stream is open. */
const answer = (events: Stream.Stream<string, FunctionError | Ejson.EjsonError | DatabaseError>) => {
  const texts = events.pipe(
    Stream.map(EventStream.writeValue),
    Stream.catch((error) => Stream.succeed(failureOf(error))),
    Stream.merge(
      Stream.map(Stream.tick(keepAliveInterval), () => EventStream.keepAlive),
      { haltStrategy: "left" }
    )
  )
  return HttpServerResponse.stream(Stream.encodeText(texts), {
    contentType: "text/event-stream",
    headers: { "cache-control": "no-cache" }
  })
}

/**
 * The handlers of function calls.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = HttpApiBuilder.group(Api, "functions", (handlers) =>
  Effect.gen(function* () {
    const find = yield* findApp
    const runtime = yield* FunctionRuntime
    return handlers
      .handleRaw(
        "call",
        Effect.fnUntraced(function* ({ params, request }) {
          const caller = yield* callerOf(yield* find(params.appId), request)
          const { name, sent, service } = yield* Effect.flatMap(Body.text(request), callOf)
          const text =
            service === undefined
              ? yield* Effect.mapError(runtime.call(caller, name, sent), functionFailed)
              : yield* MongoService.call(
                  runtime.databaseOf(caller),
                  caller.app,
                  service,
                  name,
                  yield* valuesOf(sent)
                ).pipe(Effect.flatMap(write))
          return HttpServerResponse.text(text, { contentType: "application/json" })
        })
      )
      .handleRaw(
        "stream",
        Effect.fnUntraced(function* ({ params, request }) {
          const caller = yield* callerOf(yield* find(params.appId), request)
          const { name, sent, service } = yield* queriedCall
          if (service === undefined) {
            return answer(yield* Effect.mapError(runtime.stream(caller, name, sent), functionFailed))
          }
          const args = yield* valuesOf(sent)
          const events = yield* MongoService.watch(runtime.databaseOf(caller), caller.app, service, name, args)
          return answer(Stream.mapEffect(events, (event) => Effect.fromResult(Ejson.stringify(event))))
        })
      )
  })
)
