/**
 * The client API as an `HttpApi`: what the server serves, route by route.
 *
 * Bodies are read by the handlers themselves: clients send them absent, empty or with any content type, and all of that
 * must work.
 *
 * @since 0.1.0
 */
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as Schema from "effect/Schema"
import * as Answers from "../protocol/Answers.ts"
import { RegisterPayload } from "../protocol/Provider.ts"
import { routes } from "../protocol/Routes.ts"
import { BadRequest, Conflict, Forbidden, NotFound, TooLarge, Unauthorized } from "./ApiErrors.ts"
import { AccessToken, RefreshToken } from "./Authorization.ts"

const ofApp = { params: { appId: Schema.String } }
const ofKey = { params: { id: Schema.String } }

/**
 * What needs no more than the application's id, and the calls of its functions.
 *
 * @category groups
 * @since 0.1.0
 */
export class ApplicationGroup extends HttpApiGroup.make("application").add(
  HttpApiEndpoint.get("location", routes.location, { ...ofApp, success: Answers.Location, error: NotFound }),
  HttpApiEndpoint.post("callFunction", routes.callFunction, {
    ...ofApp,
    payload: Answers.FunctionCall,
    success: Schema.Unknown,
    error: [BadRequest, Forbidden, NotFound, TooLarge]
  }).middleware(AccessToken)
) {}

/**
 * @category groups
 * @since 0.1.0
 */
export class AuthenticationGroup extends HttpApiGroup.make("authentication").add(
  HttpApiEndpoint.post("logIn", routes.logIn, {
    params: { appId: Schema.String, provider: Schema.String },
    query: { link: Schema.optionalKey(Schema.String) },
    payload: Schema.Record(Schema.String, Schema.Unknown),
    success: Answers.LoggedIn,
    error: [BadRequest, Unauthorized, NotFound, TooLarge]
  }),
  HttpApiEndpoint.post("register", routes.register, {
    ...ofApp,
    payload: RegisterPayload,
    success: Schema.Struct({}).pipe(HttpApiSchema.status(201)),
    error: [BadRequest, NotFound, Conflict, TooLarge]
  })
) {}

/**
 * @category groups
 * @since 0.1.0
 */
export class SessionGroup extends HttpApiGroup.make("session").add(
  HttpApiEndpoint.post("refresh", routes.session, {
    success: Answers.Refreshed.pipe(HttpApiSchema.status(201))
  }).middleware(RefreshToken),
  HttpApiEndpoint.delete("logOut", routes.session, { success: HttpApiSchema.NoContent }).middleware(RefreshToken),
  HttpApiEndpoint.get("profile", routes.profile, { success: Answers.ProfileAnswer }).middleware(AccessToken),
  HttpApiEndpoint.delete("deleteUser", routes.deleteUser, { success: HttpApiSchema.NoContent }).middleware(AccessToken)
) {}

const CreatedKey = Schema.Struct({ ...Answers.ApiKey.fields, key: Schema.RedactedFromValue(Schema.String) })

/**
 * A user's API keys: managed with the refresh token, as the protocol has it.
 *
 * @category groups
 * @since 0.1.0
 */
export class ApiKeysGroup extends HttpApiGroup.make("apiKeys")
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

/**
 * The whole client API, version 2.0.
 *
 * @category apis
 * @since 0.1.0
 */
export class Api extends HttpApi.make("app-services")
  .add(ApplicationGroup)
  .add(AuthenticationGroup)
  .add(SessionGroup)
  .add(ApiKeysGroup) {}
