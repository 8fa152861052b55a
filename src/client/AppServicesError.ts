/**
 * The error of every operation of the SDK. `reason` is a tagged value that says what happened, so that a caller handles the
 * reasons it cares about and lets the others pass.
 *
 * @example
 * ```ts
 * import { AuthApi, Credentials } from "effect-app-services"
 * import { Effect } from "effect"
 *
 * const logIn = Effect.gen(function*() {
 *   const auth = yield* AuthApi
 *   return (yield* auth.logIn(Credentials.emailPassword({ email: "ada@example.com", password: "s3cret!" }))).id
 * }).pipe(Effect.catchReasons("AppServicesError", {
 *   InvalidCredentials: () => Effect.succeed("wrong e-mail or password"),
 *   RateLimited: () => Effect.succeed("try again in a moment")
 * }))
 * ```
 *
 * @since 0.1.0
 */
import * as Schema from "effect/Schema"

/** The fields of every reason that comes from an answer of the host. */
const answer = {
  /** HTTP status of the answer. */
  status: Schema.Int,
  /** The host's `error_code`; `ErrorCode` lists the known ones. */
  code: Schema.optionalKey(Schema.String),
  /** The host's message. */
  serverMessage: Schema.optionalKey(Schema.String),
  /** The URL of the host's log of the request. */
  link: Schema.optionalKey(Schema.String)
}

type Answer = { readonly status: number; readonly code?: string; readonly serverMessage?: string }

const said = (answer: Answer): string =>
  `${answer.serverMessage ?? "no message"} (status ${answer.status}${answer.code === undefined ? "" : `, ${answer.code}`})`

/**
 * The host could not be reached, or the connection broke before the answer was complete.
 *
 * @category reasons
 * @since 0.1.0
 */
