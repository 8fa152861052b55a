/**
 * The client API as an `HttpApi`, route by route.
 *
 * Handlers read bodies themselves, because clients send them missing, empty or with any content type.
 */
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as Schema from "effect/Schema"
import * as Answers from "../../protocol/internal/answers.ts"
import { FunctionCall, RegisterPayload } from "../../protocol/internal/requests.ts"
import { oauthCallback, routes } from "../../protocol/internal/routes.ts"
import {
  BadRequest,
  Conflict,
  Forbidden,
  NotFound,
  ServiceUnavailable,
  TooLarge,
  TooManyRequestsAnswer,
  Unauthorized
} from "../model/ApiErrors.ts"
import { AccessToken, RefreshToken } from "./Authorization.ts"

const ofApp = { params: { appId: Schema.String } }
const ofKey = { params: { id: Schema.String } }

/** Routes that need the application's id only. */
class ApplicationGroup extends HttpApiGroup.make("application").add(
  HttpApiEndpoint.get("location", routes.location, {
    ...ofApp,
    success: Answers.Location,
    error: [Forbidden, NotFound]
  })
) {}

/** Calls of the application's functions and of the MongoDB service, answered at once or as a stream. */
class FunctionsGroup extends HttpApiGroup.make("functions")
  .add(
    HttpApiEndpoint.post("call", routes.callFunction, {
      ...ofApp,
      payload: FunctionCall,
      success: Schema.Unknown,
      error: [BadRequest, Forbidden, NotFound, TooLarge, ServiceUnavailable]
    }),
    HttpApiEndpoint.get("stream", routes.callFunction, {
      ...ofApp,
      success: Schema.Unknown,
      error: [BadRequest, Forbidden, NotFound, TooManyRequestsAnswer, ServiceUnavailable]
    })
  )
  .middleware(AccessToken) {}

class AuthenticationGroup extends HttpApiGroup.make("authentication").add(
  HttpApiEndpoint.post("logIn", routes.logIn, {
    params: { appId: Schema.String, provider: Schema.String },
    query: { link: Schema.optionalKey(Schema.String) },
    payload: Schema.Record(Schema.String, Schema.Unknown),
    success: Answers.LoggedIn,
    error: [BadRequest, Unauthorized, Forbidden, NotFound, TooLarge, TooManyRequestsAnswer, ServiceUnavailable]
  })
) {}

/** OAuth 2.0 by redirect: the browser comes to `redirect`, is sent to the provider, and comes back to a `callback`. */
class OAuthGroup extends HttpApiGroup.make("oauth").add(
  HttpApiEndpoint.get("redirect", routes.logIn, {
    params: { appId: Schema.String, provider: Schema.String },
    success: Schema.Never,
    error: [BadRequest, Unauthorized, Forbidden, NotFound, TooManyRequestsAnswer, ServiceUnavailable]
  }),
  HttpApiEndpoint.get("callback", oauthCallback, { success: Schema.Never, error: [BadRequest, TooManyRequestsAnswer] }),
  // Apple lets the browser post a form
  HttpApiEndpoint.post("callbackForm", oauthCallback, {
    payload: Schema.Unknown,
    success: Schema.Never,
    error: [BadRequest, TooLarge, TooManyRequestsAnswer]
  })
) {}

const Secret = Schema.RedactedFromValue(Schema.String)

/** @internal */
export const EmailPayload = Schema.Struct({ email: Schema.String })
/** @internal */
export const ConfirmPayload = Schema.Struct({ token: Secret, tokenId: Schema.String })
/** @internal */
export const ResetPayload = Schema.Struct({ ...ConfirmPayload.fields, password: Secret })
const ResetCallPayload = Schema.Struct({
  ...RegisterPayload.fields,
  arguments: Schema.optional(Schema.Array(Schema.Unknown))
})

const Decided = Schema.Struct({ status: Schema.Literals(["success", "pending"]) }).pipe(HttpApiSchema.status(202))
const ofAccount = { ...ofApp, error: [BadRequest, Forbidden, NotFound, TooLarge, TooManyRequestsAnswer] } as const

