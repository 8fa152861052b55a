import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as ErrorBody from "../../protocol/internal/errorBody.ts"
import * as Errors from "../AppServicesError.ts"
import type { Operation } from "../ProtocolClient.ts"
import { isRedirect, targetOf } from "./redirects.ts"
import { isVerdictCode } from "./verdicts.ts"
import * as Secrets from "./secrets.ts"

const retryAfterMillis = (header: string | undefined, now: number): number | undefined => {
  if (header === undefined) return undefined
  const seconds = Number(header)
  const millis = Number.isNaN(seconds) ? Date.parse(header) - now : seconds * 1000
  return Number.isNaN(millis) ? undefined : Math.max(0, millis)
}

/** Of the address that a redirect leads to only the origin is kept, and not even that if the host put a secret into it. */
const redirected = (response: HttpClientResponse.HttpClientResponse, secrets: Secrets.Secrets): Errors.Redirected => {
  const origin = targetOf(response)
  const location = response.headers["location"] ?? ""
  return new Errors.Redirected({
    status: response.status,
    ...(origin !== undefined && secrets.clean(location) === location && { origin })
  })
}

/** The fields of the reason that an answer gives, without secrets. */
interface Answer {
  readonly status: number
  readonly code?: string
  readonly serverMessage?: string
  readonly link?: string
}

/** The reason that a code of the protocol gives by itself; undefined for any other code. */
const reasonOfCode = (
  { kind, subject = "" }: Operation,
  answer: Answer,
  { code, message }: ErrorBody.ErrorBody,
  thrown: string | undefined
): Errors.Reason | undefined => {
  switch (code) {
    case "FunctionNotFound":
      return new Errors.FunctionNotFound({ ...answer, name: subject })
    case "FunctionExecutionError":
    case "FunctionSyntaxError":
    case "FunctionInvalid":
    case "ExecutionTimeLimitExceeded":
    case "NotCallable":
    case "FunctionNotCallable":
      return new Errors.FunctionFailed({ ...answer, name: subject, ...(thrown !== undefined && { thrown }) })
    case "APIKeyNotFound":
      return new Errors.ApiKeyNotFound({ ...answer, id: subject })
    case "UserNotFound":
      return new Errors.UserNotFound(answer)
    case "MongoDBError":
      return /E11000|duplicate key/i.test(message ?? "")
        ? new Errors.DuplicateKey(answer)
        : new Errors.RequestRejected(answer)
    case "NoMatchingRuleFound":
    case "SchemaValidationFailedWrite":
    case "ServiceNotFound":
    case "ServiceCommandNotFound":
      return new Errors.RequestRejected(answer)
    case "AccountNameInUse":
      return new Errors.AccountNameInUse(answer)
    case "InvalidPassword":
      return kind === "login" ? new Errors.InvalidCredentials(answer) : undefined
    default:
      return undefined
  }
}

/** The reason that the status gives, for a code that gives none. */
const reasonOfStatus = (
  { kind }: Operation,
  appId: string,
  answer: Answer,
  unavailable: Errors.Reason,
  { code, message }: ErrorBody.ErrorBody,
  body: string
): Errors.Reason => {
  const { status } = answer
  if (status >= 500) return unavailable
  if (status === 404 && message?.startsWith("cannot find app") === true) {
    return new Errors.AppNotFound({ ...answer, appId })
  }
  // a gateway's refusal of a refresh is not the host's
  if (kind === "session" && !isVerdictCode(code) && (code === undefined || status === 401 || status === 403)) {
    return unavailable
  }
  if (status === 401) {
    return kind === "login" ? new Errors.InvalidCredentials(answer) : new Errors.Unauthorized(answer)
  }
  return message === undefined && code === undefined
    ? new Errors.InvalidResponse({ status, problem: describeBody(body) })
    : new Errors.RequestRejected(answer)
}

/**
 * The reason of an answer outside 2xx. Secrets that the host echoes do not get into it.
 *
 * @internal
 */
export const reasonOf = (
  operation: Operation,
  appId: string,
  response: HttpClientResponse.HttpClientResponse,
  body: string,
  sent: ReadonlyArray<Redacted.Redacted>
): Effect.Effect<Errors.Reason> =>
  Effect.map(Clock.currentTimeMillis, (now) => {
    const secrets = Secrets.make(sent)
    if (isRedirect(response)) return redirected(response, secrets)
    const refusal = ErrorBody.parse(body)
    const { code, json, link, message } = refusal
    const { headers, status } = response
    const shown = secrets.code(code)
    const answer: Answer = {
      status,
      ...(shown !== undefined && { code: shown }),
      ...(message !== undefined && { serverMessage: secrets.clean(message) }),
      ...(link !== undefined && { link: secrets.clean(link) })
    }
    const millis = retryAfterMillis(headers["retry-after"], now)
    const waiting = { ...answer, ...(millis !== undefined && { retryAfterMillis: millis }) }
    if (code === "UserDisabled" && status < 500) return new Errors.UserDisabled(answer)
    if (operation.kind === "link" && status !== 429 && (status < 500 || message?.includes("unauthorized") === true)) {
      // hosts refuse a link with 400, 401 and even 500; none of these is about the session
      return new Errors.LinkRefused(answer)
    }
    if (status === 429) return new Errors.RateLimited(waiting)
    const unavailable = new Errors.ServerUnavailable(waiting)
    if (status >= 500 && operation.kind !== "function") return unavailable
    const thrown = json === undefined ? undefined : secrets.clean(json)
    return (
      reasonOfCode(operation, answer, refusal, thrown) ??
      reasonOfStatus(operation, appId, answer, unavailable, refusal, body)
    )
  })

/**
 * What is wrong with a body that is not JSON, without quoting it.
 *
 * @internal
 */
export const describeBody = (body: string): string => {
  const start = body.trimStart().slice(0, 15).toLowerCase()
  if (start === "") return "the body is empty"
  return start.startsWith("<!doctype") || start.startsWith("<html")
    ? "the body is an HTML page"
    : "the body is not JSON of the protocol"
}
