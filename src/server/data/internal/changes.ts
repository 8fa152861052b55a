/** What an update means before any document is looked at. */
import * as Bson from "./bson.ts"
import type { Change, Document } from "../Operation.ts"

/** An update of documents: operators, a pipeline, or a document to put in place of another. */
export type Update = Document | ReadonlyArray<Document>

/** Whether an update is a document to put in place of another, and neither operators nor a pipeline. */
const isReplacement = (update: Update): update is Document =>
  Bson.isDocument(update) && !Object.keys(update).some((name) => name.startsWith("$"))

/**
 * An update as one of many documents. MongoDB takes no plain document for those; App Services did, and it sets its
 * fields: nothing else of the documents that match is lost, as it is where one document is replaced.
 */
export const ofMany = (update: Update): Update => (isReplacement(update) ? { $set: update } : update)

/** Which fields of a document a change has to do with. */
export interface Footprint {
  /** The fields that it names, an upsert's included; `undefined` where it may write any. */
  readonly writes: ReadonlyArray<string> | undefined
  /** Those of them that it writes in a document that is there. */
  readonly changes: ReadonlyArray<string>
  /** The fields whose values decide what comes of it; `undefined` where any may. */
  readonly reads: ReadonlyArray<string> | undefined
}

/** Operators that write the same, whatever the field holds. */
const blind = new Set(["$set", "$unset", "$currentDate", "$setOnInsert"])

/** What a change reads and writes, from the change alone. */
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
    // which elements `$` stands for depends on all that their list holds
    const [whole, ...elements] = path.split(/(?:^|\.)\$/)
    return elements.length > 0 ? [whole ?? ""] : blind.has(operator) ? [] : [path]
  })
  return {
    writes: named.map(({ path }) => path),
    changes: named.filter(({ operator }) => operator !== "$setOnInsert").map(({ path }) => path),
    reads
  }
}
