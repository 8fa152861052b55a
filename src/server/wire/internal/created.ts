/**
 * Collections that a command created. In the database a collection exists as long as it has documents; one that was
 * created is listed without any, until it is dropped or the server stops.
 */
import type { Namespace } from "../../data/Operation.ts"

type Source = Pick<Namespace, "appId" | "service">
type Place = Omit<Namespace, "collection">

const keyOf = ({ appId, service }: Source): string => JSON.stringify([appId, service])

export class Created {
  /** The names of collections by database, for each data source. */
  readonly #sources = new Map<string, Map<string, Set<string>>>()

  add({ collection, database, ...source }: Namespace): void {
    const key = keyOf(source)
    const databases = this.#sources.get(key) ?? new Map<string, Set<string>>()
    this.#sources.set(key, databases)
    databases.set(database, (databases.get(database) ?? new Set()).add(collection))
  }

  /** Answers with whether it was there. */
  remove({ collection, database, ...source }: Namespace): boolean {
    const databases = this.#sources.get(keyOf(source))
    const names = databases?.get(database)
    const isThere = names?.delete(collection) === true
    if (names?.size === 0) databases?.delete(database)
    return isThere
  }

  collections({ database, ...source }: Place): ReadonlyArray<string> {
    return [...(this.#sources.get(keyOf(source))?.get(database) ?? [])]
  }

  databases(source: Source): ReadonlyArray<string> {
    return [...(this.#sources.get(keyOf(source))?.keys() ?? [])]
  }
}
