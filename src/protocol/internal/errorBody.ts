/**
 * The body of a failed request.
 *
 * A host answers `{"error": "text", "error_code": "Code", "link": "https://..."}`. Real ones also leave the code out,
 * call it `errorCode`, put the text into `message`, put JSON text into `error`, or stand behind a proxy that answers
 * with a page. All of these are read here.
 */
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import type { ErrorCode } from "../ErrorCode.ts"

/** The content of the body of a failed request. */
export interface ErrorBody {
  /** The host's message; absent if the body is not an error of the protocol. */
  readonly message: string | undefined
  /** A code of {@link ErrorCode}, or one that this version does not know. */
  readonly code: ErrorCode | (string & {}) | undefined
  /** The URL of the host's log of the request. */
  readonly link: string | undefined
  /** The JSON text of the exception, if the host sent JSON as the message. */
  readonly json: string | undefined
}

const Text = Schema.optional(Schema.Unknown)
const decode = Schema.decodeUnknownOption(
  Schema.fromJsonString(Schema.Struct({ error: Text, message: Text, error_code: Text, errorCode: Text, link: Text }))
)

const text = (u: unknown): string | undefined => (typeof u === "string" && u !== "" ? u : undefined)

/** Parses the body of a failed request. A body of unknown shape gives an empty result, never a failure. */
export const parse = (body: string): ErrorBody =>
  Option.match(decode(body), {
    onNone: () => ({ message: undefined, code: undefined, link: undefined, json: undefined }),
    onSome: (json) => {
      // some hosts answer a status text in `error` and the cause in `message`
      const outer =
        text(json.message) !== undefined && text(json.error_code) === undefined ? text(json.message) : text(json.error)
      // others put the JSON of an exception into `error`
      const inner = outer?.startsWith("{") === true ? Option.getOrUndefined(decode(outer)) : undefined
      return {
        message: text(inner?.message) ?? text(inner?.error) ?? outer ?? text(json.error) ?? text(json.message),
        code: text(json.error_code) ?? text(json.errorCode) ?? text(inner?.error_code),
        link: text(json.link),
        json: inner === undefined ? undefined : outer
      }
    }
  })
