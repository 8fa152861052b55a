import * as Effect from "effect/Effect"
import { openStream } from "../../client/internal/eventStream.ts"
import { ProtocolClient } from "../../client/ProtocolClient.ts"
import { Sessions } from "../../client/Sessions.ts"
import { argument } from "./arguments.ts"
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
    return yield* openStream(yield* ProtocolClient, yield* Sessions, operation, userId, {
      name,
      arguments: args.map(argument)
    })
  })
  const { bytes } = await runtime.run(opened)
  return runtime.iterate(Effect.succeed(bytes))
}
