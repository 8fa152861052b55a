/**
 * The handlers of calls of the application's functions and of the MongoDB service, answered at once or as a stream of events.
 */
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Option from "effect/Option"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as ejson from "../../protocol/internal/ejson.ts"
import type * as Ejson from "../../protocol/Ejson.ts"
import * as EventStream from "../../protocol/EventStream.ts"
import { Api } from "./Api.ts"
import { BadRequest, body, type TooManyRequests } from "../model/ApiErrors.ts"
import type { HostedApp } from "../model/Apps.ts"
import { CurrentUser, currentUserOf } from "./Authorization.ts"
import type { DatabaseError } from "../data/Database.ts"
import type { FunctionError } from "../model/FunctionContext.ts"
import { answerer, callerOf, callOf, functionFailed, valuesOf } from "./FunctionCalls.ts"
import { FunctionRuntime } from "../functions/FunctionRuntime.ts"
import * as failures from "../functions/shared/failures.ts"
import { OpenStreams } from "./OpenStreams.ts"
import { isDocument } from "../data/internal/bson.ts"
import * as MongoService from "./MongoService.ts"
import { findApp } from "./Requests.ts"
import * as Texts from "../data/Texts.ts"
import { UserStore } from "../users/UserStore.ts"
import type { AccessClaims } from "../users/Tokens.ts"

const eventStream = "text/event-stream"

/** Reads a call from the query of a request for a stream, in all encodings that clients use. */
const queriedCall = Effect.gen(function* () {
  const query = yield* HttpServerRequest.ParsedSearchParams
  const parameter = query["baas_request"] ?? query["stitch_request"]
  if (typeof parameter !== "string") {
    return yield* new BadRequest(body("'baas_request' is a required parameter", "MissingParameter"))
  }
  const text = EventStream.decodeRequest(parameter)
  const json = text === undefined ? Result.fail(undefined) : Result.try(() => ejson.read(text))
  if (text === undefined || Result.isFailure(json) || !isDocument(json.success)) {
    return yield* new BadRequest(body("'baas_request' must be the base64 of a JSON object", "BadRequest"))
  }
  return yield* callOf({ text, json: json.success })
})

/**
 * Whether a request only checks that a stream can be opened. Stitch's browser SDK sends one before it opens an `EventSource`,
 * which cannot report an error, and waits for the end of the answer.
 */
const isValidation = Effect.map(HttpServerRequest.ParsedSearchParams, (query) => query["stitch_validate"] === "true")

const valid = HttpServerResponse.text("", { contentType: eventStream })

/** How often a stream sends a keep-alive, and checks that its session has not ended. */
const interval = "25 seconds"

type Failure = FunctionError | Ejson.EjsonError | DatabaseError | TooManyRequests | StreamRevoked

const failureOf = (error: Failure): string => {
  switch (error._tag) {
    case "FunctionError":
    case "StreamRevoked":
      return EventStream.writeFailure(error.code, error.message)
    case "EjsonError":
      return EventStream.writeFailure("FunctionExecutionError", failures.notSendable(error.message))
    case "DatabaseError":
      return EventStream.writeFailure(MongoService.errorCode(error.code), error.message)
    case "TooManyRequests":
      return EventStream.writeFailure("BadRequest", error.error)
  }
}

/** The user of an open stream is no longer allowed to have it. */
class StreamRevoked extends Schema.TaggedError<StreamRevoked>("effect-app-services/server/api/StreamRevoked")(
  "StreamRevoked",
  { code: Schema.Literals(["InvalidSession", "UserDisabled"]), message: Schema.String }
) {}

/**
 * Fails if the session that a stream was opened in has ended, or its user is disabled or deleted. An expired access token does
 * not end a stream, because no client reopens one by itself.
 */
const stillAllowed = (
  store: UserStore["Service"],
  { app }: HostedApp,
  { iss, sub }: AccessClaims
): Effect.Effect<void, StreamRevoked> =>
  Effect.gen(function* () {
    const user = Option.getOrUndefined(yield* store.user(app.id, sub))
    if (user?.disabled === true) return yield* new StreamRevoked({ code: "UserDisabled", message: "user disabled" })
    const session = Option.getOrUndefined(yield* store.session(app.id, iss))
    if (user === undefined || session === undefined || session.expiresAt <= (yield* Clock.currentTimeMillis)) {
      return yield* new StreamRevoked({ code: "InvalidSession", message: "invalid session" })
    }
  })

type Events = Stream.Stream<string, FunctionError | Ejson.EjsonError | DatabaseError>

/** Begins the response immediately, with a comment, so that clients that wait for the headers know that the stream is open. */
const answer = (
  events: Events,
  allowed: Effect.Effect<void, StreamRevoked>,
  counted: <A, E>(stream: Stream.Stream<A, E>) => Stream.Stream<A, E | TooManyRequests>
) => {
  const texts = events.pipe(
    Stream.tap(() => allowed),
    Stream.map(EventStream.writeValue),
    Stream.merge(
      Stream.mapEffect(Stream.tick(interval), () => Effect.as(allowed, EventStream.keepAlive)),
      { haltStrategy: "left" }
    ),
    counted,
    Stream.catch((error) => Stream.succeed(failureOf(error)))
  )
  return HttpServerResponse.stream(Stream.encodeText(texts), {
    contentType: eventStream,
    // nginx would hold events back until its buffer is full
    headers: { "cache-control": "no-cache", "x-accel-buffering": "no" }
  })
}

/** The handlers of function calls. */
export const layer = HttpApiBuilder.group(Api, "functions", (handlers) =>
  Effect.gen(function* () {
    const find = yield* findApp
    const runtime = yield* FunctionRuntime
    const store = yield* UserStore
    const streams = yield* OpenStreams
    const answerCall = yield* answerer
    return handlers
      .handleRaw("call", ({ params, request }) =>
        Effect.flatMap(CurrentUser, (current) => answerCall(params.appId, request, current))
      )
      .handleRaw(
        "stream",
        Effect.fnUntraced(function* ({ params, request }) {
          const hosted = yield* find(params.appId)
          const current = yield* currentUserOf(hosted)
          const caller = callerOf(current, request)
          const user = `${hosted.app.id} ${caller.user.id}`
          const { name, sent, service } = yield* queriedCall
          const onlyValidates = yield* isValidation
          yield* streams.room(user)
          const answerWith = (events: Events) =>
            answer(events, stillAllowed(store, hosted, current.claims), streams.counted(user))
          if (service === undefined) {
            if (onlyValidates)
              return yield* Effect.as(Effect.mapError(runtime.check(caller, name, sent), functionFailed), valid)
            return answerWith(yield* Effect.mapError(runtime.stream(caller, name, sent), functionFailed))
          }
          const args = yield* valuesOf(sent)
          const events = yield* MongoService.watch(runtime.databaseOf(caller), caller.app, service, name, args)
          if (onlyValidates) return valid
          return answerWith(Stream.mapEffect(events, Texts.write))
        })
      )
  })
)
