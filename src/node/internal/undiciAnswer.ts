import type { Dispatcher } from "@effect/platform-node/Undici"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import { UndiciResponse } from "./undiciResponse.ts"
import type { Incoming } from "./undiciResponse.ts"

/** The longest body that is collected before its answer is passed on, in bytes; a longer one is passed on as a stream. */
const longestCollected = 64 * 1024

/** How much of a stream may wait for its reader, in bytes, before the connection is paused. */
const longestWaiting = 64 * 1024

/** Ends the request of an answer that was dropped with its stream unread, which would occupy its connection for good. */
const unread = new FinalizationRegistry<() => void>((abort) => abort())

/** Where an answer goes. */
interface Receiver {
  readonly answered: (response: UndiciResponse) => void
  readonly failed: (cause: unknown) => void
}

/**
 * The answer to a request of `undici`. A small body is collected, and its text is there when the answer is; a larger one, and
 * a stream of events, becomes a web stream.
 *
 * @internal
 */
export class UndiciAnswer implements Dispatcher.DispatchHandler {
  readonly #request: HttpClientRequest.HttpClientRequest
  readonly #url: string
  readonly #receiver: Receiver
  #connection: Dispatcher.DispatchController | undefined
  #aborted = false
  #status = 0
  #headers: Incoming = {}
  #collected: Array<Uint8Array> = []
  #size = 0
  #stream: ReadableStreamDefaultController<Uint8Array> | undefined

  constructor(request: HttpClientRequest.HttpClientRequest, url: string, receiver: Receiver) {
    this.#request = request
    this.#url = url
    this.#receiver = receiver
  }

  readonly abort = (): void => {
    this.#aborted = true
    this.#connection?.abort(new Error("the request was interrupted"))
  }

  onRequestStart(connection: Dispatcher.DispatchController): void {
    this.#connection = connection
    if (this.#aborted) this.abort()
  }

  onResponseStart(_: Dispatcher.DispatchController, status: number, headers: Incoming): void {
    // 100 Continue and other interim answers
    if (status < 200) return
    this.#status = status
    this.#headers = headers
    if (isEventStream(headers["content-type"]) || isEventStream(this.#request.headers["accept"])) this.#startStream()
  }

  onResponseData(connection: Dispatcher.DispatchController, chunk: Uint8Array): void {
    if (this.#stream === undefined) {
      this.#collected.push(chunk)
      this.#size += chunk.length
      if (this.#size > longestCollected) this.#startStream()
      return
    }
    this.#stream.enqueue(chunk)
    if ((this.#stream.desiredSize ?? 0) < -longestWaiting) connection.pause()
  }

  onResponseEnd(): void {
    if (this.#stream !== undefined) return this.#stream.close()
    const [first = new Uint8Array()] = this.#collected
    const bytes = this.#collected.length === 1 ? first : Buffer.concat(this.#collected, this.#size)
    this.#receiver.answered(new UndiciResponse(this.#request, this.#url, this.#status, this.#headers, bytes))
  }

  onResponseError(_: Dispatcher.DispatchController, cause: Error): void {
    if (this.#stream === undefined) this.#receiver.failed(cause)
    else this.#stream.error(cause)
  }

  /** Passes the answer on with what has been collected, and the rest as it arrives. */
  #startStream(): void {
    const { abort } = this
    const body = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.#stream = controller
          for (const chunk of this.#collected) controller.enqueue(chunk)
          this.#collected = []
        },
        pull: () => {
          unread.unregister(body)
          this.#connection?.resume()
        },
        cancel: abort
      },
      new ByteLengthQueuingStrategy({ highWaterMark: 0 })
    )
    const response = new UndiciResponse(this.#request, this.#url, this.#status, this.#headers, body)
    unread.register(response, abort, body)
    this.#receiver.answered(response)
  }
}

const isEventStream = (contentType: string | Array<string> | undefined): boolean =>
  String(contentType).startsWith("text/event-stream")
