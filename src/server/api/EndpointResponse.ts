/** The response of an endpoint, from what its function set and returned. */
import * as Effect from "effect/Effect"
import * as Cookies from "effect/http/Cookies"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Result from "effect/Result"
import { BadRequest, body } from "../model/ApiErrors.ts"
import type { Endpoint } from "../model/Endpoint.ts"
import type { Responded } from "../functions/shared/messages.ts"

const json = "application/json"

/** The form of a function's result: what the request accepts, where that is one of the two forms alone. */
export const encodingOf = (
  { returnType }: Pick<Endpoint, "returnType">,
  { headers }: HttpServerRequest.HttpServerRequest
): "JSON" | "EJSON" => {
  const accepted = (headers["accept"] ?? "").split(";")[0]?.trim().toLowerCase()
  return accepted === json ? "JSON" : accepted === "application/ejson" ? "EJSON" : returnType
}

const tokenPattern = /^[\w!#$%&'*+.^`|~-]+$/
const valuePattern = /^[\t\x20-\x7e\x80-\xff]*$/

/** Headers that say how a message is framed, which is the server's to say. */
const framing = new Set(["connection", "content-length", "keep-alive", "transfer-encoding", "upgrade"])

const failed = (message: string) => Effect.fail(new BadRequest(body(message, "FunctionExecutionError")))

/** What is wrong with what the function set. */
const problemOf = ({ headers, status }: Responded): string | undefined => {
  if (status === null || (status !== undefined && !(Number.isInteger(status) && status >= 200 && status <= 599))) {
    return "the function set an invalid status code: expected a whole number from 200 to 599"
  }
  const invalid = headers.find(([name, value]) => !tokenPattern.test(name) || !valuePattern.test(value))
  return invalid === undefined ? undefined : `the function set an invalid header ${JSON.stringify(invalid[0])}`
}

const bytesOf = (body: NonNullable<Responded["body"]>): Uint8Array =>
  "text" in body ? Buffer.from(body.text) : Buffer.from(body.base64, "base64")

/** The content type of a body that the function gave none. */
const typeOf = (body: NonNullable<Responded["body"]>): string =>
  "base64" in body
    ? "application/octet-stream"
    : Result.isSuccess(Result.try((): unknown => JSON.parse(body.text)))
      ? json
      : "text/plain; charset=utf-8"

/** The body of a response, where there is one: what the function set, or its result. */
const contentOf = (endpoint: Endpoint, { body, headers, result, status }: Responded): Responded["body"] => {
  if (body !== undefined) return body
  if (!endpoint.respondsWithResult || result === undefined) return undefined
  // the result of a webhook counts only where the function left the response alone
  const isTouched = status !== undefined || headers.length > 0
  return endpoint.kind === "Webhook" && isTouched ? undefined : { text: result }
}

const withoutBody = new Set([204, 205, 304])

/** Makes the response. It fails with 400 where the function set a status or a header that HTTP does not have. */
export const make = (
  endpoint: Endpoint,
  responded: Responded
): Effect.Effect<HttpServerResponse.HttpServerResponse, BadRequest> => {
  const problem = problemOf(responded)
  if (problem !== undefined) return failed(problem)
  const headers = responded.headers.filter(([name]) => !framing.has(name.toLowerCase()))
  const content = contentOf(endpoint, responded)
  const isEmpty = content === undefined || withoutBody.has(responded.status ?? 200)
  const status = responded.status ?? (content === undefined && !endpoint.respondsWithResult ? 204 : 200)
  const contentType = headers.findLast(([name]) => name.toLowerCase() === "content-type")?.[1]
  const response = isEmpty
    ? HttpServerResponse.empty({ status })
    : HttpServerResponse.uint8Array(bytesOf(content), { status, contentType: contentType ?? typeOf(content) })
  const cookies = headers.filter(([name]) => isCookie(name)).map(([, value]) => value)
  const withHeaders = HttpServerResponse.setHeaders(response, joined(headers))
  const made =
    cookies.length === 0 ? withHeaders : HttpServerResponse.mergeCookies(withHeaders, Cookies.fromSetCookie(cookies))
  own.add(made)
  return Effect.succeed(made)
}

const own = new WeakSet<HttpServerResponse.HttpServerResponse>()

/** Whether a function made the response, so that its body is sent as it is, also with the status of an error. */
export const isOfFunction = (response: HttpServerResponse.HttpServerResponse): boolean => own.has(response)

/** The only header whose values cannot be put into one. */
const isCookie = (name: string): boolean => name.toLowerCase() === "set-cookie"

/** Headers by name; the values of one name are a list. */
const joined = (headers: Responded["headers"]): Record<string, string> => {
  const found = new Map<string, string>()
  for (const [name, value] of headers) {
    const lower = name.toLowerCase()
    const before = found.get(lower)
    if (lower !== "content-type" && !isCookie(lower))
      found.set(lower, before === undefined ? value : `${before}, ${value}`)
  }
  return Object.fromEntries(found)
}
