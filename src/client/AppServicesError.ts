/**
 * The one error of the SDK. `reason` says what happened, as a tagged value of its own, so that a caller handles what it
 * cares about and lets the rest pass.
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

/** What every reason that comes from a host's answer keeps of it. */
const answer = {
  /** HTTP status of the answer. */
  status: Schema.Int,
  /** The host's `error_code`; see `ErrorCode` for the known ones. */
  code: Schema.optionalKey(Schema.String),
  /** The host's own words. */
  serverMessage: Schema.optionalKey(Schema.String),
  /** Where the host keeps its log of the request. */
  link: Schema.optionalKey(Schema.String)
}

interface Answer {
  readonly status: number
  readonly code?: string
  readonly serverMessage?: string
}

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
 * No answer within the configured timeout.
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
 * The host is overloaded, under maintenance or broken (status 5xx, also from a proxy in front of it), or a gateway refused
 * the refresh of a session in its place (status 4xx without a code of the protocol), which goes on.
 *
 * @category reasons
 * @since 0.1.0
 */
export class ServerUnavailable extends Schema.TaggedError<ServerUnavailable>()("ServerUnavailable", {
  ...answer,
  /** How long the host asks to wait, in milliseconds. */
  retryAfterMillis: Schema.optionalKey(Schema.Finite)
}) {
  readonly retryable = true
  override get message(): string {
    return `the server could not answer: ${said(this)}`
  }
}

/**
 * The host, or a proxy before it, answers with a redirect (status 3xx). None is followed: set `baseUrl` to the new address.
 *
 * @category reasons
 * @since 0.1.0
 */
export class Redirected extends Schema.TaggedError<Redirected>()("Redirected", {
  /** HTTP status of the answer; 0 where a browser keeps it back. */
  status: Schema.Int,
  /** Where the redirect leads, such as `https://apps.example.com`; absent where it cannot be known. */
  origin: Schema.optionalKey(Schema.String)
}) {
  readonly retryable = false
  override get message(): string {
    const [where, what] =
      this.origin === undefined ? ["elsewhere", "the address it redirects to"] : [`to ${this.origin}`, "that address"]
    return `the host redirects ${where} (status ${this.status}), and no redirect is followed: set baseUrl to ${what}, or have the host answer its own "hostname" to the location request`
  }
}

/**
 * Too many requests (status 429).
 *
 * @category reasons
 * @since 0.1.0
 */
export class RateLimited extends Schema.TaggedError<RateLimited>()("RateLimited", {
  ...answer,
  /** How long the host asks to wait, in milliseconds. */
  retryAfterMillis: Schema.optionalKey(Schema.Finite)
}) {
  readonly retryable = true
  override get message(): string {
    return `too many requests: wait ${this.retryAfterMillis === undefined ? "a while" : `${this.retryAfterMillis} ms`} and try again`
  }
}

/**
 * An answer that does not follow the protocol: a page instead of JSON, an empty body, a missing field, a malformed token.
 *
 * @category reasons
 * @since 0.1.0
 */
export class InvalidResponse extends Schema.TaggedError<InvalidResponse>()("InvalidResponse", {
  status: Schema.Int,
  /** What was wrong with it; never the body itself. */
  problem: Schema.String
}) {
  readonly retryable = false
  override get message(): string {
    return `the answer does not follow the protocol: ${this.problem} (status ${this.status}); check that the base URL points at an App Services host`
  }
}

/**
 * The login was refused: wrong e-mail, password, key or token, or an unconfirmed e-mail.
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
 * The session is over: its refresh token was refused, or a fresh access token was. The user has to log in again.
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
 * The user was disabled by an operator of the application: to a login with the right credentials, to a call, or to the
 * refresh of a session, which is over then.
 *
 * @category reasons
 * @since 0.1.0
 */
export class UserDisabled extends Schema.TaggedError<UserDisabled>()("UserDisabled", answer) {
  readonly retryable = false
  override get message(): string {
    return "the user is disabled: an operator of the application can enable it, and then it has to log in again"
  }
}

/**
 * The user is known but logged out.
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
 * The token store has no such user: it never logged in here, or was removed.
 *
 * @category reasons
 * @since 0.1.0
 */
export class UnknownUser extends Schema.TaggedError<UnknownUser>()("UnknownUser", { userId: Schema.String }) {
  readonly retryable = false
  override get message(): string {
    return `the token store has no user ${this.userId}: log in, or share the store of the process that did`
  }
}

