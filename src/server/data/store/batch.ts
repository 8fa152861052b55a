/** Writes of one operation or transaction, before they are committed. */
import { growth } from "../../language/growth.ts"
import type { Describe } from "../../language/Update.ts"
import { keyOf } from "../../language/Value.ts"
import { checkSize, checkStored } from "../internal/evaluate.ts"
import { WriteConflict } from "../internal/failures.ts"
import type { Document } from "../Operation.ts"
import type { Change, ChangeLog } from "./changeLog.ts"
import { checkUnique, type Collection, duplicate } from "./documents.ts"
import type { Entry, OrderedIndex } from "./orderedIndex.ts"
import { byPlace, countUpTo, type Plan, planOf, type Request } from "./plan.ts"

/** The newest changes of documents by the key of their `_id`. */
type Written = Map<string, Change>

const newWritten = (): Written => new Map()
const newChanges = (): Array<Change> => []

/** A new version of a document; `undefined` before an insertion, and after a deletion. */
export interface Version {
  readonly before: Document | undefined
  readonly document: Document | undefined
  /** Describes an update. */
  readonly describe?: Describe | undefined
  /** How much larger the document is than before; an update looks only where it changed something. */
  readonly growth?: (before: Document, document: Document) => number
}

/** Documents as they were, with their place; `undefined` for one that was not there. */
type Past = Map<string, Pick<Entry, "document" | "place"> | undefined>

export const entryOf = <K, V>(map: Map<K, V>, key: K, make: () => V): V => {
  let found = map.get(key)
  if (found === undefined) map.set(key, (found = make()))
  return found
}

/** Where documents come from, and in which order. */
export interface Source {
  readonly documents: Iterable<Document>
  /** Whether they are in the order of the sort that was asked for. */
  readonly isSorted: boolean
  /** The indexes that found them; none if all documents are looked at. */
  readonly indexes: ReadonlyArray<string>
}

/** A document of the batch and its place; infinite for one that is new. */
interface Placed {
  readonly place: number
  readonly document: Document
}

/**
 * Uncommitted writes as one reader sees them: on top of the committed state or, in a transaction, of the snapshot at
 * its beginning.
 */
export class Batch {
  /** Documents that others have changed since, in their earlier version. */
  readonly past = new Map<Collection, Past>()
  readonly writes = new Map<Collection, Written>()
  /** All changes, in their order. */
  readonly changes = new Map<ChangeLog, Array<Change>>()
  /** The bytes of the writes. */
  size = 0
  /** The documents of the writes by their keys in unique indexes. */
  readonly #owners = new Map<OrderedIndex, Map<string, string>>()

  get(collection: Collection, key: string): Document | undefined {
    const written = this.writes.get(collection)
    if (written?.has(key) === true) return written.get(key)?.document
    const past = this.past.get(collection)
    return (past?.has(key) === true ? past.get(key) : collection.data.documents.get(key))?.document
  }

  /** The candidates of a request, computed while they are read. */
  source(collection: Collection, { sort, ...request }: Request): Source {
    const isLayered = this.past.has(collection) || this.writes.has(collection)
    // an index has no order of what is not committed
    const plan = planOf(collection.data, isLayered ? request : { ...request, sort })
    return {
      documents: isLayered ? this.#documents(collection, plan) : committed(plan, collection),
      isSorted: plan?.order === "sort",
      indexes: plan?.indexes ?? []
    }
  }

  *#documents(collection: Collection, plan: Plan | undefined): Iterable<Document> {
    if (plan?.ids !== undefined) {
      for (const { document } of this.#placed(collection, plan.ids)) yield document
      return
    }
    const layered = this.#layered(collection)
    const others = this.#placed(collection, layered)
    let next = 0
    for (const { document, key, place } of inPlace(plan, collection)) {
      while (next < others.length && (others[next]?.place ?? 0) < place) yield others[next++]?.document ?? {}
      if (!layered.has(key)) yield document
    }
    for (const { document } of others.slice(next)) yield document
  }

