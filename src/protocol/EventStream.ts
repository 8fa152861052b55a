/**
 * The encoding of streams of function results and change events: server-sent events (SSE) in a dialect of the protocol.
 *
 * Data is Extended JSON with three percent escapes, `%25`, `%0A` and `%0D`. An event named `error` ends the stream with a code
 * and a message. Events with other names are ignored.
 *
 * @since 0.1.0
 */
import * as Base64 from "effect/encoding/Base64"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Sse from "effect/encoding/Sse"
import * as Result from "effect/Result"
import * as Ejson from "./Ejson.ts"
import * as ErrorBody from "./internal/errorBody.ts"

/**
 * An event of a stream.
 *
 * @category models
 * @since 0.1.0
 */
export type StreamEvent =
  | { readonly _tag: "Value"; readonly value: unknown }
  /** The host ended the stream. */
  | { readonly _tag: "Failure"; readonly code: string | undefined; readonly message: string }
  /** The data is not Extended JSON; `problem` does not quote it. */
  | { readonly _tag: "Malformed"; readonly problem: string }

const escapes: Readonly<Record<string, string>> = { "%25": "%", "%0A": "\n", "%0D": "\r" }

/** A single pass: a `%` takes two more characters with it, whether or not the three are an escape. */
const unescape = (data: string): string => data.replace(/%[^]{0,2}/g, (text) => escapes[text] ?? text)

const failure = (data: string): StreamEvent => {
  const { code, message } = ErrorBody.parse(data)
  return { _tag: "Failure", code, message: message ?? data }
}

/** Some hosts do not escape, so that unescaping breaks their data: it is then parsed as it came. */
const value = (data: string): StreamEvent => {
  const escaped = unescape(data)
  const parsed = Ejson.parse(escaped)
  if (Result.isSuccess(parsed)) return { _tag: "Value", value: parsed.success }
  const raw = escaped === data ? parsed : Ejson.parse(data)
  return Result.isSuccess(raw)
    ? { _tag: "Value", value: raw.success }
    : { _tag: "Malformed", problem: parsed.failure.message }
}

/**
 * An incremental parser: chunks may end anywhere.
 *
 * @category decoding
 * @since 0.1.0
 */
export interface Parser {
  /** The events that a chunk completes. */
  readonly feed: (text: string) => ReadonlyArray<StreamEvent>
}

/** The size of the largest event, in characters. */
const maxEventSize = 32 * 1024 * 1024

/**
 * Makes a parser for a new stream. An event of more than 32 Mi characters is `Malformed`.
 *
 * @example
 * ```ts
 * import { EventStream } from "effect-app-services"
 *
 * const parser = EventStream.makeParser()
 * console.log(parser.feed('data: {"n":')) // []
 * console.log(parser.feed('1}\n\n')) // [{ _tag: "Value", value: { n: 1 } }]
 * ```
 *
 * @category decoding
 * @since 0.1.0
 */
export const makeParser = (): Parser => {
  let events: Array<StreamEvent> = []
  const parser = Sse.makeParser(
    (event) => {
      if (event._tag === "Retry") return
      if (event.event === "error") events.push(failure(unescape(event.data)))
      else if (event.event === "message" && event.data !== "") events.push(value(event.data))
    },
    { maxEventSize }
  )
  return {
    feed: (text) => {
      events = []
      const tooLarge = parser.feed(text)
      if (tooLarge !== undefined) events.push({ _tag: "Malformed", problem: "an event is larger than 32 MiB" })
      return events
    }
  }
}

const escape = (text: string): string =>
  text.replace(/[%\n\r]/g, (c) => (c === "%" ? "%25" : c === "\n" ? "%0A" : "%0D"))

/**
 * Encodes an event with Extended JSON text as data.
 *
 * @category encoding
 * @since 0.1.0
 */
export const writeValue = (ejson: string): string => write("message", ejson)

/**
 * Encodes the event that ends a stream with an error.
 *
 * @category encoding
 * @since 0.1.0
 */
export const writeFailure = (code: string, message: string): string =>
  write("error", JSON.stringify({ error_code: code, error: message }))

const write = (event: "message" | "error", text: string): string =>
  Sse.encoder.write({ _tag: "Event", event, id: undefined, data: escape(text) })

/**
 * An SSE comment, sent as a keep-alive: clients ignore it.
 *
 * @category encoding
 * @since 0.1.0
 */
export const keepAlive = ": keep-alive\n\n"

/**
 * Encodes the query parameter `baas_request` of a request for a stream from the Extended JSON of the call, as base64. Its
 * `+`, `/` and `=` must be percent-encoded in a query.
 *
 * @category encoding
 * @since 0.1.0
 */
export const encodeRequest = (ejson: string): string => Base64.encode(ejson)

const decoder = new TextDecoder("utf-8", { fatal: true })

/**
 * Decodes the query parameter `baas_request`: base64 in either alphabet, also if the query turned a `+` into a space. Returns
 * `undefined` if it is not base64 of UTF-8 text.
 *
 * @category decoding
 * @since 0.1.0
 */
export const decodeRequest = (parameter: string): string | undefined => {
  const text = parameter.trim().replaceAll(" ", "+").replaceAll("+", "-").replaceAll("/", "_").replace(/=+$/, "")
  const bytes = Base64Url.decode(text)
  if (Result.isFailure(bytes)) return undefined
  try {
    return decoder.decode(bytes.success)
  } catch {
    return undefined
  }
}
