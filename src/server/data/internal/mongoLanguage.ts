/**
 * MongoDB's query, update and aggregation language, by `mingo`, with what it gets wrong put right or refused.
 *
 * Put right: comparison, sorting and equality of BSON types, `$type`, conversions of an `ObjectId`, `$setOnInsert`, an
 * `_id` in `$set` that stays the same, `$addToSet` among duplicates. Refused, since it would give a wrong answer: updates
 * of fields whose type does not allow them, arithmetic and accumulators over Decimal128 and over integers beyond 2^53,
 * conversion to decimal, `$push` with several sort keys, and everything that would run code.
 */
import { ObjectId } from "bson"
import * as Bson from "./bson.ts"
import type { Document } from "./bson.ts"
import { corrected, type ExpressionOperator, extremes } from "./expressions.ts"
import * as Filters from "./filters.ts"
import {
  accumulators,
  Aggregator,
  arithmetic,
  Context,
  evalExpr,
  expressions,
  type Iterator,
  Lazy,
  type Options,
  pipelines,
  projections,
  queries,
  Query,
  resolve,
  trigonometry,
  updateOne,
  windows
} from "./mingo.ts"
import * as Stages from "./stages.ts"
import * as Steps from "./steps.ts"
import * as Weights from "./weights.ts"

/** What a query operator sees of a document's field: the value itself, and the elements of an array. */
export const candidates = (document: Document, selector: string): ReadonlyArray<unknown> => {
  const found: unknown = resolve(document, selector, { unwrapArray: true })
  if (!Array.isArray(found)) return [found]
  return [found, ...found, ...found.flat(selector.split(".").length)]
}

type Predicate = (document: Document) => boolean
type QueryOperator = (selector: string, value: unknown, options: Options) => Predicate

const isOne = (value: unknown, wanted: unknown): boolean =>
  wanted instanceof RegExp && typeof value === "string" ? wanted.test(value) : Bson.equals(value, wanted)

const list = (value: unknown, operator: string): ReadonlyArray<unknown> => {
  if (Array.isArray(value)) return value
  throw new Error(`${operator} needs an array`)
}

const $eq: QueryOperator = (selector, value) => (document) =>
  candidates(document, selector).some((it) => isOne(it, value))

const $in: QueryOperator = (selector, value) => {
  const wanted = list(value, "$in")
  const keys = new Set(wanted.filter((it) => !(it instanceof RegExp)).map(Bson.key))
  const patterns = wanted.filter((it) => it instanceof RegExp)
  return (document) =>
    candidates(document, selector).some((it) => keys.has(Bson.key(it)) || patterns.some((regex) => isOne(it, regex)))
}

const not =
  (operator: QueryOperator): QueryOperator =>
  (selector, value, options) => {
    const test = operator(selector, value, options)
    return (document) => !test(document)
  }

const comparing =
  (accepts: (compared: number) => boolean): QueryOperator =>
  (selector, value) => {
    const rank = Bson.rank(value)
    return (document) =>
      candidates(document, selector).some((it) => Bson.rank(it) === rank && accepts(Bson.compare(it, value)))
  }

const typeNames = new Set(Object.values(Bson.typeNumbers)).add("number")

const $type: QueryOperator = (selector, value) => {
  const wanted = new Set(
    (Array.isArray(value) ? value : [value]).map((type: unknown) => {
      const name = typeof type === "number" ? Bson.typeNumbers[type] : type
      if (typeof name !== "string" || !typeNames.has(name)) throw new Error(`unknown type in $type: ${String(type)}`)
      return name
    })
  )
  const isNumber = (name: string) =>
    wanted.has("number") && (name === "int" || name === "long" || name === "double" || name === "decimal")
  return (document) =>
    candidates(document, selector).some((it) => {
      const name = Bson.typeName(it)
      return wanted.has(name) || isNumber(name)
    })
}

const $all: QueryOperator = (selector, value, options) => {
  const tests = list(value, "$all").map((wanted) =>
    Bson.isDocument(wanted) && Bson.isDocument(wanted["$elemMatch"])
      ? queries.$elemMatch(selector, wanted["$elemMatch"], options)
      : $eq(selector, wanted, options)
  )
  return (document) => tests.length > 0 && tests.every((test) => test(document))
}

