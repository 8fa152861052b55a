/** The errors of MongoDB's driver as those of a database. The driver is imported on demand, so its classes go by names. */
import type { MongoBulkWriteError, MongoError } from "mongodb"
import { DatabaseError } from "../../data/DatabaseError.ts"
import { LanguageError } from "../../language/LanguageError.ts"

/** Whether an error is one of the driver. */
export const isMongo = (cause: unknown): cause is MongoError => cause instanceof Error && "errorLabels" in cause

const isBulk = (cause: MongoError): cause is MongoBulkWriteError => cause.name === "MongoBulkWriteError"

/** Whether the server itself answered with the error. */
const isFromServer = (cause: MongoError): boolean =>
  ["MongoServerError", "MongoBulkWriteError", "MongoWriteConcernError"].includes(cause.name)

/** A number of the server's has a class, since numbers keep their types, which the driver's types do not tell. */
export const countOf = (count: unknown): number => Number(count)

/** The number of an error of the server's; it has a class, since numbers keep their types. */
export const codeOf = (error: MongoError): number | undefined => {
  const code = Number(error.code ?? NaN)
  return Number.isInteger(code) ? code : undefined
}

/** Errors of a connection name hosts and never a password; all others are the server's words. */
export const asError = (cause: unknown): DatabaseError => {
  if (cause instanceof DatabaseError) return cause
  if (cause instanceof LanguageError) return new DatabaseError({ message: cause.message, code: cause.code })
  if (!isMongo(cause)) return new DatabaseError({ message: `MongoDB's driver failed: ${String(cause)}` })
  const code = codeOf(cause)
  const labels = [...cause.errorLabels]
  return new DatabaseError({
    message: isFromServer(cause) ? cause.message : `MongoDB cannot be reached: ${cause.message}`,
    ...(code === undefined ? undefined : { code }),
    ...(labels.length === 0 ? undefined : { labels }),
    ...(isBulk(cause) ? { inserted: countOf(cause.result.insertedCount) } : undefined)
  })
}
