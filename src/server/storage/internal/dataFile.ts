import * as fs from "node:fs"
import { join } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import { crc32 } from "node:zlib"
import { createEmpty, files, inUse, type Open, sync } from "./files.ts"
import type { DataDirectoryError } from "../DataDirectoryError.ts"
import { backupProblem, damaged, damagedBackup, problem, sqlite, sqliteCode } from "./problems.ts"

/** "EAS1": SQLite stores it in the header of the file, for programs to recognize their own files. */
const applicationId = 0x45415331

/** The migrations of the format; the version of a file is the number of migrations it has. */
const migrations: ReadonlyArray<(database: DatabaseSync) => void> = [
  (database) =>
    database.exec(
      `CREATE TABLE tables (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
       CREATE TABLE rows (
         id INTEGER PRIMARY KEY,
         tbl INTEGER NOT NULL REFERENCES tables (id),
         key TEXT NOT NULL,
         value BLOB NOT NULL,
         UNIQUE (tbl, key)
       ) STRICT;
       CREATE INDEX rows_in_order ON rows (tbl, id);`
    ),
  (database) => {
    database.exec("ALTER TABLE rows ADD COLUMN sum INTEGER NOT NULL DEFAULT 0")
    const sums = Array.from(everyRow(database), ({ id, ...row }) => [sumOf(row.name, row.key, row.value), id] as const)
    const put = database.prepare("UPDATE rows SET sum = ? WHERE id = ?")
    for (const [sum, id] of sums) put.run(sum, id)
  }
]

/**
 * The CRC-32 checksum of a row: SQLite checks the structure of its pages, and not their content. It includes the
 * table's name, so that a row cannot appear in another table.
 *
 * @internal
 */
export const sumOf = (table: string, key: string, value: Uint8Array): number =>
  crc32(value, crc32(`${key}\0`, crc32(`${table}\0`)))

interface StoredRow {
  readonly id: number
  readonly name: string
  readonly key: string
  readonly value: Uint8Array
  readonly sum: number
}

const isStoredRow = (row: Partial<Record<keyof StoredRow, unknown>>): row is StoredRow =>
  typeof row.id === "number" &&
  typeof row.name === "string" &&
  typeof row.key === "string" &&
  row.value instanceof Uint8Array &&
  typeof row.sum === "number"

/** The rows in the order of the file; throws if one has another type. */
function* everyRow(database: DatabaseSync): Generator<StoredRow> {
  const all = database.prepare(
    `SELECT rows.id, name, key, value, sum FROM rows LEFT JOIN tables ON tables.id = rows.tbl ORDER BY rows.id`
  )
  for (const row of all.iterate()) {
    if (!isStoredRow(row)) throw Object.assign(new Error("a row is not of this format"), { errcode: sqlite.corrupt })
    yield row
  }
}

/** The first bytes of a file, which SQLite calls its header; `undefined` if it is shorter. */
const headerOf = (file: string): Buffer | undefined => {
  const header = Buffer.alloc(100)
  const descriptor = fs.openSync(file, "r")
  try {
    return fs.readSync(descriptor, header, 0, 100, 0) < 100 ? undefined : header
  } finally {
    fs.closeSync(descriptor)
  }
}

/** What an error says about the data, or about a backup of it. */
interface Refusals {
  readonly damaged: (what?: string) => DataDirectoryError
  readonly foreign: () => DataDirectoryError
  readonly newer: (what: string) => DataDirectoryError
}

const ofData = (path: string): Refusals => ({
  damaged: (what) => damaged(path, what),
  foreign: () =>
    problem(path, "foreign", `holds a "${files.data}" of another program: choose an empty or a new directory`),
  newer: (what) => problem(path, "newer", what)
})

/** @internal */
export const ofBackup = (file: string): Refusals => ({
  damaged: (what) => damagedBackup(file, what),
  foreign: () => backupProblem(file, "foreign", "is a file of another program: name one that `backup` wrote"),
  newer: (what) => backupProblem(file, "newer", what)
})

