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
import * as Ejson from "../protocol/internal/ejson.ts"
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

/**
 * A body that holds a JSON object, and its text.
 *
 * @category models
 * @since 0.1.0
 */
export interface Text {
  readonly text: string
  readonly json: Json
}

const failed = ({ reason }: HttpServerError.HttpServerError): BadRequest | TooLarge =>
  reason._tag === "RequestParseError" && reason.reason === "BodyTooLarge"
    ? tooLarge
    : new BadRequest(body("the request body could not be read", "BadRequest"))

const notObject = new BadRequest(body("the request body must be a JSON object", "BadRequest"))

/**
 * What is said of a body that is not what it should be.
 *
 * @internal
 */
export const invalid = (message: string): BadRequest =>
  new BadRequest(body(`invalid request body: ${message}`, "BadRequest"))

/**
 * The body as a JSON object, and as the text that came; an absent or empty one is an empty object.
 *
 * @category decoding
 * @since 0.1.0
 */
export const text = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<Text, BadRequest | TooLarge> =>
  Effect.mapError(request.text, failed).pipe(
    Effect.flatMap((text): Effect.Effect<Text, BadRequest | TooLarge> => {
      if (text.length > limitBytes) return Effect.fail(tooLarge)
      if (text.trim() === "") return Effect.succeed({ text, json: {} })
      const parsed = parseJson(text)
      if (Result.isFailure(parsed)) return Effect.fail(invalid(parsed.failure))
      const json = parsed.success
      if (json === null) return Effect.succeed({ text, json: {} })
      return Predicate.isObject(json) ? Effect.succeed({ text, json }) : Effect.fail(notObject)
    })
  )

const parseJson = (text: string) =>
  Result.try({ try: (): unknown => JSON.parse(text), catch: () => "the text is not JSON" })

/**
 * The body as a JSON object; an absent or empty one is an empty object.
 *
 * @category decoding
 * @since 0.1.0
 */
export const json = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<Json, BadRequest | TooLarge> =>
  Effect.map(text(request), ({ json }) => json)

/**
 * The body as a JSON object whose values are Extended JSON.
 *
 * @category decoding
 * @since 0.1.0
 */
export const ejson = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<Json, BadRequest | TooLarge> =>
  Effect.flatMap(json(request), (json) =>
    Effect.try({
      try: () => Object.fromEntries(Object.entries(json).map(([key, value]) => [key, Ejson.revive(value)])),
      catch: (cause) => invalid(Ejson.describe(cause))
    })
  )

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
