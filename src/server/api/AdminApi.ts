/**
 * The administration API: users, inbox, log and figures, and the functions, triggers, endpoints and documents of applications
 * over HTTP, for people and scripts on the server's own machine. A server on a socket has it below `/_admin` if its options
 * have an `adminToken`.
 *
 * ```sh
 * curl -H "authorization: Bearer $TOKEN" "http://127.0.0.1:9090/_admin/inbox?to=ada@example.com&wait=10"
 * curl -H "authorization: Bearer $TOKEN" --json '{"email":"ada@example.com"}' \
 *   http://127.0.0.1:9090/_admin/apps/my-app/accounts/confirm
 * ```
 *
 * Its users can take over every account, by the link in an e-mail or by setting a password, read and change all documents, and
 * run all functions. So it is restricted to:
 *
 * - requests from this machine: the peer and the `Host` header have to be loopback addresses, and the request must not come
 *   from a web page (`Origin`) or through a proxy. DNS rebinding fails, because the `Host` header names the attacker's host.
 *   The page for people is the only web page that may send requests. It has an origin of its own, see `pageHost`.
 * - requests with the token, because other users of the machine can reach the loopback address too. A web page neither knows
 *   it nor makes the browser send it, as with cookies. Reading needs it like changing, since an inbox is worth a password.
 *
 * Requests in process have no peer and are rejected: use the services `Admin` and `Inbox` there.
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
import { ResumeFrom, TriggerInfo, TriggerNotFound, TriggerNotSuspended } from "../triggers/TriggerModels.ts"
import { Figures, LogPart } from "./ActivityModels.ts"
import {
  CollectionInfo,
  DatabaseRefused,
  DocumentDeletion,
  DocumentInsertion,
  DocumentNotFound,
  DocumentPage,
  DocumentQuery,
  DocumentReplacement,
  EndpointInfo,
  FunctionCall,
  FunctionInfo,
  FunctionNotFound,
  FunctionRun,
  Note
} from "./InspectionModels.ts"
import { Message } from "../users/Inbox.ts"

/**
 * 401: the administration token is missing or wrong.
 *
 * @category errors
 * @since 0.1.0
 */
export class TokenRejected extends Schema.TaggedError<TokenRejected>(
  "effect-app-services/server/api/AdminTokenRejected"
)("TokenRejected", { message: Schema.String }, { httpApiStatus: 401 }) {}

/**
 * 507: no backup can be made, as on a full disk: while it is made, the data directory holds a copy of the data.
 *
 * @category errors
 * @since 0.2.0
 */
export class BackupFailed extends Schema.TaggedError<BackupFailed>("effect-app-services/server/api/BackupFailed")(
  "BackupFailed",
  { message: Schema.String },
  { httpApiStatus: 507 }
) {}

/**
 * Requires the server's administration token as a bearer token.
 *
 * @category middleware
 * @since 0.1.0
 */
export class AdminToken extends HttpApiMiddleware.Service<AdminToken>()("effect-app-services/server/api/AdminToken", {
  security: { bearer: HttpApiSecurity.bearer },
  error: TokenRejected
}) {}

/**
 * Answers requests that do not match the schema of their route with a 400 that says what is wrong.
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

/** The longest time that a request can wait for a message, in seconds. */
const longestWait = 60

/**
 * The default number of users or accounts in a page.
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
 * The routes of the server: its inbox, and the applications that it hosts.
 *
 * @category groups
 * @since 0.1.0
 */
export class ServerGroup extends HttpApiGroup.make("server").add(
  HttpApiEndpoint.get("apps", "/apps", {
    success: Schema.Array(Schema.Struct({ id: Schema.String, providers: Schema.Array(Schema.String) }))
  }),
  /** The metrics of the process in Prometheus' text format. */
  HttpApiEndpoint.get("metrics", "/metrics", {
    success: Schema.String.pipe(HttpApiSchema.asText({ contentType: "text/plain; version=0.0.4; charset=utf-8" }))
  }),
  /**
   * A backup of the data directory, as the file that `effect-app-services restore` reads: everything that was acknowledged
   * before the request, while the server goes on. It has password hashes and signing keys.
   */
  HttpApiEndpoint.get("backup", "/backup", {
    success: HttpApiSchema.StreamUint8Array({ contentType: "application/vnd.sqlite3" }),
    error: [InvalidRequest, BackupFailed]
  }),
  /**
   * The messages, the newest last: optionally those of one application, to one address, and after the message with the token
   * id `after`. If there is no such message yet, waits for one, at most `wait` seconds.
   */
  HttpApiEndpoint.get("inbox", "/inbox", {
    query: {
      app: Schema.optionalKey(Schema.String),
      to: Schema.optionalKey(Schema.String),
      after: Schema.optionalKey(Schema.String),
      wait: number(0, longestWait)
    },
    success: Schema.Array(Message)
  }),
  /**
   * The newest 10,000 requests and lines of the log, within 4 MiB, oldest first: optionally those after the entry `after`.
   */
  HttpApiEndpoint.get("log", "/log", {
    query: { after: number(0, Number.MAX_SAFE_INTEGER), limit: number(1, 10_000) },
    success: LogPart
  }),
  /** Counts and times of the requests of the last hour, without those of the administration, and what the processes use. */
  HttpApiEndpoint.get("figures", "/figures", { success: Figures })
) {}

