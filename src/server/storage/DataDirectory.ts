/**
 * A {@link Journal} in a directory, by Node's own SQLite: what outlives the process, for any number of applications.
 *
 * What is acknowledged is on the disk (`synchronous=FULL`), so it survives a killed process and, as far as the disk keeps
 * its word, a power cut. One process at a time has a directory: the lock is the operating system's, and ends with the
 * process however that ends. Files are for their owner alone (0600, the directory 0700). It has to be a local disk: locks
 * and memory maps of network file systems are not to be relied on.
 *
 * The directory holds `data.sqlite` (with `-wal` and `-shm` while it is open), `lock`, and `process`, which says who has
 * it. `data.sqlite` only comes to be when it is complete: an empty one was never ours.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import * as fs from "node:fs"
import { dirname, join, resolve } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import { type Change, Journal, JournalError, type Row } from "./Journal.ts"

/**
 * Why a directory is not used: somebody else has it, it is not ours, a later version wrote it, it is damaged, it cannot be
 * read or written, or it is not there. Nothing in it was changed.
 *
 * @category errors
 * @since 0.1.0
 */
export class DataDirectoryError extends Schema.TaggedError<DataDirectoryError>(
  "effect-app-services/server/storage/DataDirectoryError"
)("DataDirectoryError", {
  directory: Schema.String,
  reason: Schema.Literals(["inUse", "foreign", "newer", "damaged", "unusable", "missing"]),
  message: Schema.String
}) {}

/**
 * How a directory is opened.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** Whether one that is missing or empty is made ours: yes unless given. */
  readonly create?: boolean | undefined
  /** How many bytes the data may take; what would take more fails as on a full disk. No limit unless given. */
  readonly maxBytes?: number | undefined
}

/**
 * The journal in a directory.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (directory: string, options: Options = {}): Layer.Layer<Journal, DataDirectoryError> =>
  Layer.effect(
    Journal,
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

      yield* use(() => prepare(path, options.create !== false))
      yield* Effect.acquireRelease(
        use(() => lock(path, open)),
        (held) =>
          Effect.sync(() => {
            fs.rmSync(join(path, files.process), { force: true })
            held.close()
          })
      )
      yield* use(() => {
        if (fs.existsSync(join(path, files.data))) return checkHeader(path)
        create(path, open)
      })
      const database = yield* Effect.acquireRelease(
        use(() => openData(path, open, options.maxBytes)),
        (database) => Effect.sync(() => database.close())
      )
      return make(path, database)
    })
  )

const files = { data: "data.sqlite", fresh: "data.sqlite.new", lock: "lock", process: "process" }

/** "EAS1": SQLite keeps it in the header of the file, for programs to tell their own files by. */
const applicationId = 0x45415331

/** What each version of the format adds to the one before; the version of a file is how many of them it has. */
const migrations: ReadonlyArray<string> = [
  `CREATE TABLE tables (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT;
   CREATE TABLE rows (
     id INTEGER PRIMARY KEY,
     tbl INTEGER NOT NULL REFERENCES tables (id),
     key TEXT NOT NULL,
     value BLOB NOT NULL,
     UNIQUE (tbl, key)
   ) STRICT;
   CREATE INDEX rows_in_order ON rows (tbl, id);`
]

type Open = (file: string) => DatabaseSync

const problem = (directory: string, reason: DataDirectoryError["reason"], what: string) =>
  new DataDirectoryError({ directory, reason, message: `the data directory ${directory} ${what}` })

const isProblem = Schema.is(DataDirectoryError)

