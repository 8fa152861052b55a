/**
 * Reads request bodies the way clients send them: absent, empty, with any content type or none, with keys that nobody
 * asked for.
 *
 * @since 0.1.0
 */
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import type * as HttpServerError from "effect/http/HttpServerError"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaIssue from "effect/SchemaIssue"
import * as Ejson from "../protocol/Ejson.ts"
import { BadRequest, body, TooLarge } from "./ApiErrors.ts"

/**
 * The largest body a server reads: 18 MB, as the original service did.
 *
 * @category constants
 * @since 0.1.0
 */
export const limit: ByteSize.ByteSize = ByteSize.mebibytes(18)

const limitBytes = ByteSize.toNumberUnsafe(limit)

/** @internal */
export const tooLarge = new TooLarge(body("the request body is larger than 18 MB", "ReadSizeLimitExceeded"))

type Json = Readonly<Record<string, unknown>>

const failed = ({ reason }: HttpServerError.HttpServerError): BadRequest | TooLarge =>
  reason._tag === "RequestParseError" && reason.reason === "BodyTooLarge"
    ? tooLarge
    : new BadRequest(body("the request body could not be read", "BadRequest"))

const notObject = new BadRequest(body("the request body must be a JSON object", "BadRequest"))

const read = (
  request: HttpServerRequest.HttpServerRequest,
  parse: (text: string) => Result.Result<unknown, string>
): Effect.Effect<Json, BadRequest | TooLarge> =>
  Effect.mapError(request.text, failed).pipe(
    Effect.flatMap((text): Effect.Effect<Json, BadRequest | TooLarge> => {
      if (text.length > limitBytes) return Effect.fail(tooLarge)
      if (text.trim() === "") return Effect.succeed({})
      const parsed = parse(text)
      if (Result.isFailure(parsed)) {
        return Effect.fail(new BadRequest(body(`invalid request body: ${parsed.failure}`, "BadRequest")))
      }
      const value = parsed.success
      if (value === null) return Effect.succeed({})
      return Predicate.isObject(value) && !("_bsontype" in value) ? Effect.succeed(value) : Effect.fail(notObject)
    })
  )

/**
 * The body as a JSON object; an absent or empty one is an empty object.
 *
 * @category decoding
 * @since 0.1.0
 */
export const json = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<Json, BadRequest | TooLarge> =>
  read(request, (text) => Result.try({ try: (): unknown => JSON.parse(text), catch: () => "it is not JSON" }))

/**
 * The body as a JSON object whose values are Extended JSON.
 *
 * @category decoding
 * @since 0.1.0
 */
export const ejson = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<Json, BadRequest | TooLarge> =>
  read(request, (text) => Result.mapError(Ejson.parse(text), (error) => error.message))

const issues = SchemaIssue.makeFormatterStandardSchemaV1()

/**
 * Reads a body by a schema whose fields are strings.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decode = <A, I>(schema: Schema.Codec<A, I>) => {
  const decodeUnknown = Schema.decodeUnknownEffect(schema)
  return (value: unknown): Effect.Effect<A, BadRequest> =>
    Effect.mapError(decodeUnknown(value), ({ issue }) => {
      const path = issues(issue).issues[0]?.path?.map(String).join(".") ?? "body"
      return new BadRequest(body(`'${path}' is a required string`, "MissingParameter"))
    })
}