  /** The documents with keys, in the order of their places. */
  #placed(collection: Collection, keys: Iterable<string>): ReadonlyArray<Placed> {
    const past = this.past.get(collection)
    const found: Array<Placed> = []
    for (const key of keys) {
      const document = this.get(collection, key)
      if (document === undefined) continue
      const known = past?.has(key) === true ? past.get(key) : collection.data.documents.get(key)
      found.push({ document, place: known?.place ?? Infinity })
    }
    return found.toSorted(byPlace)
  }

  /** The approximate size of the candidate documents in bytes; those beyond `most` are not counted. */
  reach(collection: Collection, request: Request, most: number): number {
    const { data } = collection
    const written = (this.writes.get(collection)?.size ?? 0) + (this.past.get(collection)?.size ?? 0)
    const plan = planOf(data, request)
    const size = Math.max(1, data.averageSize)
    const count = plan === undefined ? data.documents.size : countUpTo(plan, Math.ceil(most / size) + 1)
    return (count + written) * size + this.size
  }

  /** The keys whose document differs from the committed one. */
  #layered(collection: Collection): ReadonlySet<string> {
    return new Set([...(this.past.get(collection)?.keys() ?? []), ...(this.writes.get(collection)?.keys() ?? [])])
  }

  write(collection: Collection, key: string, version: Version): void {
    if (this.past.get(collection)?.has(key) === true) throw conflict()
    const written = entryOf(this.writes, collection, newWritten)
    const { before, describe, document } = version
    // a rejected document is not written
    const size = sizeOf(version, (written.get(key) ?? collection.data.documents.get(key))?.size)
    if (document !== undefined) {
      this.size += size
      for (const index of collection.data.ordered) {
        if (before === undefined || index.differs(before, document)) this.#claim(index, collection, key, document)
      }
    }
    const change = { origin: collection.origin, before, document, describe, size }
    written.set(key, change)
    entryOf(this.changes, collection.log, newChanges).push(change)
  }

  /** Checks that an index can have a document, and notes its keys if the index is unique. */
  #claim(index: OrderedIndex, collection: Collection, key: string, document: Document): void {
    const keys = index.keysOf(document)
    if (!index.index.unique) return
    const owners = entryOf(this.#owners, index, () => new Map<string, string>())
    const written = this.writes.get(collection)
    for (const values of keys) {
      const owner = owners.get(keyOf(values))
      const isOwned = owner !== undefined && owner !== key && this.#has(index, collection, owner, values)
      if (isOwned) throw duplicate(index.index, values, collection.name)
    }
    checkUnique(
      index,
      document,
      collection.name,
      (entry, values) =>
        entry.key !== key && (written?.has(entry.key) !== true || this.#has(index, collection, entry.key, values))
    )
    for (const values of keys) owners.set(keyOf(values), key)
  }

  /** Whether the current version of a document has a key. */
  #has(index: OrderedIndex, collection: Collection, key: string, values: ReadonlyArray<unknown>): boolean {
    const document = this.writes.get(collection)?.get(key)?.document
    const wanted = keyOf(values)
    return document !== undefined && index.keysOf(document).some((it) => keyOf(it) === wanted)
  }

  /** Throws if others have changed a document of the batch, or taken a unique key of one. */
  check(): void {
    for (const [collection, documents] of this.writes) {
      const past = this.past.get(collection)
      if (past !== undefined && Array.from(documents.keys()).some((key) => past.has(key))) throw conflict()
      for (const index of collection.data.ordered) {
        for (const written of documents.values()) {
          if (written.document === undefined) continue
          checkUnique(index, written.document, collection.name, (entry) => !documents.has(entry.key))
        }
      }
    }
  }
}

/** The size of a new version of a document, or of the deleted one. Throws if it is too large, or nested too deeply. */
const sizeOf = ({ before, document, growth: grown = growth }: Version, present = 0): number => {
  if (document === undefined) return present
  return before === undefined ? checkStored(document) : checkSize(present + grown(before, document))
}

function* committed(plan: Plan | undefined, collection: Collection): Iterable<Document> {
  for (const { document } of inPlace(plan, collection)) yield document
}

/** The committed documents that a plan finds, each once: in the order of their places, or of the sort. */
const inPlace = (plan: Plan | undefined, { data }: Collection): Iterable<Entry> => {
  if (plan === undefined) return data.documents.values()
  return plan.order === "none" ? [...new Set(plan.entries())].toSorted(byPlace) : plan.entries()
}

export const conflict = (): WriteConflict =>
  new WriteConflict({
    message: "WriteConflict error: this operation conflicted with another operation. Please retry your transaction."
  })
