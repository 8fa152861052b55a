/** Array filters: which elements `$[name]` stands for. */
import type { Environment } from "../Environment.ts"
import * as Filter from "../Filter.ts"
import { codes, invalid } from "../LanguageError.ts"
import { isDocument } from "../Value.ts"
import type { Document, Value } from "../Value.ts"
import { shown } from "../messages.ts"
import { identifierOf } from "./tree.ts"
import type { Node } from "./tree.ts"

/** Whether an element is one that the array filter of a name selects. */
export type Selects = (identifier: string, element: Value) => boolean

const joining = new Set(["$and", "$or", "$nor"])

/** The first names of all paths of a filter. */
const namesOf = (filter: Document): ReadonlyArray<string> =>
  Object.entries(filter).flatMap(([name, value]) => {
    if (joining.has(name)) return Array.isArray(value) ? value.filter(isDocument).flatMap(namesOf) : []
    if (name === "$comment") return []
    if (name.startsWith("$")) {
      return invalid(
        `Cannot use an expression without a top-level field name in arrayFilters: ${shown(filter)}`,
        codes.FailedToParse
      )
    }
    return [name.split(".")[0] ?? name]
  })

const nameOf = (filter: Document): string => {
  const [name, other] = new Set(namesOf(filter))
  if (name === undefined) {
    return invalid(
      `Cannot use an expression without a top-level field name in arrayFilters: ${shown(filter)}`,
      codes.FailedToParse
    )
  }
  if (other !== undefined) {
    invalid(
      `Error parsing array filter: Expected a single top-level field name, found '${name}' and '${other}'`,
      codes.FailedToParse
    )
  }
  if (!/^[a-z][a-zA-Z0-9]*$/.test(name)) {
    invalid(
      `Error parsing array filter: The top-level field name must be an alphanumeric string beginning with a lowercase letter, found '${name}'`
    )
  }
  return name
}

/** Compiles array filters. */
export const compile = (
  filters: Value,
  environment: Environment
): { readonly names: ReadonlySet<string>; readonly selects: Selects } => {
  const compiled = new Map<string, Filter.Filter>()
  if (!Array.isArray(filters))
    return invalid(`arrayFilters is an array of filters, not ${shown(filters)}`, codes.TypeMismatch)
  for (const filter of filters) {
    if (!isDocument(filter)) return invalid(`Array filters are documents, not ${shown(filter)}`, codes.TypeMismatch)
    const name = nameOf(filter)
    if (compiled.has(name)) {
      invalid(`Found multiple array filters with the same top-level field name ${name}`, codes.FailedToParse)
    }
    compiled.set(name, Filter.compile(filter, { environment }))
  }
  return {
    names: new Set(compiled.keys()),
    selects: (identifier, element) => compiled.get(identifier)?.matches({ [identifier]: element }) ?? false
  }
}

/** Throws for a `$[name]` without an array filter, and for an array filter that no path uses. */
export const checkUse = (paths: ReadonlyArray<string>, names: ReadonlySet<string>): void => {
  const used = new Set<string>()
  for (const path of paths) {
    for (const part of path.split(".")) {
      const name = identifierOf(part)
      if (name === undefined || name === "") continue
      if (!names.has(name)) invalid(`No array filter found for identifier '${name}' in path '${path}'`)
      used.add(name)
    }
  }
  for (const name of names) {
    if (!used.has(name)) {
      invalid(`The array filter for identifier '${name}' was not used in the update`, codes.FailedToParse)
    }
  }
}

/** Whether a tree of modifiers changes the same places in all documents: none depends on what is in an array. */
export const isStatic = (node: Node): boolean => {
  if (node.kind === "leaf") return true
  if (node.kind === "fields" && node.positional !== undefined) return false
  if (node.kind === "elements" && [...node.children.keys()].some((name) => name !== "")) return false
  return [...node.children.values()].every(isStatic)
}

/** Whether a tree of modifiers has the positional `$`. */
export const hasPositional = (node: Node): boolean => {
  if (node.kind === "leaf") return false
  if (node.kind === "fields" && node.positional !== undefined) return true
  return [...node.children.values()].some(hasPositional)
}
