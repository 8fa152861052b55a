/** The one error of the language: what was asked cannot be computed, and why. */

/**
 * Why something could not be computed:
 *
 * - `invalid`: the specification (a filter, a pipeline, an update, a value to store) is wrong, as MongoDB says too.
 * - `unsupported`: MongoDB could do it, and this language does not. The message names what is missing.
 * - `limit`: the operation used up its budget, or a value would be larger than MongoDB allows.
 * - `failed`: the specification is right, and the data it met is not what it needs.
 */
export type Kind = "invalid" | "unsupported" | "limit" | "failed"

/** MongoDB's numbers of errors that are needed in more than one place. */
export const codes = {
  BadValue: 2,
  FailedToParse: 9,
  TypeMismatch: 14,
  Overflow: 15,
  IndexNotFound: 27,
  ConflictingUpdateOperators: 40,
  MaxTimeMSExpired: 50,
  DollarPrefixedFieldName: 52,
  EmptyFieldName: 56,
  ImmutableField: 66,
  CannotCreateIndex: 67,
  InvalidOptions: 72,
  IndexOptionsConflict: 85,
  IndexKeySpecsConflict: 86,
  CommandNotSupported: 115,
  ExceededMemoryLimit: 146,
  CannotIndexParallelArrays: 171,
  InvalidIndexSpecificationOption: 197,
  ConversionFailure: 241,
  BSONObjectTooLarge: 10334
} as const

/** What the language throws, whatever is wrong. */
// @effect-diagnostics-next-line extendsNativeError:off -- the language knows no effects: its caller makes a typed error of it
export class LanguageError extends Error {
  override readonly name = "LanguageError"
  readonly kind: Kind
  /** MongoDB's number of the error, where MongoDB has one. */
  readonly code: number

  constructor(kind: Kind, code: number, message: string) {
    super(message)
    this.kind = kind
    this.code = code
  }
}

/** Throws for a wrong specification. */
export function invalid(message: string, code: number = codes.BadValue): never {
  throw new LanguageError("invalid", code, message)
}

/** Throws for what this language has not: `unsupported("$where", "it runs code")`. */
export function unsupported(what: string, why?: string): never {
  const message = `${what} is not supported by this server${why === undefined ? "" : `: ${why}`}`
  throw new LanguageError("unsupported", codes.CommandNotSupported, message)
}

/** Throws for data that a right specification cannot be computed with. */
export function failed(message: string, code: number = codes.BadValue): never {
  throw new LanguageError("failed", code, message)
}

/** Throws for what is too much. */
export function exceeded(message: string, code: number = codes.MaxTimeMSExpired): never {
  throw new LanguageError("limit", code, message)
}
