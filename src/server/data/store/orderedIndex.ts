/** One index of a collection: the keys of its documents in order. */
import { keyOf } from "../../language/Value.ts"
import * as IndexKeys from "../../language/IndexKeys.ts"
import type { Index } from "../Index.ts"
import type { Document } from "../Operation.ts"
import { compareEdges, type Edge, type Interval, isPoint } from "./bounds.ts"
import { BTree } from "./internal/btree.ts"

/** A stored document. */
export interface Entry {
  /** The key of its `_id`. */
  readonly key: string
  /** Its place in the order of insertion. */
  readonly place: number
  /** Its current version, and the size of that in bytes. */
  document: Document
  size: number
}

/** The position of a document in the order of the index, or one beside the keys that begin with the values. */
interface Position {
  readonly values: ReadonlyArray<unknown>
  /** The place of the document; infinite before or behind all of those with the values. */
  readonly place: number
}

/** The keys between two positions. */
export interface Scan {
  readonly from: Position
  readonly to: Position
}

/** A field of an index. */
interface Field {
  readonly path: string
  readonly direction: 1 | -1
}

const order = (fields: ReadonlyArray<Field>) => {
  const directions = fields.map(({ direction }) => direction)
  return (a: Position, b: Position): number => {
    const shorter = Math.min(a.values.length, b.values.length)
    for (let i = 0; i < shorter; i++) {
      const compared = compareEdges(a.values[i], b.values[i])
      if (compared !== 0) return compared * (directions[i] ?? 1)
    }
    return a.place < b.place ? -1 : a.place > b.place ? 1 : 0
  }
}

export class OrderedIndex {
  readonly index: Index
  readonly fields: ReadonlyArray<Field>
  /** The first names of the paths. */
  readonly #roots: ReadonlyArray<string>
  readonly #keysOf: (document: Document) => IndexKeys.IndexKeys
  readonly #compare: (a: Position, b: Position) => number
  readonly #tree: BTree<Position, Entry>
  /** How many documents have an array on the path of each field. */
  readonly #arrays: Array<number>

  constructor(index: Index) {
    this.index = index
    this.fields = Object.entries(index.key).map(([path, direction]) => ({ path, direction }))
    this.#roots = [...new Set(this.fields.map(({ path }) => path.split(".")[0] ?? path))]
    this.#keysOf = IndexKeys.compile(
      this.fields.map(({ path }) => path),
      index.sparse
    )
    this.#compare = order(this.fields)
    this.#tree = new BTree<Position, Entry>(undefined, this.#compare)
    this.#arrays = this.fields.map(() => 0)
  }

  /** Whether a document has an array on the path of a field, by its position. */
  hasArrays(field: number): boolean {
    return (this.#arrays[field] ?? 0) > 0
  }

  /** The keys of a document. Throws if the index cannot have it. */
  keysOf(document: Document): ReadonlyArray<IndexKeys.IndexKey> {
    return this.#keysOf(document).keys
  }

  /** Adds a document, or its current version in place of an earlier one. */
  put(entry: Entry, before: Document | undefined): void {
    if (before !== undefined && (!this.differs(before, entry.document) || this.#isSame(before, entry.document))) return
    if (before !== undefined) this.remove(entry, before)
    const { arrays = [], keys } = this.#keysOf(entry.document)
    for (const field of arrays) this.#count(field, 1)
    for (const values of keys) this.#tree.set({ values, place: entry.place }, entry)
  }

  remove({ place }: Entry, document: Document): void {
    const { arrays = [], keys } = this.#keysOf(document)
    for (const field of arrays) this.#count(field, -1)
    for (const values of keys) this.#tree.delete({ values, place })
  }

  #count(field: number, change: 1 | -1): void {
    this.#arrays[field] = (this.#arrays[field] ?? 0) + change
  }

  /** Whether two versions of a document may have different keys: an update shares the fields that it leaves. */
  differs(before: Document, after: Document): boolean {
    return this.#roots.some((name) => before[name] !== after[name])
  }

  #isSame(before: Document, after: Document): boolean {
    const [was, is] = [this.#keysOf(before), this.#keysOf(after)]
    if (was.arrays !== undefined || is.arrays !== undefined) return false
    return is.keys.length === was.keys.length && keyOf(is.keys) === keyOf(was.keys)
  }

  /** The documents with a key. */
  *having(values: IndexKeys.IndexKey): Iterable<Entry> {
    yield* this.scan({ from: { values, place: -Infinity }, to: { values, place: Infinity } })
  }

  /** The documents of a scan, by their keys; one with several keys comes several times. */
  *scan({ from, to }: Scan): Iterable<Entry> {
    for (const [position, entry] of this.#tree.entries(from)) {
      if (this.#compare(position, to) > 0) return
      yield entry
    }
  }

  /** The documents of a scan from its end. */
  *scanBack({ from, to }: Scan): Iterable<Entry> {
    for (const [position, entry] of this.#tree.entriesReversed(to)) {
      if (this.#compare(position, from) < 0) return
      yield entry
    }
  }

  /** The scan of keys that begin with values, and have one of an interval behind them. */
  scanOf(prefix: ReadonlyArray<unknown>, interval: Interval | undefined): Scan {
    if (interval === undefined || isPoint(interval)) {
      const values = interval === undefined ? prefix : [...prefix, interval.low.value]
      return { from: { values, place: -Infinity }, to: { values, place: Infinity } }
    }
    const { high, low } = interval
    const [first, last] = this.fields[prefix.length]?.direction === -1 ? [high, low] : [low, high]
    return { from: beside(prefix, first, -1), to: beside(prefix, last, 1) }
  }
}

/** The position beside an edge: `side` is where the end of the scan is, seen from what it includes. */
const beside = (prefix: ReadonlyArray<unknown>, { isIncluded, value }: Edge, side: 1 | -1): Position => ({
  values: [...prefix, value],
  place: (isIncluded ? side : -side) * Infinity
})
