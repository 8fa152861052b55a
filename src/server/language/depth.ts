/** How deep the values that an operation makes, and those that are stored, may be nested. */
import { spend } from "./budget.ts"
import { codes, failed } from "./LanguageError.ts"
import { isDocument } from "./Value.ts"
import type { Document, Value } from "./Value.ts"

/** As in MongoDB, and as for values that enter. */
const mostLevels = 200

/** As in MongoDB, which leaves room for what it puts around a document. */
const mostStored = 180

/** The least bytes of a level: a document or a list, and the field with it. */
const leastBytes = 7

/** Throws for a document that is nested too deeply to be stored; `size` is that of its BSON. */
export const checkStoredDepth = (document: Document, size: number): void => {
  if (size >= mostStored * leastBytes) checkStoredLevels(document, 0)
}

/** Throws for a value that makes a document too deep to be stored: `level` counts the documents and lists around it. */
export const checkStoredLevels = (value: Value, level: number): void => {
  if (isDeeper(value, mostStored - level)) {
    failed(`the document is nested more than ${mostStored} levels deep: it cannot be stored`, codes.Overflow)
  }
}

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
    if (levels <= 0) return true
    spend(value.length)
    for (const element of value) if (isDeeper(element, levels - 1)) return true
    return false
  }
  if (!isDocument(value)) return false
  if (levels <= 0) return true
  for (const name of Object.keys(value)) {
    spend()
    if (isDeeper(value[name], levels - 1)) return true
  }
  return false
}

/** How many documents and lists a specification may have without being able to nest values too deeply. */
const mostSafe = 200

/**
 * Whether documents that go through a pipeline have to be looked at: each document and each list in a specification puts
 * one level around a value at most, but `$reduce` may put as many as a list has elements.
 */
export const mayNest = (pipeline: Value): boolean => countNests(pipeline, 0) > mostSafe

const countNests = (spec: Value, before: number): number => {
  if (before > mostSafe) return before
  if (Array.isArray(spec)) return spec.reduce<number>((count, inner) => countNests(inner, count), before + 1)
  if (!isDocument(spec)) return before
  if (Object.hasOwn(spec, "$reduce")) return mostSafe + 1
  return Object.values(spec).reduce<number>((count, inner) => countNests(inner, count), before + 1)
}
