/** The keywords for documents; values of other types pass. */
import { fieldOf } from "../paths.ts"
import { regexTest } from "../regex.ts"
import { type Document, isDocument } from "../Value.ts"
import { additional } from "./arrays.ts"
import {
  type Check,
  type Context,
  countIn,
  expecting,
  type Keyword,
  mismatch,
  namesIn,
  schemaIn,
  type Violation,
  within
} from "./check.ts"

const ofDocuments =
  (check: (document: Document) => Violation | undefined): Check =>
  (value) =>
    isDocument(value) ? check(value) : undefined

const first = <A>(values: Iterable<A>, check: (value: A) => Violation | undefined): Violation | undefined => {
  for (const value of values) {
    const violation = check(value)
    if (violation !== undefined) return violation
  }
  return undefined
}

const required: Keyword = (argument, context) => {
  const names = namesIn(argument, context)
  return ofDocuments((document) =>
    first(names, (name) =>
      Object.hasOwn(document, name) ? undefined : { path: [name], keyword: context.name, expected: "a value" }
    )
  )
}

/** The schemas of a document of schemas, by their names. */
const schemasIn = (argument: unknown, context: Context): ReadonlyArray<readonly [string, Check]> =>
  isDocument(argument)
    ? Object.entries(argument).map(([name, schema]) => [name, schemaIn(schema, context)] as const)
    : mismatch(context, "an object")

const properties: Keyword = (argument, context) => {
  const schemas = schemasIn(argument, context)
  return ofDocuments((document) =>
    first(schemas, ([name, check]) =>
      Object.hasOwn(document, name) ? within(name, check(fieldOf(document, name))) : undefined
    )
  )
}

interface Pattern {
  readonly test: (name: string) => boolean
  readonly check: Check
}

const patternsIn = (argument: unknown, context: Context): ReadonlyArray<Pattern> =>
  schemasIn(argument, context).map(([pattern, check]) => ({ test: regexTest(pattern), check }))

const patternProperties: Keyword = (argument, context) => {
  const patterns = patternsIn(argument, context)
  return ofDocuments((document) =>
    first(Object.keys(document), (name) =>
      first(patterns, ({ check, test }) => (test(name) ? within(name, check(document[name])) : undefined))
    )
  )
}

/** Applies to what neither `properties` nor `patternProperties` name. */
const additionalProperties: Keyword = (argument, context) => {
  const check = additional(argument, context, "a document without further fields")
  if (check === undefined) return undefined
  const { patternProperties: patterns, properties: named } = context.schema
  const names = new Set(isDocument(named) ? Object.keys(named) : [])
  const tests = isDocument(patterns) ? Object.keys(patterns).map((pattern) => regexTest(pattern)) : []
  return ofDocuments((document) =>
    first(Object.keys(document), (name) =>
      names.has(name) || tests.some((test) => test(name)) ? undefined : within(name, check(document[name]))
    )
  )
}

const count =
  (words: string, accepts: (count: number, bound: number) => boolean): Keyword =>
  (argument, context) => {
    const bound = countIn(argument, context)
    return expecting(context.name, `a document of ${words} ${bound} fields`, (value) =>
      isDocument(value) ? accepts(Object.keys(value).length, bound) : true
    )
  }

/** What has to be so where a field is there: other fields are, or another schema is fulfilled. */
const dependencies: Keyword = (argument, context) => {
  if (!isDocument(argument)) return mismatch(context, "an object")
  const checks = Object.entries(argument).map(([name, dependency]) => {
    const check = Array.isArray(dependency) ? required(dependency, context) : schemaIn(dependency, context)
    return [name, check] as const
  })
  return ofDocuments((document) =>
    first(checks, ([name, check]) => (Object.hasOwn(document, name) ? check?.(document) : undefined))
  )
}

export const objectKeywords: Readonly<Record<string, Keyword>> = {
  required,
  properties,
  patternProperties,
  additionalProperties,
  minProperties: count("at least", (count, bound) => count >= bound),
  maxProperties: count("at most", (count, bound) => count <= bound),
  dependencies
}
