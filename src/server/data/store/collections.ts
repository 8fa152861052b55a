/** The committed state of all collections. */
import { keyOf, sizeOf } from "../../language/Value.ts"
import type * as RowStore from "../../storage/RowStore.ts"
import type { Limits } from "../../storage/EventLog.ts"
import type { Edit } from "../../storage/Table.ts"
import type { Index } from "../Index.ts"
import type { Namespace } from "../Operation.ts"
import { Batch, conflict, entryOf } from "./batch.ts"
import { ChangeLog, originOf, tokenKey } from "./changeLog.ts"
import { type Collection, MemoryCollection } from "./documents.ts"
import * as Rows from "./rows.ts"
import { namespaces, tableOf } from "./tables.ts"

/** What a commit writes to the row store, and its entries in the change logs. */
export interface Writes {
  readonly rows: ReadonlyArray<RowStore.RowWrite>
  readonly logged: ReadonlyArray<Edit>
}

export class Collections {
  readonly #rowStore: RowStore.RowStore["Service"]
  readonly #limits: Limits
  readonly #tokenKey: Uint8Array
  readonly #logs = new Map<string, ChangeLog>()
  readonly #collections = new Map<string, Collection>()
  readonly #transactions = new Set<Batch>()

  /** Reads the row store; `limits` are those of change logs. */
  constructor(rowStore: RowStore.RowStore["Service"], limits: Limits) {
    this.#rowStore = rowStore
    this.#limits = limits
    this.#tokenKey = tokenKey(rowStore)
    for (const namespace of namespaces(rowStore)) this.#read(this.open(namespace))
  }

  /** Reads the documents of a collection. Rows whose key is not that of their `_id`, as in 0.1, are rewritten. */
  #read({ data, name, table }: Collection): void {
    const moved: Array<RowStore.RowWrite> = []
    for (const { key, value } of this.#rowStore.rows(table)) {
      try {
        const document = Rows.decode(value)
        const id = keyOf(document["_id"])
        data.put(id, document, sizeOf(document))
        if (id !== key) moved.push({ table, key, value: undefined }, { table, key: id, value })
      } catch (cause) {
        throw new Error(`a document of ${name} cannot be read: ${String(cause)}`, { cause })
      }
    }
    if (moved.length > 0) this.#rowStore.commit(moved)
  }

  open(namespace: Namespace): Collection {
    const table = tableOf(namespace)
    return entryOf(this.#collections, table, () => ({
      name: `${namespace.database}.${namespace.collection}`,
      namespace,
      table,
      data: new MemoryCollection(),
      log: this.log(namespace),
      origin: originOf(namespace)
    }))
  }

  /** The change log of a data source. */
  log({ appId, service }: Pick<Namespace, "appId" | "service">): ChangeLog {
    const name = [appId, service].map(encodeURIComponent).join("/")
    return entryOf(this.#logs, name, () => new ChangeLog(this.#rowStore, name, this.#tokenKey, this.#limits))
  }

  /** The names of a database's collections with documents. */
  names(database: Omit<Namespace, "collection">): ReadonlyArray<string> {
    const start = tableOf({ ...database, collection: "" })
    return Array.from(this.#collections.values())
      .filter(({ data, table }) => table.startsWith(start) && data.documents.size > 0)
      .map(({ table }) => decodeURIComponent(table.slice(start.length)))
      .toSorted()
  }

  /** The names of a data source's databases with documents. */
  databases({ appId, service }: Pick<Namespace, "appId" | "service">): ReadonlyArray<string> {
    const start = tableOf({ appId, service, database: "", collection: "" }).slice(0, -1)
    const names = Array.from(this.#collections.values())
      .filter(({ data, table }) => table.startsWith(start) && data.documents.size > 0)
      .map(({ table }) => decodeURIComponent(table.slice(start.length, table.indexOf("/", start.length))))
    return [...new Set(names)].toSorted()
  }

  /** Creates an index, and answers with its name. A transaction that has written to the collection could break it. */
  index(namespace: Namespace, index: Index): string {
    const collection = this.open(namespace)
    for (const batch of this.#transactions) if (batch.writes.has(collection)) throw conflict()
    collection.data.index(index, collection.name)
    return index.name
  }

  begin(): Batch {
    const batch = new Batch()
    this.#transactions.add(batch)
    return batch
  }

  end(batch: Batch): void {
    this.#transactions.delete(batch)
  }

  /** What a batch writes; throws if a document cannot be stored. It is committed at once, or not at all. */
  writes(batch: Batch, now: number): Writes {
    const logged = Array.from(batch.changes, ([log, changes]) => log.append(changes, now))
    return { rows: this.#rowStore.keeps ? rowsOf(batch) : [], logged }
  }

  /** Commits a batch, or throws and changes nothing: first the row store, then the memory. */
  commit(batch: Batch, { logged, rows }: Writes): void {
    if (batch.changes.size === 0) return
    // nothing comes between the writes of a single operation and their commit
    if (this.#transactions.has(batch)) batch.check()
    if (this.#rowStore.keeps) this.#rowStore.commit([...rows, ...logged.flatMap((it) => it.changes())])
    const others = Array.from(this.#transactions).filter((it) => it !== batch)
    for (const [collection, written] of batch.writes) {
      for (const [key, { document, size }] of written) {
        if (others.length > 0) remember(others, collection, key)
        if (document === undefined) collection.data.delete(key)
        else collection.data.put(key, document, size)
      }
    }
    for (const edit of logged) edit.apply()
  }
}

/** Keeps a document that is about to change for other transactions, which see it as it is now. */
const remember = (others: ReadonlyArray<Batch>, collection: Collection, key: string): void => {
  const present = collection.data.documents.get(key)
  const before = present && { document: present.document, place: present.place }
  for (const other of others) {
    const past = entryOf(other.past, collection, () => new Map())
    if (!past.has(key)) past.set(key, before)
  }
}

const rowsOf = (batch: Batch): ReadonlyArray<RowStore.RowWrite> =>
  Array.from(batch.writes).flatMap(([{ data, table }, written]) =>
    Array.from(written)
      .filter(([key, { document }]) => document !== undefined || data.documents.has(key))
      .map(([key, { document }]) => ({ table, key, value: document && Rows.encode(document) }))
  )