const comparison =
  (answer: (compared: number) => unknown): ExpressionOperator =>
  (document, expression, options) => {
    const values: unknown = evalExpr(document, expression, options)
    if (!Array.isArray(values) || values.length !== 2) throw new Error("a comparison needs two values")
    return answer(Bson.compare(values[0], values[1]))
  }

const isObjectId = (u: unknown): u is ObjectId =>
  typeof u === "object" && u !== null && "_bsontype" in u && u._bsontype === "ObjectId"

/** An operator that first looks whether its value is one that `mingo` does not know. */
const converting =
  (operator: ExpressionOperator, convert: (value: unknown) => unknown): ExpressionOperator =>
  (document, expression, options) =>
    convert(evalExpr(document, expression, options)) ?? operator(document, expression, options)

const toDate = (value: unknown): Date | undefined => (isObjectId(value) ? value.getTimestamp() : undefined)
const toText = (value: unknown): string | undefined =>
  isObjectId(value) || Bson.isWide(value) ? String(value) : undefined
const toObjectId = (value: unknown): ObjectId | null => {
  if (value === null || value === undefined) return null
  if (isObjectId(value)) return value
  if (typeof value === "string" && ObjectId.isValid(value)) return new ObjectId(value)
  throw new Error("$toObjectId needs 24 hexadecimal digits")
}

const refuse = (name: string, why: string) => (): never => {
  throw new Error(`${name} is not supported by this server: ${why}`)
}

const overrides = {
  query: {
    $eq,
    $ne: not($eq),
    $in,
    $nin: not($in),
    $gt: comparing((compared) => compared > 0),
    $gte: comparing((compared) => compared >= 0),
    $lt: comparing((compared) => compared < 0),
    $lte: comparing((compared) => compared <= 0),
    $all,
    $type,
    $mod: ((selector, value, options) => {
      const test = queries.$mod(selector, value, options)
      return (document) => candidates(document, selector).some((it) => typeof it === "number") && test(document)
    }) satisfies QueryOperator
  },
  expression: corrected({
    $eq: comparison((compared) => compared === 0),
    $ne: comparison((compared) => compared !== 0),
    $gt: comparison((compared) => compared > 0),
    $gte: comparison((compared) => compared >= 0),
    $lt: comparison((compared) => compared < 0),
    $lte: comparison((compared) => compared <= 0),
    $cmp: comparison(Math.sign),
    $type: ((document, expression, options) =>
      Bson.typeName(evalExpr(document, expression, options))) satisfies ExpressionOperator,
    $toString: converting(expressions.$toString, toText),
    $toDate: converting(expressions.$toDate, toDate),
    $toObjectId: ((document, expression, options) =>
      toObjectId(evalExpr(document, expression, options))) satisfies ExpressionOperator,
    $toDecimal: refuse("$toDecimal", "it computes with JavaScript numbers"),
    $function: refuse("$function", "it would run code of the client"),
    $convert: ((document, expression, options) => {
      if (Bson.isDocument(expression) && (expression["to"] === "decimal" || expression["to"] === 19)) {
        return refuse("$convert to decimal", "it computes with JavaScript numbers")()
      }
      const converted: unknown = Reflect.apply(expressions.$convert, undefined, [document, expression, options])
      return converted
    }) satisfies ExpressionOperator
  }),
  pipeline: {
    ...Stages.overrides,
    $sort: (documents: Iterator, order: Document, _options: Options): Iterator =>
      documents.transform((all) => Lazy(sort(documentsOf(all), order)))
  },
  accumulator: { ...extremes, $accumulator: refuse("$accumulator", "it would run code of the client") }
}

const documentsOf = (all: ReadonlyArray<unknown>): Array<Document> => all.filter(Bson.isDocument)

const contextOf = (expression: object, accumulator: object): Context =>
  Context.init({
    accumulator: { ...accumulators, ...accumulator, ...overrides.accumulator },
    expression: { ...expressions, ...overrides.expression, ...expression },
    pipeline: { ...pipelines, ...overrides.pipeline },
    projection: { ...projections },
    query: { ...queries, ...overrides.query },
    window: { ...windows }
  })

