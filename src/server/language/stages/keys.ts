/** Documents by the values of a field, as a filter of equality finds them: for `$lookup` and `$graphLookup`. */
import { make } from "../budget.ts"
import type { Collation } from "../Collation.ts"
import { visitor } from "../paths.ts"
import { isDocument } from "../Value.ts"
import type { Document, Value } from "../Value.ts"
import { Groups } from "./Groups.ts"

/** The documents of a collection with each value of a field. */
export class Index {
  readonly #documents: ReadonlyArray<Document>
  readonly #found: Groups<Array<Document>>
  #order: ReadonlyMap<Document, number> | undefined

  /** @param isMissingNull whether a field that is missing is found as null */
  constructor(documents: ReadonlyArray<Document>, path: string, isMissingNull: boolean, collation: Collation) {
    this.#documents = documents
    this.#found = new Groups(collation)
    const visit = visitor(path)
    let current: Document = {}
    const add = (value: Value): boolean => {
      if (value !== undefined) this.#add(value, current)
      else if (isMissingNull) this.#add(null, current)
      return false
    }
    make(documents.length)
    for (const document of documents) {
      current = document
      visit(document, add, -1)
    }
  }

  #add(value: Value, document: Document): void {
    const list = this.#found.get(value)
    if (list === undefined) this.#found.set(value, [document])
    else if (list.at(-1) !== document) list.push(document)
  }

  /** The documents with a value. */
  ofOne(value: Value): ReadonlyArray<Document> {
    return this.#found.get(value) ?? []
  }

  /** The documents with one of several values, in their own order. */
  of(values: ReadonlyArray<Value>): ReadonlyArray<Document> {
    const [only] = values
    if (values.length === 1) return this.ofOne(only)
    const all = new Set<Document>()
    for (const value of values) for (const document of this.ofOne(value)) all.add(document)
    const order = (this.#order ??= new Map(this.#documents.map((document, i) => [document, i])))
    return [...all].toSorted((a, b) => (order.get(a) ?? 0) - (order.get(b) ?? 0))
  }
}

/** All values of a path; those of an array are its elements. */
export const valuesAt = (value: Value, path: ReadonlyArray<string>): ReadonlyArray<Value> => {
  const found: Array<Value> = []
  collect(value, path, 0, found)
  return found
}

const collect = (value: Value, path: ReadonlyArray<string>, from: number, found: Array<Value>): void => {
  const name = path[from]
  if (name === undefined) {
    if (Array.isArray(value)) found.push(...value)
    else if (value !== undefined) found.push(value)
  } else if (Array.isArray(value)) {
    for (const element of value) if (isDocument(element)) collect(element, path, from, found)
  } else if (isDocument(value)) collect(Object.hasOwn(value, name) ? value[name] : undefined, path, from + 1, found)
}