/** Accounts with e-mail address and password. */
class EmailPasswordGroup extends HttpApiGroup.make("emailPassword").add(
  HttpApiEndpoint.post("register", routes.register, {
    ...ofApp,
    payload: RegisterPayload,
    success: Schema.Struct({}).pipe(HttpApiSchema.status(201)),
    error: [BadRequest, Forbidden, NotFound, Conflict, TooLarge, TooManyRequestsAnswer]
  }),
  HttpApiEndpoint.post("confirm", routes.confirm, {
    ...ofAccount,
    payload: ConfirmPayload,
    success: HttpApiSchema.NoContent
  }),
  HttpApiEndpoint.post("confirmSend", routes.confirmSend, {
    ...ofAccount,
    payload: EmailPayload,
    success: Schema.Struct({})
  }),
  HttpApiEndpoint.post("confirmCall", routes.confirmCall, { ...ofAccount, payload: EmailPayload, success: Decided }),
  HttpApiEndpoint.post("reset", routes.reset, {
    ...ofAccount,
    payload: ResetPayload,
    success: HttpApiSchema.NoContent
  }),
  HttpApiEndpoint.post("resetSend", routes.resetSend, {
    ...ofAccount,
    payload: EmailPayload,
    success: Schema.Struct({}).pipe(HttpApiSchema.status(202))
  }),
  HttpApiEndpoint.post("resetCall", routes.resetCall, { ...ofAccount, payload: ResetCallPayload, success: Decided })
) {}

/** @internal */
export const PushPayload = Schema.Struct({ registrationToken: Secret })
const ofPushService = { params: { appId: Schema.String, service: Schema.String }, success: HttpApiSchema.NoContent }

/** Registrations of devices for push messages. */
class PushGroup extends HttpApiGroup.make("push")
  .add(
    HttpApiEndpoint.put("register", routes.pushRegistration, {
      ...ofPushService,
      payload: PushPayload,
      error: [BadRequest, Forbidden, NotFound, TooLarge]
    }),
    HttpApiEndpoint.delete("deregister", routes.pushRegistration, { ...ofPushService, error: [Forbidden, NotFound] })
  )
  .middleware(AccessToken) {}

class SessionGroup extends HttpApiGroup.make("session").add(
  HttpApiEndpoint.post("refresh", routes.session, {
    success: Answers.Refreshed.pipe(HttpApiSchema.status(201))
  }).middleware(RefreshToken),
  HttpApiEndpoint.delete("logOut", routes.session, { success: HttpApiSchema.NoContent }).middleware(RefreshToken),
  HttpApiEndpoint.get("profile", routes.profile, { success: Answers.ProfileAnswer }).middleware(AccessToken),
  HttpApiEndpoint.delete("deleteUser", routes.deleteUser, { success: HttpApiSchema.NoContent }).middleware(AccessToken)
) {}

const CreatedKey = Schema.Struct({ ...Answers.ApiKey.fields, key: Schema.RedactedFromValue(Schema.String) })

/** A user's API keys. The protocol demands the refresh token for them. */
class ApiKeysGroup extends HttpApiGroup.make("apiKeys")
  .add(
    HttpApiEndpoint.post("create", routes.apiKeys, {
      payload: Schema.Struct({ name: Schema.String }),
      success: CreatedKey.pipe(HttpApiSchema.status(201)),
      error: [BadRequest, Conflict, TooLarge]
    }),
    HttpApiEndpoint.get("list", routes.apiKeys, { success: Schema.Array(Answers.ApiKey) }),
    HttpApiEndpoint.get("fetch", routes.apiKey, { ...ofKey, success: Answers.ApiKey, error: NotFound }),
    HttpApiEndpoint.delete("delete", routes.apiKey, {
      ...ofKey,
      success: HttpApiSchema.NoContent,
      error: [Forbidden, NotFound]
    }),
    HttpApiEndpoint.put("enable", routes.enableApiKey, { ...ofKey, success: HttpApiSchema.NoContent, error: NotFound }),
    HttpApiEndpoint.put("disable", routes.disableApiKey, {
      ...ofKey,
      success: HttpApiSchema.NoContent,
      error: NotFound
    })
  )
  .middleware(RefreshToken) {}

/** The whole client API, version 2.0. */
export class Api extends HttpApi.make("app-services")
  .add(ApplicationGroup)
  .add(FunctionsGroup)
  .add(AuthenticationGroup)
  .add(OAuthGroup)
  .add(EmailPasswordGroup)
  .add(PushGroup)
  .add(SessionGroup)
  .add(ApiKeysGroup) {}
