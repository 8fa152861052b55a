/** Change streams: a cursor whose documents are the changes of a collection. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Option from "effect/Option"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { DatabaseError } from "../../data/DatabaseError.ts"
import { isDocument } from "../../data/internal/bson.ts"
import type { Document, Namespace } from "../../data/Operation.ts"
import type { Call } from "../internal/Call.ts"
import type { Batch, Results } from "../internal/cursors.ts"
import { fail, failure } from "../internal/errors.ts"
import * as Fields from "../internal/fields.ts"

/** How many changes wait for the client; those behind them wait in the change log. */
const mostWaiting = 16

/** How long `getMore` waits for a change, where the client does not say, in milliseconds. */
export const usualWait = 1_000

const mode =
  (allowed: ReadonlyArray<string>): Fields.Field<string> =>
  (value, name) => {
    const chosen = value ?? allowed[0]
    if (typeof chosen === "string" && allowed.includes(chosen)) return chosen
    throw failure("BadValue", `Enumeration value '${String(value)}' for field '${name}' is not a valid value.`)
  }

const settings = (stage: unknown) =>
  Fields.readAll(
    Fields.document(stage, "$changeStream"),
    {
      fullDocument: mode(["default", "updateLookup", "whenAvailable", "required"]),
      fullDocumentBeforeChange: mode(["off", "whenAvailable", "required"]),
      resumeAfter: Fields.optional(Fields.document),
      startAfter: Fields.optional(Fields.document),
      startAtOperationTime: Fields.refused,
      allChangesForCluster: Fields.refused,
      showExpandedEvents: Fields.ignored
    },
    "$changeStream"
  )

type Settings = ReturnType<typeof settings>

/** Opens the change stream of a pipeline that begins with `$changeStream`. */
export const open = Effect.fnUntraced(function* (
  call: Call,
  namespace: Namespace,
  [first, ...stages]: ReadonlyArray<Document>
) {
  if (call.inTransaction)
    return yield* fail("OperationNotSupportedInTransaction", "$changeStream cannot be used in a transaction")
  const asked = yield* Effect.try({
    try: () => settings(first?.["$changeStream"]),
    catch: (cause) => (cause instanceof DatabaseError ? cause : failure("BadValue", String(cause)))
  })
  const { database } = call.server
  const resumeAfter = asked.resumeAfter ?? asked.startAfter
  const before = asked.fullDocumentBeforeChange !== "off"
  // a filter in front is evaluated by the database, before an event is copied
  const [head, ...others] = stages
  const filter = before || asked.fullDocument !== "updateLookup" ? undefined : head?.["$match"]
  const rest = filter === undefined ? stages : others
  const events = yield* database.watch(namespace, {
    resumeAfter,
    before,
    ...(isDocument(filter) ? { filter } : undefined)
  })
  yield* projected(call, namespace, rest, [])
  return yield* results(
    events.pipe(
      Stream.map((event) => shaped(asked, event)),
      Stream.mapEffect((event) =>
        Effect.map(projected(call, namespace, rest, [event]), (documents) => ({ token: event["_id"], documents }))
      )
    ),
    resumeAfter
  )
})

/** The event as the client asked for it. */
const shaped = ({ fullDocument, fullDocumentBeforeChange }: Settings, event: Document): Document => {
  const { fullDocument: after, fullDocumentBeforeChange: earlier, ...rest } = event
  const isUpdate = event["operationType"] === "update"
  const showsAfter = after !== undefined && !(isUpdate && fullDocument === "default")
  return {
    ...rest,
    ...(showsAfter ? { fullDocument: after } : undefined),
    ...(fullDocumentBeforeChange === "off" || event["operationType"] === "insert"
      ? undefined
      : { fullDocumentBeforeChange: earlier ?? null })
  }
}

/** What the other stages of the pipeline make of an event. */
const projected = (
  { server }: Call,
  namespace: Namespace,
  pipeline: ReadonlyArray<Document>,
  events: ReadonlyArray<Document>
): Effect.Effect<ReadonlyArray<Document>, DatabaseError> =>
  pipeline.length === 0
    ? Effect.succeed(events)
    : server.database.run({
        _tag: "Aggregate",
        namespace,
        pipeline,
        view: { _tag: "Documents", documents: events }
      })

/** What came of one event, and where the stream goes on behind it. */
interface Step {
  readonly token: unknown
  readonly documents: ReadonlyArray<Document>
}

/** Reads the stream ahead of the client, so that an interrupted wait loses no event. */
const results = Effect.fnUntraced(function* (
  steps: Stream.Stream<Step, DatabaseError>,
  resumeToken: unknown
): Effect.fn.Return<Results> {
  const scope = yield* Scope.make()
  const queue = yield* Queue.bounded<Step, DatabaseError>(mostWaiting)
  yield* Stream.runForEach(steps, (step) => Queue.offer(queue, step)).pipe(
    Effect.catch((error) => Queue.fail(queue, lost(error))),
    Effect.forkIn(scope, { startImmediately: true })
  )
  let token = resumeToken
  const batchOf = (taken: ReadonlyArray<Step>): Batch => {
    token = taken.at(-1)?.token ?? token
    return { documents: taken.flatMap(({ documents }) => documents), done: false, resumeToken: token }
  }
  return {
    next: (most, wait) =>
      wait === undefined
        ? Effect.sync(() => batchOf([]))
        : Queue.takeBetween(queue, 1, Math.max(1, Math.min(most, mostWaiting))).pipe(
            Effect.timeoutOption(wait),
            Effect.map((taken) => batchOf(Option.getOrElse(taken, () => [])))
          ),
    close: Scope.close(scope, Exit.void)
  }
})

/** A stream that fails cannot be resumed: the changes that follow are gone. */
const lost = (error: DatabaseError): DatabaseError =>
  error.code === undefined
    ? failure("ChangeStreamHistoryLost", error.message, ["NonResumableChangeStreamError"])
    : error
