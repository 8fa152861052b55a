/**
 * A database that returns plain numbers.
 *
 * A database distinguishes four types of numbers. A whole double is returned as `Double`, and a 64-bit integer as
 * `Long`, with which JavaScript code cannot compute. As in MongoDB's driver for Node.js, a `number` replaces them if it
 * has the same value.
 *
 * @since 0.1.0
 */
import { Double, Long } from "bson"
import * as Effect from "effect/Effect"
import * as Stream from "effect/Stream"
import { Database, type Service } from "./Database.ts"
import type { DatabaseError } from "./DatabaseError.ts"
import type { Driver, Run } from "./Driver.ts"
import { define, isDocument } from "./internal/bson.ts"
import type { Answer, Kind, Operation } from "./Operation.ts"

const plainLeaf = (value: object): unknown => {
  if (value instanceof Double) return value.value
  if (!(value instanceof Long)) return value
  const number = value.toNumber()
  return Number.isSafeInteger(number) ? number : value
}

/** Returns the same value if it contains no such number. */
const plain = (value: unknown): unknown => {
  if (typeof value !== "object" || value === null) return value
  if (Array.isArray(value)) {
    const items = value.map(plain)
    return items.some((item, i) => item !== value[i]) ? items : value
  }
  return isDocument(value) ? plainDocument(value) : plainLeaf(value)
}

const plainDocument = (document: Record<string, unknown>): Record<string, unknown> => {
  const names = Object.keys(document)
  const values = names.map((name) => plain(document[name]))
  if (values.every((value, i) => value === document[names[i] ?? ""])) return document
  const out: Record<string, unknown> = {}
  for (const [i, name] of names.entries()) define(out, name, values[i])
  return out
}

const answers: { readonly [K in Kind]: (answer: Answer<K>) => Answer<K> } = {
  Insert: (ids) => ids.map(plain),
  Find: (documents) => documents.map(plainDocument),
  Count: (count) => count,
  Distinct: (values) => values.map(plain),
  Aggregate: (documents) => documents.map(plainDocument),
  Update: (result) => ("upsertedId" in result ? { ...result, upsertedId: plain(result.upsertedId) } : result),
  Delete: (count) => count,
  FindOneAnd: (document) => document && plainDocument(document)
}

const plainly =
  (run: Run): Run =>
  <K extends Kind>(operation: Operation<K>): Effect.Effect<Answer<K>, DatabaseError> =>
    Effect.map(run(operation), (answer) => answers[operation._tag](answer))

/**
 * Creates a database whose results and events have plain numbers.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (database: Driver): Service =>
  Database.make({
    ...database,
    run: plainly(database.run),
    transaction: Effect.map(database.transaction, (transaction) => ({
      ...transaction,
      run: plainly(transaction.run)
    })),
    changes: (watched, watch) =>
      Effect.map(
        database.changes(watched, watch),
        Stream.map(({ events, token }) => ({ events: events.map(plainDocument), token }))
      )
  })
