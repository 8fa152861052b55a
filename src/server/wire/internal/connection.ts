/** A connection: reads its commands one by one, and writes their replies. */
import * as Effect from "effect/Effect"
import type { Socket } from "node:net"
import type { Connection, Needs, Server } from "./Call.ts"
import { dispatch } from "./dispatch.ts"
import { failure, replyOf } from "./errors.ts"
import { encode, Frames, largestGreeting, largestMessage, Malformed, type Message, parse } from "./messages.ts"

/** How many bytes may wait while a command is executed, before the client has to. */
const mostWaiting = 1024 * 1024

/** Serves a connection until it is closed, by the client or because of an invalid message. */
export const serve = (server: Server, socket: Socket, id: number): Effect.Effect<void, never, Needs> => {
  const connection: Connection = { id, server, source: undefined, conversation: undefined }
  const frames = new Frames()
  let wake: (() => void) | undefined
  socket.setNoDelay(true)
  // a broken connection is closed, which is noticed below
  socket.on("error", () => {})
  socket.on("data", (chunk: Buffer) => {
    frames.push(chunk)
    if (wake !== undefined) wake()
    else if (frames.size > mostWaiting) socket.pause()
  })

  const arrived = Effect.callback<void>((resume) => {
    wake = () => {
      wake = undefined
      resume(Effect.void)
    }
    socket.resume()
    return Effect.sync(() => {
      wake = undefined
    })
  })

  const receive: Effect.Effect<Message, Malformed> = Effect.suspend(() =>
    Effect.flatMap(
      Effect.try({
        try: () => {
          const bytes = frames.next(connection.source === undefined ? largestGreeting : largestMessage)
          return bytes === undefined ? undefined : parse(bytes)
        },
        catch: (cause) => (cause instanceof Malformed ? cause : new Malformed({ message: String(cause) }))
      }),
      (message) => (message === undefined ? Effect.andThen(arrived, receive) : Effect.succeed(message))
    )
  )

  const send = (bytes: Buffer): Effect.Effect<void> =>
    Effect.suspend(() =>
      socket.write(bytes)
        ? Effect.void
        : Effect.callback<void>((resume) => {
            const drained = () => resume(Effect.void)
            socket.once("drain", drained)
            return Effect.sync(() => socket.off("drain", drained))
          })
    )

  const turn = Effect.gen(function* () {
    const message = yield* receive
    const reply = yield* dispatch(connection, message.body)
    if (!message.silent) yield* send(encoded(message, reply))
  })

  const closed = Effect.callback<void>((resume) => {
    if (socket.closed) return resume(Effect.void)
    const close = () => resume(Effect.void)
    socket.once("close", close)
    return Effect.sync(() => socket.off("close", close))
  })

  return Effect.raceFirst(Effect.forever(turn), closed).pipe(
    Effect.catchTag("Malformed", ({ message }) => Effect.logDebug(`connection ${id} of the MongoDB port: ${message}`)),
    Effect.ensuring(Effect.sync(() => socket.destroy()))
  )
}

const encoded = (message: Message, reply: Parameters<typeof encode>[1]): Buffer => {
  const bytes = encode(message, reply)
  return bytes.length <= largestMessage
    ? bytes
    : encode(
        message,
        replyOf(
          failure("BSONObjectTooLarge", `the reply has ${bytes.length} bytes: at most ${largestMessage} can be sent`)
        )
      )
}
