import * as Effect from "effect/Effect"
import * as Cookies from "effect/http/Cookies"
import * as Headers from "effect/http/Headers"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as HttpClientResponse from "effect/http/HttpClientResponse"
import * as HttpIncomingMessage from "effect/http/HttpIncomingMessage"
import * as Inspectable from "effect/Inspectable"
import * as Option from "effect/Option"
import { pipeArguments } from "effect/Pipeable"

/** Headers as `undici` passes them on. */
export type Incoming = Readonly<Record<string, string | Array<string> | undefined>>

const utf8 = new TextDecoder()

type Failable<A> = Effect.Effect<A, HttpClientError.HttpClientError>

/**
 * An answer whose body has been collected, or is a web stream. What the SDK reads of every answer costs no fiber and no
 * promise; everything else is that of a response of the web.
 *
 * @internal
 */
export class UndiciResponse extends Inspectable.Class implements HttpClientResponse.HttpClientResponse {
  readonly [HttpIncomingMessage.TypeId]: typeof HttpIncomingMessage.TypeId = HttpIncomingMessage.TypeId
  readonly [HttpClientResponse.TypeId]: typeof HttpClientResponse.TypeId = HttpClientResponse.TypeId
  readonly request: HttpClientRequest.HttpClientRequest
  readonly url: string
  readonly status: number
  readonly #incoming: Incoming
  readonly #body: ReadableStream<Uint8Array> | Uint8Array
  #headers: Headers.Headers | undefined
  #web: HttpClientResponse.HttpClientResponse | undefined

  constructor(
    request: HttpClientRequest.HttpClientRequest,
    url: string,
    status: number,
    incoming: Incoming,
    body: ReadableStream<Uint8Array> | Uint8Array
  ) {
    super()
    this.request = request
    this.url = url
    this.status = status
    this.#incoming = incoming
    this.#body = body
  }

  get headers(): Headers.Headers {
    return (this.#headers ??= Headers.fromInput(this.#incoming))
  }

  get cookies(): Cookies.Cookies {
    const cookies = this.#incoming["set-cookie"]
    return cookies === undefined ? Cookies.empty : Cookies.fromSetCookie(cookies)
  }

  get remoteAddress(): Option.Option<string> {
    return Option.none()
  }

  get text(): Failable<string> {
    return this.#body instanceof Uint8Array ? Effect.succeed(utf8.decode(this.#body)) : this.#asWeb.text
  }

  /** The same body as a response of the web, whose status does not matter here: it refuses a body with some. */
  get #asWeb(): HttpClientResponse.HttpClientResponse {
    const type = this.headers["content-type"]
    const body = this.#body instanceof Uint8Array ? new Uint8Array(this.#body) : this.#body
    return (this.#web ??= HttpClientResponse.fromWeb(
      this.request,
      new Response(body, type === undefined ? {} : { headers: { "content-type": type } })
    ))
  }

  get json() {
    return this.#asWeb.json
  }

  get urlParamsBody() {
    return this.#asWeb.urlParamsBody
  }

  get formData(): Failable<FormData> {
    return this.#asWeb.formData
  }

  get arrayBuffer(): Failable<ArrayBuffer> {
    return this.#asWeb.arrayBuffer
  }

  get stream() {
    return this.#asWeb.stream
  }

  get upgrade() {
    return this.#asWeb.upgrade
  }

  toJSON(): unknown {
    return HttpIncomingMessage.inspect(this, {
      _id: "effect/http/HttpClientResponse",
      request: this.request.toJSON(),
      status: this.status
    })
  }

  pipe() {
    return pipeArguments(this, arguments)
  }
}
