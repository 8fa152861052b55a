import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schedule from "effect/Schedule"
import * as Stream from "effect/Stream"
import * as EventStream from "../../protocol/EventStream.ts"
import { path, routes } from "../../protocol/internal/routes.ts"
import { AppServicesError, InvalidResponse, UserDisabled } from "../AppServicesError.ts"
import type { Reason } from "../AppServicesError.ts"
import { brokenConnection } from "../ProtocolClient.ts"
import type { Operation, Service as Client } from "../ProtocolClient.ts"
import type { Service as Sessions } from "../Sessions.ts"
import * as Requests from "./requests.ts"
import * as Secrets from "./secrets.ts"

/** The failure by which a host ended a stream. */
interface Failure {
  readonly status: number
  readonly code?: string
  readonly serverMessage: string
}

/** Turns an event of a stream into a value, or into the failure that ends it. */
const valueOf =
  (
    fail: (reason: Reason) => AppServicesError,
    failed: (failure: Failure) => Reason,
    status: number,
    secrets: Secrets.Secrets
  ) =>
  (event: EventStream.StreamEvent): Effect.Effect<unknown, AppServicesError> => {
    switch (event._tag) {
      case "Value":
        return Effect.succeed(event.value)
      case "Failure": {
        const code = secrets.code(event.code)
        const answer = { status, serverMessage: secrets.clean(event.message), ...(code !== undefined && { code }) }
        return Effect.fail(fail(code === "UserDisabled" ? new UserDisabled(answer) : failed(answer)))
      }
      case "Malformed": {
        const problem = `malformed event: ${event.problem}`
        return Effect.fail(fail(new InvalidResponse({ status, problem })))
      }
    }
  }

interface Call {
  readonly name: string
  readonly arguments: ReadonlyArray<unknown>
  readonly service?: string
}

/** Sends a call that answers with a stream: it travels in the query, and the token in a header, never in the URL. */
export const openStream = Effect.fnUntraced(function* (
  client: Client,
  sessions: Sessions,
  operation: Operation,
  userId: string,
  call: Call
) {
  const url = path(routes.callFunction, { appId: client.appId })
  const body = Redacted.value(yield* Requests.encode(operation.name, call))
  const query = { baas_request: Redacted.make(EventStream.encodeRequest(body)) }
  const { response, token } = yield* sessions.authorized(operation.name, userId, (token) =>
    Effect.map(
      client.open({ operation, method: "GET", path: url, query, token, accept: "text/event-stream" }),
      (response) => ({ response, token })
    )
  )
  const broken = brokenConnection(operation.name, (yield* client.host) + url, [token])
  return { bytes: Stream.mapError(response.stream, broken), status: response.status, token }
})

/** Opens streams of events. `onOpen` runs when the host has begun to answer. */
export const makeOpener =
  (client: Client, sessions: Sessions, onOpen: Effect.Effect<void> = Effect.void) =>
  (
    operation: Operation,
    userId: string,
    call: Call,
    failed: (failure: Failure) => Reason
  ): Stream.Stream<unknown, AppServicesError> =>
    Stream.unwrap(
      Effect.gen(function* () {
        const { bytes, status, token } = yield* openStream(client, sessions, operation, userId, call)
        yield* onOpen
        const parser = EventStream.makeParser()
        const fail = (reason: Reason) => new AppServicesError({ operation: operation.name, reason })
        return bytes.pipe(
          Stream.decodeText(),
          Stream.flatMap((text) => Stream.fromIterable(parser.feed(text))),
          Stream.mapEffect(valueOf(fail, failed, status, Secrets.make([token])))
        )
      })
    )

/** Whether a failed stream may be opened again: the connection broke, the host is busy, or the stream's time limit passed. */
const mayReopen = (error: AppServicesError): boolean => error.retryable || error.code === "ExecutionTimeLimitExceeded"

/** Reopens a stream, by a schedule, when it failed for a reason that may pass. */
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
