/** Commands on sessions and on their transactions. */
import { Binary } from "bson"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import { isDocument } from "../../data/internal/bson.ts"
import type { Call, Command, Handler } from "../internal/Call.ts"
import * as Fields from "../internal/fields.ts"
import { sessionIdOf } from "../internal/envelope.ts"
import { timeoutMinutes } from "../internal/sessions.ts"

const startSession: Handler = (call) =>
  Effect.gen(function* () {
    const random = yield* SecureRandom.SecureRandom
    const id = new Binary(yield* random.randomBytes(16), Binary.SUBTYPE_UUID)
    yield* call.server.sessions.find(id.toString("hex"), call.source.user)
    return { id: { id }, timeoutMinutes, ok: 1 }
  })

/** The sessions that a command lists under its own name. */
const listed = ({ request }: Call): ReadonlyArray<string> => {
  const ids = request[Fields.nameOf(request)]
  return Array.isArray(ids) ? ids.filter(isDocument).flatMap((id) => sessionIdOf(id) ?? []) : []
}

const endSessions: Handler = (call) =>
  Effect.gen(function* () {
    for (const id of listed(call)) {
      const session = call.server.sessions.existing(id, call.source.user)
      if (session === undefined) continue
      yield* call.server.sessions.end(session)
      yield* call.server.cursors.closeAll((cursor) => cursor.session === session.key)
    }
    return { ok: 1 }
  })

const refreshSessions: Handler = (call) =>
  Effect.as(
    Effect.forEach(listed(call), (id) => call.server.sessions.find(id, call.source.user), { discard: true }),
    { ok: 1 }
  )

/** The commands by name. */
export const commands: Readonly<Record<string, Command>> = {
  startSession: { handler: startSession },
  endSessions: { handler: endSessions },
  refreshSessions: { handler: refreshSessions },
  killSessions: { handler: endSessions }
}

/** The commands that end a transaction; they are not executed in it. */
export const endings: Readonly<Record<string, "commit" | "abort">> = {
  commitTransaction: "commit",
  abortTransaction: "abort"
}
