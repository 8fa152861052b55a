/** What functions send and receive of several writes in one call. */
import type { Change, Document, Evaluation } from "../../data/Database.ts"

/** One of the writes. */
export type Write =
  | { readonly _tag: "Insert"; readonly document: Document }
  | ({
      readonly _tag: "Update"
      readonly filter: Document
      readonly change: Change
      readonly many: boolean
      readonly upsert: boolean
    } & Evaluation)
  | ({ readonly _tag: "Delete"; readonly filter: Document; readonly many: boolean } & Evaluation)

/** The result of the writes: the numbers of documents, and the ids of new ones by the index of their write. */
export interface BulkResult {
  readonly insertedCount: number
  readonly matchedCount: number
  readonly modifiedCount: number
  readonly deletedCount: number
  readonly upsertedCount: number
  readonly insertedIds: Document
  readonly upsertedIds: Document
}
