/**
 * The failures of the protocol as a client sees them: a class by HTTP status, whose body is
 * `{"error": "text", "error_code": "Code", "link": "https://..."}`.
 */
import * as HttpApiSchema from "effect/http-api/HttpApiSchema"
import * as HttpServerResponse from "effect/http/HttpServerResponse"
import * as Schema from "effect/Schema"
import { ErrorAnswer } from "../../protocol/ErrorBody.ts"
import type { ErrorCode } from "../../protocol/ErrorCode.ts"

const fields = {
  ...ErrorAnswer.fields,
  error_code: Schema.optionalKey(Schema.String.pipe(Schema.refine((code): code is ErrorCode => code !== "")))
}

const statuses = { BadRequest: 400, Unauthorized: 401, Forbidden: 403, NotFound: 404, Conflict: 409, TooLarge: 413 }

/** The request asks for something that cannot be. */
export class BadRequest extends Schema.Error<BadRequest>("effect-app-services/server/model/BadRequest")(
  { _tag: Schema.tagDefaultOmit("BadRequest"), ...fields },
  { httpApiStatus: statuses.BadRequest }
) {}

/**
 * No user, or none that is known. Clients refresh their session at the code `InvalidSession` and at the text
 * `unauthorized`, so both are for a token that is good no more, or for a request without one.
 */
export class Unauthorized extends Schema.Error<Unauthorized>("effect-app-services/server/model/Unauthorized")(
  { _tag: Schema.tagDefaultOmit("Unauthorized"), ...fields },
  { httpApiStatus: statuses.Unauthorized }
) {}

/** Known, but not allowed. */
export class Forbidden extends Schema.Error<Forbidden>("effect-app-services/server/model/Forbidden")(
  { _tag: Schema.tagDefaultOmit("Forbidden"), ...fields },
  { httpApiStatus: statuses.Forbidden }
) {}

export class NotFound extends Schema.Error<NotFound>("effect-app-services/server/model/NotFound")(
  { _tag: Schema.tagDefaultOmit("NotFound"), ...fields },
  { httpApiStatus: statuses.NotFound }
) {}

/** Something of that name exists already. */
export class Conflict extends Schema.Error<Conflict>("effect-app-services/server/model/Conflict")(
  { _tag: Schema.tagDefaultOmit("Conflict"), ...fields },
  { httpApiStatus: statuses.Conflict }
) {}

export class TooLarge extends Schema.Error<TooLarge>("effect-app-services/server/model/TooLarge")(
  { _tag: Schema.tagDefaultOmit("TooLarge"), ...fields },
  { httpApiStatus: statuses.TooLarge }
) {}

/** Too many attempts; `retryAfter` are the seconds to wait, which travel in the header of that name. */
export class TooManyRequests extends Schema.Error<TooManyRequests>("effect-app-services/server/model/TooManyRequests")({
  _tag: Schema.tagDefaultOmit("TooManyRequests"),
  ...fields,
  retryAfter: Schema.Int
}) {}

const TooManyAnswer = Schema.Struct(fields).pipe(HttpApiSchema.status(429))

/** {@link TooManyRequests} as it goes over the wire: a body like those of the other errors, and the header. */
export const TooManyRequestsAnswer = TooManyRequests.pipe(
  HttpApiSchema.encodeToWithHeaders(
    { body: TooManyAnswer, headers: { "retry-after": Schema.Int } },
    {
      decode: ({ body, headers }) => new TooManyRequests({ ...body, retryAfter: headers["retry-after"] }),
      encode: ({ retryAfter, _tag: _, ...body }) => ({ body, headers: { "retry-after": retryAfter } })
    }
  )
)

/** The text says what happened, the code is what clients tell cases apart by. */
export const body = (error: string, error_code?: ErrorCode): { error: string; error_code?: ErrorCode } =>
  error_code === undefined ? { error } : { error, error_code }

/** A failure as an answer, for a request that the router does not see. */
export const toResponse = ({
  _tag,
  error,
  error_code
}: BadRequest | Unauthorized | Forbidden | NotFound | Conflict | TooLarge): HttpServerResponse.HttpServerResponse =>
  HttpServerResponse.jsonUnsafe(body(error, error_code), { status: statuses[_tag] })

/** A provider that the application does not have, or that this server does not know. */
export const unsupportedProvider = (provider: string): BadRequest =>
  new BadRequest(body(`authentication via '${provider}' is unsupported`))
