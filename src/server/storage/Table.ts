/**
 * A table of a row store with all its rows in memory, and their indexes.
 *
 * A change is one synchronous step of two phases: {@link write} commits the rows of all edits to the row store, and
 * then changes the memory. With a row store that stores nothing, the same code is an in-memory store.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type RowChange, type RowStore, RowStoreError } from "./RowStore.ts"

/** Writes or removals of rows. It has no effect before {@link write}. */
export interface Edit {
  readonly changes: () => ReadonlyArray<RowChange>
  readonly apply: () => void
}

/** Applies all edits or, if the row store fails, none. Throws a {@link RowStoreError}. */
export const write = (rowStore: RowStore["Service"], edits: ReadonlyArray<Edit>): void => {
  if (rowStore.keeps && edits.length > 0) rowStore.commit(edits.flatMap((edit) => edit.changes()))
  for (const edit of edits) edit.apply()
}

/** The definition of a table's rows. */
export interface Options<A> {
  readonly name: string
  readonly schema: Schema.Codec<A, unknown>
  /** The key of a row, which has to be well-formed Unicode. */
  readonly key: (row: A) => string
}

/** Finds rows by a value other than their key. */
export class Index<A> {
  readonly #table: ReadonlyMap<string, A>
  readonly #valuesOf: (row: A) => ReadonlyArray<string>
  readonly #keys = new Map<string, Set<string>>()

  constructor(table: ReadonlyMap<string, A>, valuesOf: (row: A) => ReadonlyArray<string>) {
    this.#table = table
    this.#valuesOf = valuesOf
  }

  /** The rows of a value, in the order in which they got it. */
  all(value: string): ReadonlyArray<A> {
    return Array.from(this.#keys.get(value) ?? []).flatMap((key) => this.#table.get(key) ?? [])
  }

  /** The first row of a value, or the only one in a unique index. */
  get(value: string): A | undefined {
    for (const key of this.#keys.get(value) ?? []) return this.#table.get(key)
    return undefined
  }

  has(value: string): boolean {
    return this.#keys.has(value)
  }

  /** @internal */
  replace(key: string, before: A | undefined, after: A | undefined): void {
    const values = after === undefined ? [] : this.#valuesOf(after)
    for (const value of before === undefined ? [] : this.#valuesOf(before)) {
      const keys = this.#keys.get(value)
      if (keys === undefined || values.includes(value)) continue
      keys.delete(key)
      if (keys.size === 0) this.#keys.delete(value)
    }
    for (const value of values) {
      const keys = this.#keys.get(value)
      if (keys === undefined) this.#keys.set(value, new Set([key]))
      else keys.add(key)
    }
  }
}

/**
 * The rows of a table. Opening it reads all rows, and throws a {@link RowStoreError} that names a damaged row.
 */
export class Table<A> {
  readonly #rows = new Map<string, A>()
  readonly #indexes: Array<Index<A>> = []
  readonly #options: Options<A>
  readonly #encode: (row: A) => Uint8Array

  constructor(rowStore: RowStore["Service"], options: Options<A>) {
    const { key: keyOf, name, schema } = options
    this.#options = options
    this.#encode = () => {
      throw new RowStoreError({ message: `rows of the table "${name}" are not stored` })
    }
    if (!rowStore.keeps) return
    const json = Schema.fromJsonString(schema)
    const encode = Schema.encodeResult(json)
    const decode = Schema.decodeResult(json)
    this.#encode = (row) => {
      const text = encode(row)
      if (Result.isSuccess(text)) return encoder.encode(text.success)
      throw new RowStoreError({ message: `a row of the table "${name}" cannot be written as JSON` })
    }
    for (const { key, value } of rowStore.rows(name)) {
      const row = Result.flatMap(textOf(value), (text) => decode(text))
      if (Result.isFailure(row) || keyOf(row.success) !== key) throw damaged(name, key)
      this.#rows.set(key, row.success)
    }
  }

  get rows(): ReadonlyMap<string, A> {
    return this.#rows
  }

  /** An index by the values of a row. */
  index(valuesOf: (row: A) => ReadonlyArray<string>): Index<A> {
    const index = new Index(this.#rows, valuesOf)
    for (const [key, row] of this.#rows) index.replace(key, undefined, row)
    this.#indexes.push(index)
    return index
  }

  /** A new row, or the replacement of the row of its key. */
  put(row: A): Edit {
    const key = this.#options.key(row)
    return {
      changes: () => [{ table: this.#options.name, key, value: this.#encode(row) }],
      apply: () => {
        const before = this.#rows.get(key)
        this.#rows.set(key, row)
        for (const index of this.#indexes) index.replace(key, before, row)
      }
    }
  }

  remove(row: A): Edit {
    const key = this.#options.key(row)
    return {
      changes: () => [{ table: this.#options.name, key, value: undefined }],
      apply: () => {
        const before = this.#rows.get(key)
        this.#rows.delete(key)
        for (const index of this.#indexes) index.replace(key, before, undefined)
      }
    }
  }
}

const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true })

const textOf = (bytes: Uint8Array) => Result.try(() => decoder.decode(bytes))

const damaged = (table: string, key: string) =>
  new RowStoreError({
    message: `the row "${key}" of the table "${table}" is damaged: restore the data from a backup`
  })
