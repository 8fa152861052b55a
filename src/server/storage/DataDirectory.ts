/**
 * A {@link RowStore} in a directory, by Node's own SQLite: what outlives the process, for any number of applications.
 *
 * What is acknowledged is on the disk (`synchronous=FULL`), so it survives a killed process and, as far as the disk keeps
 * its word, a power cut. One process at a time has a directory: the locks are the operating system's, on the data itself
 * too, and end with the process however that ends. Files are for their owner alone (0600, the directory 0700). It has to be
 * a local disk: locks of network file systems are not to be relied on.
 *
 * The directory holds `data.sqlite` (with `-wal` while it is open), `lock`, and `process`, which says who has it; none of
 * them may be a link. `data.sqlite` only comes to be when it is complete: an empty one was never ours. Every row has a
 * checksum, and all of them are checked when the directory is opened.
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as fs from "node:fs"
import { join, resolve } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import type { DataDirectoryError } from "./DataDirectoryError.ts"
import { checkHeader, create, openData, sumOf } from "./internal/dataFile.ts"
import { claim, files, hold, lock, prepare, writeProcess } from "./internal/files.ts"
import { problem, toRowStoreError, toProblem } from "./internal/problems.ts"
import { type RowWrite, RowStore, RowStoreError, type Row } from "./RowStore.ts"

export { DataDirectoryError } from "./DataDirectoryError.ts"

/** How a directory is opened. */
export interface Options {
  /** Whether one that is missing or empty is made ours: yes unless given. */
  readonly create?: boolean | undefined
  /** How many bytes the data may take; what would take more fails as on a full disk. No limit unless given. */
  readonly maxBytes?: number | undefined
}

/** The row store in a directory. */
export const layer = (directory: string, options: Options = {}): Layer.Layer<RowStore, DataDirectoryError> =>
  Layer.effect(
    RowStore,
    Effect.gen(function* () {
      const path = resolve(directory)
      const { DatabaseSync } = yield* Effect.tryPromise({
        // it warns where it is experimental: whoever keeps nothing need not hear that
        try: () => import("node:sqlite"),
        catch: () =>
          problem(path, "unusable", "needs node:sqlite, which this runtime does not have: use Node 22.19 or later")
      })
      const use = <A>(f: () => A) => Effect.try({ try: f, catch: (cause) => toProblem(path, cause) })
      const open = (file: string) => new DatabaseSync(join(path, file))

      yield* use(() => {
        prepare(path, options.create !== false)
        if (fs.existsSync(join(path, files.data))) checkHeader(path)
        claim(path)
      })
      yield* Effect.acquireRelease(
        use(() => lock(path, open)),
        (held) => Effect.sync(() => held.close())
      )
      // another process may have made it until now
      yield* use(() => {
        if (!fs.existsSync(join(path, files.data))) create(path, open)
      })
      const { database } = yield* Effect.acquireRelease(
        use(() => ({ database: openData(path, open, options.maxBytes), letGo: hold(join(path, files.data)) })),
        ({ database, letGo }) =>
          Effect.sync(() => {
            database.close()
            letGo()
          })
      )
      yield* Effect.acquireRelease(
        use(() => writeProcess(path)),
        () => Effect.sync(() => fs.rmSync(join(path, files.process), { force: true }))
      )
      return make(path, database)
    })
  )

const make = (path: string, database: DatabaseSync): RowStore["Service"] => {
  const file = join(path, files.data)
  const { ino } = fs.statSync(file)
  const names = database.prepare(
    `SELECT name FROM tables WHERE substr(name, 1, length(?1)) = ?1
     AND EXISTS (SELECT 1 FROM rows WHERE tbl = tables.id) ORDER BY id`
  )
  const addTable = database.prepare("INSERT INTO tables (name) VALUES (?) ON CONFLICT DO NOTHING")
  const put = database.prepare(
    `INSERT INTO rows (tbl, key, value, sum) VALUES ((SELECT id FROM tables WHERE name = ?), ?, ?, ?)
     ON CONFLICT (tbl, key) DO UPDATE SET value = excluded.value, sum = excluded.sum`
  )
  const remove = database.prepare("DELETE FROM rows WHERE tbl = (SELECT id FROM tables WHERE name = ?) AND key = ?")

  const apply = (changes: ReadonlyArray<RowWrite>): void => {
    for (const table of new Set(changes.map(({ table }) => table))) addTable.run(table)
    for (const { key, table, value } of changes) {
      if (value === undefined) remove.run(table, key)
      else put.run(table, key, value, sumOf(table, key, value))
    }
  }

  return {
    keeps: true,
    tables: (prefix) => read(() => names.all(prefix).map(({ name }) => String(name))),
    rows: (table) => rowsOf(database, table),
    commit: (changes) => {
      // a database whose file was removed goes on without a word
      if (fs.statSync(file, { throwIfNoEntry: false })?.ino !== ino) {
        throw new RowStoreError({ message: `${file} is gone: nothing can be kept until the server is started again` })
      }
      if (changes.some(({ key, table }) => illFormed.test(key) || illFormed.test(table))) {
        throw new RowStoreError({ message: "tables and keys have to be well-formed text" })
      }
      try {
        database.exec("BEGIN IMMEDIATE")
        apply(changes)
        database.exec("COMMIT")
      } catch (cause) {
        if (database.isTransaction) database.exec("ROLLBACK")
        throw toRowStoreError(cause)
      }
    }
  }
}

/** One after the other, so that a large table is never in memory twice. */
function* rowsOf(database: DatabaseSync, table: string): Generator<Row> {
  try {
    // a statement can be in one iteration at a time
    const all = database.prepare(
      "SELECT key, value FROM rows WHERE tbl = (SELECT id FROM tables WHERE name = ?) ORDER BY id"
    )
    for (const row of all.iterate(table)) yield* toRow(row)
  } catch (cause) {
    throw toRowStoreError(cause)
  }
}

// the schema is strict: a row is of these types
const toRow = ({ key, value }: Record<string, unknown>): ReadonlyArray<Row> =>
  typeof key === "string" && value instanceof Uint8Array ? [{ key, value }] : []

/** SQLite would write all of these as one and the same character. */
const illFormed = /\p{Surrogate}/u

const read = <A>(f: () => A): A => {
  try {
    return f()
  } catch (cause) {
    throw toRowStoreError(cause)
  }
}
