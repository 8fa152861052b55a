/** Analyses an update without documents. */
import * as Bson from "./bson.ts"
import type { Change, Document } from "../Operation.ts"

/** An update: operators, a pipeline, or a replacement. */
export type Update = Document | ReadonlyArray<Document>

/** Whether an update is a replacement. */
const isReplacement = (update: Update): update is Document =>
  Bson.isDocument(update) && !Object.keys(update).some((name) => name.startsWith("$"))

/**
 * An update of many documents. MongoDB rejects a plain document here; App Services sets its fields, and keeps all other
 * fields of the matching documents.
 */
export const ofMany = (update: Update): Update => (isReplacement(update) ? { $set: update } : update)

/** The fields of a document that a change involves. */
export interface Footprint {
  /** The named fields, including those of an upsert; `undefined` if it may write any. */
  readonly writes: ReadonlyArray<string> | undefined
  /** The fields that it writes in an existing document. */
  readonly changes: ReadonlyArray<string>
  /** The fields that influence the result; `undefined` if any may. */
  readonly reads: ReadonlyArray<string> | undefined
}

/** Operators whose result is independent of the field's value. */
const blind = new Set(["$set", "$unset", "$currentDate", "$setOnInsert"])

/** The fields that a change reads and writes, determined without a document. */
export const footprint = (change: Change): Footprint => {
  const update = change._tag === "Replace" ? change.document : change.update
  if (change._tag === "Replace" || isReplacement(update)) {
    const writes = Object.keys(update).filter((name) => name !== "_id")
    return { writes, changes: writes, reads: undefined }
  }
  if (!Bson.isDocument(update) || Object.hasOwn(update, "$rename")) {
    return { writes: undefined, changes: [], reads: undefined }
  }
  const named = Object.entries(update).flatMap(([operator, fields]) =>
    Bson.isDocument(fields) ? Object.keys(fields).map((path) => ({ operator, path })) : []
  )
  const reads = named.flatMap(({ operator, path }) => {
    // the element of `$` depends on the whole array
    const [whole, ...elements] = path.split(/(?:^|\.)\$/)
    return elements.length > 0 ? [whole ?? ""] : blind.has(operator) ? [] : [path]
  })
  return {
    writes: named.map(({ path }) => path),
    changes: named.filter(({ operator }) => operator !== "$setOnInsert").map(({ path }) => path),
    reads
  }
}
