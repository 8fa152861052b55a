import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as Ejson from "../../protocol/Ejson.ts"
import * as EventStream from "../../protocol/EventStream.ts"
import { path, routes } from "../../protocol/Routes.ts"
import { AppServicesError, InvalidArguments, InvalidResponse, UserDisabled } from "../AppServicesError.ts"
import type { Reason } from "../AppServicesError.ts"
import type { Operation } from "../Operation.ts"
import { brokenConnection } from "../ProtocolClient.ts"
import type { ProtocolClient } from "../ProtocolClient.ts"
import type { Sessions } from "../Sessions.ts"
import * as Secrets from "./secrets.ts"

/** What a host said when it ended a stream. */
interface Failure {
  readonly status: number
  readonly code?: string
  readonly serverMessage: string
}

/** Opens streams of events: the call travels in the query, the token in a header, never in the URL. */
export const makeOpener = (client: ProtocolClient["Service"], sessions: Sessions["Service"]) => {
  const url = path(routes.callFunction, { appId: client.appId })
  return (
    operation: Operation,
    userId: string,
    call: { readonly name: string; readonly arguments: ReadonlyArray<unknown>; readonly service?: string },
    failed: (failure: Failure) => Reason
  ): Stream.Stream<unknown, AppServicesError> => {
    const fail = (reason: Reason) => new AppServicesError({ operation: operation.name, reason })
    return Stream.unwrap(
      Effect.gen(function* () {
        const body = Ejson.stringify(call)
        if (Result.isFailure(body)) return yield* fail(new InvalidArguments({ problem: body.failure.message }))
        const query = { baas_request: Redacted.make(EventStream.encodeRequest(body.success)) }
        const { response, token } = yield* sessions.authorized(operation.name, userId, (token) =>
          Effect.map(
            client.open({ operation, method: "GET", path: url, query, token, accept: "text/event-stream" }),
            (response) => ({ response, token })
          )
        )
        const secrets = Secrets.make([token])
        const host = yield* client.host
        const parser = EventStream.makeParser()
        return response.stream.pipe(
          Stream.mapError(brokenConnection(operation.name, host + url, [token])),
          Stream.decodeText(),
          Stream.flatMap((text) => Stream.fromIterable(parser.feed(text))),
          Stream.mapEffect((event) => {
            switch (event._tag) {
              case "Value":
                return Effect.succeed(event.value)
              case "Failure": {
                const code = secrets.code(event.code)
                const answer = {
                  status: response.status,
                  serverMessage: secrets.clean(event.message),
                  ...(code !== undefined && { code })
                }
                return Effect.fail(fail(code === "UserDisabled" ? new UserDisabled(answer) : failed(answer)))
              }
              case "Malformed": {
                const problem = `malformed event: ${event.problem}`
                return Effect.fail(fail(new InvalidResponse({ status: response.status, problem })))
              }
            }
          })
        )
      })
    )
  }
}

/** Whether a stream that failed may be opened again: the network broke, the host is busy, or its time was up. */
const mayReopen = (error: AppServicesError): boolean => error.retryable || error.code === "ExecutionTimeLimitExceeded"

/** Opens a stream again, by a schedule, when it failed for a reason that may pass. */
export const reconnecting = <A>(
  open: () => Stream.Stream<A, AppServicesError>,
  schedule: Schedule.Schedule<unknown, AppServicesError> | undefined
): Stream.Stream<A, AppServicesError> => {
  const stream = Stream.suspend(open)
  return schedule === undefined
    ? stream
    : Stream.retry(
        stream,
        schedule.pipe(
          Schedule.setInputType<AppServicesError>(),
          Schedule.while(({ input }) => mayReopen(input))
        )
      )
}
