/**
 * The administration API: `Admin` and `Inbox` over HTTP, for people and scripts on the machine that the server runs on.
 * A server on a socket answers it under `/_admin`, where its options give it an `adminToken`.
 *
 * ```sh
 * curl -H "authorization: Bearer $TOKEN" "http://127.0.0.1:9090/_admin/inbox?to=ada@example.com&wait=10"
 * curl -H "authorization: Bearer $TOKEN" --json '{"email":"ada@example.com"}' \
 *   http://127.0.0.1:9090/_admin/apps/my-app/accounts/confirm
 * ```
 *
 * Whoever uses it can take over every account, by an e-mail's link or a password. So it answers:
 *
 * - to this machine alone: the peer and the `Host` header have to be loopback ones, and nothing may say that the request
 *   comes from a web page (`Origin`) or through a proxy. A page that a resolver leads here still says its own host's name.
 * - to who knows the token: other users of this machine reach its loopback address as well, and no web page can know it
 *   or send it along unasked, as browsers do with cookies. The one rule holds for looking as for changing, since what is
 *   in the inbox is worth as much as a password.
 *
 * A request that was made in process has no peer, and is refused: there the services `Admin` and `Inbox` do the same.
 *
 * @since 0.1.0
 */
import * as HttpApi from "effect/http-api/HttpApi"
import * as HttpApiEndpoint from "effect/http-api/HttpApiEndpoint"
import * as HttpApiGroup from "effect/http-api/HttpApiGroup"
import * as HttpApiMiddleware from "effect/http-api/HttpApiMiddleware"
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as HttpApiSecurity from "effect/http-api/HttpApiSecurity"
import * as OpenApi from "effect/http-api/OpenApi"
import * as Schema from "effect/Schema"
import {
  Account,
  AccountInUse,
  AccountNotFound,
  AppNotFound,
  InvalidRequest,
  SessionNotFound,
  User,
  UserDetails,
  UserNotFound
} from "../users/AdminModels.ts"
import { Message } from "../users/Inbox.ts"

/**
 * The token of the request is missing or wrong.
 *
 * @category errors
 * @since 0.1.0
 */
export class TokenRejected extends Schema.TaggedError<TokenRejected>(
  "effect-app-services/server/api/AdminTokenRejected"
)("TokenRejected", { message: Schema.String }, { httpApiStatus: 401 }) {}

/**
 * Demands the server's administration token.
 *
 * @category middleware
 * @since 0.1.0
 */
export class AdminToken extends HttpApiMiddleware.Service<AdminToken>()("effect-app-services/server/api/AdminToken", {
  security: { bearer: HttpApiSecurity.bearer },
  error: TokenRejected
}) {}

/**
 * Says what is wrong with a request that does not have the shape that its route takes.
 *
 * @category middleware
 * @since 0.1.0
 */
export class RequestShape extends HttpApiMiddleware.Service<RequestShape>()(
  "effect-app-services/server/api/RequestShape",
  {
    error: InvalidRequest
  }
) {}

const number = (minimum: number, maximum: number) =>
  Schema.optionalKey(Schema.FiniteFromString.check(Schema.isInt(), Schema.isBetween({ minimum, maximum })))

/** The longest that a request waits for a message, in seconds. */
const longestWait = 60

/**
 * Users and accounts of one answer, unless asked for another number.
 *
 * @category constants
 * @since 0.1.0
 */
export const pageSize = 100

const paged = {
  search: Schema.optionalKey(Schema.String),
  after: Schema.optionalKey(Schema.String),
  limit: number(1, 1000)
}
const ofApp = { params: { app: Schema.String } }
const ofUser = { params: { app: Schema.String, userId: Schema.String } }
const noUser = [AppNotFound, UserNotFound] as const
const Secret = Schema.RedactedFromValue(Schema.String)
const WithEmail = Schema.Struct({ email: Schema.String })
const WithPassword = Schema.Struct({ email: Schema.String, password: Secret })

/**
 * What would have been mailed, and the applications.
 *
 * @category groups
 * @since 0.1.0
 */
