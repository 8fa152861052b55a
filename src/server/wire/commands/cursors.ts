/** Commands that answer with documents: `find`, `aggregate`, `count`, `distinct`, `getMore`, `killCursors`. */
import { Long } from "bson"
import * as Clock from "effect/Clock"
import * as Effect from "effect/Effect"
import type { DatabaseError } from "../../data/DatabaseError.ts"
import { isDocument } from "../../data/internal/bson.ts"
import { Limits } from "../../data/internal/steps.ts"
import { type Document, type Evaluation, nameOf } from "../../data/Operation.ts"
import {
  type Call,
  collectionsOf,
  type Command,
  type Handler,
  namespaceOf,
  type Needs,
  pipelined
} from "../internal/Call.ts"
import * as Cursors from "../internal/cursors.ts"
import { fail, failure, unsupported } from "../internal/errors.ts"
import * as Fields from "../internal/fields.ts"
import { usualWait } from "./changeStreams.ts"
import * as ChangeStreams from "./changeStreams.ts"
import { localSessions } from "./sessions.ts"
import { collectionStatistics } from "./information.ts"

/** Tools such as `mongodump` read whole collections by one query, which may cost ten times as much as one of a client. */
const patiently = Effect.updateService(Limits, ({ steps, time, values }) => ({
  steps: steps * 10,
  values: values * 10,
  time
}))

/** The number of documents in a first batch, where the client does not say. */
const usualBatch = 101

/** Opens a cursor on results, and answers with its first batch. */
const answer = Effect.fnUntraced(function* (
  call: Call,
  namespace: string,
  results: Cursors.Results,
  { batchSize = usualBatch, single = false }: { readonly batchSize?: number | undefined; readonly single?: boolean }
) {
  const first = yield* results.next(batchSize, undefined)
  const ends = first.done || single
  const cursor = ends
    ? undefined
    : yield* call.server.cursors.open(results, {
        namespace,
        user: call.source.user,
        session: call.session?.key
      })
  return {
    cursor: {
      firstBatch: first.documents,
      ...(first.resumeToken === undefined ? undefined : { postBatchResumeToken: first.resumeToken }),
      id: cursor?.id ?? Long.ZERO,
      ns: namespace
    },
    ok: 1
  }
})

/** Answers with a list by a cursor that is not named after a collection. */
export const answerList = (call: Call, what: string, documents: ReadonlyArray<Document>, batchSize?: number) =>
  answer(call, `${call.database}.$cmd.${what}`, Cursors.fromList(documents), { batchSize: batchSize ?? Infinity })

const queryFields = {
  filter: Fields.optional(Fields.document),
  sort: Fields.optional(Fields.document),
  projection: Fields.optional(Fields.document),
  skip: Fields.optional(Fields.count),
  limit: Fields.optional(Fields.number),
  batchSize: Fields.optional(Fields.count),
  singleBatch: Fields.flag,
  allowDiskUse: Fields.ignored,
  allowPartialResults: Fields.ignored,
  awaitData: Fields.refused,
  collation: Fields.collation,
  hint: Fields.ignored,
  let: Fields.optional(Fields.document),
  max: Fields.refused,
  min: Fields.refused,
  noCursorTimeout: Fields.ignored,
  oplogReplay: Fields.ignored,
  returnKey: Fields.refused,
  showRecordId: Fields.refused,
  tailable: Fields.refused
}

const find: Handler = Effect.fnUntraced(function* (call) {
  const query = yield* Fields.read(call.request, { find: Fields.text, ...queryFields })
  const namespace = namespaceOf(call, query.find)
  const limit = query.limit ?? 0
  const documents = yield* patiently(
    call.operations.find(namespace, {
      filter: query.filter ?? {},
      projection: query.projection,
      sort: query.sort,
      skip: query.skip,
      limit: Math.abs(limit),
      collation: query.collation,
      let: query.let
    })
  )
  // older clients ask for a single batch by a negative limit
  return yield* answer(call, nameOf(namespace), Cursors.fromList(documents), {
    batchSize: query.batchSize,
    single: query.singleBatch || limit < 0
  })
})

const cursorOptions: Fields.Field<{ readonly batchSize: number | undefined }> = (value, name) =>
  Fields.readAll(Fields.document(value ?? {}, name), { batchSize: Fields.optional(Fields.count) }, name)

