/** Sort orders: by fields, through arrays by their smallest or largest elements. */
import { spend } from "./budget.ts"
import { type Collation, simple } from "./Collation.ts"
import { codes, failed, invalid, unsupported } from "./LanguageError.ts"
import { toWhole } from "./numbers.ts"
import { fieldOf, type Getter, indexOf, parse, type Path } from "./paths.ts"
import { type Column, orderOf } from "./sorts/columns.ts"
import { elementKeys, inArray, plainReader } from "./sorts/elements.ts"
import { type Document, isDocument } from "./Value.ts"

/** One field to sort by. */
export interface SortField {
  readonly path: string
  readonly direction: 1 | -1
}

/** What a document is sorted by: the value of the only field, or those of several ones in their order. */
export type SortKey = unknown

/** A compiled sort order. */
export interface Sort {
  /** What it sorts by; none for `{}` and `{ $natural: 1 }`, which leave documents in their order. */
  readonly fields: ReadonlyArray<SortField>
  /** Whether the order that documents have is turned around: `{ $natural: -1 }`. */
  readonly isReversed: boolean
  /** Whether strings are compared by their bytes, as indexes are ordered. */
  readonly isSimple: boolean
  /** Below zero where the first document stands before the second one, zero where none does. */
  readonly compare: (a: Document, b: Document) => number
  /** What a document is sorted by, for those who keep it. */
  readonly keyOf: (document: Document) => SortKey
  readonly compareKeys: (a: SortKey, b: SortKey) => number
  /** The documents in order, or as many of the first of them; those that are equal stay in the order they had. */
  readonly sorted: (documents: ReadonlyArray<Document>, limit?: number) => Array<Document>
}

/** As in MongoDB. */
const mostFields = 32

/** What a sort order is compiled in. */
export interface Options {
  /** Whether `$natural` is allowed, the order that documents have: it is one for `find` alone. */
  readonly natural?: boolean
  readonly collation?: Collation | undefined
}

/** Compiles a sort order; fails for a wrong one. */
export const compile = (spec: unknown, { collation = simple, natural = false }: Options = {}): Sort => {
  if (!isDocument(spec)) return invalid("a sort order must be an object", codes.TypeMismatch)
  const names = Object.keys(spec)
  if (names.length > mostFields) invalid(`a sort order has at most ${mostFields} fields`, 13103)
  if (names.includes("$natural")) {
    if (names.length > 1 || !natural) invalid("$natural sorts in find, and alone")
    return ordering([], directionOf("$natural", spec["$natural"]) < 0, collation)
  }
  return ordering(
    names.map((path) => ({ path, names: parse(path), direction: directionOf(path, spec[path]) })),
    false,
    collation
  )
}

const directionOf = (path: string, value: unknown): 1 | -1 => {
  if (isDocument(value)) {
    if (Object.hasOwn(value, "$meta")) unsupported("$meta in a sort order", "there is no text search")
    invalid(`the direction of '${path}' must be 1 or -1, and no object`, 17312)
  }
  const number = toWhole(value)
  if (number === 1) return 1
  return number === -1 ? -1 : invalid(`the direction of '${path}' must be 1 (ascending) or -1 (descending)`, 15975)
}

interface Field extends SortField {
  readonly names: Path
}

const ordering = (fields: ReadonlyArray<Field>, isReversed: boolean, collation: Collation): Sort => {
  const keyOf = keys(fields, collation)
  const compareKeys = comparing(fields, collation)
  return {
    fields,
    isReversed,
    isSimple: collation.isSimple,
    keyOf,
    compareKeys,
    compare: (a, b) => compareKeys(keyOf(a), keyOf(b)),
    sorted: (documents, limit = documents.length) => {
      if (fields.length === 0) return (isReversed ? documents.toReversed() : documents).slice(0, limit)
      return sorted(documents, limit, fields, collation)
    }
  }
}

type Compare = (a: SortKey, b: SortKey) => number

const comparing = (fields: ReadonlyArray<Field>, { compare }: Collation): Compare => {
  const [only, ...others] = fields.map(({ direction }) => direction)
  if (only !== undefined && others.length === 0) return only === 1 ? compare : (a, b) => compare(b, a)
  const directions = fields.map(({ direction }) => direction)
  return (a, b) => {
    if (!Array.isArray(a) || !Array.isArray(b)) return 0
    for (const [i, direction] of directions.entries()) {
      const compared = compare(a[i], b[i])
      if (compared !== 0) return compared * direction
    }
    return 0
  }
}

// sorting

const sorted = (
  documents: ReadonlyArray<Document>,
  limit: number,
  fields: ReadonlyArray<Field>,
  collation: Collation
): Array<Document> => {
  const count = documents.length
  spend(Math.ceil(count * Math.log2(count + 2)))
  if (limit < count / 8) return firstOf(documents, limit, keys(fields, collation), comparing(fields, collation))
  const order = orderOf(columnsOf(documents, fields, collation), count, collation)
  const first: Array<Document> = []
  for (const i of order.subarray(0, limit)) {
    const document = documents[i]
    if (document !== undefined) first.push(document)
  }
  return first
}

