import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as ErrorBody from "../../protocol/ErrorBody.ts"
import * as Errors from "../AppServicesError.ts"
import type { Operation } from "../Operation.ts"

const retryAfterMillis = (header: string | undefined, now: number): number | undefined => {
  if (header === undefined) return undefined
  const seconds = Number(header)
  const millis = Number.isNaN(seconds) ? Date.parse(header) - now : seconds * 1000
  return Number.isNaN(millis) ? undefined : Math.max(0, millis)
}

const withoutSecrets = (text: string, secrets: ReadonlyArray<Redacted.Redacted>): string =>
  secrets.reduce((text, secret) => {
    const value = Redacted.value(secret)
    return value === "" ? text : text.replaceAll(value, "<redacted>")
  }, text)

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
  secrets: ReadonlyArray<Redacted.Redacted>
): Effect.fn.Return<Errors.Reason> {
  const { code, json, link, message } = ErrorBody.parse(body)
  const status = response.status
  const answer = {
    status,
    ...(code !== undefined && { code }),
    ...(message !== undefined && { serverMessage: withoutSecrets(message, secrets) }),
    ...(link !== undefined && { link: withoutSecrets(link, secrets) })
  }
  const wait = retryAfterMillis(response.headers["retry-after"], yield* Clock.currentTimeMillis)
  const waited = { ...answer, ...(wait !== undefined && { retryAfterMillis: wait }) }
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
        ...(json !== undefined && { thrown: withoutSecrets(json, secrets) })
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
    case "UserDisabled":
      if (operation.kind === "login") return new Errors.InvalidCredentials(answer)
  }
  if (status >= 500) return new Errors.ServerUnavailable(waited)
  if (status === 401)
    return operation.kind === "login" ? new Errors.InvalidCredentials(answer) : new Errors.Unauthorized(answer)
  if (status === 404 && message?.startsWith("cannot find app") === true)
    return new Errors.AppNotFound({ ...answer, appId })
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
