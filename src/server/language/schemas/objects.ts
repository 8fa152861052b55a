/** The keywords for documents; values of other types pass. */
import { fieldOf } from "../paths.ts"
import { regexTest } from "../regex.ts"
import { type Document, isDocument } from "../Value.ts"
import { additional } from "./arrays.ts"
import {
  all,
  type Check,
  type Context,
  countIn,
  expecting,
  type Keyword,
  mismatch,
  namesIn,
  nothing,
  schemaIn,
  type Violation,
  within
} from "./check.ts"

const ofDocuments =
  (check: (document: Document) => Iterable<Violation>): Check =>
  (value) =>
    isDocument(value) ? check(value) : nothing

const required: Keyword = (argument, context) => {
  const names = namesIn(argument, context)
  return ofDocuments((document) =>
    all(names, (name) =>
      Object.hasOwn(document, name) ? nothing : [{ path: [name], keyword: context.name, argument, expected: "a value" }]
    )
  )
}

/** The schemas of a document of schemas, by their names. */
const schemasIn = (argument: unknown, context: Context): ReadonlyArray<readonly [string, Check]> =>
  isDocument(argument)
    ? Object.entries(argument).map(([name, schema]) => [name, schemaIn(schema, context)] as const)
    : mismatch(context, "an object")

/** `properties`, where null stands for a field that is not required if `nullIsMissing`. */
export const propertiesWith =
  (nullIsMissing: boolean): Keyword =>
  (argument, context) => {
    const schemas = schemasIn(argument, context)
    const { required: names } = context.schema
    const mayBeNull = (name: string) => nullIsMissing && !(Array.isArray(names) && names.includes(name))
    return ofDocuments((document) =>
      all(schemas, ([name, check]) =>
        !Object.hasOwn(document, name) || (document[name] === null && mayBeNull(name))
          ? nothing
          : within(name, check(fieldOf(document, name)))
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
    all(Object.keys(document), (name) =>
      all(patterns, ({ check, test }) => (test(name) ? within(name, check(document[name])) : nothing))
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
    all(Object.keys(document), (name) =>
      names.has(name) || tests.some((test) => test(name)) ? nothing : within(name, check(document[name]))
    )
  )
}

const count =
  (words: string, accepts: (count: number, bound: number) => boolean): Keyword =>
  (argument, context) => {
    const bound = countIn(argument, context)
    return expecting(context, `a document of ${words} ${bound} fields`, (value) =>
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
    all(checks, ([name, check]) => (Object.hasOwn(document, name) && check !== undefined ? check(document) : nothing))
  )
}

export const objectKeywords: Readonly<Record<string, Keyword>> = {
  required,
  properties: propertiesWith(false),
  patternProperties,
  additionalProperties,
  minProperties: count("at least", (count, bound) => count >= bound),
  maxProperties: count("at most", (count, bound) => count <= bound),
  dependencies
}