const columnsOf = (
  documents: ReadonlyArray<Document>,
  fields: ReadonlyArray<Field>,
  collation: Collation
): ReadonlyArray<Column> => {
  const [only, ...others] = fields
  if (only !== undefined && others.length === 0) {
    return [{ values: documents.map(singleKey(only, collation)), direction: only.direction }]
  }
  const columns = fields.map(({ direction, names }) => ({ values: documents.map(nullable(names)), direction }))
  if (columns.some(({ values }) => values.includes(inArray))) useCompoundKeys(columns, documents, fields, collation)
  return columns
}

/** Replaces the values of the documents that have an array on one of the paths. */
const useCompoundKeys = (
  columns: ReadonlyArray<{ readonly values: Array<unknown> }>,
  documents: ReadonlyArray<Document>,
  fields: ReadonlyArray<Field>,
  collation: Collation
): void => {
  for (const [row, document] of documents.entries()) {
    if (!columns.some(({ values }) => values[row] === inArray)) continue
    const key = compoundKey(document, fields, collation)
    for (const [i, { values }] of columns.entries()) values[row] = key[i]
  }
}

interface Entry {
  readonly document: Document
  readonly key: SortKey
}

/** The first of many, without sorting the others: the best so far are kept in order. */
const firstOf = (
  documents: ReadonlyArray<Document>,
  limit: number,
  keyOf: (document: Document) => SortKey,
  compareKeys: Compare
): Array<Document> => {
  const best: Array<Entry> = []
  for (const document of documents) {
    const entry: Entry = { document, key: keyOf(document) }
    const last = best.at(-1)
    if (best.length === limit && (last === undefined || compareKeys(entry.key, last.key) >= 0)) continue
    spend(Math.ceil(best.length / 32))
    best.splice(placeOf(best, entry.key, compareKeys), 0, entry)
    if (best.length > limit) best.pop()
  }
  return best.map(({ document }) => document)
}

/** Behind all that are not greater. */
const placeOf = (best: ReadonlyArray<Entry>, key: SortKey, compareKeys: Compare): number => {
  let from = 0
  let to = best.length
  while (from < to) {
    const middle = (from + to) >> 1
    if (compareKeys(key, best[middle]?.key) < 0) to = middle
    else from = middle + 1
  }
  return from
}

// what documents are sorted by

const keys = (fields: ReadonlyArray<Field>, collation: Collation): ((document: Document) => SortKey) => {
  const [only, ...others] = fields
  if (only !== undefined && others.length === 0) return singleKey(only, collation)
  const readers = fields.map(({ names }) => nullable(names))
  return (document) => {
    const quickly = readers.map((read) => read(document))
    return quickly.includes(inArray) ? compoundKey(document, fields, collation) : quickly
  }
}

/** Null for a missing value. */
const nullable = (names: Path): Getter => {
  const read = plainReader(names)
  return (document) => read(document) ?? null
}

const singleKey = ({ direction, names }: Field, { compare }: Collation): ((document: Document) => SortKey) => {
  const read = plainReader(names)
  return (document) => {
    const value = read(document)
    return value === inArray ? extremeAt(document, names, direction, 0, compare) : (value ?? null)
  }
}

/** The least or greatest value at a path. An array without elements at its end stands before null, as `undefined`. */
const extremeAt = (value: unknown, names: Path, direction: 1 | -1, at: number, compare: Compare): unknown => {
  const name = names[at]
  if (name === undefined) return Array.isArray(value) ? extreme(value, direction, compare) : (value ?? null)
  if (isDocument(value)) return extremeAt(fieldOf(value, name), names, direction, at + 1, compare)
  if (!Array.isArray(value)) return null
  const index = indexOf(name)
  // an element that the path names is not looked into
  if (index >= 0 && at === names.length - 1) return value[index] ?? null
  if (index >= 0) return extremeAt(value[index], names, direction, at + 1, compare)
  spend(value.length)
  let best: unknown = null
  for (const [i, item] of value.entries()) {
    const inner = isDocument(item) ? extremeAt(item, names, direction, at, compare) : null
    if (i === 0 || compare(inner, best) * direction < 0) best = inner
  }
  return best
}

const extreme = (values: ReadonlyArray<unknown>, direction: 1 | -1, compare: Compare): unknown => {
  spend(values.length)
  let best: unknown = values[0]
  for (const value of values) if (compare(value, best) * direction < 0) best = value
  return best
}

/** The least of the keys that the elements of an array give a document. */
const compoundKey = (
  document: Document,
  fields: ReadonlyArray<Field>,
  collation: Collation
): ReadonlyArray<unknown> => {
  const order = comparing(fields, collation)
  const [first, ...others] = elementKeys(
    document,
    fields.map(({ names }) => names),
    parallel
  )
  return others.reduce((best, { values }) => (order(values, best) < 0 ? values : best), first?.values ?? [])
}

const parallel = (): never => failed("cannot sort with keys that are parallel arrays: sort by the fields of one array")
