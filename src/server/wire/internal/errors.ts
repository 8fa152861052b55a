/** The errors of commands, with MongoDB's numbers and names. */
import * as Effect from "effect/Effect"
import { DatabaseError, transientLabel } from "../../data/DatabaseError.ts"
import type { Document } from "../../data/Operation.ts"

/** The numbers of errors by the names that MongoDB gives them in `codeName`. */
export const codes = {
  BadValue: 2,
  UnknownError: 8,
  FailedToParse: 9,
  Unauthorized: 13,
  TypeMismatch: 14,
  Overflow: 15,
  InvalidLength: 16,
  AuthenticationFailed: 18,
  IllegalOperation: 20,
  InvalidBSON: 22,
  NamespaceNotFound: 26,
  IndexNotFound: 27,
  PathNotViable: 28,
  ConflictingUpdateOperators: 40,
  CursorNotFound: 43,
  NamespaceExists: 48,
  MaxTimeMSExpired: 50,
  DollarPrefixedFieldName: 52,
  InvalidIdField: 53,
  EmptyFieldName: 56,
  CommandNotFound: 59,
  ImmutableField: 66,
  CannotCreateIndex: 67,
  InvalidOptions: 72,
  InvalidNamespace: 73,
  CannotBuildIndexKeys: 171,
  IndexOptionsConflict: 85,
  IndexKeySpecsConflict: 86,
  UnsatisfiableWriteConcern: 100,
  WriteConflict: 112,
  CommandNotSupported: 115,
  DocumentValidationFailure: 121,
  ExceededMemoryLimit: 146,
  InvalidUUID: 207,
  IncompleteTransactionHistory: 217,
  TransactionTooOld: 225,
  ConversionFailure: 241,
  InvalidIndexSpecificationOption: 197,
  NoSuchTransaction: 251,
  TransactionCommitted: 256,
  OperationNotSupportedInTransaction: 263,
  ChangeStreamFatalError: 280,
  ChangeStreamHistoryLost: 286,
  APIVersionError: 322,
  APIStrictError: 323,
  MechanismUnavailable: 334,
  BSONObjectTooLarge: 10_334,
  DuplicateKey: 11_000,
  IDLFailedToParse: 40_414,
  IDLUnknownField: 40_415
} as const

const names: ReadonlyMap<number, string> = new Map(Object.entries(codes).map(([name, code]) => [code, name]))

/** The name of an error's number: that of its place in the source, where MongoDB has no other. */
export const nameOf = (code: number): string => names.get(code) ?? `Location${code}`

/** A command that fails. */
export const failure = (code: keyof typeof codes, message: string, labels: ReadonlyArray<string> = []): DatabaseError =>
  new DatabaseError({ message, code: codes[code], ...(labels.length === 0 ? undefined : { labels: [...labels] }) })

export const fail = (
  code: keyof typeof codes,
  message: string,
  labels: ReadonlyArray<string> = []
): Effect.Effect<never, DatabaseError> => Effect.fail(failure(code, message, labels))

/** Refuses by name what MongoDB has and this server does not. */
export const unsupported = (what: string, why?: string): DatabaseError =>
  failure("CommandNotSupported", `${what} is not supported by this server${why === undefined ? "" : `: ${why}`}`)

/** The message as MongoDB has it; functions receive the words of App Services in front. */
const messageOf = ({ message }: DatabaseError): string => message.replace(/^Duplicate key error: (?=E11000)/, "")

const codeOf = ({ code = codes.UnknownError }: DatabaseError): number => code

/** The reply to a command that failed. */
export const replyOf = (error: DatabaseError): Document => ({
  ok: 0,
  errmsg: messageOf(error),
  code: codeOf(error),
  codeName: nameOf(codeOf(error)),
  ...(error.labels === undefined ? undefined : { errorLabels: [...error.labels] })
})

/** The failure of one of the statements of a command. */
export const writeErrorOf = (index: number, error: DatabaseError, keyPattern?: unknown): Document => ({
  index,
  code: codeOf(error),
  ...(keyPattern === undefined ? undefined : { keyPattern }),
  errmsg: messageOf(error)
})

/** Whether the whole transaction can be retried. */
export const isTransient = ({ labels }: DatabaseError): boolean => labels?.includes(transientLabel) === true
