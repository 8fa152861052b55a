/** Requests to other hosts, such as identity providers, whose answers are JSON of a limited size. */
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientError from "effect/http/HttpClientError"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"

/**
 * There is no usable answer. The message is for the operator; it has no part of the request, which may contain secrets.
 * `away` if the host did not answer, and not if it answered with something else than JSON.
 */
export class RemoteError extends Schema.TaggedError<RemoteError>("effect-app-services/server/users/RemoteError")(
  "RemoteError",
  { message: Schema.String, away: Schema.Boolean }
) {}

/** An answer of any status. `json` is undefined if an error has another form. */
export interface Answer {
  readonly status: number
  readonly json: unknown
}

/** Sends a request once. The answer has to arrive within ten seconds and to have at most 1 MiB. */
export const json = (
  client: HttpClient.HttpClient,
  request: HttpClientRequest.HttpClientRequest
): Effect.Effect<Answer, RemoteError> =>
  Effect.gen(function* () {
    const response = yield* Effect.mapError(client.execute(request), failed)
    const chunks: Array<Uint8Array> = []
    let size = 0
    const body = Stream.catch(response.stream, (error) =>
      error.reason._tag === "EmptyBodyError" ? Stream.empty : Stream.fail(failed(error))
    )
    yield* Stream.runForEach(body, (chunk) => {
      chunks.push(chunk)
      size += chunk.length
      return size <= largest
        ? Effect.void
        : Effect.fail(new RemoteError({ message: "the answer is larger than 1 MiB", away: false }))
    })
    const { status } = response
    const parsed = parse(Buffer.concat(chunks).toString("utf8"))
    // errors, of proxies in between for example, have any form
    return { status, json: yield* status < 300 ? parsed : Effect.orElseSucceed(parsed, () => undefined) }
  }).pipe(
    Effect.timeoutOrElse({
      duration: timeout,
      orElse: () => Effect.fail(new RemoteError({ message: "no answer", away: true }))
    })
  )

const timeout = Duration.seconds(10)
const largest = 2 ** 20

const failed = ({ reason }: HttpClientError.HttpClientError) => new RemoteError({ message: reason._tag, away: true })

const decode = Schema.decodeEffect(Schema.fromJsonString(Schema.Unknown))

const parse = (text: string) =>
  Effect.mapError(decode(text), () => new RemoteError({ message: "the answer is not JSON", away: false }))
