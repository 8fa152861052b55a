import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Stream from "effect/Stream"
import { brokenConnection, ProtocolClient } from "../../client/ProtocolClient.ts"
import * as Requests from "../../client/internal/requests.ts"
import { Sessions } from "../../client/Sessions.ts"
import * as EventStream from "../../protocol/EventStream.ts"
import { path, routes } from "../../protocol/internal/routes.ts"
import type { Runtime } from "./runtime.ts"

/**
 * Calls a function that answers with a stream of events; the events are for the caller to read.
 *
 * @internal
 */
export const streamedBytes = async (
  runtime: Runtime,
  userId: string,
  name: string,
  args: ReadonlyArray<unknown>
): Promise<AsyncIterable<Uint8Array>> => {
  const operation = { name: `callFunctionStreaming(${name})`, kind: "function", subject: name } as const
  const opened = Effect.gen(function* () {
    const client = yield* ProtocolClient
    const sessions = yield* Sessions
    const url = path(routes.callFunction, { appId: client.appId })
    const body = Redacted.value(yield* Requests.encode(operation.name, { name, arguments: args }))
    const query = { baas_request: Redacted.make(EventStream.encodeRequest(body)) }
    const { stream } = yield* sessions.authorized(operation.name, userId, (token) =>
      client.open({ operation, method: "GET", path: url, query, token, accept: "text/event-stream" })
    )
    return Stream.mapError(stream, brokenConnection(operation.name, (yield* client.host) + url, []))
  })
  return runtime.iterate(Effect.succeed(await runtime.run(opened)))
}
