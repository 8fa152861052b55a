/** What an update means before any document is looked at. */
import * as Bson from "./bson.ts"
import type { Document } from "./bson.ts"

/** An update of documents: operators, a pipeline, or a document to put in place of another. */
export type Update = Document | ReadonlyArray<Document>

/** What happens to a document: it is updated, or another one takes its place. */
export type Change =
  | {
      readonly _tag: "Update"
      readonly update: Update
      readonly arrayFilters?: ReadonlyArray<Document> | undefined
    }
  | { readonly _tag: "Replace"; readonly document: Document }

/** Whether an update is a document to put in place of another, and neither operators nor a pipeline. */
export const isReplacement = (update: Update): update is Document =>
  Bson.isDocument(update) && !Object.keys(update).some((name) => name.startsWith("$"))

/**
 * An update as one of many documents. MongoDB takes no plain document for those; App Services did, and it sets its
 * fields: nothing else of the documents that match is lost, as it is where one document is replaced.
 */
export const ofMany = (update: Update): Update => (isReplacement(update) ? { $set: update } : update)
