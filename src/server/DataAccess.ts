/**
 * What clients may reach of an application's data sources: everything, or nothing. Functions reach everything.
 *
 * @since 0.1.0
 */
/**
 * What clients may reach of one data source.
 *
 * @category models
 * @since 0.1.0
 */
export interface DataSource {
  /** Whether a collection that is not listed is open. */
  readonly open: boolean
  /** Whether a collection is open, by `database.collection`. */
  readonly collections: ReadonlyMap<string, boolean>
}

/**
 * Whether clients may reach a collection.
 *
 * @category accessors
 * @since 0.1.0
 */
export const isOpen = (source: DataSource, database: string, collection: string): boolean =>
  source.collections.get(`${database}.${collection}`) ?? source.open