/**
 * Whether the file belongs to this program, by its first 100 bytes.
 *
 * @internal
 */
export const checkHeader = (path: string, file = join(path, files.data), refusals = ofData(path)): void => {
  const header = headerOf(file)
  if (header?.toString("latin1", 0, 16) !== "SQLite format 3\0") throw refusals.damaged()
  if (header.readUInt32BE(68) !== applicationId) throw refusals.foreign()
  checkVersion(refusals, header.readUInt32BE(60))
}

const checkVersion = ({ newer }: Refusals, version: number): void => {
  if (version <= migrations.length) return
  throw newer(
    `was written by a later version of effect-app-services (format ${version}, this one knows ${migrations.length}): ` +
      "use the later version"
  )
}

/**
 * Creates the file under another name, removing the rest of an earlier attempt, and renames it when it is complete.
 *
 * @internal
 */
export const create = (path: string, open: Open): void => {
  for (const name of fs.readdirSync(path)) if (name.startsWith(files.fresh)) fs.rmSync(join(path, name))
  createEmpty(join(path, files.fresh))
  const database = open(files.fresh)
  try {
    database.exec(`PRAGMA synchronous = FULL; PRAGMA application_id = ${applicationId}`)
    migrate(database, 0)
    database.exec("PRAGMA journal_mode = WAL")
  } finally {
    database.close()
  }
  fs.renameSync(join(path, files.fresh), join(path, files.data))
  sync(path)
}

/**
 * Checks the structure of the file, and returns its version.
 *
 * @internal
 */
export const checkPages = (database: DatabaseSync, refusals: Refusals): number => {
  const [check] = Object.values(database.prepare("PRAGMA integrity_check(1)").get() ?? {})
  if (check !== "ok") throw refusals.damaged()
  const version = pragma(database, "user_version")
  checkVersion(refusals, version)
  return version
}

/** @internal */
export const isPresent = (version: number): boolean => version === migrations.length

/**
 * Reads every row of the present version, and returns their number by table.
 *
 * @internal
 */
export const checkRows = (database: DatabaseSync, { damaged }: Refusals): ReadonlyMap<string, number> => {
  const counts = new Map<string, number>()
  for (const { key, name, sum, value } of everyRow(database)) {
    if (sum !== sumOf(name, key, value)) throw damaged(`the row "${key}" of the table "${name}"`)
    counts.set(name, (counts.get(name) ?? 0) + 1)
  }
  return counts
}

/**
 * Reads all of the data, so that damage is found before anything is changed, and migrates it.
 *
 * @internal
 */
export const checkContent = (database: DatabaseSync, refusals: Refusals): ReadonlyMap<string, number> => {
  migrate(database, checkPages(database, refusals))
  return checkRows(database, refusals)
}

/**
 * Opens the data exclusively.
 *
 * @internal
 */
export const openData = (path: string, open: Open, maxBytes: number | undefined): DatabaseSync => {
  const database = open(files.data)
  try {
    fs.chmodSync(join(path, files.data), 0o600)
    // in this mode the first read acquires the lock, which does not depend on any other file
    database.exec("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL")
    database.exec("PRAGMA synchronous = FULL; PRAGMA fullfsync = ON")
    checkContent(database, ofData(path))
    if (maxBytes !== undefined) {
      database.exec(`PRAGMA max_page_count = ${Math.floor(maxBytes / pragma(database, "page_size"))}`)
    }
    return database
  } catch (cause) {
    database.close()
    throw sqliteCode(cause) === sqlite.busy ? inUse(path) : cause
  }
}

const pragma = (database: DatabaseSync, name: string): number =>
  Number(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0])

const migrate = (database: DatabaseSync, from: number): void => {
  if (from === migrations.length) return
  database.exec("BEGIN IMMEDIATE")
  for (const step of migrations.slice(from)) step(database)
  database.exec(`PRAGMA user_version = ${migrations.length}; COMMIT`)
}
