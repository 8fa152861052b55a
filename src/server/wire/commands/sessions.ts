/** Commands on sessions and on their transactions. */
import { createHash } from "node:crypto"
import { Binary } from "bson"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import { isDocument } from "../../data/internal/bson.ts"
import type { Call, Command, Handler } from "../internal/Call.ts"
import { fail, unsupported } from "../internal/errors.ts"
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

/** The stage `$listLocalSessions`: the sessions of the user on this server. */
export const localSessions = Effect.fnUntraced(function* (
  { server: { sessions }, source: { user } }: Call,
  argument: unknown
) {
  if (!isDocument(argument)) return yield* fail("TypeMismatch", "$listLocalSessions must be an object")
  const [option] = Object.keys(argument)
  if (option !== undefined)
    return yield* unsupported(`the option ${option} of $listLocalSessions`, "users see their own")
  const uid = new Binary(createHash("sha256").update(`${user}@admin`).digest())
  return sessions.of(user).map(({ id, lastUse }) => ({
    _id: { id: new Binary(Buffer.from(id, "hex"), Binary.SUBTYPE_UUID), uid },
    // @effect-diagnostics-next-line globalDate:off -- BSON dates are JavaScript dates
    lastUse: new Date(lastUse)
  }))
})

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