/** `mingo` computes with JavaScript numbers, and takes anything else for no number at all. */
const refuseWide = (name: string, value: unknown): void => {
  if (Bson.isWide(value) || (Array.isArray(value) && value.some(Bson.isWide))) {
    throw new Error(`${name} over Decimal128, or over integers beyond 2^53, is not supported by this server`)
  }
}

const guarded = (operators: object): Record<string, ExpressionOperator> =>
  Object.fromEntries(
    Object.entries(operators).map(([name, operator]: [string, ExpressionOperator]) => [
      name,
      (document, expression, options) => {
        const inputs: ReadonlyArray<unknown> = Array.isArray(document) ? document : [document]
        for (const input of inputs) {
          refuseWide(name, Bson.isDocument(input) ? evalExpr(input, expression, options) : input)
        }
        return operator(document, expression, options)
      }
    ])
  )

const {
  $addToSet: _0,
  $count: _1,
  $first: _2,
  $last: _3,
  $max: _4,
  $mergeObjects: _5,
  $min: _6,
  $push: _7,
  ...computing
} = accumulators
const { $toBool, $toDouble, $toInt, $toLong } = expressions
const { $round, $trunc } = overrides.expression

const plain = contextOf({}, {})
const careful = contextOf(
  guarded({ ...arithmetic, ...trigonometry, $round, $trunc, $toBool, $toDouble, $toInt, $toLong }),
  guarded(computing)
)

/** Enough for filters that compute nothing. */
const filtering = Context.init({ query: { ...queries, ...overrides.query } })

const optionsOf = (
  context: Context,
  resolver?: (name: string) => Array<Document>,
  variables?: Document
): Partial<Options> => ({
  context,
  scriptEnabled: false,
  ...(resolver === undefined ? undefined : { collectionResolver: resolver }),
  ...(variables === undefined ? undefined : { variables })
})

/** A filter as a predicate; throws where it is none. */
export const matcher = (filter: Document): Predicate => {
  if (Object.keys(filter).length === 0) return () => true
  const asked = Weights.ofFilters(filter)
  const test = Steps.evaluate(asked, nothing, () => predicate(filter))
  const asking = (document: Document) =>
    Steps.evaluate(
      asked,
      () => Weights.ofValue(document).units,
      () => test(document)
    )
  return (document) => (Steps.covers(asked) ? test(document) : asking(document))
}

const nothing = () => 0

const predicate = (filter: Document): Predicate => {
  Filters.check(filter)
  const isComputing = computes(filter)
  // `mingo` copies the context for every query
  const query = new Query(filter, optionsOf(isComputing ? careful : filtering))
  // what computes needs numbers to compute with
  return isComputing
    ? (document) => query.test(documentsOf([Bson.narrow(document)])[0] ?? document)
    : (document) => query.test(document)
}

const computes = (filter: unknown): boolean =>
  Array.isArray(filter)
    ? filter.some(computes)
    : Bson.isDocument(filter) &&
      Object.entries(filter).some(([name, inner]) => name === "$expr" || name === "$mod" || computes(inner))

/** Sorts documents, those that are equal staying in their order. */
export const sort = (documents: ReadonlyArray<Document>, order: unknown): ReadonlyArray<Document> =>
  Steps.inside(() => sorted(documents, order))

const sorted = (documents: ReadonlyArray<Document>, order: unknown): ReadonlyArray<Document> => {
  if (!Bson.isDocument(order)) throw new Error("a sort order is a document")
  const keys = Object.entries(order)
  for (const [field, direction] of keys) {
    if (direction !== 1 && direction !== -1) throw new Error(`the sort direction of "${field}" must be 1 or -1`)
  }
  const sortKey = (document: Document, field: string, direction: unknown): unknown => {
    const value: unknown = resolve(document, field)
    if (!Array.isArray(value)) return value
    return value.toSorted((a, b) => Bson.compare(a, b) * Number(direction))[0]
  }
  const decorated = documents.map(
    (document) => [document, keys.map(([field, direction]) => sortKey(document, field, direction))] as const
  )
  decorated.sort(([, a], [, b]) => {
    for (const [i, [, direction]] of keys.entries()) {
      const compared = Bson.compare(a[i], b[i])
      if (compared !== 0) return compared * Number(direction)
    }
    return 0
  })
  return decorated.map(([document]) => document)
}

