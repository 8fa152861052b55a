/** Requests to the servers behind third-party services. */
import * as Effect from "effect/Effect"
import * as HttpClient from "effect/http/HttpClient"
import type * as HttpClientRequest from "effect/http/HttpClientRequest"
import { failed, type ServiceError } from "./ServiceError.ts"

/** The answer to a request: its status, and its body if that is JSON. An error names the host and nothing that was sent. */
export const answerOf = (
  request: HttpClientRequest.HttpClientRequest
): Effect.Effect<{ readonly status: number; readonly body: unknown }, ServiceError, HttpClient.HttpClient> =>
  Effect.gen(function* () {
    const response = yield* HttpClient.execute(request)
    const body = yield* Effect.orElseSucceed(response.json, (): unknown => undefined)
    return { status: response.status, body }
  }).pipe(
    Effect.mapError(() => failed(`${URL.parse(request.url)?.origin ?? "the address"} cannot be reached`)),
    Effect.timeoutOrElse({
      duration: "30 seconds",
      orElse: () =>
        Effect.fail(failed(`${URL.parse(request.url)?.origin ?? "the address"} did not answer in 30 seconds`))
    })
  )
