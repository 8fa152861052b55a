/**
 * Users' access to an application's data sources: everything, nothing, or what rules allow. The system has access to
 * everything.
 *
 * @since 0.1.0
 */
import type { DocumentSchema } from "./DocumentSchema.ts"
import type { Rules } from "./Rules.ts"

/**
 * Whether a collection is open to every user, closed to all of them, or ruled.
 *
 * @category models
 * @since 0.1.0
 */
export type Access = boolean | Rules

/**
 * Users' access to one data source.
 *
 * @category models
 * @since 0.1.0
 */
export interface DataSource {
  /** The access to collections that are not listed. */
  readonly open: Access
  /** The access to a collection, by `database.collection`. */
  readonly collections: ReadonlyMap<string, Access>
  /** The schemas of collections, by `database.collection`. */
  readonly schemas?: ReadonlyMap<string, DocumentSchema> | undefined
}

/**
 * The access to a collection. A database whose name has a dot is closed, since MongoDB does not allow such names: the
 * rules of `app.old.notes` are those of the collection `old.notes`, and not of `notes` in a database `app.old`.
 *
 * @category accessors
 * @since 0.1.0
 */
export const accessTo = (source: DataSource, database: string, collection: string): Access =>
  database.includes(".") ? false : (source.collections.get(`${database}.${collection}`) ?? source.open)

/**
 * The schema of a collection, if it has one.
 *
 * @category accessors
 * @since 0.1.0
 */
export const schemaOf = (source: DataSource, database: string, collection: string): DocumentSchema | undefined =>
  source.schemas?.get(`${database}.${collection}`)
