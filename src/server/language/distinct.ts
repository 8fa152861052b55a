/** The distinct values of a field. */
import { spend } from "./budget.ts"
import { type Collation, simple } from "./Collation.ts"
import { fieldOf, indexOf, namesOf } from "./paths.ts"
import { type Document, isDocument } from "./Value.ts"

/**
 * The values at a path in documents, each once, in the order in which they are met: the elements of an array instead of
 * the array, and nothing for a missing value.
 */
export const distinct = (
  documents: Iterable<Document>,
  path: string,
  { keyOf }: Collation = simple
): Array<unknown> => {
  const names = namesOf(path)
  const found = new Map<string, unknown>()
  const add = (value: unknown) => {
    const key = keyOf(value)
    if (!found.has(key)) found.set(key, value)
  }
  for (const document of documents) {
    spend()
    visit(document, names, 0, add)
  }
  return [...found.values()]
}

const visit = (value: unknown, names: ReadonlyArray<string>, at: number, add: (value: unknown) => void): void => {
  const name = names[at]
  if (name === undefined) return visitEnd(value, add)
  if (isDocument(value)) return visit(fieldOf(value, name), names, at + 1, add)
  if (!Array.isArray(value)) return
  const index = indexOf(name)
  if (index >= 0) return visit(value[index], names, at + 1, add)
  spend(value.length)
  for (const item of value) if (isDocument(item)) visit(item, names, at, add)
}

const visitEnd = (value: unknown, add: (value: unknown) => void): void => {
  if (Array.isArray(value)) {
    spend(value.length)
    value.forEach(add)
  } else if (value !== undefined) add(value)
}
