/** Calls of the application's functions and of the MongoDB service that are answered at once, without a stream. */
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import type * as Ejson from "../../protocol/Ejson.ts"
import {
  BadRequest,
  body,
  type Forbidden,
  NotFound,
  ServiceUnavailable,
  type TooLarge,
  toResponse,
  unavailable
} from "../model/ApiErrors.ts"
import * as Body from "./Body.ts"
import { isDocument } from "../data/internal/bson.ts"
import * as MongoService from "./MongoService.ts"
import * as CurrentRequest from "../model/CurrentRequest.ts"
import { findApp, functionRequest } from "./Requests.ts"
import * as Texts from "../data/Texts.ts"
import { type AuthenticatedUser, authenticator, ofApp, tokenOf } from "./Authorization.ts"
import { tokenUser } from "../users/UserData.ts"
import type { FunctionError } from "../model/FunctionContext.ts"
import { type Caller, FunctionRuntime, type Sent } from "../functions/FunctionRuntime.ts"
import * as failures from "../functions/shared/failures.ts"

/** Answers the call of an authenticated user. */
export const answerer = Effect.gen(function* () {
  const find = yield* findApp
  const runtime = yield* FunctionRuntime
  return Effect.fnUntraced(function* (
    appId: string,
    request: HttpServerRequest.HttpServerRequest,
    current: AuthenticatedUser
  ): Effect.fn.Return<
    HttpServerResponse.HttpServerResponse,
    BadRequest | Forbidden | NotFound | TooLarge | ServiceUnavailable
  > {
    const caller = callerOf(yield* ofApp(current, yield* find(appId)), request)
    const { name, sent, service } = yield* callOf(yield* Body.text(request))
    const text =
      service === undefined
        ? yield* Effect.mapError(runtime.call(caller, name, sent), functionFailed)
        : yield* write(
            yield* MongoService.call(runtime.databaseOf(caller), caller.app, service, name, yield* valuesOf(sent))
          )
    return HttpServerResponse.text(text, { contentType: "application/json" })
  })
})

/**
 * Answers calls in the form that all known clients send, without the router. Calls are the most frequent requests, and routing
 * takes a quarter of their time (`npm run bench -- server`). The router answers calls in any other form, in the same way.
 */
export const shortcut = Effect.gen(function* () {
  const answer = yield* answerer
  const authenticate = yield* authenticator
  return (
    request: HttpServerRequest.HttpServerRequest
  ): Effect.Effect<HttpServerResponse.HttpServerResponse> | undefined => {
    const appId = request.method === "POST" ? plainPath.exec(request.url)?.[1] : undefined
    return appId === undefined
      ? undefined
      : authenticate(tokenOf(request)).pipe(
          Effect.flatMap((current) => answer(appId, request, current)),
          Effect.catch((error) => Effect.succeed(toResponse(error))),
          // like routes: a client that disconnects interrupts its call
          Effect.interruptible
        )
  }
})

const plainPath = /^\/api\/client\/v2\.0\/app\/([\w-]{1,100})\/functions\/call$/

/** The response for a call that failed. */
export const functionFailed = (error: FunctionError | Ejson.EjsonError): BadRequest | NotFound | ServiceUnavailable => {
  if (error._tag === "EjsonError") return Body.invalid(error.message)
  if (error.unavailable === true) return new ServiceUnavailable(unavailable)
  return error.code === "FunctionNotFound"
    ? new NotFound(body(error.message, error.code))
    : new BadRequest(body(error.message, error.code))
}

/** The function or the service that a client calls. */
export interface Call {
  readonly name: string
  readonly sent: Sent
  /** Absent if a function of the application is called. */
  readonly service: string | undefined
}

/** Reads a call from its body. */
export const callOf = ({ json, text }: Body.Text): Effect.Effect<Call, BadRequest> => {
  const { name, service } = json
  // some clients send null for a missing field
  const args = json["arguments"] ?? []
  if (typeof name !== "string") {
    return Effect.fail(new BadRequest(body("'name' is a required string", "MissingParameter")))
  }
  if (!Array.isArray(args)) {
    return Effect.fail(new BadRequest(body("'arguments' must be an array", "InvalidParameter")))
  }
  if (service !== undefined && service !== null && typeof service !== "string") {
    return Effect.fail(new BadRequest(body("'service' must be a string", "InvalidParameter")))
  }
  const call: Call = {
    name,
    sent: { document: text, json: args },
    service: service === null || service === "" ? undefined : service
  }
  return CurrentRequest.about({ call: titleOf(call) }, call)
}

/** The caller as functions see it. */
export const callerOf = (
  { claims, hosted, user }: AuthenticatedUser,
  request: HttpServerRequest.HttpServerRequest
): Caller => ({ app: hosted.app, user: tokenUser(user, claims), request: functionRequest(request) })

/** The arguments of a call to a service as values. */
export const valuesOf = ({ document, json }: Sent): Effect.Effect<ReadonlyArray<unknown>, BadRequest> =>
  Effect.mapError(Texts.reviveExact(json, document), ({ message }) => Body.invalid(message))

/** The result of a service as Extended JSON. */
const write = (result: unknown): Effect.Effect<string, BadRequest> =>
  Effect.mapError(
    Texts.write(result),
    ({ message }) => new BadRequest(body(failures.notSendable(message), "FunctionExecutionError"))
  )

const titleOf = ({ name, sent, service }: Call): string => {
  if (service === undefined) return name
  const [first] = sent.json
  const { collection, database } = isDocument(first) ? first : {}
  const place = typeof database === "string" && typeof collection === "string" ? `(${database}.${collection})` : ""
  return `${service}.${name}${place}`
}