/**
 * The host knows no application of this id.
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
 * Registration under an e-mail that is taken.
 *
 * @category reasons
 * @since 0.1.0
 */
export class AccountNameInUse extends Schema.TaggedError<AccountNameInUse>()("AccountNameInUse", answer) {
  readonly retryable = false
  override get message(): string {
    return "an account with this e-mail exists: log in, or reset its password"
  }
}

/**
 * The credentials were not linked: they are wrong or not confirmed yet, or belong to a user already. The session goes on.
 *
 * @category reasons
 * @since 0.1.0
 */
export class LinkRefused extends Schema.TaggedError<LinkRefused>()("LinkRefused", answer) {
  readonly retryable = false
  override get message(): string {
    return `the credentials were not linked: ${said(this)}; they must be right, confirmed, and belong to no user yet`
  }
}

/**
 * The application has no account of this e-mail.
 *
 * @category reasons
 * @since 0.1.0
 */
export class UserNotFound extends Schema.TaggedError<UserNotFound>()("UserNotFound", answer) {
  readonly retryable = false
  override get message(): string {
    return "the application has no account of this e-mail: check it, or register it"
  }
}

/**
 * The user has no API key of this id.
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
 * The application has no function of this name.
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
 * The function was called and failed, or may not be called by this user. `serverMessage` is what it threw, as text.
 *
 * @category reasons
 * @since 0.1.0
 */
export class FunctionFailed extends Schema.TaggedError<FunctionFailed>()("FunctionFailed", {
  ...answer,
  name: Schema.String,
  /** What it threw, where that was written as JSON. */
  thrown: Schema.optionalKey(Schema.String)
}) {
  readonly retryable = false
  override get message(): string {
    return `function "${this.name}" failed: ${said(this)}`
  }
}

/**
 * A document of that `_id`, or of another field that has to be unique, is there already.
 *
 * @category reasons
 * @since 0.1.0
 */
export class DuplicateKey extends Schema.TaggedError<DuplicateKey>()("DuplicateKey", answer) {
  readonly retryable = false
  override get message(): string {
    return `such a document exists already: ${said(this)}`
  }
}

/**
 * Status 401 for a reason that a new access token does not mend.
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
 * Any other refusal (status 4xx); `code` tells which.
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
 * A value of the caller's that cannot be sent: not representable as Extended JSON, or not what a schema asks for.
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
 * A value that arrived intact but is not what the caller's schema says.
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
 * An option that cannot work, such as a base URL that cannot be parsed.
 *
 * @category reasons
 * @since 0.1.0
 */
export class InvalidConfiguration extends Schema.TaggedError<InvalidConfiguration>()("InvalidConfiguration", {
  problem: Schema.String
}) {
  readonly retryable = false
  override get message(): string {
    return `the configuration cannot work: ${this.problem}`
  }
}

/**
 * The token store failed to read or write.
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
 * Every reason.
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
 * @category reasons
 * @since 0.1.0
 */
export type Reason = typeof Reason.Type

/**
 * The error of every operation of the SDK.
 *
 * @category errors
 * @since 0.1.0
 */
export class AppServicesError extends Schema.TaggedError<AppServicesError>()("AppServicesError", {
  /** The operation that failed, such as `AuthApi.logIn`. */
  operation: Schema.String,
  reason: Reason
}) {
  /** What happened and what to do about it. Never holds a token, a password or a key. */
  override get message(): string {
    return `${this.operation}: ${this.reason.message}`
  }
  /** Whether the same request can succeed later. Operations that read are retried by the SDK already. */
  get retryable(): boolean {
    return this.reason.retryable
  }
  /** The host's `error_code`, where the reason comes from an answer that has one. */
  get code(): string | undefined {
    return "code" in this.reason ? this.reason.code : undefined
  }
  /** HTTP status of the answer, where there was one. */
  get status(): number | undefined {
    return "status" in this.reason ? this.reason.status : undefined
  }
  /** How long the host asks to wait before another try, in milliseconds, where it says so. */
  get retryAfterMillis(): number | undefined {
    return "retryAfterMillis" in this.reason ? this.reason.retryAfterMillis : undefined
  }
  /** Where the host keeps its log of the request, where it says so. */
  get link(): string | undefined {
    return "link" in this.reason ? this.reason.link : undefined
  }
}
