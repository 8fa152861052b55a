/** Every collection as it is committed, and what is written to them in one step. */
import * as Schema from "effect/Schema"
import type * as Journal from "../../storage/Journal.ts"
import type { Document } from "./bson.ts"
import { type Change, ChangeLog } from "./changeLog.ts"
import { MemoryCollection } from "./collection.ts"
import * as Rows from "./rows.ts"
import * as Weights from "./weights.ts"

/** Somebody else changed, since a transaction began, what it writes. */
export class WriteConflict extends Schema.TaggedError<WriteConflict>()("WriteConflict", { message: Schema.String }) {}

/** Names a database of an application. */
export interface DatabaseName {
  readonly appId: string
  readonly service: string
  readonly database: string
}

export interface Namespace extends DatabaseName {
  readonly collection: string
}

export interface Collection {
  readonly name: string
  readonly table: string
  readonly data: MemoryCollection
  readonly log: ChangeLog
}

/** Documents by the key of their `_id`; nothing where there is none. */
type Documents = Map<string, Document | undefined>

const entryOf = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  let found = map.get(key)
  if (found === undefined) map.set(key, (found = make()))
  return found
}

/**
 * Writes that are not committed yet, as one reader sees them: over what is committed now or, for a transaction, over what
 * was committed when it began.
 */
export class Batch {
  /** What others have changed since, as it was before. */
  readonly past = new Map<Collection, Documents>()
  readonly writes = new Map<Collection, Documents>()
  readonly changes: Array<readonly [collection: Collection, change: Change]> = []
  /** Whether a document of it holds a number that no JavaScript number is. */
  wide = false
  /** The weight of what is written. */
  units = 0

  get(collection: Collection, key: string): Document | undefined {
    const written = this.writes.get(collection)
    if (written?.has(key) === true) return written.get(key)
    const past = this.past.get(collection)
    return past?.has(key) === true ? past.get(key) : collection.data.documents.get(key)
  }

  /** The documents that may match a filter, as few as the indexes tell. */
  *candidates(collection: Collection, filter: Document): Iterable<Document> {
    const { documents } = collection.data
    const candidates = collection.data.candidates(filter)
    const layered = candidates?.areIds === true ? new Set<string>() : this.#layered(collection)
    if (candidates === undefined && layered.size === 0) {
      for (const document of documents.values()) yield document
      return
    }
    for (const key of candidates?.keys ?? documents.keys()) {
      layered.delete(key)
      const document = this.get(collection, key)
      if (document !== undefined) yield document
    }
    for (const key of layered) {
      const document = this.get(collection, key)
      if (document !== undefined) yield document
    }
  }

  /** The weight of the documents that may match a filter. */
  reach(collection: Collection, filter: Document): number {
    const candidates = collection.data.candidates(filter)
    const of = (sum: number, key: string) => sum + Weights.ofValue(this.get(collection, key)).units
    if (candidates?.areIds === true) return candidates.keys.reduce(of, 0)
    const committed = candidates === undefined ? collection.data.units : candidates.keys.reduce(of, 0)
    return [...this.#layered(collection)].reduce(of, committed)
  }

  /** What is another document here than the one that is committed. */
  #layered(collection: Collection): Set<string> {
    return new Set([...(this.past.get(collection)?.keys() ?? []), ...(this.writes.get(collection)?.keys() ?? [])])
  }

  write(collection: Collection, key: string, document: Document | undefined, change: Change): void {
    if (this.past.get(collection)?.has(key) === true) throw conflict()
    entryOf(this.writes, collection, () => new Map()).set(key, document)
    this.changes.push([collection, change])
    const { units, wide } = Weights.ofValue(document)
    this.units += units
    this.wide ||= wide
  }

  conflicts(): boolean {
    for (const [collection, documents] of this.writes) {
      const past = this.past.get(collection)
      if (past !== undefined && Array.from(documents.keys()).some((key) => past.has(key))) return true
    }
    return false
  }
}

const conflict = () =>
  new WriteConflict({
    message: "WriteConflict error: this operation conflicted with another operation. Please retry your transaction."
  })

const prefix = "documents/"
const tableOf = ({ appId, collection, database, service }: Namespace): string =>
  prefix + [appId, service, database, collection].map(encodeURIComponent).join("/")

export class Collections {
  readonly #journal: Journal.Journal["Service"]
  readonly #collections = new Map<string, Collection>()
  readonly #transactions = new Set<Batch>()

  /** Reads back what is kept. */
  constructor(journal: Journal.Journal["Service"]) {
    this.#journal = journal
    for (const table of journal.tables(prefix)) {
      const [appId, service, database, collection] = table.slice(prefix.length).split("/").map(decodeURIComponent)
      if (appId === undefined || service === undefined || database === undefined || collection === undefined) {
        throw new Error(`${table} is no table of documents`)
      }
      const { data } = this.open({ appId, service, database, collection })
      for (const { key, value } of journal.rows(table)) {
        try {
          data.put(key, Rows.decode(value))
        } catch (cause) {
          throw new Error(`a document of ${database}.${collection} cannot be read: ${String(cause)}`, { cause })
        }
      }
    }
  }

  open(namespace: Namespace): Collection {
    const table = tableOf(namespace)
    return entryOf(this.#collections, table, () => ({
      name: `${namespace.database}.${namespace.collection}`,
      table,
      data: new MemoryCollection(),
      log: new ChangeLog({ db: namespace.database, coll: namespace.collection })
    }))
  }

  /** The names of the collections of a database that have documents. */
  names(database: DatabaseName): ReadonlyArray<string> {
    const start = tableOf({ ...database, collection: "" })
    return Array.from(this.#collections.values())
      .filter(({ data, table }) => table.startsWith(start) && data.documents.size > 0)
      .map(({ table }) => decodeURIComponent(table.slice(start.length)))
      .toSorted()
  }

  /** Whether any document ever held a number that no JavaScript number is. */
  get wide(): boolean {
    return Array.from(this.#collections.values()).some(({ data }) => data.wide)
  }

  begin(): Batch {
    const batch = new Batch()
    this.#transactions.add(batch)
    return batch
  }

  end(batch: Batch): void {
    this.#transactions.delete(batch)
  }

  /** What a batch is to the journal; throws where it holds what cannot be kept. */
  rows(batch: Batch): ReadonlyArray<Journal.Change> {
    return this.#journal.keeps ? rowsOf(batch) : []
  }

  /** Makes all of a batch true, or throws and changes nothing: first what is kept, then what is in memory. */
  commit(batch: Batch, rows: ReadonlyArray<Journal.Change>, now: number): void {
    if (batch.changes.length === 0) return
    if (batch.conflicts()) throw conflict()
    if (this.#journal.keeps) this.#journal.commit(rows)
    for (const [collection, documents] of batch.writes) {
      for (const [key, document] of documents) {
        const before = collection.data.documents.get(key)
        for (const other of this.#transactions) {
          if (other === batch) continue
          const past: Documents = entryOf(other.past, collection, () => new Map())
          if (!past.has(key)) past.set(key, before)
        }
        if (document === undefined) collection.data.delete(key)
        else collection.data.put(key, document)
      }
    }
    for (const [{ log }, change] of batch.changes) log.add(change, now)
  }
}

const rowsOf = (batch: Batch): ReadonlyArray<Journal.Change> =>
  Array.from(batch.writes).flatMap(([{ data, table }, documents]) =>
    Array.from(documents)
      .filter(([key, document]) => document !== undefined || data.documents.has(key))
      .map(([key, document]) => ({ table, key, value: document === undefined ? undefined : Rows.encode(document) }))
  )
