/**
 * A table of a row store with all its rows in memory, and the indexes that find them.
 *
 * A change is made in two steps that nothing can come between: {@link write} puts the rows of all edits into the row store,
 * and only when they are there into memory. Over a row store that keeps nothing, the same code is a store in memory.
 */
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import { type RowWrite, type RowStore, RowStoreError } from "./RowStore.ts"

/** A row to put in place, or to remove. It has no effect before it is written. */
export interface Edit {
  readonly change: () => RowWrite
  readonly apply: () => void
}

/** Makes all edits or, where the row store cannot take them, none. Throws a {@link RowStoreError}. */
export const write = (rowStore: RowStore["Service"], edits: ReadonlyArray<Edit>): void => {
  if (rowStore.keeps && edits.length > 0) rowStore.commit(edits.map((edit) => edit.change()))
  for (const edit of edits) edit.apply()
}

/** How rows of a table look. */
export interface Options<A> {
  readonly name: string
  readonly schema: Schema.Codec<A, unknown>
  /** What tells rows apart: well-formed text. */
  readonly key: (row: A) => string
}

/** Finds rows by something else than their key. */
export class Index<A> {
  readonly #table: ReadonlyMap<string, A>
  readonly #valuesOf: (row: A) => ReadonlyArray<string>
  readonly #keys = new Map<string, Set<string>>()

  constructor(table: ReadonlyMap<string, A>, valuesOf: (row: A) => ReadonlyArray<string>) {
    this.#table = table
    this.#valuesOf = valuesOf
  }

  /** The rows that have a value, in the order in which they got it. */
  all(value: string): ReadonlyArray<A> {
    return Array.from(this.#keys.get(value) ?? []).flatMap((key) => this.#table.get(key) ?? [])
  }

  /** The first row that has a value: the row, where no two have the same. */
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
 * The rows of a table. Opening one reads all rows, and throws a {@link RowStoreError} that names the row where one is
 * damaged.
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
      throw new RowStoreError({ message: `no row of the table "${name}" is kept` })
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

  /** An index by the values that a row has. */
  index(valuesOf: (row: A) => ReadonlyArray<string>): Index<A> {
    const index = new Index(this.#rows, valuesOf)
    for (const [key, row] of this.#rows) index.replace(key, undefined, row)
    this.#indexes.push(index)
    return index
  }

  /** A new row, or another one in place of that of its key. */
  put(row: A): Edit {
    const key = this.#options.key(row)
    return {
      change: () => ({ table: this.#options.name, key, value: this.#encode(row) }),
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
      change: () => ({ table: this.#options.name, key, value: undefined }),
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
