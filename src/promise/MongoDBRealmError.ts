/**
 * The error of the entry point for promises, with the fields of `realm-web` 2.
 *
 * @since 0.1.0
 */

/**
 * A host refused a request. `cause` is the `AppServicesError` with its tagged `reason`.
 *
 * Where there was no answer, or one that the protocol does not have, a promise rejects with the `AppServicesError` itself.
 *
 * @category errors
 * @since 0.1.0
 */
// @effect-diagnostics-next-line extendsNativeError:off -- what programs written for realm-web catch
export class MongoDBRealmError extends Error {
  /** The method of the request. */
  readonly method: string
  /** The URL of the request, without its query. */
  readonly url: string
  /** The text of the HTTP status, where the protocol has one. */
  readonly statusText: string
  /** The HTTP status of the answer. */
  readonly statusCode: number
  /** What the host said. */
  readonly error: string | undefined
  /** The host's code of the error. */
  readonly errorCode: string | undefined
  /** The URL of the host's log of the request. */
  readonly link: string | undefined

  constructor(
    method: string,
    url: string,
    statusCode: number,
    statusText: string,
    error?: string,
    errorCode?: string,
    link?: string,
    options?: ErrorOptions
  ) {
    const summary = statusText ? `status ${statusCode} ${statusText}` : `status ${statusCode}`
    super(`Request failed (${method} ${url}): ${error === undefined ? "" : `${error} `}(${summary})`, options)
    this.method = method
    this.url = url
    this.statusText = statusText
    this.statusCode = statusCode
    this.error = error
    this.errorCode = errorCode
    this.link = link
  }
}
