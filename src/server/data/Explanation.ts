/**
 * How the embedded database executes an operation, for people who look for slow ones.
 *
 * @since 0.1.0
 */

/**
 * How the documents of one collection were found.
 *
 * @category models
 * @since 0.1.0
 */
export interface Search {
  /** `database.collection`. */
  readonly collection: string
  /** The names of the indexes that found the documents; none if all of the collection were looked at. */
  readonly indexes: ReadonlyArray<string>
  /** How many documents were read, of those that match and those that do not. */
  readonly documentsExamined: number
}

/**
 * What an operation did.
 *
 * @category models
 * @since 0.1.0
 */
export interface Explanation {
  /** The names of the indexes that found the documents of the operation; none if all of the collection were looked at. */
  readonly indexes: ReadonlyArray<string>
  /** How many documents of the collection were read. */
  readonly documentsExamined: number
  /** How many documents, values or counts the operation returns, or how many it changes. */
  readonly documentsReturned: number
  /**
   * What was done, in this order: `COLLSCAN` (all documents are read) or `IXSCAN name` (those that an index finds), `VIEW`,
   * `FETCH` (the filter is evaluated), `SORT` (in memory; an index in the order needs none), `SKIP`, `LIMIT`,
   * `PROJECTION`, the stages of a pipeline, or the change.
   */
  readonly stages: ReadonlyArray<string>
  /** The searches in other collections, as of `$lookup`, one for each collection and index. */
  readonly others: ReadonlyArray<Search>
}
