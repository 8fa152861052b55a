import * as Schema from "effect/Schema"
import { DataDirectoryError } from "../DataDirectoryError.ts"
import { RowStoreError } from "../RowStore.ts"

/** @internal */
export const problem = (directory: string, reason: DataDirectoryError["reason"], what: string) =>
  new DataDirectoryError({ directory, reason, message: `the data directory ${directory} ${what}` })

/** @internal */
export const backupProblem = (file: string, reason: DataDirectoryError["reason"], what: string) =>
  new DataDirectoryError({ directory: file, reason, message: `the backup ${file} ${what}` })

const isProblem = Schema.is(DataDirectoryError)

/** @internal */
export const damaged = (path: string, what = `"data.sqlite"`) =>
  problem(path, "damaged", `is damaged (${what}): restore it from a backup`)

/** @internal */
export const damagedBackup = (file: string, what = "it is incomplete or was changed") =>
  backupProblem(file, "damaged", `is damaged (${what}): use another one`)

/** @internal */
export const sqlite = { busy: 5, readOnly: 8, ioError: 10, corrupt: 11, full: 13, cantOpen: 14, notADatabase: 26 }

/**
 * SQLite's primary result code, without the bits of extended codes.
 *
 * @internal
 */
export const sqliteCode = (cause: unknown): number | undefined =>
  typeof cause === "object" && cause !== null && "errcode" in cause && typeof cause.errcode === "number"
    ? cause.errcode & 0xff
    : undefined

/** @internal */
export const codeOf = (cause: unknown): string =>
  typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : ""

const messageOf = (cause: unknown): string => (cause instanceof Error ? cause.message : String(cause))

/** @internal */
export const toProblem = (path: string, cause: unknown): DataDirectoryError => {
  if (isProblem(cause)) return cause
  if (isDamage(cause)) return damaged(path)
  return problem(path, "unusable", whyOf(cause))
}

/** @internal */
export const toBackupProblem = (file: string, cause: unknown): DataDirectoryError => {
  if (isProblem(cause)) return cause
  if (isDamage(cause)) return damagedBackup(file)
  if (codeOf(cause) === "ENOENT") return backupProblem(file, "missing", "does not exist")
  return backupProblem(file, "unusable", whyOf(cause))
}

/** @internal */
export const isFullDisk = (cause: unknown): boolean => sqliteCode(cause) === sqlite.full || codeOf(cause) === "ENOSPC"

const isDamage = (cause: unknown): boolean =>
  [sqlite.corrupt, sqlite.notADatabase].some((code) => code === sqliteCode(cause))

const whyOf = (cause: unknown): string =>
  isFullDisk(cause) ? "is on a full disk" : `cannot be read and written: ${messageOf(cause)}`

/** @internal */
export const toRowStoreError = (cause: unknown): RowStoreError => {
  switch (sqliteCode(cause)) {
    case sqlite.full:
      return new RowStoreError({ message: "the disk is full: nothing was changed" })
    case undefined:
      throw cause
    default:
      return new RowStoreError({ message: `the data could not be read or written: ${messageOf(cause)}` })
  }
}
