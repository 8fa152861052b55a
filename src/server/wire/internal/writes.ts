/** The statements of `insert`, `update`, `delete` and `bulkWrite`, one after the other. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import type { DatabaseError } from "../../data/DatabaseError.ts"
import type { Change, Document, Evaluation, Namespace, UpdateResult } from "../../data/Operation.ts"
import { atomic, type Call } from "./Call.ts"
import { failure, isTransient, writeErrorOf } from "./errors.ts"
import * as Fields from "./fields.ts"

/** As `hello` announces it. */
const mostStatements = 100_000

/** The failure of a statement. */
export interface Failed {
  readonly index: number
  readonly error: DatabaseError
}

/** The failures of statements, with the key of the unique index that refused a document. */
export const errorsOf = Effect.fnUntraced(function* (
  call: Call,
  namespace: Namespace,
  failed: ReadonlyArray<Failed>
): Effect.fn.Return<Document | undefined, DatabaseError> {
  if (failed.length === 0) return undefined
  const isDuplicate = failed.some(({ error }) => error.index !== undefined)
  const indexes = isDuplicate ? yield* call.server.database.indexes(namespace) : []
  const keyOf = (name: string | undefined) => indexes.find((index) => index.name === name)?.key
  return { writeErrors: failed.map(({ error, index }) => writeErrorOf(index, error, keyOf(error.index))) }
})

/** Fails for a list without statements, or with too many. */
export const checkLength = (statements: ReadonlyArray<unknown>): Effect.Effect<void, DatabaseError> =>
  statements.length > 0 && statements.length <= mostStatements
    ? Effect.void
    : Effect.fail(
        failure(
          "InvalidLength",
          `Write batch sizes must be between 1 and ${mostStatements}. Got ${statements.length} operations.`
        )
      )

/** A failure that ends the whole command: its transaction has to begin again. */
const isFatal = (call: Call, error: DatabaseError): boolean => call.inTransaction && isTransient(error)

/**
 * Executes statements in order, up to the first that fails, or all of them where the client does not care for the order. A
 * transaction ends with the first failure in any case.
 */
export const each = Effect.fnUntraced(function* <S>(
  call: Call,
  statements: ReadonlyArray<S>,
  ordered: boolean,
  execute: (statement: S, index: number) => Effect.Effect<unknown, DatabaseError>
) {
  const failed: Array<Failed> = []
  for (const [index, statement] of statements.entries()) {
    const result = yield* Effect.result(execute(statement, index))
    if (Result.isSuccess(result)) continue
    if (isFatal(call, result.failure)) return yield* result.failure
    failed.push({ index, error: result.failure })
    if (ordered || call.inTransaction) break
  }
  return failed
})

/** Inserts documents; answers with their number and with what failed. Those that follow one another go together. */
export const insert = Effect.fnUntraced(function* (
  call: Call,
  namespace: Namespace,
  documents: ReadonlyArray<Document>,
  ordered: boolean
) {
  if (call.inTransaction) {
    const failed = yield* each(call, documents, true, (document) => call.operations.insert(namespace, [document]))
    return { inserted: failed[0]?.index ?? documents.length, failed }
  }
  const failed: Array<Failed> = []
  let next = 0
  let inserted = 0
  while (next < documents.length) {
    const result = yield* Effect.result(call.operations.insert(namespace, documents.slice(next)))
    if (Result.isSuccess(result)) {
      inserted += documents.length - next
      break
    }
    const error = result.failure
    const before = error.inserted ?? 0
    inserted += before
    failed.push({ index: next + before, error })
    if (ordered) break
    next += before + 1
  }
  return { inserted, failed }
})

/** The options of an update that are the same in all commands. */
export const updateFields = {
  upsert: Fields.flag,
  multi: Fields.flag,
  arrayFilters: Fields.optional(Fields.documents),
  collation: Fields.collation,
  hint: Fields.ignored,
  sort: Fields.optional(Fields.document)
} as const

/** Reads what becomes of a document: a pipeline, update operators, or a replacement. */
export const changeOf = (value: unknown, name: string, arrayFilters: ReadonlyArray<Document> | undefined): Change => {
  if (Array.isArray(value)) return { _tag: "Update", update: Fields.documents(value, name), arrayFilters }
  const update = Fields.document(value, name)
  const [first] = Object.keys(update)
  return first?.startsWith("$") ? { _tag: "Update", update, arrayFilters } : { _tag: "Replace", document: update }
}

/** An update of one document, or of many. */
export interface UpdateStatement extends Evaluation {
  readonly filter: Document
  readonly change: Change
  readonly multi: boolean
  readonly upsert: boolean
  readonly sort: Document | undefined
}

/** Executes an update. */
export const update = (
  call: Call,
  namespace: Namespace,
  { change, collation, filter, let: variables, multi, sort, upsert }: UpdateStatement
): Effect.Effect<UpdateResult, DatabaseError> => {
  if (multi && change._tag === "Replace") {
    return Effect.fail(failure("FailedToParse", "multi update is not supported for replacement-style update"))
  }
  const asked = { filter, collation, let: variables }
  if (sort === undefined) return call.operations.update(namespace, { ...asked, change, many: multi, upsert })
  if (multi) return Effect.fail(failure("FailedToParse", "Cannot specify sort with multi=true"))
  return atomic(call, (operations) =>
    Effect.flatMap(operations.find(namespace, { ...asked, sort, limit: 1, projection: { _id: 1 } }), ([first]) =>
      operations.update(namespace, {
        // the filter stays, since the element of `$` in the change is what it finds
        ...asked,
        only: first && { _id: first["_id"] },
        change,
        upsert
      })
    )
  )
}

/** How many documents a deletion may delete: all, or the first one. */
export const isLimit: Fields.Field<boolean> = (value, name) => {
  const limit = Fields.number(value, name)
  if (limit === 0 || limit === 1) return limit === 0
  throw failure("FailedToParse", `The limit field in delete objects must be 0 or 1. Got ${limit}`)
}