/**
 * The users of an application. `next` in the answer to a list is the `after` of the request for the next page.
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
 * The accounts with e-mail address and password of an application, also those without a login yet. Addresses are in bodies,
 * which request logs do not have.
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
 * The triggers of an application.
 *
 * @category groups
 * @since 0.2.0
 */
export class TriggersGroup extends HttpApiGroup.make("triggers").add(
  HttpApiEndpoint.get("list", "/apps/:app/triggers", {
    ...ofApp,
    success: Schema.Array(TriggerInfo),
    error: AppNotFound
  }),
  /** Resumes a suspended trigger: with the event at which it was suspended, or with the next one that happens. */
  HttpApiEndpoint.post("resume", "/apps/:app/triggers/:trigger/resume", {
    params: { app: Schema.String, trigger: Schema.String },
    payload: Schema.Struct({ from: ResumeFrom }),
    success: HttpApiSchema.NoContent,
    error: [AppNotFound, TriggerNotFound, TriggerNotSuspended]
  }),
  /** Runs the function of a scheduled trigger now. Its failure is a part of the trigger's state. */
  HttpApiEndpoint.post("run", "/apps/:app/triggers/:trigger/run", {
    params: { app: Schema.String, trigger: Schema.String },
    success: HttpApiSchema.NoContent,
    error: [AppNotFound, TriggerNotFound, InvalidRequest]
  })
) {}

/**
 * The parts of an application: its functions, endpoints and notes.
 *
 * @category groups
 * @since 0.2.0
 */
export class PartsGroup extends HttpApiGroup.make("parts").add(
  /** The notes of the start, or of the last time that the application was replaced. */
  HttpApiEndpoint.get("notes", "/apps/:app/notes", { ...ofApp, success: Schema.Array(Note), error: AppNotFound }),
  HttpApiEndpoint.get("functions", "/apps/:app/functions", {
    ...ofApp,
    success: Schema.Array(FunctionInfo),
    error: AppNotFound
  }),
  /** Runs a function, also one that clients cannot call. Its failure is a part of the answer. */
  HttpApiEndpoint.post("run", "/apps/:app/functions/run", {
    ...ofApp,
    payload: FunctionCall,
    success: FunctionRun,
    error: [...noUser, FunctionNotFound, InvalidRequest]
  }),
  HttpApiEndpoint.get("endpoints", "/apps/:app/endpoints", {
    ...ofApp,
    success: Schema.Array(EndpointInfo),
    error: AppNotFound
  })
) {}

const refusals = [...noUser, InvalidRequest, DatabaseRefused] as const

/**
 * The documents of an application: all of them, or what one user may see and change through the rules.
 *
 * @category groups
 * @since 0.2.0
 */
export class DocumentsGroup extends HttpApiGroup.make("documents").add(
  HttpApiEndpoint.get("collections", "/apps/:app/collections", {
    ...ofApp,
    success: Schema.Array(CollectionInfo),
    error: [AppNotFound, DatabaseRefused]
  }),
  HttpApiEndpoint.post("find", "/apps/:app/documents/find", {
    ...ofApp,
    payload: DocumentQuery,
    success: DocumentPage,
    error: refusals
  }),
  HttpApiEndpoint.post("insert", "/apps/:app/documents/insert", {
    ...ofApp,
    payload: DocumentInsertion,
    success: HttpApiSchema.NoContent,
    error: refusals
  }),
  HttpApiEndpoint.post("replace", "/apps/:app/documents/replace", {
    ...ofApp,
    payload: DocumentReplacement,
    success: HttpApiSchema.NoContent,
    error: [...refusals, DocumentNotFound]
  }),
  HttpApiEndpoint.post("remove", "/apps/:app/documents/delete", {
    ...ofApp,
    payload: DocumentDeletion,
    success: HttpApiSchema.NoContent,
    error: [...refusals, DocumentNotFound]
  })
) {}

/**
 * The host name of the page for people, which browsers resolve to this machine. The page has an origin of its own, so that
 * no page that an application serves, by its files or its endpoints, can read or change it.
 *
 * @category constants
 * @since 0.2.0
 */
export const pageHost = "app-services-admin.localhost"

/**
 * The path of the API. The client API is below `/api`.
 *
 * @category constants
 * @since 0.1.0
 */
export const prefix = "/_admin"

/**
 * The whole administration API, for `HttpApiClient.make`. Its OpenAPI description is at `/_admin/openapi.json`, under the same
 * restrictions.
 *
 * @category apis
 * @since 0.1.0
 */
export class AdminApi extends HttpApi.make("app-services-admin")
  .add(ServerGroup)
  .add(UsersGroup)
  .add(AccountsGroup)
  .add(TriggersGroup)
  .add(PartsGroup)
  .add(DocumentsGroup)
  .middleware(RequestShape)
  .middleware(AdminToken)
  .prefix(prefix)
  .annotateMerge(OpenApi.annotations({ title: "Administration of an App Services server", version: "0.1.0" })) {}
