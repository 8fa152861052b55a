/** What an upsert takes over from the filter that found nothing: the fields that the filter says are equal to a value. */
import { invalid } from "../LanguageError.ts"
import { isOfOperators } from "../specifications.ts"
import { define, isA, isDocument } from "../Value.ts"
import type { Document, Value } from "../Value.ts"

const notSingleValueField = 54

/** The values that a filter says its fields are equal to, by path. */
export const equalities = (filter: Document): ReadonlyMap<string, Value> => {
  const found = new Map<string, Value>()
  collect(filter, found)
  for (const path of found.keys()) {
    const outer = prefixes(path).find((prefix) => found.has(prefix))
    if (outer !== undefined) {
      invalid(`cannot infer query fields to set, both paths '${path}' and '${outer}' are matched`, notSingleValueField)
    }
  }
  return found
}

const prefixes = (path: string): ReadonlyArray<string> => {
  const parts = path.split(".")
  return parts.slice(1).map((_, i) => parts.slice(0, i + 1).join("."))
}

const collect = (filter: Document, found: Map<string, Value>): void => {
  for (const [name, condition] of Object.entries(filter)) {
    if (name === "$and" || (name === "$or" && Array.isArray(condition) && condition.length === 1)) {
      if (Array.isArray(condition)) for (const inner of condition) if (isDocument(inner)) collect(inner, found)
    } else if (!name.startsWith("$")) collectField(name, condition, found)
  }
}

const collectField = (path: string, condition: Value, found: Map<string, Value>): void => {
  if (!isOfOperators(condition)) {
    if (!isA(condition, "BSONRegExp")) add(path, condition, found)
    return
  }
  for (const [operator, operand] of Object.entries(condition)) {
    if (operator === "$eq") add(path, operand, found)
    const [only] = Array.isArray(operand) ? operand : []
    const isSingle = (operator === "$in" || operator === "$all") && Array.isArray(operand) && operand.length === 1
    if (isSingle && !isA(only, "BSONRegExp") && !isElemMatch(only)) add(path, only, found)
  }
}

const isElemMatch = (value: Value): boolean => isDocument(value) && Object.hasOwn(value, "$elemMatch")

const add = (path: string, value: Value, found: Map<string, Value>): void => {
  if (found.has(path)) {
    invalid(`cannot infer query fields to set, path '${path}' is matched twice`, notSingleValueField)
  }
  found.set(path, value)
}

/** A document with the fields that a filter says are equal to a value; the `_id` is first. */
export const documentOf = (filter: Document): Document => {
  const found = equalities(filter)
  const made: Document = {}
  for (const [path, value] of found) if (path === "_id" || path.startsWith("_id.")) put(made, path, value)
  for (const [path, value] of found) if (path !== "_id" && !path.startsWith("_id.")) put(made, path, value)
  return made
}

/** The document is new here and in all its parts, so that it may be written to. */
const put = (document: Document, path: string, value: Value): void => {
  const parts = path.split(".")
  let parent = document
  for (const part of parts.slice(0, -1)) {
    const existing = Object.hasOwn(parent, part) ? parent[part] : undefined
    const child: Document = isDocument(existing) ? existing : {}
    define(parent, part, child)
    parent = child
  }
  define(parent, parts.at(-1) ?? path, value)
}
