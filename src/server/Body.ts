/**
 * Reads request bodies the way clients send them: absent, empty, with any content type or none, with keys that nobody
 * asked for.
 *
 * @since 0.1.0
 */
import * as ByteSize from "effect/ByteSize"
import * as Effect from "effect/Effect"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
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

/**
 * The largest body of a request that no access token comes with, or that needs no more: 2 MB. The largest credentials
 * are tokens of a million characters.
 *
 * @category constants
 * @since 0.1.0
 */
export const smallLimit: ByteSize.ByteSize = ByteSize.mebibytes(2)

type Json = Readonly<Record<string, unknown>>

const badRequest = (message: string) => new BadRequest(body(message, "BadRequest"))

const tooLarge = (limit: ByteSize.ByteSize) =>
  new TooLarge(
    body(`the request body is larger than ${ByteSize.toNumberUnsafe(limit) / 1024 ** 2} MB`, "ReadSizeLimitExceeded")
  )

const unreadable = badRequest("the request body could not be read")
const notObject = badRequest("the request body must be a JSON object")

const decoder = new TextDecoder("utf-8", { fatal: true })

/** The text of a body, whose length and encoding are looked at before anything is read. */
const textOf = Effect.fnUntraced(function* (
  request: HttpServerRequest.HttpServerRequest,
  limit: ByteSize.ByteSize
): Effect.fn.Return<string, BadRequest | TooLarge> {
  const bytes = ByteSize.toNumberUnsafe(limit)
  if (Number(request.headers["content-length"]) > bytes) return yield* tooLarge(limit)
  const encoding = request.headers["content-encoding"] ?? "identity"
  if (encoding.toLowerCase() !== "identity") {
    return yield* badRequest("the request body has a content-encoding: send it as it is")
  }
  const buffer = yield* request.arrayBuffer.pipe(
    Effect.provideService(HttpIncomingMessage.MaxBodySize, limit),
    Effect.mapError(({ reason }) =>
      reason._tag === "RequestParseError" && reason.reason === "BodyTooLarge" ? tooLarge(limit) : unreadable
    )
  )
  if (buffer.byteLength > bytes) return yield* tooLarge(limit)
  return yield* Effect.try({
    try: () => decoder.decode(buffer),
    catch: () => badRequest("invalid request body: it is not UTF-8")
  })
})

const read = (
  request: HttpServerRequest.HttpServerRequest,
  limit: ByteSize.ByteSize,
  parse: (text: string) => Result.Result<unknown, string>
): Effect.Effect<Json, BadRequest | TooLarge> =>
  Effect.flatMap(textOf(request, limit), (text): Effect.Effect<Json, BadRequest> => {
    if (text.trim() === "") return Effect.succeed({})
    const parsed = parse(text)
    if (Result.isFailure(parsed)) return Effect.fail(badRequest(`invalid request body: ${parsed.failure}`))
    const value = parsed.success
    if (value === null) return Effect.succeed({})
    return Predicate.isObject(value) && !("_bsontype" in value) ? Effect.succeed(value) : Effect.fail(notObject)
  })

/**
 * The body as a JSON object of {@link smallLimit} at most; an absent or empty one is an empty object.
 *
 * @category decoding
 * @since 0.1.0
 */
export const json = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<Json, BadRequest | TooLarge> =>
  read(request, smallLimit, (text) =>
    Result.try({ try: (): unknown => JSON.parse(text), catch: () => "it is not JSON" })
  )

/**
 * The body as a JSON object whose values are Extended JSON, of {@link limit} unless told otherwise.
 *
 * @category decoding
 * @since 0.1.0
 */
export const ejson = (
  request: HttpServerRequest.HttpServerRequest,
  size: ByteSize.ByteSize = limit
): Effect.Effect<Json, BadRequest | TooLarge> =>
  read(request, size, (text) => Result.mapError(Ejson.parse(text), (error) => error.message))

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