/** Looks at the directory, and changes nothing in one that is not ours. */
const prepare = (path: string, mayCreate: boolean): void => {
  const stats = fs.statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) {
    if (!mayCreate) throw problem(path, "missing", "does not exist")
    fs.mkdirSync(path, { recursive: true, mode: 0o700 })
    sync(dirname(path))
  } else if (!stats.isDirectory()) throw problem(path, "foreign", "is a file: name a directory")
  const names = fs.readdirSync(path)
  if (!names.includes(files.data)) {
    const stranger = names.find(
      (name) => name !== files.lock && name !== files.process && !name.startsWith(files.fresh)
    )
    if (stranger !== undefined) {
      throw problem(path, "foreign", `holds other files ("${stranger}") and no data: name an empty or a new directory`)
    }
    if (!mayCreate) throw problem(path, "missing", "holds no data")
  }
  // closing a file ends the locks that this process has on it: where there may be any, it is looked at under the lock
  else if (!names.includes(files.lock)) checkHeader(path)
  fs.accessSync(path, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK)
  fs.chmodSync(path, 0o700)
  if (!names.includes(files.lock)) createEmpty(join(path, files.lock))
}

/** Never opens a file that is there: see {@link prepare}. */
const createEmpty = (file: string): void => {
  try {
    fs.closeSync(fs.openSync(file, "wx", 0o600))
  } catch (cause) {
    if (codeOf(cause) !== "EEXIST") throw cause
  }
}

/** A transaction on an empty file that is never committed: the lock of it is what is wanted. */
const lock = (path: string, open: Open): DatabaseSync => {
  const held = open(files.lock)
  try {
    held.exec("PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE")
    fs.writeFileSync(join(path, files.process), `${process.pid}\n`, { mode: 0o600 })
    return held
  } catch (cause) {
    held.close()
    if (sqliteCode(cause) !== sqlite.busy) throw cause
    const pid = /^\d+$/.exec(readText(join(path, files.process)).trim())?.[0]
    const who = pid === undefined ? "another process" : `process ${pid}`
    throw problem(path, "inUse", `is in use by ${who}: stop it, or name another directory`)
  }
}

/** The first 100 bytes of a SQLite file say whose it is. */
const checkHeader = (path: string): void => {
  const header = Buffer.alloc(100)
  const file = fs.openSync(join(path, files.data), "r")
  try {
    if (fs.readSync(file, header, 0, 100, 0) < 100) throw damaged(path)
  } finally {
    fs.closeSync(file)
  }
  if (header.toString("latin1", 0, 16) !== "SQLite format 3\0") throw damaged(path)
  if (header.readUInt32BE(68) !== applicationId) {
    throw problem(path, "foreign", `holds a "${files.data}" of another program: name an empty or a new directory`)
  }
  checkVersion(path, header.readUInt32BE(60))
}

const checkVersion = (path: string, version: number): void => {
  if (version <= migrations.length) return
  throw problem(
    path,
    "newer",
    `was written by a later version of effect-app-services (format ${version}, this one knows ${migrations.length}): ` +
      "use that one"
  )
}

const damaged = (path: string) => problem(path, "damaged", `is damaged ("${files.data}"): restore it from a backup`)

