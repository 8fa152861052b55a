/**
 * Decodes request bodies leniently, as clients send them: missing, empty, with any content type; unknown keys are ignored.
 */
import * as ByteSize from "effect/ByteSize"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Predicate from "effect/Predicate"
import * as Ejson from "../../protocol/internal/ejson.ts"
import * as JsonSize from "../../protocol/internal/jsonSize.ts"
import { BadRequest, body, TooLarge } from "../model/ApiErrors.ts"
import * as Texts from "../data/Texts.ts"

/** The largest request body: 18 MiB, as on the original service. */
const limit: ByteSize.ByteSize = ByteSize.mebibytes(18)

/**
 * The largest body of a request without an access token, or of one for which that is enough: 2 MiB. The largest credentials are
 * tokens of a million characters.
 */
export const smallLimit: ByteSize.ByteSize = ByteSize.mebibytes(2)

/** Reads the bytes of a request, at most `limit`. */
export type Read = (
  request: HttpServerRequest.HttpServerRequest,
  limit: ByteSize.ByteSize
) => Effect.Effect<ArrayBuffer | Uint8Array, "TooLarge" | "Unreadable">

/** Reads the bytes of any request. */
export const read: Read = (request, limit) =>
  request.arrayBuffer.pipe(
    Effect.provideService(HttpIncomingMessage.MaxBodySize, limit),
    Effect.mapError(({ reason }) =>
      reason._tag === "RequestParseError" && reason.reason === "BodyTooLarge" ? "TooLarge" : "Unreadable"
    )
  )

/** How the bytes of requests are read, once each. A transport may have a faster way. */
export const ReadBytes = Context.Reference<Read>("effect-app-services/server/api/Body/ReadBytes", {
  defaultValue: () => read
})

type Json = Readonly<Record<string, unknown>>

/** A JSON object and its text. */
export interface Text {
  readonly text: string
  readonly json: Json
}

const badRequest = (message: string) => new BadRequest(body(message, "BadRequest"))

/**
 * The error for an invalid body.
 *
 * @internal
 */
export const invalid = (message: string): BadRequest => badRequest(`invalid request body: ${message}`)

const tooLarge = (limit: ByteSize.ByteSize) =>
  new TooLarge(
    body(`the request body is larger than ${ByteSize.toNumberUnsafe(limit) / 1024 ** 2} MiB`, "ReadSizeLimitExceeded")
  )

const tooMany = new TooLarge(
  body(
    `the request body holds more than ${JsonSize.mostValues} values: send them in several requests`,
    "ReadSizeLimitExceeded"
  )
)
const unreadable = badRequest("the request body could not be read")
const notObject = badRequest("the request body must be a JSON object")

const decoder = new TextDecoder("utf-8", { fatal: true })

/** The bytes of a body, whose length and encoding are looked at before anything is read. */
export const bytes = (
  request: HttpServerRequest.HttpServerRequest,
  size: ByteSize.ByteSize = limit
): Effect.Effect<Uint8Array, BadRequest | TooLarge> => {
  const most = ByteSize.toNumberUnsafe(size)
  if (Number(request.headers["content-length"]) > most) return Effect.fail(tooLarge(size))
  const encoding = request.headers["content-encoding"] ?? "identity"
  if (encoding.toLowerCase() !== "identity") {
    return Effect.fail(badRequest("the request body has a content-encoding: send it without one"))
  }
  return Effect.flatMap(ReadBytes, (read) =>
    Effect.matchEffect(read(request, size), {
      onFailure: (why) => Effect.fail(why === "TooLarge" ? tooLarge(size) : unreadable),
      onSuccess: (buffer) =>
        buffer.byteLength > most
          ? Effect.fail(tooLarge(size))
          : Effect.succeed(buffer instanceof Uint8Array ? buffer : new Uint8Array(buffer))
    })
  )
}

const decodeText = (buffer: Uint8Array): string | undefined => {
  try {
    return decoder.decode(buffer)
  } catch {
    return undefined
  }
}

/**
 * The body as a JSON object and as text, by default of at most {@link limit}. A missing or empty body is an empty object.
 */
export const text = (
  request: HttpServerRequest.HttpServerRequest,
  size: ByteSize.ByteSize = limit
): Effect.Effect<Text, BadRequest | TooLarge> =>
  Effect.flatMap(bytes(request, size), (read): Effect.Effect<Text, BadRequest | TooLarge> => {
    const text = decodeText(read)
    if (text === undefined) return Effect.fail(invalid("it is not UTF-8"))
    if (text.trim() === "") return Effect.succeed({ text, json: {} })
    return JsonSize.isTooLarge(text) ? Effect.fail(tooMany) : objectOf(text)
  })

const objectOf = (text: string): Effect.Effect<Text, BadRequest> =>
  Effect.matchEffect(Texts.read(text), {
    onFailure: ({ message }) => Effect.fail(invalid(message)),
    onSuccess: (json) => {
      if (json === null) return Effect.succeed({ text, json: {} })
      return Predicate.isObject(json) ? Effect.succeed({ text, json }) : Effect.fail(notObject)
    }
  })

/** The body as a JSON object, of at most {@link smallLimit}. A missing or empty body is an empty object. */
export const json = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<Json, BadRequest | TooLarge> =>
  Effect.map(text(request, smallLimit), ({ json }) => json)

/** The body as a JSON object whose values are Extended JSON, of at most {@link smallLimit}. */
export const ejson = (request: HttpServerRequest.HttpServerRequest): Effect.Effect<Json, BadRequest | TooLarge> =>
  Effect.flatMap(json(request), (json) =>
    Effect.try({
      try: () => Object.fromEntries(Object.entries(json).map(([key, value]) => [key, Ejson.revive(value)])),
      catch: (cause) => invalid(Ejson.describe(cause))
    })
  )