export class ServerGroup extends HttpApiGroup.make("server").add(
  HttpApiEndpoint.get("apps", "/apps", {
    success: Schema.Array(Schema.Struct({ id: Schema.String, providers: Schema.Array(Schema.String) }))
  }),
  /**
   * The messages that are kept, the newest last: of one application and one address where these are given, after the
   * message of the token id `after`. While there is none, the answer waits, for `wait` seconds at most.
   */
  HttpApiEndpoint.get("inbox", "/inbox", {
    query: {
      app: Schema.optionalKey(Schema.String),
      to: Schema.optionalKey(Schema.String),
      after: Schema.optionalKey(Schema.String),
      wait: number(0, longestWait)
    },
    success: Schema.Array(Message)
  })
) {}

/**
 * The users of an application. The answer to a list says in `next` what the next request gives as `after`.
 *
 * @category groups
 * @since 0.1.0
 */
export class UsersGroup extends HttpApiGroup.make("users").add(
  HttpApiEndpoint.get("list", "/apps/:app/users", {
    ...ofApp,
    query: paged,
    success: Schema.Struct({ items: Schema.Array(User), next: Schema.optionalKey(Schema.String) }),
    error: AppNotFound
  }),
  HttpApiEndpoint.post("create", "/apps/:app/users", {
    ...ofApp,
    payload: WithPassword,
    success: User.pipe(HttpApiSchema.status(201)),
    error: [AppNotFound, AccountInUse, InvalidRequest]
  }),
  HttpApiEndpoint.get("show", "/apps/:app/users/:userId", { ...ofUser, success: UserDetails, error: noUser }),
  HttpApiEndpoint.delete("remove", "/apps/:app/users/:userId", {
    ...ofUser,
    success: HttpApiSchema.NoContent,
    error: noUser
  }),
  HttpApiEndpoint.post("disable", "/apps/:app/users/:userId/disable", {
    ...ofUser,
    success: HttpApiSchema.NoContent,
    error: noUser
  }),
  HttpApiEndpoint.post("enable", "/apps/:app/users/:userId/enable", {
    ...ofUser,
    success: HttpApiSchema.NoContent,
    error: noUser
  }),
  HttpApiEndpoint.delete("revokeAll", "/apps/:app/users/:userId/sessions", {
    ...ofUser,
    success: HttpApiSchema.NoContent,
    error: noUser
  }),
  HttpApiEndpoint.delete("revoke", "/apps/:app/users/:userId/sessions/:sessionId", {
    params: { ...ofUser.params, sessionId: Schema.String },
    success: HttpApiSchema.NoContent,
    error: [...noUser, SessionNotFound]
  })
) {}

/**
 * The accounts with e-mail and password of an application, also those that nobody ever logged in with. Addresses travel
 * in bodies, which no log of requests holds.
 *
 * @category groups
 * @since 0.1.0
 */
export class AccountsGroup extends HttpApiGroup.make("accounts").add(
  HttpApiEndpoint.get("list", "/apps/:app/accounts", {
    ...ofApp,
    query: paged,
    success: Schema.Struct({ items: Schema.Array(Account), next: Schema.optionalKey(Schema.String) }),
    error: AppNotFound
  }),
  HttpApiEndpoint.post("confirm", "/apps/:app/accounts/confirm", {
    ...ofApp,
    payload: WithEmail,
    success: HttpApiSchema.NoContent,
    error: [AppNotFound, AccountNotFound]
  }),
  HttpApiEndpoint.post("setPassword", "/apps/:app/accounts/password", {
    ...ofApp,
    payload: WithPassword,
    success: HttpApiSchema.NoContent,
    error: [AppNotFound, AccountNotFound, InvalidRequest]
  }),
  HttpApiEndpoint.post("remove", "/apps/:app/accounts/delete", {
    ...ofApp,
    payload: WithEmail,
    success: HttpApiSchema.NoContent,
    error: [AppNotFound, AccountNotFound, AccountInUse]
  })
) {}

/**
 * Where the API is; the client API is all below `/api`.
 *
 * @category constants
 * @since 0.1.0
 */
export const prefix = "/_admin"

/**
 * The whole administration API. Its description is at `/_admin/openapi.json`, for this machine alone as well.
 *
 * @category apis
 * @since 0.1.0
 */
export class AdminApi extends HttpApi.make("app-services-admin")
  .add(ServerGroup)
  .add(UsersGroup)
  .add(AccountsGroup)
  .middleware(RequestShape)
  .middleware(AdminToken)
  .prefix(prefix)
  .annotateMerge(OpenApi.annotations({ title: "Administration of an App Services server", version: "0.1.0" })) {}
