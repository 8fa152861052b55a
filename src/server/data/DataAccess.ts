/**
 * What users may reach of an application's data sources: everything, nothing, or what rules let them. What the system
 * does reaches everything.
 *
 * @since 0.1.0
 */
import type { Rules } from "./Rules.ts"

/**
 * Whether a collection is open to every user, closed to all of them, or ruled.
 *
 * @category models
 * @since 0.1.0
 */
export type Access = boolean | Rules

/**
 * What users may reach of one data source.
 *
 * @category models
 * @since 0.1.0
 */
export interface DataSource {
  /** What holds for a collection that is not listed. */
  readonly open: Access
  /** What holds for a collection, by `database.collection`. */
  readonly collections: ReadonlyMap<string, Access>
}

/**
 * What holds for a collection. A database whose name has a dot is closed, as MongoDB has none: the rules of
 * `app.old.notes` are those of the collection `old.notes`, and not of `notes` in a database `app.old`.
 *
 * @category accessors
 * @since 0.1.0
 */
export const accessTo = (source: DataSource, database: string, collection: string): Access =>
  database.includes(".") ? false : (source.collections.get(`${database}.${collection}`) ?? source.open)
