/**
 * A `Database` bound to one namespace.
 *
 * @since 0.1.0
 */
import type { Namespace, Service } from "./Database.ts"

type Method = Exclude<
  keyof Service,
  "run" | "ready" | "transaction" | "collections" | "databases" | "changes" | "explain"
>

/**
 * The operations of a database on one of its collections.
 *
 * @category models
 * @since 0.1.0
 */
export type Collection = {
  readonly [Name in Method]: Service[Name] extends (namespace: Namespace, ...args: infer Args) => infer Result
    ? (...args: Args) => Result
    : never
}

/**
 * Makes a collection of a database.
 *
 * @category constructors
 * @since 0.1.0
 */
export const make = (database: Pick<Service, Method>, namespace: Namespace): Collection => {
  const on =
    <Args extends ReadonlyArray<unknown>, Result>(method: (namespace: Namespace, ...args: Args) => Result) =>
    (...args: Args): Result =>
      method(namespace, ...args)
  return {
    insert: on(database.insert),
    find: on(database.find),
    update: on(database.update),
    delete: on(database.delete),
    findOneAnd: on(database.findOneAnd),
    aggregate: on(database.aggregate),
    count: on(database.count),
    distinct: on(database.distinct),
    index: on(database.index),
    indexes: on(database.indexes),
    dropIndex: on(database.dropIndex),
    watch: on(database.watch)
  }
}
