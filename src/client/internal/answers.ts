import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type * as Redacted from "effect/Redacted"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as ErrorBody from "../../protocol/ErrorBody.ts"
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

/** Of the address that a redirect leads to the origin is kept, and nothing where the host has put a secret into it. */
const redirected = (response: HttpClientResponse.HttpClientResponse, secrets: Secrets.Secrets): Errors.Redirected => {
  const origin = targetOf(response)
  const location = response.headers["location"] ?? ""
  return new Errors.Redirected({
    status: response.status,
    ...(origin !== undefined && secrets.clean(location) === location && { origin })
  })
}

/**
 * The reason an answer outside 2xx gives. A host that echoes what it was sent does not get a secret into an error.
 *
 * @internal
 */
export const reasonOf = Effect.fnUntraced(function* (
  operation: Operation,
  appId: string,
  response: HttpClientResponse.HttpClientResponse,
  body: string,
  sent: ReadonlyArray<Redacted.Redacted>
): Effect.fn.Return<Errors.Reason> {
  const secrets = Secrets.make(sent)
  if (isRedirect(response)) return redirected(response, secrets)
  const { code, json, link, message } = ErrorBody.parse(body)
  const status = response.status
  const shown = secrets.code(code)
  const answer = {
    status,
    ...(shown !== undefined && { code: shown }),
    ...(message !== undefined && { serverMessage: secrets.clean(message) }),
    ...(link !== undefined && { link: secrets.clean(link) })
  }
  const wait = retryAfterMillis(response.headers["retry-after"], yield* Clock.currentTimeMillis)
  const waited = { ...answer, ...(wait !== undefined && { retryAfterMillis: wait }) }
  if (code === "UserDisabled" && status < 500) return new Errors.UserDisabled(answer)
  if (operation.kind === "link" && status !== 429 && (status < 500 || message?.includes("unauthorized") === true)) {
    // hosts refuse a link with 400, 401 and even 500; none of them says anything about the session
    return new Errors.LinkRefused(answer)
  }
  if (status === 429) return new Errors.RateLimited(waited)
  if (status >= 500 && operation.kind !== "function") return new Errors.ServerUnavailable(waited)
  switch (code) {
    case "FunctionNotFound":
      return new Errors.FunctionNotFound({ ...answer, name: operation.subject ?? "" })
    case "FunctionExecutionError":
    case "FunctionSyntaxError":
    case "FunctionInvalid":
    case "ExecutionTimeLimitExceeded":
    case "NotCallable":
    case "FunctionNotCallable":
      return new Errors.FunctionFailed({
        ...answer,
        name: operation.subject ?? "",
        ...(json !== undefined && { thrown: secrets.clean(json) })
      })
    case "APIKeyNotFound":
      return new Errors.ApiKeyNotFound({ ...answer, id: operation.subject ?? "" })
    case "UserNotFound":
      return new Errors.UserNotFound(answer)
    case "MongoDBError":
      if (/E11000|duplicate key/i.test(message ?? "")) return new Errors.DuplicateKey(answer)
      return new Errors.RequestRejected(answer)
    case "NoMatchingRuleFound":
    case "SchemaValidationFailedWrite":
    case "ServiceNotFound":
    case "ServiceCommandNotFound":
      return new Errors.RequestRejected(answer)
    case "AccountNameInUse":
      return new Errors.AccountNameInUse(answer)
    case "InvalidPassword":
      if (operation.kind === "login") return new Errors.InvalidCredentials(answer)
  }
  if (status >= 500) return new Errors.ServerUnavailable(waited)
  if (status === 404 && message?.startsWith("cannot find app") === true) {
    return new Errors.AppNotFound({ ...answer, appId })
  }
  // a gateway's refusal of a refresh is not the host's
  if (
    operation.kind === "session" &&
    !isVerdictCode(code) &&
    (code === undefined || status === 401 || status === 403)
  ) {
    return new Errors.ServerUnavailable(waited)
  }
  if (status === 401)
    return operation.kind === "login" ? new Errors.InvalidCredentials(answer) : new Errors.Unauthorized(answer)
  if (message === undefined && code === undefined) {
    return new Errors.InvalidResponse({ status, problem: describeBody(body) })
  }
  return new Errors.RequestRejected(answer)
})

/**
 * What is wrong with a body that should have been JSON, without quoting it.
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
