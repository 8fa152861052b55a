/**
 * Schemas of documents: JSON Schema, draft 4, with the types of BSON, as `$jsonSchema` takes it. Other dialects have other
 * keywords.
 */
import { spend } from "./budget.ts"
import { codes, invalid, unsupported } from "./LanguageError.ts"
import { arrayKeywords } from "./schemas/arrays.ts"
import { all, type CompileSchema, firstOf, type Keyword, mismatch, type Violation } from "./schemas/check.ts"
import { logicalKeywords } from "./schemas/logical.ts"
import { objectKeywords } from "./schemas/objects.ts"
import { scalarKeywords } from "./schemas/scalars.ts"
import { typeKeywords } from "./schemas/types.ts"
import { isDocument } from "./Value.ts"

export type { Violation } from "./schemas/check.ts"

/** A compiled schema. */
export interface JsonSchema {
  /** What a value violates first; `undefined` for one that the schema accepts. */
  readonly violation: (value: unknown) => Violation | undefined
  /** All that a value violates, found as far as it is asked for. */
  readonly violations: (value: unknown) => Iterable<Violation>
}

/** The keywords of schemas. */
export interface Dialect {
  readonly keywords: ReadonlyMap<string, Keyword>
  /** Throws for a keyword that the dialect does not have, or ignores it. */
  readonly unknown: (name: string) => void
  /** Whether a schema may name types of both kinds, and a value has to be of both. */
  readonly allowsBothTypes: boolean
}

/** Keywords that only describe. */
const description: Keyword = (argument, context) =>
  typeof argument === "string" ? undefined : mismatch(context, "a string")

/** The keywords of `$jsonSchema` that decide about a value. */
export const deciding: ReadonlyMap<string, Keyword> = new Map<string, Keyword>([
  ...Object.entries(typeKeywords),
  ...Object.entries(scalarKeywords),
  ...Object.entries(arrayKeywords),
  ...Object.entries(objectKeywords),
  ...Object.entries(logicalKeywords)
])

const unsupportedKeywords: ReadonlySet<string> = new Set([
  "$ref",
  "$schema",
  "default",
  "definitions",
  "encrypt",
  "encryptMetadata",
  "format",
  "id"
])

/** The dialect of `$jsonSchema`. */
const mongo: Dialect = {
  keywords: new Map([...deciding, ["title", description], ["description", description]]),
  unknown: (name) =>
    unsupportedKeywords.has(name)
      ? unsupported(`the keyword '${name}' in a schema`)
      : invalid(`unknown keyword '${name}' in a schema`, codes.FailedToParse),
  allowsBothTypes: false
}

/** Compiles a schema; fails for a wrong one before any value is looked at. */
export const compile = (schema: unknown, dialect = mongo): JsonSchema => {
  if (!isDocument(schema)) return invalid("a schema must be an object", codes.TypeMismatch)
  const violations = compilerOf(dialect)(schema)
  return { violations, violation: (value) => firstOf(violations(value)) }
}

const compilerOf = ({ allowsBothTypes, keywords, unknown }: Dialect): CompileSchema => {
  const compileSchema: CompileSchema = (schema) => {
    if (!allowsBothTypes && "type" in schema && "bsonType" in schema) {
      invalid("a schema has either the keyword 'type' or 'bsonType', and not both", codes.FailedToParse)
    }
    const checks = Object.entries(schema).flatMap(([name, argument]) => {
      const keyword = keywords.get(name)
      if (keyword === undefined) unknown(name)
      return keyword?.(argument, { name, argument, schema, compile: compileSchema }) ?? []
    })
    return (value) => {
      spend(1 + checks.length)
      return all(checks, (check) => check(value))
    }
  }
  return compileSchema
}
