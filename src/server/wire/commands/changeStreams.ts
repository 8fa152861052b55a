/** Change streams: a cursor whose documents are the changes of a collection, a database or a data source. */
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Queue from "effect/Queue"
import * as Scope from "effect/Scope"
import * as Stream from "effect/Stream"
import { DatabaseError } from "../../data/DatabaseError.ts"
import { isDocument } from "../../data/internal/bson.ts"
import type { Document, Watched } from "../../data/Operation.ts"
import { type Call, pipelined } from "../internal/Call.ts"
import { type Batch, leading, type Results } from "../internal/cursors.ts"
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
      allChangesForCluster: Fields.flag,
      showExpandedEvents: Fields.ignored
    },
    "$changeStream"
  )

type Settings = ReturnType<typeof settings>

/** Opens the change stream of a pipeline that begins with `$changeStream`; without a collection, that of a database. */
export const open = Effect.fnUntraced(function* (
  call: Call,
  collection: string | undefined,
  [first, ...stages]: ReadonlyArray<Document>
) {
  if (call.inTransaction) {
    return yield* fail("OperationNotSupportedInTransaction", "$changeStream cannot be used in a transaction")
  }
  const asked = yield* Effect.try({
    try: () => settings(first?.["$changeStream"]),
    catch: (cause) => (cause instanceof DatabaseError ? cause : failure("BadValue", String(cause)))
  })
  const watched = yield* watchedOf(call, collection, asked)
  const before = asked.fullDocumentBeforeChange !== "off"
  // a filter in front is evaluated by the database, before an event is copied
  const [head, ...others] = stages
  const filter = before || asked.fullDocument !== "updateLookup" ? undefined : head?.["$match"]
  const rest = filter === undefined ? stages : others
  const changes = yield* call.server.database.changes(watched, {
    resumeAfter: asked.resumeAfter,
    startAfter: asked.startAfter,
    before,
    ...(isDocument(filter) ? { filter } : undefined)
  })
  // a wrong pipeline is refused at once
  yield* pipelined(call, rest, [])
  return yield* results(
    Stream.mapEffect(changes, ({ events, token }) =>
      Effect.map(
        pipelined(
          call,
          rest,
          events.map((event) => shaped(asked, event))
        ),
        (documents) => ({ documents, token })
      ).pipe(Effect.tap(({ documents }) => checkTokens(documents)))
    )
  )
})

/** Without its token an event cannot be resumed after. */
const checkTokens = (documents: ReadonlyArray<Document>): Effect.Effect<void, DatabaseError> =>
  documents.every(({ _id }) => isDocument(_id) && Object.hasOwn(_id, "_data"))
    ? Effect.void
    : fail(
        "ChangeStreamFatalError",
        "Encountered an event whose _id field, which contains the resume token, was modified by the pipeline.",
        ["NonResumableChangeStreamError"]
      )

const watchedOf = (
  { database, source: { appId, service } }: Call,
  collection: string | undefined,
  { allChangesForCluster }: Settings
): Effect.Effect<Watched, DatabaseError> => {
  if (allChangesForCluster) {
    return database === "admin" && collection === undefined
      ? Effect.succeed({ appId, service })
      : fail("InvalidOptions", "allChangesForCluster is for change streams of the admin database")
  }
  return Effect.succeed(
    collection === undefined ? { appId, service, database } : { appId, service, database, collection }
  )
}

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

/** What came of a part of the stream, and where the stream goes on behind it. */
interface Part {
  readonly token: Document
  readonly documents: ReadonlyArray<Document>
}

/** Reads the stream ahead of the client, so that an interrupted wait loses no event. */
const results = Effect.fnUntraced(function* (
  parts: Stream.Stream<Part, DatabaseError>
): Effect.fn.Return<Results, DatabaseError> {
  const scope = yield* Scope.make()
  const queue = yield* Queue.bounded<Part, DatabaseError>(mostWaiting)
  yield* Stream.runForEach(parts, (part) => Queue.offer(queue, part)).pipe(
    Effect.catch((error) => Queue.fail(queue, error)),
    Effect.forkIn(scope, { startImmediately: true })
  )
  const close = Scope.close(scope, Exit.void)
  // the first part is the place where the stream starts
  let waiting: ReadonlyArray<Part> = [yield* Effect.tapError(Queue.take(queue), () => close)]
  let token: Document | undefined

  /** The next documents, in whole parts where they fit: a token stands behind all documents of its part. */
  const batchOf = (most: number): Batch => {
    const documents = leading(
      waiting.flatMap((part) => part.documents),
      most
    )
    const rest: Array<Part> = []
    let left = documents.length
    for (const part of waiting) {
      const taken = Math.min(left, part.documents.length)
      left -= taken
      if (taken < part.documents.length || rest.length > 0) {
        rest.push({ token: part.token, documents: part.documents.slice(taken) })
      } else token = part.token
    }
    const last = rest.length > 0 ? documents.at(-1)?.["_id"] : undefined
    if (isDocument(last)) token = last
    waiting = rest
    return { documents, done: false, resumeToken: token }
  }

  return {
    next: (most, wait) =>
      wait === undefined || waiting.length > 0
        ? Effect.sync(() => batchOf(most))
        : awaited(queue, wait).pipe(
            Effect.map((parts) => {
              waiting = parts
              return batchOf(most)
            })
          ),
    close
  }
})

/** Waits for a part with documents; parts without one only move the token on. */
const awaited = (queue: Queue.Dequeue<Part, DatabaseError>, wait: number) => {
  const taken: Array<Part> = []
  const take: Effect.Effect<void, DatabaseError> = Effect.flatMap(Queue.takeBetween(queue, 1, mostWaiting), (parts) => {
    taken.push(...parts)
    return parts.some(({ documents }) => documents.length > 0) ? Effect.void : take
  })
  return Effect.as(Effect.timeoutOption(take, wait), taken)
}