const aggregateFields = {
  pipeline: Fields.documents,
  cursor: cursorOptions,
  allowDiskUse: Fields.ignored,
  bypassDocumentValidation: Fields.ignored,
  collation: Fields.collation,
  explain: Fields.flag,
  hint: Fields.ignored,
  let: Fields.optional(Fields.document)
}

const aggregate: Handler = Effect.fnUntraced(function* (call) {
  const {
    aggregate: target,
    collation,
    cursor: { batchSize },
    explain,
    let: variables,
    pipeline
  } = yield* Fields.read(call.request, { aggregate: Fields.anything, ...aggregateFields })
  if (explain) return yield* unsupported("aggregate with explain")
  const [first] = pipeline
  const evaluation = { collation, let: variables }
  if (typeof target !== "string") return yield* aggregateDatabase(call, pipeline, evaluation, batchSize)
  const namespace = namespaceOf(call, target)
  const name = nameOf(namespace)
  if (first !== undefined && Object.hasOwn(first, "$changeStream")) {
    yield* checkWatch(evaluation)
    return yield* answer(call, name, yield* ChangeStreams.open(call, target, pipeline), { batchSize })
  }
  const documents =
    first !== undefined && Object.hasOwn(first, "$collStats")
      ? yield* pipelined(
          call,
          pipeline.slice(1),
          [yield* collectionStatistics(call, namespace, first["$collStats"])],
          evaluation
        )
      : yield* call.operations.aggregate(namespace, pipeline, evaluation)
  return yield* answer(call, name, Cursors.fromList(documents), { batchSize })
})

/** Stages of MongoDB that tell about its server. */
const serverStages = new Set(["$currentOp", "$listSessions", "$queryStats", "$shardedDataDistribution"])

/** A change stream compares bytes. */
const checkWatch = ({ collation, let: variables }: Evaluation): Effect.Effect<void, DatabaseError> =>
  collation === undefined && variables === undefined ? Effect.void : unsupported("$changeStream with collation or let")

/** A pipeline of a database instead of a collection makes its own documents. */
const aggregateDatabase = Effect.fnUntraced(function* (
  call: Call,
  pipeline: ReadonlyArray<Document>,
  evaluation: Evaluation,
  batchSize: number | undefined
) {
  const [first = {}] = pipeline
  if (Object.hasOwn(first, "$changeStream")) {
    yield* checkWatch(evaluation)
    const stream = yield* ChangeStreams.open(call, undefined, pipeline)
    return yield* answer(call, `${call.database}.$cmd.aggregate`, stream, { batchSize })
  }
  const [name] = Object.keys(first)
  if (name !== undefined && serverStages.has(name)) {
    return yield* unsupported(`the stage ${name}`, "of the stages of a database, $documents and $listLocalSessions are")
  }
  if (name !== "$documents" && name !== "$listLocalSessions") {
    return yield* fail("InvalidNamespace", "{aggregate: 1} is not valid for this pipeline: name a collection")
  }
  const documents =
    name === "$documents"
      ? yield* call.operations.aggregate(namespaceOf(call, "$cmd.aggregate"), pipeline, evaluation)
      : yield* pipelined(call, pipeline.slice(1), yield* localSessions(call, first[name]), evaluation)
  return yield* answer(call, `${call.database}.$cmd.aggregate`, Cursors.fromList(documents), { batchSize })
})

const count: Handler = Effect.fnUntraced(function* (call) {
  const query = yield* Fields.read(call.request, {
    count: Fields.text,
    query: Fields.optional(Fields.document),
    limit: Fields.optional(Fields.number),
    skip: Fields.optional(Fields.count),
    collation: Fields.collation,
    fields: Fields.ignored,
    hint: Fields.ignored
  })
  const n = yield* call.operations.count(namespaceOf(call, query.count), {
    filter: query.query ?? {},
    skip: query.skip,
    limit: Math.abs(query.limit ?? 0),
    collation: query.collation
  })
  return { n, ok: 1 }
})

const distinct: Handler = Effect.fnUntraced(function* (call) {
  const query = yield* Fields.read(call.request, {
    distinct: Fields.text,
    key: Fields.text,
    query: Fields.optional(Fields.document),
    collation: Fields.collation,
    hint: Fields.ignored
  })
  const values = yield* call.operations.distinct(namespaceOf(call, query.distinct), query.key, query.query ?? {}, {
    collation: query.collation
  })
  return { values, ok: 1 }
})

const longOf = (value: unknown): Long | undefined => {
  if (value instanceof Long) return value
  const number = Fields.numberOf(value)
  return number === undefined ? undefined : Long.fromNumber(number)
}

