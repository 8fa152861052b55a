/** Executes a command: finds it, checks that its user may use it, and places it in its session. */
import * as Effect from "effect/Effect"
import { operations, type Operations } from "../../data/Database.ts"
import { DatabaseError } from "../../data/DatabaseError.ts"
import type { Document } from "../../data/Operation.ts"
import * as BulkWrite from "../commands/bulkWrite.ts"
import * as Catalog from "../commands/catalog.ts"
import * as CursorCommands from "../commands/cursors.ts"
import * as Explain from "../commands/explain.ts"
import { greetings } from "../commands/greetings.ts"
import * as IndexCommands from "../commands/indexes.ts"
import * as Information from "../commands/information.ts"
import * as SessionCommands from "../commands/sessions.ts"
import * as WriteCommands from "../commands/writes.ts"
import type { Call, Command, Connection, Needs } from "./Call.ts"
import * as Envelope from "./envelope.ts"
import { codes, fail, failure, nameOf, replyOf } from "./errors.ts"
import * as Fields from "./fields.ts"
import type { Session } from "./sessions.ts"
import type { Source } from "./sources.ts"

const commands: ReadonlyMap<string, Command> = new Map(
  Object.entries({
    ...CursorCommands.commands,
    ...WriteCommands.commands,
    ...BulkWrite.commands,
    ...Explain.commands({ ...CursorCommands.commands, ...WriteCommands.commands }),
    ...Catalog.commands,
    ...IndexCommands.commands,
    ...Information.commands,
    ...SessionCommands.commands
  })
)

type Reply = Effect.Effect<Document, DatabaseError, Needs>

/** Executes a command, and answers with its reply. */
export const dispatch = (connection: Connection, body: Document | Error): Effect.Effect<Document, never, Needs> =>
  (body instanceof Error ? fail("InvalidBSON", `invalid BSON: ${body.message}`) : execute(connection, body)).pipe(
    Effect.catch((error) => Effect.succeed(replyOf(error))),
    Effect.catchDefect((defect) =>
      Effect.as(
        Effect.logError("a command of the MongoDB port failed unexpectedly", defect),
        replyOf(failure("UnknownError", "the command failed unexpectedly: the server's log says why"))
      )
    )
  )

const execute = (connection: Connection, request: Document): Reply => {
  const name = Fields.nameOf(request)
  const greeting = Object.hasOwn(greetings, name) ? greetings[name] : undefined
  if (greeting !== undefined) return greeting(connection, request)
  const { source } = connection
  if (source === undefined) return fail("Unauthorized", `Command ${name} requires authentication`)
  return Effect.flatMap(
    Effect.try({
      try: () => Envelope.open(request),
      catch: (cause) => (cause instanceof DatabaseError ? cause : failure("BadValue", String(cause)))
    }),
    (envelope) => Effect.map(inSession(connection, source, request, envelope), (reply) => concerned(reply, envelope))
  )
}

/** A write concern that cannot be fulfilled does not undo the write. */
const concerned = (reply: Document, { writeConcernError: error }: Envelope.Envelope): Document =>
  error?.code === undefined
    ? reply
    : { ...reply, writeConcernError: { code: error.code, codeName: nameOf(error.code), errmsg: error.message } }

const inSession = Effect.fnUntraced(function* (
  connection: Connection,
  source: Source,
  request: Document,
  envelope: Envelope.Envelope
) {
  const name = Fields.nameOf(request)
  const { database, sessions } = connection.server
  const session = envelope.session === undefined ? undefined : yield* sessions.find(envelope.session, source.user)
  const call = (operations: Operations, inTransaction: boolean): Call => ({
    server: connection.server,
    connection,
    source,
    request,
    database: envelope.database,
    session,
    operations,
    inTransaction
  })
  const { number, transaction } = envelope
  if (Object.hasOwn(SessionCommands.endings, name)) return yield* ending(connection, session, name, envelope)
  const command = commands.get(name)
  if (command === undefined) return yield* fail("CommandNotFound", `no such command: '${name}'`)
  if (session !== undefined && number !== undefined && transaction !== undefined) {
    return yield* sessions.exclusively(session)(
      inTransaction(connection, session, number, transaction === "begins", command, name, (operations) =>
        command.handler(call(operations, true))
      )
    )
  }
  const run = command.handler(call(database, false))
  if (command.writes !== true) return yield* timed(run, envelope, name)
  return yield* Effect.uninterruptible(
    session === undefined || number === undefined
      ? run
      : sessions.exclusively(session)(once(connection, session, number, run))
  )
})

/** Ends a transaction. */
const ending = Effect.fnUntraced(function* (
  { server: { sessions } }: Connection,
  session: Session | undefined,
  name: string,
  { number }: Envelope.Envelope
) {
  const end = SessionCommands.endings[name]
  if (session === undefined || number === undefined || end === undefined) {
    return yield* fail("InvalidOptions", `${name} needs the fields lsid and txnNumber`)
  }
  yield* Effect.uninterruptible(sessions.exclusively(session)(sessions[end](session, number)))
  return { ok: 1 }
})

/** Executes a command in a transaction, which ends if the command fails. */
const inTransaction = Effect.fnUntraced(function* (
  { server: { sessions } }: Connection,
  session: Session,
  number: bigint,
  begins: boolean,
  command: Command,
  name: string,
  run: (operations: Operations) => Reply
) {
  if (begins) yield* sessions.begin(session, number)
  const driver = yield* sessions.open(session, number)
  const checked =
    command.inTransaction === true
      ? run(operations(driver.run))
      : fail("OperationNotSupportedInTransaction", `Cannot run '${name}' in a multi-document transaction.`)
  const reply: Document = yield* Effect.tapError(Effect.uninterruptible(checked), () => sessions.failed(session))
  if (Object.hasOwn(reply, "writeErrors") || reply["nErrors"] === 1) yield* sessions.failed(session)
  return reply
})

/** Executes a write once: a client that did not receive the reply sends it again with the same number. */
const once = Effect.fnUntraced(function* (
  { server: { sessions } }: Connection,
  session: Session,
  number: bigint,
  run: Reply
) {
  const earlier = yield* sessions.replyTo(session, number)
  if (earlier !== undefined) return earlier
  const reply = yield* run
  sessions.keep(session, reply)
  return reply
})

/** `getMore` has the time to wait in the same field. */
const timed = (run: Reply, { maxTimeMS }: Envelope.Envelope, name: string): Reply =>
  maxTimeMS === undefined || name === "getMore"
    ? run
    : Effect.timeoutOrElse(run, {
        duration: maxTimeMS,
        orElse: () =>
          Effect.fail(new DatabaseError({ message: "operation exceeded time limit", code: codes.MaxTimeMSExpired }))
      })
