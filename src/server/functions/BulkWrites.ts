/** Several writes to a collection in one call: `bulkWrite`, and the older `initializeOrderedBulkOp`. */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import { DatabaseError, type Document, type Namespace, type Operations } from "../data/Database.ts"
import type { BulkResult, Write } from "./shared/bulkWrites.ts"

/**
 * Executes the writes in sequence. Ordered ones stop at the first failure; unordered ones are all executed, and then
 * fail with the first failure and the number of failures. Earlier writes stay.
 */
export const run = Effect.fnUntraced(function* (
  database: Operations,
  namespace: Namespace,
  writes: ReadonlyArray<Write>,
  ordered: boolean
): Effect.fn.Return<BulkResult, DatabaseError> {
  const result = { insertedCount: 0, matchedCount: 0, modifiedCount: 0, deletedCount: 0, upsertedCount: 0 }
  const insertedIds: Document = {}
  const upsertedIds: Document = {}

  const make = Effect.fnUntraced(function* (write: Write, place: number) {
    switch (write._tag) {
      case "Insert": {
        const [id] = yield* database.insert(namespace, [write.document])
        insertedIds[place] = id
        result.insertedCount++
        return
      }
      case "Delete":
        result.deletedCount += yield* database.delete(namespace, write)
        return
      case "Update": {
        const updated = yield* database.update(namespace, write)
        result.matchedCount += updated.matchedCount
        result.modifiedCount += updated.modifiedCount
        if (!("upsertedId" in updated)) return
        upsertedIds[place] = updated.upsertedId
        result.upsertedCount++
      }
    }
  })

  const failures: Array<DatabaseError> = []
  for (const [place, write] of writes.entries()) {
    const made = yield* Effect.result(make(write, place))
    if (Result.isSuccess(made)) continue
    failures.push(made.failure)
    if (ordered) break
  }
  const [first] = failures
  if (first === undefined) return { ...result, insertedIds, upsertedIds }
  const { code, labels } = first
  return yield* new DatabaseError({
    message: `${failures.length} of ${writes.length} writes failed, the first with: ${first.message}`,
    ...(code !== undefined && { code }),
    ...(labels !== undefined && { labels })
  })
})
