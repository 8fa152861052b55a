/**
 * A durable {@link RowStore} in a directory, in Node's SQLite, for any number of applications.
 *
 * An acknowledged commit is on disk (`synchronous=FULL`): it survives a killed process and, as far as the disk honours
 * flushes, a power failure. A directory is used by one process at a time: the locks are the operating system's, on the
 * data itself too, and end with the process in any case. Files are readable for their owner only (0600, the directory
 * 0700). Use a local disk: locks on network file systems are not reliable.
 *
 * The directory contains `data.sqlite` (with `-wal` while it is open), `lock` and `process`, the id of the process that uses
 * it; none of them may be a symbolic link. `snapshot.sqlite` is there while a backup is made. `data.sqlite` is created
 * atomically, so an empty file was not created by this server. Every row has a checksum, and all of them are checked when the
 * directory is opened.
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
import { nodeSqlite, snapshots } from "./internal/snapshots.ts"
import { type RowChange, RowStore, RowStoreError, type Row } from "./RowStore.ts"

export { DataDirectoryError } from "./DataDirectoryError.ts"

/** How a directory is opened. */
export interface Options {
  /** Whether to initialise a missing or empty directory. @default true */
  readonly create?: boolean | undefined
  /** The maximum size of the data in bytes; a commit beyond it fails as on a full disk. @default unlimited */
  readonly maxBytes?: number | undefined
}

/** Opens a directory as the row store. */
export const layer = (directory: string, options: Options = {}): Layer.Layer<RowStore, DataDirectoryError> =>
  Layer.effect(
    RowStore,
    Effect.gen(function* () {
      const path = resolve(directory)
      const { DatabaseSync, ...sqlite } = yield* Effect.mapError(nodeSqlite, (what) => problem(path, "unusable", what))
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
      // another process may have created it meanwhile
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
      const snapshot = yield* snapshots(path, database, sqlite.backup, open)
      return { ...make(path, database), snapshot }
    })
  )

const make = (path: string, database: DatabaseSync): Omit<RowStore["Service"], "snapshot"> => {
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

  const removeThrough = database.prepare(
    "DELETE FROM rows WHERE tbl = (SELECT id FROM tables WHERE name = ?) AND key <= ?"
  )

  const apply = (changes: ReadonlyArray<RowChange>): void => {
    for (const table of new Set(changes.map(({ table }) => table))) addTable.run(table)
    for (const change of changes) {
      const { table } = change
      if ("through" in change) removeThrough.run(table, change.through)
      else if (change.value === undefined) remove.run(table, change.key)
      else put.run(table, change.key, change.value, sumOf(table, change.key, change.value))
    }
  }

  return {
    keeps: true,
    tables: (prefix) => read(() => names.all(prefix).map(({ name }) => String(name))),
    rows: (table) => rowsOf(database, "ORDER BY id", table),
    rowsAfter: (table, key) => rowsOf(database, "AND key > ? ORDER BY key", table, key),
    commit: (changes) => {
      // SQLite does not notice that its file was removed
      if (fs.statSync(file, { throwIfNoEntry: false })?.ino !== ino) {
        throw new RowStoreError({ message: `${file} was removed: restart the server to store changes again` })
      }
      if (changes.some((it) => illFormed.test(it.table) || illFormed.test("through" in it ? it.through : it.key))) {
        throw new RowStoreError({ message: "invalid name of a table or key: expected well-formed Unicode" })
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

/** Row by row, so that a large table is never in memory twice. */
function* rowsOf(database: DatabaseSync, which: string, ...parameters: ReadonlyArray<string>): Generator<Row> {
  try {
    // a statement supports one iteration at a time
    const all = database.prepare(
      `SELECT key, value FROM rows WHERE tbl = (SELECT id FROM tables WHERE name = ?) ${which}`
    )
    for (const row of all.iterate(...parameters)) yield* toRow(row)
  } catch (cause) {
    throw toRowStoreError(cause)
  }
}

// the table is strict, so a row has these types
const toRow = ({ key, value }: Record<string, unknown>): ReadonlyArray<Row> =>
  typeof key === "string" && value instanceof Uint8Array ? [{ key, value }] : []

/** Lone surrogates, which SQLite would all write as the same character. */
const illFormed = /\p{Surrogate}/u

const read = <A>(f: () => A): A => {
  try {
    return f()
  } catch (cause) {
    throw toRowStoreError(cause)
  }
}
