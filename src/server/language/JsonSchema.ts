/** Schemas of documents: JSON Schema, draft 4, with the types of BSON, as `$jsonSchema` takes it. */
import { spend } from "./budget.ts"
import { codes, invalid, unsupported } from "./LanguageError.ts"
import { arrayKeywords } from "./schemas/arrays.ts"
import { type Check, type CompileSchema, type Keyword, mismatch, type Violation } from "./schemas/check.ts"
import { logicalKeywords } from "./schemas/logical.ts"
import { objectKeywords } from "./schemas/objects.ts"
import { scalarKeywords } from "./schemas/scalars.ts"
import { typeKeywords } from "./schemas/types.ts"
import { type Document, isDocument } from "./Value.ts"

export type { Violation } from "./schemas/check.ts"

/** A compiled schema. */
export interface JsonSchema {
  /** What a value violates first; `undefined` for one that the schema accepts. */
  readonly violation: (value: unknown) => Violation | undefined
}

/** Keywords that only describe. */
const description: Keyword = (argument, context) =>
  typeof argument === "string" ? undefined : mismatch(context, "a string")

const keywords: ReadonlyMap<string, Keyword> = new Map<string, Keyword>([
  ["title", description],
  ["description", description],
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

/** Compiles a schema; fails for a wrong one before any value is looked at. */
export const compile = (schema: unknown): JsonSchema => {
  if (!isDocument(schema)) return invalid("a schema must be an object", codes.TypeMismatch)
  return { violation: compileSchema(schema) }
}

const compileSchema: CompileSchema = (schema) => {
  if ("type" in schema && "bsonType" in schema) {
    invalid("a schema has either the keyword 'type' or 'bsonType', and not both", codes.FailedToParse)
  }
  const checks = Object.entries(schema).flatMap(([name, argument]) => compileKeyword(name, argument, schema) ?? [])
  return (value) => {
    spend(1 + checks.length)
    for (const check of checks) {
      const violation = check(value)
      if (violation !== undefined) return violation
    }
    return undefined
  }
}

const compileKeyword = (name: string, argument: unknown, schema: Document): Check | undefined => {
  const keyword = keywords.get(name)
  if (keyword !== undefined) return keyword(argument, { name, schema, compile: compileSchema })
  return unsupportedKeywords.has(name)
    ? unsupported(`the keyword '${name}' in a schema`)
    : invalid(`unknown keyword '${name}' in a schema`, codes.FailedToParse)
}
