/** The errors of MongoDB's driver as those of a database. The driver is imported on demand, so its classes go by names. */
import * as Effect from "effect/Effect"
import type { MongoBulkWriteError, MongoError } from "mongodb"
import { DatabaseError, unavailable } from "../../data/DatabaseError.ts"
import { LanguageError } from "../../language/LanguageError.ts"

/** Whether an error is one of the driver. */
export const isMongo = (cause: unknown): cause is MongoError => cause instanceof Error && "errorLabels" in cause

const isBulk = (cause: MongoError): cause is MongoBulkWriteError => cause.name === "MongoBulkWriteError"

/** The errors of the driver that say that it has no connection, or that it has lost one. */
const ofConnections = new Set([
  "MongoClientClosedError",
  "MongoNetworkError",
  "MongoNetworkTimeoutError",
  "MongoNotConnectedError",
  "MongoOperationTimeoutError",
  "MongoPoolClearedError",
  "MongoPoolClearedOnNetworkError",
  "MongoPoolClosedError",
  "MongoServerClosedError",
  "MongoServerSelectionError",
  "MongoTopologyClosedError",
  "MongoWaitQueueTimeoutError"
])

/** MongoDB's numbers of errors of a server that stops, or is not the primary (the driver has tried again before). */
const ofStates = new Set<number | undefined>([6, 7, 89, 91, 133, 189, 9001, 10_107, 11_600, 11_602, 13_435, 13_436])

/** A number of the server's has a class, since numbers keep their types, which the driver's types do not tell. */
export const countOf = (count: unknown): number => Number(count)

/** The number of an error of the server's; it has a class, since numbers keep their types. */
export const codeOf = (error: MongoError): number | undefined => {
  const code = Number(error.code ?? NaN)
  return Number.isInteger(code) ? code : undefined
}

/** Node's codes of errors of sockets, which the driver passes on as they are where it writes to one that has ended. */
const ofSockets = new Set<unknown>([
  "ECONNABORTED",
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ERR_SOCKET_CLOSED",
  "ERR_STREAM_DESTROYED",
  "ERR_STREAM_WRITE_AFTER_END",
  "ETIMEDOUT"
])

const isOfSocket = (cause: unknown): boolean => cause instanceof Error && "code" in cause && ofSockets.has(cause.code)

/** Whether an error says that MongoDB cannot be reached at the moment, or has no primary. */
const isAway = (cause: unknown): boolean =>
  isMongo(cause)
    ? ofConnections.has(cause.name) ||
      ofStates.has(codeOf(cause)) ||
      // several documents are inserted by a bulk write, whose error has that of the connection in it
      (isBulk(cause) && isAway(cause.errorResponse))
    : isOfSocket(cause)

/**
 * An error of the driver as one of a database. One that says that MongoDB is away tells nothing else: it reaches clients,
 * who need not know its hosts. The rest are the server's words.
 */
export const asError = (cause: unknown): DatabaseError => {
  if (cause instanceof DatabaseError) return cause
  if (cause instanceof LanguageError) return new DatabaseError({ message: cause.message, code: cause.code })
  const labels = isMongo(cause) ? [...cause.errorLabels] : []
  if (isAway(cause)) return unavailable(labels)
  if (!isMongo(cause)) return new DatabaseError({ message: `MongoDB's driver failed: ${String(cause)}` })
  const code = codeOf(cause)
  return new DatabaseError({
    message: cause.message,
    ...(code === undefined ? undefined : { code }),
    ...(labels.length === 0 ? undefined : { labels }),
    ...(isBulk(cause) ? { inserted: countOf(cause.result.insertedCount) } : undefined)
  })
}

/** Uses the driver. Every use of it goes through here, so that all its errors are told in one way. */
export const attempt = <A>(run: () => Promise<A>): Effect.Effect<A, DatabaseError> =>
  Effect.tryPromise({ try: run, catch: asError })
