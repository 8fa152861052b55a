/** The command `bulkWrite`: statements of several collections. */
import { Long } from "bson"
import * as Effect from "effect/Effect"
import { DatabaseError } from "../../data/DatabaseError.ts"
import type { Document, Namespace } from "../../data/Operation.ts"
import { type Call, type Command, type Handler, namespaceOf } from "../internal/Call.ts"
import { failure, writeErrorOf } from "../internal/errors.ts"
import * as Fields from "../internal/fields.ts"
import * as Writes from "../internal/writes.ts"

/** What a statement did. */
interface Done {
  readonly inserted?: number
  readonly matched?: number
  readonly modified?: number
  readonly deleted?: number
  readonly upserted?: { readonly _id: unknown }
}

type Statement = (call: Call, variables: Document | undefined) => Effect.Effect<Done, DatabaseError>

/** Where the collection of a statement stands in `nsInfo`. */
const place = (namespaces: ReadonlyArray<Namespace>, value: unknown, name: string): Namespace => {
  const namespace = namespaces[Fields.count(value, name)]
  if (namespace !== undefined) return namespace
  throw failure("BadValue", `BulkWrite ops entry ${name} has an invalid nsInfo index.`)
}

const insert = (op: Document, namespaces: ReadonlyArray<Namespace>): Statement => {
  const asked = Fields.readAll(op, { insert: Fields.anything, document: Fields.document }, "bulkWrite.ops")
  const namespace = place(namespaces, asked.insert, "insert")
  return ({ operations }) => Effect.as(operations.insert(namespace, [asked.document]), { inserted: 1 })
}

const update = (op: Document, namespaces: ReadonlyArray<Namespace>): Statement => {
  const { constants: _, ...asked } = Fields.readAll(
    op,
    {
      update: Fields.anything,
      filter: Fields.document,
      updateMods: Fields.anything,
      constants: Fields.refused,
      ...Writes.updateFields
    },
    "bulkWrite.ops"
  )
  const namespace = place(namespaces, asked.update, "update")
  const change = Writes.changeOf(asked.updateMods, "bulkWrite.ops.updateMods", asked.arrayFilters)
  return (call, variables) =>
    Effect.map(Writes.update(call, namespace, { ...asked, change, let: variables }), (result) => ({
      matched: result.matchedCount,
      modified: result.modifiedCount,
      ...("upsertedId" in result ? { upserted: { _id: result.upsertedId } } : undefined)
    }))
}

const remove = (op: Document, namespaces: ReadonlyArray<Namespace>): Statement => {
  const asked = Fields.readAll(
    op,
    {
      delete: Fields.anything,
      filter: Fields.document,
      multi: Fields.flag,
      collation: Fields.collation,
      hint: Fields.ignored
    },
    "bulkWrite.ops"
  )
  const namespace = place(namespaces, asked.delete, "delete")
  const { collation, filter, multi: many } = asked
  return ({ operations }, variables) =>
    Effect.map(operations.delete(namespace, { filter, many, collation, let: variables }), (deleted) => ({ deleted }))
}

const kinds = { insert, update, delete: remove } as const

const statementOf = (op: Document, namespaces: ReadonlyArray<Namespace>): Statement => {
  const name = Fields.nameOf(op)
  if (name === "insert" || name === "update" || name === "delete") return kinds[name](op, namespaces)
  throw failure("BadValue", `BSON field 'bulkWrite.ops.${name}' is an unknown operation.`)
}

const namespacesOf = (call: Call, infos: ReadonlyArray<Document>): ReadonlyArray<Namespace> =>
  infos.map((info) => {
    const { ns } = Fields.readAll(info, { ns: Fields.text }, "bulkWrite.nsInfo")
    const dot = ns.indexOf(".")
    if (dot <= 0 || dot === ns.length - 1) throw failure("InvalidNamespace", `Invalid namespace specified '${ns}'`)
    return namespaceOf({ ...call, database: ns.slice(0, dot) }, ns.slice(dot + 1))
  })

const bulkWrite: Handler = Effect.fnUntraced(function* (call) {
  if (call.database !== "admin") {
    return yield* failure("Unauthorized", "bulkWrite may only be run against the admin database.")
  }
  const {
    errorsOnly,
    let: variables,
    nsInfo,
    ops,
    ordered
  } = yield* Fields.read(call.request, {
    bulkWrite: Fields.anything,
    ops: Fields.documents,
    nsInfo: Fields.documents,
    ordered: (value: unknown, name: string) => value === undefined || Fields.flag(value, name),
    errorsOnly: Fields.flag,
    bypassDocumentValidation: Fields.ignored,
    cursor: Fields.ignored,
    let: Fields.optional(Fields.document)
  })
  yield* Writes.checkLength(ops)
  const statements = yield* Effect.try({
    try: () => {
      const namespaces = namespacesOf(call, nsInfo)
      return ops.map((op) => statementOf(op, namespaces))
    },
    catch: (cause) => (cause instanceof DatabaseError ? cause : failure("BadValue", String(cause)))
  })
  const results = new Map<number, Done>()
  const failed = yield* Writes.each(call, statements, ordered, (statement, index) =>
    Effect.map(statement(call, variables), (done) => results.set(index, done))
  )
  return replyOf(results, failed, errorsOnly)
})

const replyOf = (
  results: ReadonlyMap<number, Done>,
  failed: ReadonlyArray<Writes.Failed>,
  errorsOnly: boolean
): Document => {
  const all = [...results.values()]
  const sum = (of: (done: Done) => number | undefined) => all.reduce((total, done) => total + (of(done) ?? 0), 0)
  const succeeded = errorsOnly
    ? []
    : Array.from(results, ([idx, { deleted, inserted, matched, modified, upserted }]) => ({
        ok: 1,
        idx,
        n: (inserted ?? deleted ?? matched ?? 0) + (upserted === undefined ? 0 : 1),
        ...(modified === undefined ? undefined : { nModified: modified }),
        ...(upserted === undefined ? undefined : { upserted })
      }))
  const errors = failed.map(({ error, index }) => {
    const { code, errmsg } = writeErrorOf(index, error)
    return { ok: 0, idx: index, code, errmsg, n: 0 }
  })
  return {
    cursor: {
      id: Long.ZERO,
      firstBatch: [...succeeded, ...errors].toSorted((a, b) => a.idx - b.idx),
      ns: "admin.$cmd.bulkWrite"
    },
    nErrors: failed.length,
    nInserted: sum(({ inserted }) => inserted),
    nMatched: sum(({ matched }) => matched),
    nModified: sum(({ modified }) => modified),
    nUpserted: sum(({ upserted }) => (upserted === undefined ? 0 : 1)),
    nDeleted: sum(({ deleted }) => deleted),
    ok: 1
  }
}

/** The commands by name. */
export const commands: Readonly<Record<string, Command>> = {
  bulkWrite: { handler: bulkWrite, inTransaction: true, writes: true }
}
