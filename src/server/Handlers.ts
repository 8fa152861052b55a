/**
 * The handlers of the client API: from requests to the services that do the work, and back.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as HttpApiBuilder from "effect/http-api/HttpApiBuilder"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { LoginOptions } from "../protocol/Device.ts"
import * as Ejson from "../protocol/Ejson.ts"
import { RegisterPayload } from "../protocol/Provider.ts"
import { Api } from "./Api.ts"
import { BadRequest, body, Forbidden, NotFound } from "./ApiErrors.ts"
import { ApiKeys } from "./ApiKeys.ts"
import { Apps, type HostedApp } from "./Apps.ts"
import { CurrentSession, CurrentUser } from "./Authorization.ts"
import * as Body from "./Body.ts"
import type { FunctionError, FunctionRequest } from "./FunctionContext.ts"
import { FunctionRuntime } from "./FunctionRuntime.ts"
import * as Location from "./Location.ts"
import { Logins } from "./Logins.ts"
import { Sessions } from "./Sessions.ts"
import { type ApiKey, State } from "./State.ts"
import { customDataOfClaim, functionUser, profileData } from "./Users.ts"

/** The application a path names. */
const findApp = Effect.map(Apps, ({ byId }) => (appId: string): Effect.Effect<HostedApp, NotFound> => {
  const hosted = byId.get(appId)
  return hosted === undefined
    ? Effect.fail(new NotFound(body(`cannot find app using Client App ID '${appId}'`)))
    : Effect.succeed(hosted)
})

const functionRequest = (request: HttpServerRequest.HttpServerRequest): FunctionRequest => ({
  remoteIPAddress: Option.getOrUndefined(request.remoteAddress),
  httpMethod: request.method,
  httpUserAgent: request.headers["user-agent"],
  httpReferrer: request.headers["referer"],
  rawQueryString: request.url.split("?")[1] ?? ""
})

const functionFailed = ({ code, message }: FunctionError): BadRequest | NotFound =>
  code === "FunctionNotFound" ? new NotFound(body(message, code)) : new BadRequest(body(message, code))

const application = HttpApiBuilder.group(Api, "application", (handlers) =>
  Effect.gen(function* () {
    const find = yield* findApp
    const runtime = yield* FunctionRuntime
    return handlers
      .handle(
        "location",
        Effect.fnUntraced(function* ({ params, request }) {
          const { app } = yield* find(params.appId)
          return Location.of(request, app.deployment)
        })
      )
      .handleRaw(
        "callFunction",
        Effect.fnUntraced(function* ({ params, request }) {
          const { app } = yield* find(params.appId)
          const { claims, hosted, user } = yield* CurrentUser
          if (hosted.app !== app) {
            return yield* new Forbidden(body("the token belongs to a user of another app", "UserAppDomainMismatch"))
          }
          const { arguments: args = [], name, service } = yield* Body.ejson(request)
          if (typeof name !== "string")
            return yield* new BadRequest(body("'name' is a required string", "MissingParameter"))
          if (!Array.isArray(args))
            return yield* new BadRequest(body("'arguments' must be an array", "InvalidParameter"))
          if (typeof service === "string" && service !== "") {
            return yield* new NotFound(
              body(`service not found: '${service}': this server has no services yet`, "ServiceNotFound")
            )
          }
          const caller = {
            app,
            user: functionUser(user, customDataOfClaim(claims.user_data)),
            request: functionRequest(request)
          }
          const result = yield* Effect.mapError(runtime.call(caller, name, args), functionFailed)
          const text = yield* Effect.mapError(
            Effect.fromResult(Ejson.stringify(result)),
            ({ message }) =>
              new BadRequest(body(`the function's result cannot be sent: ${message}`, "FunctionExecutionError"))
          )
          return HttpServerResponse.text(text, { contentType: "application/json" })
        })
      )
  })
)

const decodeRegistration = Body.decode(RegisterPayload)
const decodeOptions = Schema.decodeUnknownOption(LoginOptions)