const cursorNotFound = (id: Long) => failure("CursorNotFound", `cursor id ${id.toString()} not found`)

const getMore: Handler = (call) =>
  Effect.gen(function* () {
    const {
      batchSize = Infinity,
      collection,
      maxTimeMS,
      ...asked
    } = yield* Fields.read(call.request, {
      getMore: Fields.anything,
      collection: Fields.text,
      batchSize: Fields.optional(Fields.count),
      maxTimeMS: Fields.optional(Fields.count),
      lastKnownCommittedOpTime: Fields.ignored,
      term: Fields.ignored
    })
    const id = longOf(asked.getMore)
    if (id === undefined) return yield* fail("TypeMismatch", "BSON field 'getMore.getMore' must be a long")
    const { cursors } = call.server
    const cursor = cursors.find(id, call.source.user)
    if (cursor === undefined) return yield* cursorNotFound(id)
    if (cursor.namespace !== `${call.database}.${collection}`) {
      return yield* fail(
        "Unauthorized",
        `Requested getMore on namespace '${call.database}.${collection}', but cursor belongs to a different namespace ${cursor.namespace}`
      )
    }
    if (cursor.busy) return yield* fail("BadValue", `cursor id ${id.toString()} is already in use`)
    cursor.busy = true
    return yield* cursor.next(batchSize === 0 ? Infinity : batchSize, maxTimeMS ?? usualWait).pipe(
      Effect.tapError(() => cursors.close(cursor)),
      Effect.flatMap((batch) => moreOf(call, cursor, batch)),
      Effect.ensuring(
        Effect.map(Clock.currentTimeMillis, (now) => {
          cursor.busy = false
          cursor.lastUse = now
        })
      )
    )
  })

const moreOf = (call: Call, cursor: Cursors.Cursor, { documents, done, resumeToken }: Cursors.Batch) =>
  Effect.as(done ? call.server.cursors.close(cursor) : Effect.void, {
    cursor: {
      nextBatch: documents,
      ...(resumeToken === undefined ? undefined : { postBatchResumeToken: resumeToken }),
      id: done ? Long.ZERO : cursor.id,
      ns: cursor.namespace
    },
    ok: 1
  })

const killCursors: Handler = Effect.fnUntraced(function* (call) {
  const { cursors: ids } = yield* Fields.read(call.request, {
    killCursors: Fields.text,
    cursors: (value, name) => {
      const found = Array.isArray(value) ? value.map(longOf) : []
      if (!Array.isArray(value) || found.includes(undefined)) {
        throw failure("TypeMismatch", `BSON field '${name}' must be an array of longs`)
      }
      return found.filter((id) => id !== undefined)
    }
  })
  const killed: Array<Long> = []
  const unknown: Array<Long> = []
  for (const id of ids) {
    const cursor = call.server.cursors.find(id, call.source.user)
    if (cursor === undefined) unknown.push(id)
    else {
      killed.push(id)
      yield* call.server.cursors.close(cursor)
    }
  }
  return { cursorsKilled: killed, cursorsNotFound: unknown, cursorsAlive: [], cursorsUnknown: [], ok: 1 }
})

/** The documents of a list that a filter finds. */
export const filtered = (
  call: Call,
  documents: ReadonlyArray<Document>,
  filter: unknown
): Effect.Effect<ReadonlyArray<Document>, DatabaseError, Needs> =>
  isDocument(filter)
    ? call.server.database.run({
        _tag: "Find",
        namespace: namespaceOf(call, "$cmd"),
        filter,
        view: { _tag: "Documents", documents }
      })
    : Effect.succeed(documents)

/** The size of the first batch. */
export const firstBatchSize: Fields.Field<number | undefined> = (value, name) =>
  Fields.readAll(Fields.document(value ?? {}, name), { batchSize: Fields.optional(Fields.count) }, name).batchSize

/** Whether there is a collection. */
export const exists = (call: Call, collection: string) =>
  Effect.map(collectionsOf(call, call.database), (names) => names.includes(collection))

/** The commands by name. */
export const commands: Readonly<Record<string, Command>> = {
  find: { handler: find, inTransaction: true },
  aggregate: { handler: aggregate, inTransaction: true },
  count: { handler: count },
  distinct: { handler: distinct, inTransaction: true },
  getMore: { handler: getMore, inTransaction: true },
  killCursors: { handler: killCursors, inTransaction: true }
}
