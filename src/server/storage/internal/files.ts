import * as fs from "node:fs"
import { dirname, join } from "node:path"
import type { DatabaseSync } from "node:sqlite"
import type { DataDirectoryError } from "../DataDirectoryError.ts"
import { codeOf, problem, sqlite, sqliteCode } from "./problems.ts"

/** @internal */
export const files = {
  data: "data.sqlite",
  fresh: "data.sqlite.new",
  snapshot: "snapshot.sqlite",
  lock: "lock",
  process: "process",
  freshProcess: "process.new"
}

/** @internal */
export type Open = (file: string) => DatabaseSync

/** Files that may exist without data: the rest of an interrupted initialisation. */
const isBefore = (name: string): boolean =>
  name === files.lock || name === files.process || name === files.freshProcess || name.startsWith(files.fresh)

const isOurs = (name: string): boolean => isBefore(name) || /^data\.sqlite(?:-wal|-shm|-journal)?$/.test(name)

/**
 * Inspects the directory without changing it; creates a missing one.
 *
 * @internal
 */
export const prepare = (path: string, mayCreate: boolean): void => {
  const stats = fs.statSync(path, { throwIfNoEntry: false })
  if (stats === undefined) {
    if (!mayCreate) throw problem(path, "missing", "does not exist")
    makeDirectory(path)
  } else if (!stats.isDirectory()) throw problem(path, "foreign", "is a file: choose a directory")
  const names = fs.readdirSync(path)
  for (const name of names) if (isOurs(name)) checkIsFile(path, name)
  if (!names.includes(files.data)) {
    const stranger = names.find((name) => !isBefore(name))
    if (stranger !== undefined) {
      throw problem(
        path,
        "foreign",
        `holds other files ("${stranger}") and no data: choose an empty or a new directory`
      )
    }
    if (!mayCreate) throw problem(path, "missing", "holds no data")
  } else if (held.has(identityOf(join(path, files.data)))) throw inUse(path)
}

/**
 * The data files that this process has open. Closing a file ends every lock of the process on it, so a file must not be
 * opened a second time, under any name.
 */
const held = new Set<string>()

const identityOf = (file: string): string => {
  const { dev, ino } = fs.statSync(file, { bigint: true })
  return `${dev}:${ino}`
}

/**
 * Registers the data file as open in this process; returns the function that unregisters it.
 *
 * @internal
 */
export const hold = (file: string): (() => void) => {
  const identity = identityOf(file)
  held.add(identity)
  return () => void held.delete(identity)
}

/** Rejects what is not a regular file: a link could lead to missing or foreign data, and opening a pipe would block. */
const checkIsFile = (path: string, name: string): void => {
  const stats = fs.lstatSync(join(path, name))
  if (stats.isFile()) return
  if (!stats.isSymbolicLink()) throw problem(path, "unusable", `has a "${name}" that is not a file`)
  const gone = fs.existsSync(join(path, name)) ? "" : ", which does not exist"
  const to = `"${fs.readlinkSync(join(path, name))}"${gone}`
  throw problem(
    path,
    "unusable",
    `has a "${name}" that is a link to ${to}: name the directory that contains the data itself`
  )
}

/** Node's recursive mkdir does not return for some virtual directories, as in /proc. */
const makeDirectory = (path: string): void => {
  const above = dirname(path)
  if (fs.lstatSync(path, { throwIfNoEntry: false }) !== undefined) {
    throw problem(path, "unusable", "is a link to a missing directory: is its disk mounted?")
  }
  if (above !== path && !fs.existsSync(above)) makeDirectory(above)
  try {
    fs.mkdirSync(path, { mode: 0o700 })
  } catch (cause) {
    if (codeOf(cause) !== "EEXIST") throw cause
  }
  sync(above)
}

/**
 * Restricts the directory to its owner, and acquires its lock.
 *
 * @internal
 */
export const claim = (path: string): void => {
  fs.accessSync(path, fs.constants.R_OK | fs.constants.W_OK | fs.constants.X_OK)
  fs.chmodSync(path, 0o700)
  createEmpty(join(path, files.lock))
}

/**
 * Does not open an existing file: closing it would end this process's locks on it.
 *
 * @internal
 */
export const createEmpty = (file: string): void => {
  if (fs.existsSync(file)) return
  try {
    fs.closeSync(fs.openSync(file, "wx", 0o600))
  } catch (cause) {
    if (codeOf(cause) !== "EEXIST") throw cause
  }
}

/**
 * Acquires a lock by a transaction on an empty file that is never committed. It is acquired before the lock of the
 * data, which may not exist yet.
 *
 * @internal
 */
export const lock = (path: string, open: Open): DatabaseSync => {
  const database = open(files.lock)
  try {
    database.exec("PRAGMA journal_mode = OFF; BEGIN EXCLUSIVE")
    return database
  } catch (cause) {
    database.close()
    throw sqliteCode(cause) === sqlite.busy ? inUse(path) : cause
  }
}

/** @internal */
export const inUse = (path: string): DataDirectoryError => {
  const pid = /^\d+$/.exec(readText(join(path, files.process)).trim())?.[0]
  const who = pid === undefined ? "another process" : `process ${pid}`
  return problem(path, "inUse", `is in use by ${who}: stop it, or choose another directory`)
}

/**
 * Writes the process id to a file of its own, replacing an existing one.
 *
 * @internal
 */
export const writeProcess = (path: string): void => {
  const fresh = join(path, files.freshProcess)
  fs.rmSync(fresh, { force: true })
  fs.writeFileSync(fresh, `${process.pid}\n`, { mode: 0o600, flag: "wx" })
  fs.renameSync(fresh, join(path, files.process))
}

const readText = (file: string): string => {
  try {
    return fs.readFileSync(file, "utf8")
  } catch {
    return ""
  }
}

/**
 * Flushes the entries of a directory to disk, if the system supports it.
 *
 * @internal
 */
export const sync = (path: string): void => {
  try {
    const directory = fs.openSync(path, "r")
    try {
      fs.fsyncSync(directory)
    } finally {
      fs.closeSync(directory)
    }
  } catch {
    // not supported and not needed on Windows
  }
}
