/** The failures of the embedded database, and their errors. */
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { LanguageError } from "../../language/LanguageError.ts"
import { shown } from "../../language/messages.ts"
import { RowStoreError } from "../../storage/RowStore.ts"
import { DatabaseError, duplicateCode, transientLabel } from "../DatabaseError.ts"
import * as Steps from "./steps.ts"

/** Where a document has the key of another one: `keyValue` are its values of the indexed fields. */
interface DuplicateOf {
  /** The name of the collection with its database. */
  readonly collection: string
  /** The name of the unique index. */
  readonly index: string
  readonly keyValue?: Readonly<Record<string, unknown>>
}

/** The message of a duplicate key, in MongoDB's words. */
export const duplicateMessage = ({ collection, index, keyValue }: DuplicateOf): string => {
  const fields = keyValue && Object.entries(keyValue).map(([path, value]) => `${path}: ${shown(value)}`)
  const key = fields === undefined ? "" : ` dup key: { ${fields.join(", ")} }`
  return `Duplicate key error: E11000 duplicate key error collection: ${collection} index: ${index}${key}`
}

/** A document has the key of another one in a unique index. */
export class DuplicateKey extends Schema.TaggedError<DuplicateKey>()("DuplicateKey", {
  message: Schema.String,
  index: Schema.String
}) {
  static readonly of = (duplicate: DuplicateOf): DuplicateKey =>
    new DuplicateKey({ message: duplicateMessage(duplicate), index: duplicate.index })
}

/** A write conflict: another writer changed a document of the transaction since it began. */
export class WriteConflict extends Schema.TaggedError<WriteConflict>()("WriteConflict", { message: Schema.String }) {}

/** A transaction that has ended. */
export class NoTransaction extends Schema.TaggedError<NoTransaction>()("NoTransaction", { message: Schema.String }) {}

export const ended = (): NoTransaction =>
  new NoTransaction({ message: "the transaction has ended: an error, a commit or an abort ended it" })

const messageOf = (cause: unknown): string =>
  cause instanceof RangeError
    ? "the document is nested too deeply"
    : cause instanceof RowStoreError
      ? `nothing was written: ${cause.message}`
      : cause instanceof Error
        ? cause.message
        : String(cause)

const detailsOf = (cause: unknown): Pick<DatabaseError, "code" | "index" | "labels"> => {
  if (cause instanceof LanguageError) return { code: cause.code }
  if (cause instanceof DuplicateKey) return { code: duplicateCode, index: cause.index }
  if (cause instanceof WriteConflict) return { code: 112, labels: [transientLabel] }
  if (cause instanceof NoTransaction) return { code: 251 }
  return cause instanceof Steps.TimeLimitExceeded ? { code: 50 } : {}
}

/** Converts any failure to the error of an operation, with MongoDB's code if it has one. */
export const asError = (cause: unknown): DatabaseError =>
  cause instanceof DatabaseError ? cause : new DatabaseError({ message: messageOf(cause), ...detailsOf(cause) })

/**
 * Runs several operations within the limits of one.
 *
 * @category combinators
 * @since 0.1.0
 */
export const bounded = <A, E, R>(effect: Effect.Effect<A, E, R>): Effect.Effect<A, E | DatabaseError, R> =>
  Effect.catchDefect(
    Effect.catchTag(Steps.operation(effect), "TimeLimitExceeded", (error) => Effect.fail(asError(error))),
    (defect) => (defect instanceof LanguageError ? Effect.fail(asError(defect)) : Effect.die(defect))
  )
