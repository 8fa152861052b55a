/** How the size of a stored document changes with a new version of it, without a look at what the two share. */
import { spend } from "./budget.ts"
import { checkStoredLevels } from "./depth.ts"
import { isDocument, sizeOf } from "./Value.ts"
import type { Document, Value } from "./Value.ts"

/**
 * The bytes that a value has more than its earlier version in BSON. `level` counts the documents and arrays around it.
 * Throws if what is new is nested too deeply to be stored.
 */
export const growth = (before: Value, after: Value, level = 0): number => {
  spend()
  // not `===`: 0 is an int, and -0 a double
  if (Object.is(before, after)) return 0
  if (Array.isArray(before) && Array.isArray(after)) return growthOfArray(before, after, level)
  if (isDocument(before) && isDocument(after)) return growthOfDocument(before, after, level)
  checkStoredLevels(after, level)
  return sizeOf(after) - sizeOf(before)
}

/** The bytes of a field with its name; none for one that is missing. */
const fieldSize = (name: number, value: Value): number => (value === undefined ? 0 : 2 + name + sizeOf(value))

/** The growth of a field whose name may take up bytes itself. */
export const growthOfField = (name: string, before: Value, after: Value, level: number): number => {
  if (before !== undefined && after !== undefined) return growth(before, after, level)
  checkStoredLevels(after, level)
  const length = Buffer.byteLength(name)
  return fieldSize(length, after) - fieldSize(length, before)
}

const growthOfDocument = (before: Document, after: Document, level: number): number => {
  let grown = 0
  for (const name of Object.keys(after)) {
    const was = Object.hasOwn(before, name) ? before[name] : undefined
    if (!Object.is(was, after[name])) grown += growthOfField(name, was, after[name], level + 1)
  }
  for (const name of Object.keys(before)) {
    if (!Object.hasOwn(after, name)) grown += growthOfField(name, before[name], undefined, level + 1)
  }
  return grown
}

const growthOfArray = (before: ReadonlyArray<Value>, after: ReadonlyArray<Value>, level: number): number => {
  let grown = 0
  const shared = Math.min(before.length, after.length)
  // elements that are shared are but compared
  spend((shared >> 3) + Math.max(before.length, after.length) - shared)
  for (let i = 0; i < shared; i++) {
    if (!Object.is(before[i], after[i])) grown += growth(before[i] ?? null, after[i] ?? null, level + 1)
  }
  for (let i = shared; i < after.length; i++) {
    checkStoredLevels(after[i], level + 1)
    grown += fieldSize(String(i).length, after[i] ?? null)
  }
  for (let i = shared; i < before.length; i++) grown -= fieldSize(String(i).length, before[i] ?? null)
  return grown
}