/** What the stages of a pipeline may ask for. */
interface Surroundings {
  readonly wide: boolean
  /** What `$$NOW` stands for. */
  readonly now: Date
  /** What `$sample` picks by: a number from 0 to 1, without 1. */
  readonly random: () => number
  /** Answers with copies of the documents of a collection. */
  readonly resolver?: (name: string) => Array<Document>
  readonly variables?: Document
}

/** Runs a pipeline. The documents must be the caller's own, as stages may change them. */
export const aggregate = (
  documents: ReadonlyArray<Document>,
  pipeline: ReadonlyArray<Document>,
  surroundings: Surroundings
): Array<Document> => {
  const { resolver, variables, wide } = surroundings
  Stages.check(pipeline)
  const context = wide || Bson.hasWide(pipeline) ? careful : plain
  const stages = pipeline.map((stage) => prepared(stage, surroundings))
  return Steps.inside(() =>
    documentsOf(
      new Aggregator(stages.filter(Bson.isDocument), optionsOf(context, resolver, variables)).run([...documents])
    )
  )
}

/** The document that expressions make of another one. */
export const evaluate = (document: Document, expressions: unknown): Document => {
  if (!Bson.isDocument(expressions)) throw new Error("variables are a document")
  const stages = [{ $replaceRoot: { newRoot: expressions } }]
  return Steps.inside(() => documentsOf(new Aggregator(stages, optionsOf(careful)).run([document]))[0] ?? {})
}

const prepared = (value: unknown, surroundings: Surroundings): unknown => {
  if (value === "$$NOW") return surroundings.now
  if (Array.isArray(value)) return value.map((item) => prepared(item, surroundings))
  if (!Bson.isDocument(value)) return value
  const out: Document = {}
  for (const [name, inner] of Object.entries(value)) {
    const made = prepared(inner, surroundings)
    Bson.define(
      out,
      name,
      name === "$sample" && Bson.isDocument(made) ? { ...made, random: surroundings.random } : made
    )
  }
  return out
}

/** The values at a path, arrays on the way and at its end looked into. */
export const valuesAt = (document: Document, path: string): ReadonlyArray<unknown> =>
  Steps.inside(() => {
    const found: unknown = resolve(document, path, { unwrapArray: true })
    return Array.isArray(found) ? found.flat(path.split(".").length - 1) : found === undefined ? [] : [found]
  })

const stagesOfUpdates = new Set(["$addFields", "$set", "$project", "$unset", "$replaceRoot", "$replaceWith"])

/** Throws for a stage that an update has not. */
export const checkUpdatePipeline = (stages: ReadonlyArray<Document>): void => {
  const unknown = stages.flatMap(Object.keys).find((name) => !stagesOfUpdates.has(name))
  if (unknown !== undefined) throw new Error(`${unknown} is not allowed in the pipeline of an update`)
  Stages.check(stages)
}

/** Applies an update to a document of the caller's own, in place or to a new one; answers with the result. */
export const update = (
  document: Document,
  change: Document | ReadonlyArray<Document>,
  options: {
    readonly filter: Document
    readonly arrayFilters: ReadonlyArray<Document>
    readonly now: Date
    readonly variables?: Document
  }
): Document => {
  if (!Bson.isDocument(change)) {
    const stages: ReadonlyArray<Document> = change
    checkUpdatePipeline(stages)
    const surroundings = { ...options, wide: Bson.hasWide(document), random: () => 0 }
    return aggregate([document], stages, surroundings)[0] ?? document
  }
  Steps.inside(() =>
    updateOne<Document>(
      [document],
      options.filter,
      { ...change },
      { arrayFilters: [...options.arrayFilters], cloneMode: "deep" },
      // `mingo` copies the context for every update, so it is a small one wherever that will do
      optionsOf(computes(options.filter) || computes(options.arrayFilters) ? careful : filtering)
    )
  )
  return document
}