const authentication = HttpApiBuilder.group(Api, "authentication", (handlers) =>
  Effect.gen(function* () {
    const find = yield* findApp
    const logins = yield* Logins
    const sessions = yield* Sessions
    return handlers
      .handleRaw(
        "logIn",
        Effect.fnUntraced(function* ({ params, query, request }) {
          const hosted = yield* find(params.appId)
          // answering a link with an ordinary login would hand out another user's tokens
          if (query.link !== undefined && query.link !== "false") {
            return yield* new BadRequest(body("linking credentials is not supported by this server yet", "BadRequest"))
          }
          const { options, ...payload } = yield* Body.json(request)
          // what a client tells about its device is worth no failed login
          const device = Option.getOrUndefined(decodeOptions({ options }))?.options?.device
          const { identity, user } = yield* logins.logIn(params.provider, {
            hosted,
            payload,
            request: functionRequest(request)
          })
          return yield* sessions.begin(hosted, user, identity, device?.deviceId)
        })
      )
      .handleRaw(
        "register",
        Effect.fnUntraced(function* ({ params, request }) {
          const hosted = yield* find(params.appId)
          const { email, password } = yield* Effect.flatMap(Body.json(request), decodeRegistration)
          yield* logins.register(hosted, email, password)
          return {}
        })
      )
  })
)

const session = HttpApiBuilder.group(Api, "session", (handlers) =>
  Effect.gen(function* () {
    const sessions = yield* Sessions
    const state = yield* State
    return handlers
      .handle(
        "refresh",
        Effect.fnUntraced(function* () {
          const { hosted, session, user } = yield* CurrentSession
          return { access_token: yield* sessions.renew(hosted, user, session) }
        })
      )
      .handle(
        "logOut",
        Effect.fnUntraced(function* () {
          const { hosted, session } = yield* CurrentSession
          yield* sessions.end(hosted, session)
        })
      )
      .handle(
        "profile",
        Effect.fnUntraced(function* () {
          const { hosted, user } = yield* CurrentUser
          return {
            user_id: user.id,
            domain_id: hosted.domainId,
            identities: user.identities.map(({ data, id, providerId, providerType }) => ({
              id,
              provider_type: providerType,
              provider_id: providerId,
              provider_data: data
            })),
            data: profileData(user),
            type: user.type
          }
        })
      )
      .handle(
        "deleteUser",
        Effect.fnUntraced(function* () {
          const { hosted, user } = yield* CurrentUser
          yield* state.deleteUser(hosted.app.id, user.id)
        })
      )
  })
)

const apiKeys = HttpApiBuilder.group(Api, "apiKeys", (handlers) =>
  Effect.gen(function* () {
    const keys = yield* ApiKeys
    const answer = ({ disabled, id, name }: ApiKey) => ({ _id: id, name, disabled })
    return handlers
      .handleRaw(
        "create",
        Effect.fnUntraced(function* ({ request }) {
          const { hosted, user } = yield* CurrentSession
          const { name } = yield* Body.json(request)
          const created = yield* keys.create(hosted.app.id, user, name)
          return { ...answer(created), key: created.key }
        })
      )
      .handle(
        "list",
        Effect.fnUntraced(function* () {
          const { hosted, user } = yield* CurrentSession
          return (yield* keys.list(hosted.app.id, user)).map(answer)
        })
      )
      .handle(
        "fetch",
        Effect.fnUntraced(function* ({ params }) {
          const { hosted, user } = yield* CurrentSession
          return answer(yield* keys.fetch(hosted.app.id, user, params.id))
        })
      )
      .handle(
        "delete",
        Effect.fnUntraced(function* ({ params }) {
          const { hosted, session, user } = yield* CurrentSession
          yield* keys.remove(hosted.app.id, session, user, params.id)
        })
      )
      .handle(
        "enable",
        Effect.fnUntraced(function* ({ params }) {
          const { hosted, user } = yield* CurrentSession
          yield* keys.setDisabled(hosted.app.id, user, params.id, false)
        })
      )
      .handle(
        "disable",
        Effect.fnUntraced(function* ({ params }) {
          const { hosted, user } = yield* CurrentSession
          yield* keys.setDisabled(hosted.app.id, user, params.id, true)
        })
      )
  })
)

/**
 * The handlers of every group.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = Layer.mergeAll(application, authentication, session, apiKeys)
