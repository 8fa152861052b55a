/**
 * Backups of data directories. A backup is one file with all rows: users, documents, change logs, keys. It is a database of
 * SQLite in the format of `data.sqlite`, with a checksum for each row.
 *
 * A file gets its name only when it is complete, checked and on the disk. What an interrupted backup leaves has a name that
 * ends with `.partial`, and is refused as damaged. Files are readable for their owner only (0600).
 */
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Stream from "effect/Stream"
import * as fs from "node:fs"
import { dirname, join, resolve } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import type { DataDirectoryError } from "./DataDirectoryError.ts"
import { checkContent, checkHeader, checkPages, checkRows, isPresent, ofBackup } from "./internal/dataFile.ts"
import { claim, createEmpty, files, lock, prepare, sync } from "./internal/files.ts"
import { backupProblem, problem, toBackupProblem, toProblem } from "./internal/problems.ts"
import { nodeSqlite } from "./internal/snapshots.ts"

export { DataDirectoryError } from "./DataDirectoryError.ts"

/** What is in a backup. */
export interface Summary {
  /** In bytes. */
  readonly size: number
  /** The number of rows by table. */
  readonly tables: ReadonlyMap<string, number>
}

/** The database classes of Node, which is imported on demand. */
const sqliteFor = (path: string) => Effect.mapError(nodeSqlite, (what) => backupProblem(path, "unusable", what))

/**
 * Writes a backup to a new file, checks it, and gives it its name. Fails with the error of the content, or with a
 * {@link DataDirectoryError} about the file; then there is no file of that name.
 */
export const write = Effect.fnUntraced(function* <E>(
  name: string,
  content: Stream.Stream<Uint8Array, E>
): Effect.fn.Return<Summary, DataDirectoryError | E, FileSystem.FileSystem> {
  const file = resolve(name)
  const attempt = <A>(run: () => A) => Effect.try({ try: run, catch: (cause) => toBackupProblem(file, cause) })
  const sqlite = yield* sqliteFor(file)
  yield* attempt(() => checkIsFree(file))
  const partial = `${file}.${process.pid}.partial`
  return yield* Effect.gen(function* () {
    yield* save(file, partial, content)
    return yield* attempt(() => {
      checkHeader(file, partial, ofBackup(file))
      const database = new sqlite.DatabaseSync(partial, { readOnly: true })
      try {
        // a server of an earlier version may have written it
        const tables = isPresent(checkPages(database, ofBackup(file)))
          ? checkRows(database, ofBackup(file))
          : new Map<string, number>()
        checkIsFree(file)
        fs.renameSync(partial, file)
        sync(dirname(file))
        return { size: fs.statSync(file).size, tables }
      } finally {
        database.close()
      }
    })
  }).pipe(Effect.ensuring(Effect.ignore(attempt(() => fs.rmSync(partial, { force: true })))))
})

/** Writes the bytes to a new file, and flushes it to the disk. */
const save = <E>(file: string, partial: string, content: Stream.Stream<Uint8Array, E>) =>
  Effect.gen(function* () {
    const fileSystem = yield* FileSystem.FileSystem
    const toFile = Effect.mapError(({ reason }: { readonly reason: { readonly cause?: unknown } }) =>
      toBackupProblem(file, reason.cause ?? reason)
    )
    const output = yield* toFile(fileSystem.open(partial, { flag: "wx", mode: 0o600 }))
    yield* Stream.runForEach(content, (chunk) => toFile(output.writeAll(chunk)))
    yield* toFile(output.sync)
  }).pipe(Effect.scoped)

const checkIsFree = (file: string): void => {
  if (fs.lstatSync(file, { throwIfNoEntry: false }) === undefined) return
  throw backupProblem(file, "exists", "exists already: choose another name")
}

/**
 * Restores a backup into a missing or empty directory. The data get their name only after all of them were checked in the
 * directory itself. Fails with a {@link DataDirectoryError} about the backup or the directory, and then leaves no data.
 */
export const restore = (name: string, directory: string): Effect.Effect<Summary, DataDirectoryError> =>
  Effect.gen(function* () {
    const file = resolve(name)
    const path = resolve(directory)
    const sqlite = yield* sqliteFor(file)
    const open = (child: string) => new sqlite.DatabaseSync(join(path, child))
    yield* Effect.try({ try: () => checkBackup(file), catch: (cause) => toBackupProblem(file, cause) })
    const isNew = !fs.existsSync(path)
    return yield* Effect.try({
      try: () => {
        prepare(path, true)
        checkIsEmpty(path)
        claim(path)
        const held = lock(path, open)
        try {
          // another process may have created it meanwhile
          checkIsEmpty(path)
          return putInPlace(file, path, open)
        } finally {
          held.close()
        }
      },
      catch: (cause) => toProblem(path, cause)
    }).pipe(
      Effect.tapError(() =>
        Effect.sync(() => {
          if (isNew) removeEmpty(path)
        })
      )
    )
  })

const checkBackup = (file: string): void => {
  if (!fs.statSync(file).isFile()) throw backupProblem(file, "foreign", "is not a file")
  checkHeader(file, file, ofBackup(file))
  if ((fs.statSync(`${file}-wal`, { throwIfNoEntry: false })?.size ?? 0) === 0) return
  throw backupProblem(
    file,
    "foreign",
    `is a part of a data directory, with "${file}-wal" beside it: copy that directory instead`
  )
}

const checkIsEmpty = (path: string): void => {
  if (!fs.existsSync(join(path, files.data))) return
  throw problem(path, "exists", "holds data already: choose an empty or a new directory")
}

/** Copies the backup to another name, checks the copy, and renames it. */
const putInPlace = (file: string, path: string, open: (file: string) => DatabaseSync): Summary => {
  const fresh = join(path, files.fresh)
  const clean = () => {
    for (const name of fs.readdirSync(path)) if (name.startsWith(files.fresh)) fs.rmSync(join(path, name))
  }
  clean()
  try {
    createEmpty(fresh)
    fs.copyFileSync(file, fresh)
    const tables = checked(file, () => open(files.fresh))
    flush(fresh)
    fs.renameSync(fresh, join(path, files.data))
    sync(path)
    return { size: fs.statSync(join(path, files.data)).size, tables }
  } finally {
    clean()
  }
}

/** The number of rows by table, all of which were read. Errors are about the backup. */
const checked = (file: string, open: () => DatabaseSync): Summary["tables"] => {
  try {
    const database = open()
    try {
      const tables = checkContent(database, ofBackup(file))
      database.exec("PRAGMA journal_mode = WAL")
      return tables
    } finally {
      database.close()
    }
  } catch (cause) {
    throw toBackupProblem(file, cause)
  }
}

const flush = (file: string): void => {
  const descriptor = fs.openSync(file, "r+")
  try {
    fs.fsyncSync(descriptor)
  } finally {
    fs.closeSync(descriptor)
  }
}

/** Removes a directory that was made for nothing. */
const removeEmpty = (path: string): void => {
  fs.rmSync(join(path, files.lock), { force: true })
  try {
    fs.rmdirSync(path)
  } catch {
    // something else is in it
  }
}