export class TransportError extends Schema.TaggedError<TransportError>()("TransportError", {
  url: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  readonly retryable = true
  override get message(): string {
    const cause = this.cause instanceof Error ? ` (${innermost(this.cause).message})` : ""
    return `no complete answer from ${this.url}${cause}: check that the server runs, the base URL and the network`
  }
}

const innermost = (error: Error): Error => (error.cause instanceof Error ? innermost(error.cause) : error)

/**
 * No complete answer within the timeout. The request may have been carried out.
 *
 * @category reasons
 * @since 0.1.0
 */
export class RequestTimeout extends Schema.TaggedError<RequestTimeout>()("RequestTimeout", {
  url: Schema.String,
  /** The timeout, in milliseconds. */
  millis: Schema.Finite
}) {
  readonly retryable = true
  override get message(): string {
    return `no answer from ${this.url} within ${this.millis} ms: the request may still have been carried out`
  }
}

/**
 * The host, or a proxy in front of it, is overloaded, under maintenance or broken (status 5xx). Also: a gateway refused the
 * refresh of a session (status 4xx without a code of the protocol); the session goes on.
 *
 * @category reasons
 * @since 0.1.0
 */
export class ServerUnavailable extends Schema.TaggedError<ServerUnavailable>()("ServerUnavailable", {
  ...answer,
  /** The host's `Retry-After`, in milliseconds. */
  retryAfterMillis: Schema.optionalKey(Schema.Finite)
}) {
  readonly retryable = true
  override get message(): string {
    return `the server could not answer: ${said(this)}`
  }
}

/**
 * The host, or a proxy in front of it, answered with a redirect (status 3xx). Redirects are not followed: set `baseUrl` to
 * the new address.
 *
 * @category reasons
 * @since 0.1.0
 */
export class Redirected extends Schema.TaggedError<Redirected>()("Redirected", {
  /** HTTP status of the answer; 0 in a browser, which does not reveal it. */
  status: Schema.Int,
  /** The origin that the redirect leads to, such as `https://apps.example.com`; absent if unknown. */
  origin: Schema.optionalKey(Schema.String)
}) {
  readonly retryable = false
  override get message(): string {
    const [where, what] =
      this.origin === undefined ? ["elsewhere", "the address it redirects to"] : [`to ${this.origin}`, "that address"]
    return `the host redirects ${where} (status ${this.status}), and redirects are not followed: set baseUrl to ${what}`
  }
}

/**
 * Too many requests (status 429): the host limits the rate of a client address or an account.
 *
 * @category reasons
 * @since 0.1.0
 */
export class RateLimited extends Schema.TaggedError<RateLimited>()("RateLimited", {
  ...answer,
  /** The host's `Retry-After`, in milliseconds. */
  retryAfterMillis: Schema.optionalKey(Schema.Finite)
}) {
  readonly retryable = true
  override get message(): string {
    return `too many requests: wait ${this.retryAfterMillis === undefined ? "a while" : `${this.retryAfterMillis} ms`} and try again`
  }
}

/**
 * The answer does not follow the protocol: an HTML page instead of JSON, an empty body, a missing field, a malformed token.
 *
 * @category reasons
 * @since 0.1.0
 */
export class InvalidResponse extends Schema.TaggedError<InvalidResponse>()("InvalidResponse", {
  status: Schema.Int,
  /** What is wrong with it; never the body itself. */
  problem: Schema.String
}) {
  readonly retryable = false
  override get message(): string {
    return `the answer does not follow the protocol: ${this.problem} (status ${this.status}); check that the base URL points at an App Services host`
  }
}

/**
 * The host refused the login: wrong e-mail address, password, key or token, or an unconfirmed e-mail address.
 *
 * @category reasons
 * @since 0.1.0
 */
export class InvalidCredentials extends Schema.TaggedError<InvalidCredentials>()("InvalidCredentials", answer) {
  readonly retryable = false
  override get message(): string {
    return `the credentials were refused: ${said(this)}; check them, and that the user is confirmed`
  }
}

/**
 * The session is over: the host refused its refresh token, or a new access token. The user has to log in again.
 *
 * @category reasons
 * @since 0.1.0
 */
export class SessionExpired extends Schema.TaggedError<SessionExpired>()("SessionExpired", {
  ...answer,
  userId: Schema.String
}) {
  readonly retryable = false
  override get message(): string {
    return `the session of user ${this.userId} is over: log in again`
  }
}

/**
 * An operator of the application has disabled the user. The host says so to a login with the right credentials, to a call
 * and to a refresh; the session is over.
 *
 * @category reasons
 * @since 0.1.0
 */
export class UserDisabled extends Schema.TaggedError<UserDisabled>()("UserDisabled", answer) {
  readonly retryable = false
  override get message(): string {
    return "the user is disabled: have an operator of the application enable it, then log in again"
  }
}

/**
 * The user is in the token store, but logged out.
 *
 * @category reasons
 * @since 0.1.0
 */
export class NotLoggedIn extends Schema.TaggedError<NotLoggedIn>()("NotLoggedIn", { userId: Schema.String }) {
  readonly retryable = false
  override get message(): string {
    return `user ${this.userId} is logged out: log in again`
  }
}

/**
 * The user is not in the token store: it never logged in here, was removed, or the layer with its sessions in memory has ended.
 *
 * @category reasons
 * @since 0.1.0
 */
export class UnknownUser extends Schema.TaggedError<UnknownUser>()("UnknownUser", { userId: Schema.String }) {
  readonly retryable = false
  override get message(): string {
    return `user ${this.userId} is not in the token store: log in, build the layer once (ManagedRuntime), or share a persistent token store`
  }
}

/**
 * The host has no application with this id.
 *
 * @category reasons
 * @since 0.1.0
 */
export class AppNotFound extends Schema.TaggedError<AppNotFound>()("AppNotFound", { ...answer, appId: Schema.String }) {
  readonly retryable = false
  override get message(): string {
    return `the host has no application "${this.appId}": check the app id and the base URL`
  }
}

/**
 * An account with this e-mail address exists already.
 *
 * @category reasons
 * @since 0.1.0
 */
export class AccountNameInUse extends Schema.TaggedError<AccountNameInUse>()("AccountNameInUse", answer) {
  readonly retryable = false
  override get message(): string {
    return "an account with this e-mail address exists: log in, or reset its password"
  }
}

/**
 * The credentials were not linked: they are wrong or unconfirmed, or belong to a user already. The session goes on.
 *
 * @category reasons
 * @since 0.1.0
 */
export class LinkRefused extends Schema.TaggedError<LinkRefused>()("LinkRefused", answer) {
  readonly retryable = false
  override get message(): string {
    return `the credentials were not linked: ${said(this)}; they must be correct, confirmed, and not yet linked to a user`
  }
}

/**
 * The application has no account with this e-mail address.
 *
 * @category reasons
 * @since 0.1.0
 */
export class UserNotFound extends Schema.TaggedError<UserNotFound>()("UserNotFound", answer) {
  readonly retryable = false
  override get message(): string {
    return "the application has no account with this e-mail address: check it, or register it"
  }
}

/**
 * The user has no API key with this id.
 *
 * @category reasons
 * @since 0.1.0
 */
export class ApiKeyNotFound extends Schema.TaggedError<ApiKeyNotFound>()("ApiKeyNotFound", {
  ...answer,
  id: Schema.String
}) {
  readonly retryable = false
  override get message(): string {
    return `the user has no API key "${this.id}": it was deleted, or belongs to another user`
  }
}

/**
 * The application has no function with this name.
 *
 * @category reasons
 * @since 0.1.0
 */
export class FunctionNotFound extends Schema.TaggedError<FunctionNotFound>()("FunctionNotFound", {
  ...answer,
  name: Schema.String
}) {
  readonly retryable = false
  override get message(): string {
    return `the application has no function "${this.name}": check its name`
  }
}

/**
 * The function threw, or this user may not call it. `serverMessage` is the message of what it threw; if that is an error which
 * a `FunctionContract` declares, the typed function fails with the declared error instead.
 *
 * @category reasons
 * @since 0.1.0
 */
export class FunctionFailed extends Schema.TaggedError<FunctionFailed>()("FunctionFailed", {
  ...answer,
  name: Schema.String,
  /** The JSON text of what it threw, if the host answered JSON. */
  thrown: Schema.optionalKey(Schema.String)
}) {
  readonly retryable = false
  override get message(): string {
    return `function "${this.name}" failed: ${said(this)}`
  }
}

/**
 * A document with this `_id`, or with this value of another unique field, exists already.
 *
 * @category reasons
 * @since 0.1.0
 */
export class DuplicateKey extends Schema.TaggedError<DuplicateKey>()("DuplicateKey", answer) {
  readonly retryable = false
  override get message(): string {
    return `a document with this unique value exists already: ${said(this)}`
  }
}

/**
 * Status 401 for a reason that a new access token does not fix.
 *
 * @category reasons
 * @since 0.1.0
 */
export class Unauthorized extends Schema.TaggedError<Unauthorized>()("Unauthorized", answer) {
  readonly retryable = false
  override get message(): string {
    return `not authorized: ${said(this)}`
  }
}

/**
 * Any other refusal (status 4xx); `code` says which.
 *
 * @category reasons
 * @since 0.1.0
 */
export class RequestRejected extends Schema.TaggedError<RequestRejected>()("RequestRejected", answer) {
  readonly retryable = false
  override get message(): string {
    return `the server refused the request: ${said(this)}`
  }
}

/**
 * A value that the caller passed cannot be sent: it has no Extended JSON form, or does not match the schema.
 *
 * @category reasons
 * @since 0.1.0
 */
export class InvalidArguments extends Schema.TaggedError<InvalidArguments>()("InvalidArguments", {
  problem: Schema.String
}) {
  readonly retryable = false
  override get message(): string {
    return `the arguments cannot be sent: ${this.problem}`
  }
}

/**
 * A value arrived intact but does not match the caller's schema.
 *
 * @category reasons
 * @since 0.1.0
 */
export class UnexpectedValue extends Schema.TaggedError<UnexpectedValue>()("UnexpectedValue", {
  problem: Schema.String
}) {
  readonly retryable = false
  override get message(): string {
    return `the value does not match the schema: ${this.problem}`
  }
}

/**
 * An invalid option, such as a malformed `baseUrl`.
 *
 * @category reasons
 * @since 0.1.0
 */
export class InvalidConfiguration extends Schema.TaggedError<InvalidConfiguration>()("InvalidConfiguration", {
  problem: Schema.String
}) {
  readonly retryable = false
  override get message(): string {
    return `invalid configuration: ${this.problem}`
  }
}

/**
 * The token store could not be read or written.
 *
 * @category reasons
 * @since 0.1.0
 */
export class StoreUnavailable extends Schema.TaggedError<StoreUnavailable>()("StoreUnavailable", {
  problem: Schema.String,
  cause: Schema.optionalKey(Schema.Defect())
}) {
  readonly retryable = true
  override get message(): string {
    return `the token store failed: ${this.problem}`
  }
}

/**
 * Every reason, as a schema.
 *
 * @category reasons
 * @since 0.1.0
 */
export const Reason = Schema.Union([
  TransportError,
  RequestTimeout,
  ServerUnavailable,
  Redirected,
  RateLimited,
  InvalidResponse,
  InvalidCredentials,
  SessionExpired,
  UserDisabled,
  NotLoggedIn,
  UnknownUser,
  AppNotFound,
  AccountNameInUse,
  LinkRefused,
  UserNotFound,
  ApiKeyNotFound,
  FunctionNotFound,
  FunctionFailed,
  DuplicateKey,
  Unauthorized,
  RequestRejected,
  InvalidArguments,
  UnexpectedValue,
  InvalidConfiguration,
  StoreUnavailable
])

/**
 * Every reason. `docs/errors.md` has a table of them.
 *
 * @category reasons
 * @since 0.1.0
 */
export type Reason = typeof Reason.Type

/**
 * The error of every operation of the SDK: which operation failed, and why. Holds no token, password or key.
 *
 * @category errors
 * @since 0.1.0
 */
export class AppServicesError extends Schema.TaggedError<AppServicesError>()("AppServicesError", {
  /** The operation that failed, such as `AuthApi.logIn`. */
  operation: Schema.String,
  reason: Reason
}) {
  /** What happened and what to do about it. */
  override get message(): string {
    return `${this.operation}: ${this.reason.message}`
  }
  /** Whether the same request can succeed later. The SDK has retried idempotent requests already. */
  get retryable(): boolean {
    return this.reason.retryable
  }
  /** The host's `error_code`, if the reason comes from an answer with one. */
  get code(): string | undefined {
    return "code" in this.reason ? this.reason.code : undefined
  }
  /** HTTP status of the answer, if there was one. */
  get status(): number | undefined {
    return "status" in this.reason ? this.reason.status : undefined
  }
  /** The host's `Retry-After`, in milliseconds, if it sent one. */
  get retryAfterMillis(): number | undefined {
    return "retryAfterMillis" in this.reason ? this.reason.retryAfterMillis : undefined
  }
  /** The URL of the host's log of the request, if it sent one. */
  get link(): string | undefined {
    return "link" in this.reason ? this.reason.link : undefined
  }
}
