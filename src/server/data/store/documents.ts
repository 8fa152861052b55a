/** One collection in memory: its documents by `_id` in the order of insertion, and its indexes. */
import type { IndexKey } from "../../language/IndexKeys.ts"
import { codes, invalid } from "../../language/LanguageError.ts"
import { DuplicateKey } from "../internal/failures.ts"
import { hasSameKey, type Index, isSame, ofId } from "../Index.ts"
import type { Document, Namespace } from "../Operation.ts"
import type { ChangeLog, Origin } from "./changeLog.ts"
import { type Entry, OrderedIndex } from "./orderedIndex.ts"

/** A collection of a namespace: its documents, and the change log of its data source. */
export interface Collection {
  readonly name: string
  readonly namespace: Namespace
  readonly table: string
  readonly data: MemoryCollection
  readonly log: ChangeLog
  readonly origin: Origin
}

/** Stored documents are immutable: an update replaces them. */
export class MemoryCollection {
  /** By the keys of their `_id`s, in the order of insertion. */
  readonly documents = new Map<string, Entry>()
  #size = 0
  #places = 0
  readonly #indexes = new Map<string, OrderedIndex>()
  /** The ordered indexes but for that of the `_id`. */
  ordered: ReadonlyArray<OrderedIndex> = []
  /** The order of the `_id`s, from the first time that it is asked for. */
  #ids: OrderedIndex | undefined

  /** Creates an index, unless it exists. Throws if documents break it, or another one has its name or its fields. */
  index(index: Index, collection: string): void {
    const named = this.#indexes.get(index.name)?.index
    if (index.name === ofId.name || (named !== undefined && isSame(named, index))) return
    if (named !== undefined) {
      invalid(
        `an index of the name '${index.name}' exists with other fields or options: drop it, or choose another name`,
        codes.IndexKeySpecsConflict
      )
    }
    const other = this.indexes.find((it) => hasSameKey(it, index))
    if (other !== undefined) {
      invalid(`an index of the same fields exists: '${other.name}'`, codes.IndexOptionsConflict)
    }
    this.#indexes.set(index.name, this.#built(index, collection))
    this.ordered = [...this.#indexes.values()]
  }

  /** Complete before it is used, since the operation may be aborted. */
  #built(index: Index, collection?: string): OrderedIndex {
    const built = new OrderedIndex(index)
    for (const entry of this.documents.values()) {
      if (collection !== undefined) checkUnique(built, entry.document, collection, ({ key }) => key !== entry.key)
      built.put(entry, undefined)
    }
    return built
  }

  /** Drops an index. */
  drop(name: string): void {
    if (name === ofId.name) invalid("the index of _id cannot be dropped", codes.InvalidOptions)
    if (!this.#indexes.delete(name)) invalid(`no index has the name '${name}'`, codes.IndexNotFound)
    this.ordered = [...this.#indexes.values()]
  }

  get indexes(): ReadonlyArray<Index> {
    return [ofId, ...Array.from(this.#indexes.values(), ({ index }) => index)]
  }

  /** The index of the `_id` in its order. */
  get ids(): OrderedIndex {
    return (this.#ids ??= this.#built(ofId))
  }

  put(key: string, document: Document, size: number): void {
    const present = this.documents.get(key)
    const before = present?.document
    const entry = present ?? { key, place: this.#places++, document, size: 0 }
    this.#size += size - entry.size
    entry.document = document
    entry.size = size
    for (const index of this.ordered) index.put(entry, before)
    if (present === undefined) {
      this.documents.set(key, entry)
      this.#ids?.put(entry, undefined)
    }
  }

  delete(key: string): void {
    const entry = this.documents.get(key)
    if (entry === undefined) return
    for (const index of this.ordered) index.remove(entry, entry.document)
    this.#ids?.remove(entry, entry.document)
    this.documents.delete(key)
    this.#size -= entry.size
  }

  /** The average size of a document, in bytes. */
  get averageSize(): number {
    return this.documents.size === 0 ? 0 : this.#size / this.documents.size
  }
}

/** Throws if a document has a key that another document of a unique index has. */
export const checkUnique = (
  index: OrderedIndex,
  document: Document,
  collection: string,
  isOther: (entry: Entry, key: IndexKey) => boolean
): void => {
  if (!index.index.unique) return
  for (const key of index.keysOf(document)) {
    for (const entry of index.having(key)) if (isOther(entry, key)) throw duplicate(index.index, key, collection)
  }
}

/** The error of a key that is not unique. */
export const duplicate = ({ key, name }: Index, values: ReadonlyArray<unknown>, collection: string): DuplicateKey => {
  const fields = Object.keys(key).map((path, i) => [path, values[i] ?? null] as const)
  return DuplicateKey.of({ collection, index: name, keyValue: Object.fromEntries(fields) })
}
