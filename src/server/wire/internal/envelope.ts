/** What every command may have beside its own fields: its session, its transaction, its concerns. */
import { Binary, Long } from "bson"
import type { DatabaseError } from "../../data/DatabaseError.ts"
import { isDocument } from "../../data/internal/bson.ts"
import type { Document } from "../../data/Operation.ts"
import { failure, unsupported } from "./errors.ts"
import * as Fields from "./fields.ts"

/** How a command is to be executed. */
export interface Envelope {
  readonly database: string
  /** The id of the session, in hexadecimal. */
  readonly session: string | undefined
  /** The number of the transaction, or of a write that may be retried. */
  readonly number: bigint | undefined
  /** Whether the command begins a transaction, is part of one, or neither. */
  readonly transaction: "begins" | "continues" | undefined
  readonly maxTimeMS: number | undefined
  /** Why the client's write concern cannot be fulfilled. */
  readonly writeConcernError: DatabaseError | undefined
}

/** The id of a session, in hexadecimal; `undefined` if it is invalid. */
export const sessionIdOf = ({ id }: Document): string | undefined =>
  id instanceof Binary && id.position === 16 ? id.toString("hex") : undefined

const sessionField: Fields.Field<string> = (value, name) => {
  const id = sessionIdOf(Fields.document(value, name))
  if (id === undefined) throw failure("InvalidUUID", `BSON field '${name}.id' must be a UUID`)
  return id
}

const numberField: Fields.Field<bigint> = (value, name) => {
  if (value instanceof Long) return value.toBigInt()
  throw failure("TypeMismatch", `BSON field '${name}' is the wrong type, expected type 'long'`)
}

const levels = new Set<unknown>([undefined, "local", "available", "majority", "linearizable"])

/** Every read sees what was committed before it, which is what all levels but snapshots ask for. */
const checkReadConcern = ({ pipeline, readConcern: value }: Document, inTransaction: boolean): void => {
  if (!isDocument(value)) return
  if (Object.hasOwn(value, "atClusterTime")) throw unsupported("the read concern atClusterTime")
  const { level } = value
  if (level === "snapshot" && !inTransaction) throw unsupported('the read concern "snapshot" outside of a transaction')
  if (level === "linearizable" && writesOutput(pipeline)) {
    throw failure("InvalidOptions", '$out and $merge cannot be used with the read concern "linearizable"')
  }
  if (level !== "snapshot" && !levels.has(level)) {
    throw failure(
      "FailedToParse",
      `Enumeration value '${String(level)}' for field 'readConcern.level' is not a valid value.`
    )
  }
}

const writesOutput = (pipeline: unknown): boolean => {
  const last: unknown = Array.isArray(pipeline) ? pipeline.at(-1) : undefined
  return isDocument(last) && (Object.hasOwn(last, "$out") || Object.hasOwn(last, "$merge"))
}

/** The commands of the stable API's version 1. */
const stable = new Set([
  "abortTransaction",
  "aggregate",
  "bulkWrite",
  "collMod",
  "commitTransaction",
  "count",
  "create",
  "createIndexes",
  "delete",
  "drop",
  "dropDatabase",
  "dropIndexes",
  "endSessions",
  "explain",
  "find",
  "findAndModify",
  "getMore",
  "insert",
  "killCursors",
  "listCollections",
  "listDatabases",
  "listIndexes",
  "refreshSessions",
  "update"
])

/** Checks the version of the stable API that a client declares. */
const checkApi = (command: Document): void => {
  const version = Fields.optional(Fields.text)(command["apiVersion"], "apiVersion")
  const strict = Fields.flag(command["apiStrict"], "apiStrict")
  if (version === undefined) {
    if (strict) throw failure("APIVersionError", "apiStrict needs apiVersion")
    return
  }
  if (version !== "1") throw failure("APIVersionError", `API version must be "1", and not "${version}"`)
  const name = Fields.nameOf(command)
  if (strict && !stable.has(name)) {
    throw failure("APIStrictError", `Provided apiStrict:true, but the command ${name} is not in API Version 1`)
  }
}

/** All writes are those of the one member of the set. */
const checkWriteConcern = (value: unknown): DatabaseError | undefined => {
  const w = isDocument(value) ? value["w"] : undefined
  const members = Fields.numberOf(w)
  if (w === undefined || w === null || w === "majority" || (members !== undefined && members <= 1)) return undefined
  return failure("UnsatisfiableWriteConcern", "Not enough data-bearing nodes: this server is the only one of its set")
}

/** Reads the envelope of a command, or throws. */
export const open = (command: Document): Envelope => {
  const asked = Fields.readAll(
    Object.fromEntries(fieldsOf.map((name) => [name, command[name]])),
    {
      $db: Fields.text,
      lsid: Fields.optional(sessionField),
      txnNumber: Fields.optional(numberField),
      autocommit: Fields.optional(Fields.flag),
      startTransaction: Fields.flag,
      maxTimeMS: Fields.optional(Fields.count)
    },
    Fields.nameOf(command)
  )
  if (!/^[^\0/\\. "$]{1,63}$/.test(asked.$db)) {
    throw failure("InvalidNamespace", `Invalid database name: '${asked.$db}'`)
  }
  const transaction = asked.startTransaction ? "begins" : asked.autocommit === false ? "continues" : undefined
  if (transaction !== undefined && (asked.lsid === undefined || asked.txnNumber === undefined)) {
    throw failure("InvalidOptions", "a transaction needs the fields lsid and txnNumber")
  }
  if (transaction !== undefined && asked.autocommit !== false) {
    throw failure("InvalidOptions", "startTransaction needs autocommit: false")
  }
  checkApi(command)
  checkReadConcern(command, transaction !== undefined)
  return {
    database: asked.$db,
    session: asked.lsid,
    number: asked.txnNumber,
    transaction,
    maxTimeMS: asked.maxTimeMS === 0 ? undefined : asked.maxTimeMS,
    writeConcernError: checkWriteConcern(command["writeConcern"])
  }
}

const fieldsOf = ["$db", "lsid", "txnNumber", "autocommit", "startTransaction", "maxTimeMS"] as const
