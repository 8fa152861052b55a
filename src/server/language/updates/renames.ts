/** The modifier `$rename`: a field that goes, and a value that is set elsewhere. */
import { failed, invalid } from "../LanguageError.ts"
import { define, isDocument, typeOf, withoutField } from "../Value.ts"
import type { Document, Value } from "../Value.ts"
import { changed } from "./apply.ts"
import { idShown, notViable } from "./context.ts"
import { shown } from "../messages.ts"
import type { Context, Fields } from "./tree.ts"
import { creating, existing } from "./modifiers.ts"
import { arranged, fields, insert, isDynamic, partsOf } from "./tree.ts"

/** One field that gets another path. */
export interface Rename {
  readonly from: ReadonlyArray<string>
  readonly to: string
}

const checkStatic = (side: "source" | "destination", path: string): void => {
  if (partsOf(path).some(isDynamic)) invalid(`The ${side} field for $rename may not be dynamic: ${path}`)
}

/** Reads the argument of `$rename`, and takes the places of both paths in the tree of modifiers. */
export const renamesOf = (argument: Document, root: Fields): ReadonlyArray<Rename> => {
  const paths = Object.keys(argument).toSorted((a, b) => (a < b ? -1 : 1))
  return paths.map((from) => {
    const to = argument[from]
    if (typeof to !== "string") {
      return invalid(`The 'to' field for $rename must be a string: ${from}: ${shown(to)} is of type ${typeOf(to)}`)
    }
    checkStatic("source", from)
    checkStatic("destination", to)
    if (from === to) invalid(`The source and target field for $rename must differ: ${from}: "${to}"`)
    if (from.startsWith(`${to}.`) || to.startsWith(`${from}.`)) {
      invalid(`The source and target field for $rename must not be on the same path: ${from}: "${to}"`)
    }
    insert(root, from, { ...existing((value) => value), lenient: true })
    insert(root, to, { ...existing((value) => value), lenient: true })
    return { from: partsOf(from), to }
  })
}

const throughArray = (side: string, path: string, name: string, context: Context): never =>
  failed(
    `The ${side} field cannot be an array element, '${path}' in doc with ${idShown(context)} has an array field called '${name}'`
  )

const valueAt = (document: Document, parts: ReadonlyArray<string>, side: string, context: Context): Value => {
  let value: Value = document
  for (const [i, part] of parts.entries()) {
    if (Array.isArray(value)) return throughArray(side, parts.join("."), parts[i - 1] ?? "", context)
    if (!isDocument(value)) {
      const around = { ...context, path: parts.slice(0, i) }
      return value === undefined ? undefined : notViable(around, part, value, false)
    }
    value = Object.hasOwn(value, part) ? value[part] : undefined
  }
  return value
}

const withoutAt = (document: Document, parts: ReadonlyArray<string>): Document => {
  const [name = "", ...rest] = parts
  if (rest.length === 0) return withoutField(document, name)
  const inner = document[name]
  if (!isDocument(inner)) return document
  const copy = { ...document }
  define(copy, name, withoutAt(inner, rest))
  return copy
}

/** Makes one rename; a field that is missing is left as it is. */
export const renamed = (document: Document, { from, to }: Rename, context: Context): Document => {
  const value = valueAt(document, from, "source", context)
  if (value === undefined) return document
  valueAt(document, partsOf(to), "destination", context)
  const target = fields()
  insert(
    target,
    to,
    creating(() => value)
  )
  const set = changed(arranged(target), document, context)
  return withoutAt(isDocument(set) ? set : document, from)
}
