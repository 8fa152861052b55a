/**
 * One collection of a database, for who has decided which.
 *
 * @since 0.1.0
 */
import type { Database, Namespace } from "./Database.ts"

type Service = Omit<Database["Service"], "transaction" | "collections">

/**
 * The operations of a database on one of its collections.
 *
 * @category models
 * @since 0.1.0
 */
export type Collection = {
  readonly [Name in keyof Service]: Service[Name] extends (namespace: Namespace, ...args: infer Args) => infer Result
    ? (...args: Args) => Result
    : never
}

/**
 * Makes a collection of a database.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (database: Service, namespace: Namespace): Collection => ({
  insert: (...args) => database.insert(namespace, ...args),
  find: (...args) => database.find(namespace, ...args),
  update: (...args) => database.update(namespace, ...args),
  delete: (...args) => database.delete(namespace, ...args),
  findOneAnd: (...args) => database.findOneAnd(namespace, ...args),
  aggregate: (...args) => database.aggregate(namespace, ...args),
  count: (...args) => database.count(namespace, ...args),
  distinct: (...args) => database.distinct(namespace, ...args),
  index: (...args) => database.index(namespace, ...args),
  watch: (...args) => database.watch(namespace, ...args)
})
