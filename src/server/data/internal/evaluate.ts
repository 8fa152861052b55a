/**
 * The language as the store and the rules use it. Arguments of callers are converted to their canonical form, compiled,
 * and rejected before any document is read.
 */
import { Double, ObjectId } from "bson"
import * as Collation from "../../language/Collation.ts"
import { variablesOf } from "../../language/letVariables.ts"
import { copy as countCopies, spend } from "../../language/budget.ts"
import type { Environment } from "../../language/Environment.ts"
import { checkStoredDepth } from "../../language/depth.ts"
import * as Filter from "../../language/Filter.ts"
import { codes, invalid, unsupported } from "../../language/LanguageError.ts"
import * as Pipeline from "../../language/Pipeline.ts"
import * as Projection from "../../language/Projection.ts"
import * as Sort from "../../language/Sort.ts"
import * as Update from "../../language/Update.ts"
import { canonical, isDocument, sizeOf, typeOf } from "../../language/Value.ts"
import type { Change, Document, Evaluation, Find } from "../Operation.ts"
import * as Bson from "./bson.ts"

/** The clock and the randomness of an operation. */
export interface Moment {
  readonly now: Date
  /** A number from 0 (inclusive) to 1 (exclusive). */
  readonly random: () => number
}

/** What a caller says of how an operation compares and computes. */
export type Said = Pick<Environment, "collation" | "variables">

/** Compiles the collation of an operation, and computes its variables. */
export const saidOf = (moment: Moment, { collation, let: variables }: Evaluation): Said => {
  if (collation === undefined && variables === undefined) return nothingSaid
  const said = { collation: collation && Collation.compile(canonical(collation, "null")) }
  return variables === undefined
    ? said
    : { ...said, variables: variablesOf(canonical(variables), environmentOf(moment, said)) }
}

const nothingSaid: Said = {}

/** The environment of expressions, with other collections if there are any. */
export const environmentOf = (
  moment: Moment,
  said: Said = nothingSaid,
  others: Pick<Environment, "collection" | "search"> = noOthers
): Environment => ({
  ...moment,
  ...said,
  ...others,
  objectId: () => new ObjectId()
})

const noOthers: Pick<Environment, "collection"> = { collection: () => unsupported("to read another collection here") }

const documentOf = (value: unknown, what: string): Document =>
  isDocument(value)
    ? value
    : invalid(`${what} must be a document, and not of type ${typeOf(value)}`, codes.TypeMismatch)

/** A copy for the caller. */
export const ownValue = (value: unknown): unknown => Bson.copyWith(value, { number: ownNumber, count: countCopies })

export const own = (document: Document): Document => {
  const copy = ownValue(document)
  return isDocument(copy) ? copy : document
}

/** A whole number beyond 2^53 is a double, and `bson` would take it for a 64-bit integer. */
const ownNumber = (value: number): unknown =>
  Number.isInteger(value) && !Number.isSafeInteger(value) ? new Double(value) : value

/** The most bytes of a document. */
const largest = 16 * 1024 * 1024

/** A document as it is stored. */
export const stored = (value: unknown, what = "a document"): Document => documentOf(canonical(value), what)

/** Refuses a document that is too large or nested too deeply, or answers with its size in bytes. */
export const checkStored = (document: Document): number => {
  const size = checkSize(sizeOf(document))
  checkStoredDepth(document, size)
  return size
}

/** Refuses the size of a document that is too large, or answers with it. */
export const checkSize = (size: number): number =>
  size <= largest
    ? size
    : invalid(`the document has ${size} bytes: at most ${largest} can be stored`, codes.BSONObjectTooLarge)

/** Compiles a filter. A condition of `undefined` means null: it must not match everything. */
export const filterOf = (filter: unknown, environment?: Environment): Filter.Filter =>
  Filter.compile(canonical(filter, "null"), { environment })

/** Compiles the sort order of a query. */
export const sortOf = (sort: unknown, { collation }: Said = nothingSaid): Sort.Sort | undefined =>
  sort === undefined ? undefined : Sort.compile(canonical(sort, "null"), { natural: true, collation })

/** Compiles a projection; the filter determines the element of `$`. */
export const projectionOf = (
  projection: Document | undefined,
  filter: Filter.Filter,
  environment: Environment
): ((document: Document) => Document) => {
  if (projection === undefined || Object.keys(projection).length === 0) return own
  const { apply } = Projection.compile(canonical(projection, "null"), { filter, environment })
  return (document) => own(apply(document))
}

/** The number of documents to skip, and the maximum number to return. */
export const rangeOf = ({ limit, skip }: Pick<Find, "limit" | "skip">): readonly [skip: number, limit: number] => [
  whole(skip, "skip"),
  // as in MongoDB, zero means no limit, and a negative one is as large
  whole(limit === undefined ? undefined : Math.abs(limit), "limit") || Infinity
]

const whole = (value: number | undefined, what: string): number => {
  if (value === undefined) return 0
  return Number.isSafeInteger(value) && value >= 0
    ? value
    : invalid(`${what} must be a whole number, and not negative`, codes.BadValue)
}

/** The documents that a filter finds, in order. */
export const select = (
  documents: Iterable<Document>,
  filter: Filter.Filter,
  sort: Sort.Sort | undefined,
  [skip, limit]: readonly [skip: number, limit: number]
): ReadonlyArray<Document> => {
  const found: Array<Document> = []
  for (const document of documents) {
    spend()
    if (!filter.matches(document)) continue
    found.push(document)
    if (sort === undefined && found.length === skip + limit) break
  }
  return (sort === undefined ? found : sort.sorted(found, Math.min(found.length, skip + limit))).slice(
    skip,
    skip + limit
  )
}

/** Compiles a change. */
export const changeOf = (change: Change, environment: Environment, many = false): Update.Update => {
  if (change._tag === "Replace") {
    checkReplacement(change.document)
    return Update.compile(canonical(change.document), { kind: "replacement" }, environment)
  }
  const arrayFilters = change.arrayFilters?.map((filter) => canonical(filter, "null"))
  const compiled = Update.compile(canonical(change.update), { arrayFilters }, environment)
  if (many && compiled.kind === "replacement") {
    invalid("multi update is not supported for replacement-style update", codes.FailedToParse)
  }
  return compiled
}

/** Refuses operators in the words of the original host, whose driver finds them before a database is asked. */
const checkReplacement = (document: Document): void => {
  const operator = Object.keys(document).find((name) => name.startsWith("$"))
  if (operator === undefined) return
  invalid(
    `the replace operation document must not contain atomic operators: ${operator}`,
    codes.DollarPrefixedFieldName
  )
}

/** The document that an upsert inserts. */
export const upsertOf = (change: Update.Update, filter: Document): Document =>
  change.upserted(documentOf(canonical(filter, "null"), "a filter"))

/** Compiles a pipeline. */
export const pipelineOf = (pipeline: ReadonlyArray<Document>, environment: Environment): Pipeline.Pipeline =>
  Pipeline.compile(canonical(pipeline, "null"), environment)