/** What a crash left of an earlier attempt is made anew; only the whole file gets its name. */
const create = (path: string, open: Open): void => {
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

const openData = (path: string, open: Open, maxBytes: number | undefined): DatabaseSync => {
  const database = open(files.data)
  try {
    fs.chmodSync(join(path, files.data), 0o600)
    database.exec("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA fullfsync = ON")
    const [check] = Object.values(database.prepare("PRAGMA quick_check(1)").get() ?? {})
    if (check !== "ok") throw damaged(path)
    const version = pragma(database, "user_version")
    checkVersion(path, version)
    migrate(database, version)
    if (maxBytes !== undefined) {
      database.exec(`PRAGMA max_page_count = ${Math.floor(maxBytes / pragma(database, "page_size"))}`)
    }
    return database
  } catch (cause) {
    database.close()
    throw cause
  }
}

const pragma = (database: DatabaseSync, name: string): number =>
  Number(Object.values(database.prepare(`PRAGMA ${name}`).get() ?? {})[0])

const migrate = (database: DatabaseSync, from: number): void => {
  if (from === migrations.length) return
  const steps = migrations.slice(from).join("\n")
  database.exec(`BEGIN IMMEDIATE; ${steps} PRAGMA user_version = ${migrations.length}; COMMIT`)
}

const make = (path: string, database: DatabaseSync): Journal["Service"] => {
  const file = join(path, files.data)
  const { ino } = fs.statSync(file)
  const names = database.prepare(
    `SELECT name FROM tables WHERE substr(name, 1, length(?1)) = ?1
     AND EXISTS (SELECT 1 FROM rows WHERE tbl = tables.id) ORDER BY id`
  )
  const addTable = database.prepare("INSERT INTO tables (name) VALUES (?) ON CONFLICT DO NOTHING")
  const put = database.prepare(
    `INSERT INTO rows (tbl, key, value) VALUES ((SELECT id FROM tables WHERE name = ?), ?, ?)
     ON CONFLICT (tbl, key) DO UPDATE SET value = excluded.value`
  )
  const remove = database.prepare("DELETE FROM rows WHERE tbl = (SELECT id FROM tables WHERE name = ?) AND key = ?")

  const apply = (changes: ReadonlyArray<Change>): void => {
    for (const table of new Set(changes.map(({ table }) => table))) addTable.run(table)
    for (const { key, table, value } of changes) {
      if (value === undefined) remove.run(table, key)
      else put.run(table, key, value)
    }
  }

  return {
    keeps: true,
    tables: (prefix) => read(() => names.all(prefix).map(({ name }) => String(name))),
    rows: (table) => rowsOf(database, table),
    commit: (changes) => {
      // a database whose file was removed goes on without a word
      if (fs.statSync(file, { throwIfNoEntry: false })?.ino !== ino) {
        throw new JournalError({ message: `${file} is gone: nothing can be kept until the server is started again` })
      }
      if (changes.some(({ key, table }) => illFormed.test(key) || illFormed.test(table))) {
        throw new JournalError({ message: "tables and keys have to be well-formed text" })
      }
      try {
        database.exec("BEGIN IMMEDIATE")
        apply(changes)
        database.exec("COMMIT")
      } catch (cause) {
        if (database.isTransaction) database.exec("ROLLBACK")
        throw toJournalError(cause)
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
    throw toJournalError(cause)
  }
}

const toRow = ({ key, value }: Record<string, unknown>): ReadonlyArray<Row> =>
  typeof key === "string" && value instanceof Uint8Array ? [{ key, value }] : []

/** SQLite would write all of these as one and the same character. */
const illFormed = /\p{Surrogate}/u

const read = <A>(f: () => A): A => {
  try {
    return f()
  } catch (cause) {
    throw toJournalError(cause)
  }
}

const sqlite = { busy: 5, readOnly: 8, ioError: 10, corrupt: 11, full: 13, cantOpen: 14, notADatabase: 26 }

/** SQLite's primary result code; the bits above it tell kinds apart. */
const sqliteCode = (cause: unknown): number | undefined =>
  typeof cause === "object" && cause !== null && "errcode" in cause && typeof cause.errcode === "number"
    ? cause.errcode & 0xff
    : undefined

const codeOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : ""

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

const toJournalError = (cause: unknown): JournalError => {
  switch (sqliteCode(cause)) {
    case sqlite.full:
      return new JournalError({ message: "the disk is full: nothing was changed" })
    case undefined:
      throw cause
    default:
      return new JournalError({ message: `the data could not be read or written: ${messageOf(cause)}` })
  }
}

const toProblem = (path: string, cause: unknown): DataDirectoryError => {
  if (isProblem(cause)) return cause
  switch (sqliteCode(cause)) {
    case sqlite.corrupt:
    case sqlite.notADatabase:
      return damaged(path)
    case sqlite.full:
      return problem(path, "unusable", "is on a full disk")
    default:
      return problem(path, "unusable", `cannot be read and written: ${messageOf(cause)}`)
  }
}

const readText = (file: string): string => {
  try {
    return fs.readFileSync(file, "utf8")
  } catch {
    return ""
  }
}

/** Has the entries of a directory on the disk, where the system can do that. */
const sync = (path: string): void => {
  try {
    const directory = fs.openSync(path, "r")
    try {
      fs.fsyncSync(directory)
    } finally {
      fs.closeSync(directory)
    }
  } catch {
    // Windows cannot, and need not
  }
}
