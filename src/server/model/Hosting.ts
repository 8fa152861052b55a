/** The static files of an application. */
import type * as Effect from "effect/Effect"
import type * as HttpServerError from "effect/http/HttpServerError"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import type * as HttpServerResponse from "effect/http/HttpServerResponse"

/** Static files, as they were found when the application was loaded. */
export interface Hosting {
  /** The host name that the application's files have, besides the one that the server gives them. */
  readonly domain: string | undefined
  /** The address of the files, which functions read as `context.app.hostingUri`; `undefined` in process. */
  readonly uri?: string | undefined
  /** The headers of each file, by its path with a slash in front. Names are in lower case. */
  readonly files: ReadonlyMap<string, Readonly<Record<string, string>>>
  /** The file that is the answer to any other path, and its status. Without it the answer is a plain 404. */
  readonly errorPage: { readonly path: string; readonly status: number } | undefined
  /** Answers with the file of a path, with ranges and conditional requests. */
  readonly serve: Effect.Effect<
    HttpServerResponse.HttpServerResponse,
    HttpServerError.HttpServerError,
    HttpServerRequest.HttpServerRequest
  >
}
