/**
 * The errors of the client API, a class per HTTP status. The body of each is
 * `{"error": "text", "error_code": "Code", "link": "https://..."}`.
 */
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import type { ErrorCode } from "../../protocol/ErrorCode.ts"

/** The body of a failed request. */
export const ErrorAnswer = Schema.Struct({
  error: Schema.String,
  error_code: Schema.optionalKey(Schema.String),
  link: Schema.optionalKey(Schema.String)
})

const fields = {
  ...ErrorAnswer.fields,
  error_code: Schema.optionalKey(Schema.String.pipe(Schema.refine((code): code is ErrorCode => code !== "")))
}

const statuses = {
  BadRequest: 400,
  Unauthorized: 401,
  Forbidden: 403,
  NotFound: 404,
  Conflict: 409,
  TooLarge: 413,
  ServiceUnavailable: 503
}

/** 400: the request is invalid. */
export class BadRequest extends Schema.Error<BadRequest>("effect-app-services/server/model/BadRequest")(
  { _tag: Schema.tagDefaultOmit("BadRequest"), ...fields },
  { httpApiStatus: statuses.BadRequest }
) {}

/**
 * 401: missing or invalid credentials. Clients refresh their session at the code `InvalidSession` and at the text
 * `unauthorized`, so use these only for an invalid or missing token.
 */
export class Unauthorized extends Schema.Error<Unauthorized>("effect-app-services/server/model/Unauthorized")(
  { _tag: Schema.tagDefaultOmit("Unauthorized"), ...fields },
  { httpApiStatus: statuses.Unauthorized }
) {}

/** 403: authenticated, but not permitted. */
export class Forbidden extends Schema.Error<Forbidden>("effect-app-services/server/model/Forbidden")(
  { _tag: Schema.tagDefaultOmit("Forbidden"), ...fields },
  { httpApiStatus: statuses.Forbidden }
) {}

/** 404: unknown route, application, function or record. */
export class NotFound extends Schema.Error<NotFound>("effect-app-services/server/model/NotFound")(
  { _tag: Schema.tagDefaultOmit("NotFound"), ...fields },
  { httpApiStatus: statuses.NotFound }
) {}

/** 409: the name exists already. */
export class Conflict extends Schema.Error<Conflict>("effect-app-services/server/model/Conflict")(
  { _tag: Schema.tagDefaultOmit("Conflict"), ...fields },
  { httpApiStatus: statuses.Conflict }
) {}

/** 413: the request body is too large. */
export class TooLarge extends Schema.Error<TooLarge>("effect-app-services/server/model/TooLarge")(
  { _tag: Schema.tagDefaultOmit("TooLarge"), ...fields },
  { httpApiStatus: statuses.TooLarge }
) {}

/**
 * 503: the database or another host, such as an identity provider, does not respond as it should. A later attempt may
 * succeed.
 */
export class ServiceUnavailable extends Schema.Error<ServiceUnavailable>(
  "effect-app-services/server/model/ServiceUnavailable"
)({ _tag: Schema.tagDefaultOmit("ServiceUnavailable"), ...fields }, { httpApiStatus: statuses.ServiceUnavailable }) {}

/** 429: too many requests. `retryAfter` is the time to wait in seconds, sent in the header `retry-after`. */
export class TooManyRequests extends Schema.Error<TooManyRequests>("effect-app-services/server/model/TooManyRequests")({
  _tag: Schema.tagDefaultOmit("TooManyRequests"),
  ...fields,
  retryAfter: Schema.Int
}) {}

const TooManyAnswer = Schema.Struct(fields).pipe(HttpApiSchema.status(429))

/** The encoding of {@link TooManyRequests}: a body like those of the other errors, and the header. */
export const TooManyRequestsAnswer = TooManyRequests.pipe(
  HttpApiSchema.encodeToWithHeaders(
    { body: TooManyAnswer, headers: { "retry-after": Schema.Int } },
    {
      decode: ({ body, headers }) => new TooManyRequests({ ...body, retryAfter: headers["retry-after"] }),
      encode: ({ retryAfter, _tag: _, ...body }) => ({ body, headers: { "retry-after": retryAfter } })
    }
  )
)

/** A body: `error` is a message, `error_code` is what clients decide by. */
export const body = (error: string, error_code?: ErrorCode): { error: string; error_code?: ErrorCode } =>
  error_code === undefined ? { error } : { error, error_code }

/** The body of the answer to a request that needs the database while it cannot be reached. */
export const unavailable = {
  error: "the database cannot be reached at the moment: try again later",
  error_code: "InternalServerError"
} as const

/** The response of a failure, for requests that skip the router. */
export const toResponse = ({
  _tag,
  error,
  error_code
}:
  | BadRequest
  | Unauthorized
  | Forbidden
  | NotFound
  | Conflict
  | TooLarge
  | ServiceUnavailable): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.jsonUnsafe(body(error, error_code), { status: statuses[_tag] })

/**
 * {@link TooManyRequests} as an answer, for a request that the router does not see.
 */
export const tooManyResponse = ({
  error,
  error_code,
  retryAfter
}: TooManyRequests): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.jsonUnsafe(body(error, error_code), {
    status: 429,
    headers: { "retry-after": String(retryAfter) }
  })

/** The failure of a provider that the application or the server does not support. */
export const unsupportedProvider = (provider: string): BadRequest =>
  new BadRequest(body(`authentication via '${provider}' is unsupported`))
