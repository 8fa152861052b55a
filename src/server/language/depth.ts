/** How deep the values that an operation makes may be nested: no deeper than what may be stored. */
import { codes, failed } from "./LanguageError.ts"
import { isDocument } from "./Value.ts"
import type { Document, Value } from "./Value.ts"

/** As in MongoDB, and as for values that enter. */
const mostLevels = 200

/** Throws for a document that is nested too deeply: whatever walks through it later would run out of stack. */
export const checkDepth = (document: Document): Document => {
  if (isDeeper(document, mostLevels)) {
    failed(`a document would be nested more than ${mostLevels} levels deep`, codes.Overflow)
  }
  return document
}

const isDeeper = (value: Value, levels: number): boolean => {
  if (typeof value !== "object" || value === null) return false
  if (Array.isArray(value)) {
    if (levels === 0) return true
    for (const element of value) if (isDeeper(element, levels - 1)) return true
    return false
  }
  if (!isDocument(value)) return false
  if (levels === 0) return true
  for (const name of Object.keys(value)) if (isDeeper(value[name], levels - 1)) return true
  return false
}
