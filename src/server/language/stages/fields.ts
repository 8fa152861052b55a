/**
 * The fields that a stage adds to documents, keeps of them or takes from them: `$project`, `$addFields`, `$set` and
 * `$unset`. The paths are a tree that is built once; through arrays every element is meant.
 */
import * as Expression from "../Expression.ts"
import type { Frame, Scope } from "../Expression.ts"
import { make, spend } from "../budget.ts"
import { invalid } from "../LanguageError.ts"
import { isNumber, isZero } from "../numbers.ts"
import { copyOf, define, isDocument } from "../Value.ts"
import type { Document, Value } from "../Value.ts"

/** What happens to a field and those in it. */
export interface Tree {
  readonly children: Map<string, Tree>
  /** The field is kept, or taken away, as a whole. */
  readonly listed: Set<string>
  readonly computed: Map<string, Expression.Expression>
  /** Computed fields, and children with some, in the order in which they are made. */
  readonly order: Array<string>
}

export const tree = (): Tree => ({ children: new Map(), listed: new Set(), computed: new Map(), order: [] })

/** The names of a path that a stage writes to. */
export const pathParts = (path: string): ReadonlyArray<string> => {
  if (path === "") invalid("FieldPath cannot be constructed with empty string", 40352)
  if (path.endsWith(".")) invalid(`FieldPath must not end with a '.': '${path}'`, 40353)
  const parts = path.split(".")
  for (const part of parts) {
    if (part === "") invalid(`FieldPath field names may not be empty strings: '${path}'`, 15998)
    if (part.startsWith("$")) {
      invalid(`FieldPath field names may not start with '$'. Consider using $getField or $setField: '${path}'`, 16410)
    }
    if (part.includes("\0")) invalid("FieldPath field names may not contain '\\0'", 16411)
  }
  return parts
}

const collision = (path: string): never => invalid(`Invalid $project :: caused by :: Path collision at ${path}`, 31250)

const isTaken = (node: Tree, name: string): boolean => node.listed.has(name) || node.computed.has(name)

/** The node of the fields around the last name of a path, made where it is missing. */
const parentOf = (root: Tree, parts: ReadonlyArray<string>, isComputed: boolean): Tree => {
  let node = root
  for (const part of parts.slice(0, -1)) {
    if (isTaken(node, part)) collision(parts.join("."))
    const child = node.children.get(part) ?? tree()
    if (isComputed && !node.order.includes(part)) node.order.push(part)
    node.children.set(part, child)
    node = child
  }
  const name = parts.at(-1) ?? ""
  if (isTaken(node, name) || node.children.has(name)) collision(parts.join("."))
  return node
}

/** Says that a field is kept, or taken away. */
export const list = (root: Tree, parts: ReadonlyArray<string>): void => {
  parentOf(root, parts, false).listed.add(parts.at(-1) ?? "")
}

/** Says what a field is computed from. */
export const computeField = (root: Tree, parts: ReadonlyArray<string>, expression: Expression.Expression): void => {
  const node = parentOf(root, parts, true)
  const name = parts.at(-1) ?? ""
  node.computed.set(name, expression)
  node.order.push(name)
}

// what is done with a document

/** A document with the computed fields of a tree. */
export const withComputed = (node: Tree, document: Document, frame: Frame): Document => {
  if (node.order.length === 0) return document
  const made = copyOf(document)
  return settled(made, setComputed(node, made, frame))
}

/** Writes the computed fields into a document that is new; returns the names of those without a value. */
const setComputed = (node: Tree, made: Document, frame: Frame): ReadonlyArray<string> => {
  const missing: Array<string> = []
  for (const name of node.order) {
    const expression = node.computed.get(name)
    const child = node.children.get(name)
    const before = child !== undefined && Object.hasOwn(made, name) ? made[name] : undefined
    const value = expression !== undefined ? expression.evaluate(frame) : child && computedValue(child, before, frame)
    if (value !== undefined) define(made, name, value)
    else if (Object.hasOwn(made, name)) missing.push(name)
  }
  return missing
}

/** A new document without the fields that have no value. */
const settled = (made: Document, missing: ReadonlyArray<string>): Document => {
  if (missing.length === 0) return made
  const out: Document = {}
  for (const name of Object.keys(made)) if (!missing.includes(name)) define(out, name, made[name])
  return out
}

const computedValue = (node: Tree, value: Value, frame: Frame): Value => {
  spend()
  if (Array.isArray(value)) {
    make(value.length)
    return value.map((element) => computedValue(node, element, frame))
  }
  return withComputed(node, isDocument(value) ? value : {}, frame)
}

/** A document with nothing but the listed fields, in its own order. */
export const kept = (node: Tree, document: Document): Document => {
  const made: Document = {}
  make()
  if (node.children.size === 0 && node.listed.size * 2 < 8) return keptFew(node.listed, document, made)
  for (const name of Object.keys(document)) {
    const value = keptField(node, name, document[name])
    if (value !== undefined) define(made, name, value)
  }
  return made
}

const keptFew = (listed: ReadonlySet<string>, document: Document, made: Document): Document => {
  for (const name of Object.keys(document)) if (listed.has(name)) define(made, name, document[name])
  return made
}

const keptField = (node: Tree, name: string, value: Value): Value => {
  if (node.listed.has(name)) return value
  const child = node.children.get(name)
  return child === undefined ? undefined : keptValue(child, value)
}

const keptValue = (node: Tree, value: Value): Value => {
  if (Array.isArray(value)) {
    make(value.length)
    const elements = value.map((element) => keptValue(node, element))
    // fields that are computed in elements are so in those, too, of which nothing is kept
    return node.order.length > 0 ? elements : elements.filter((element) => element !== undefined)
  }
  return isDocument(value) ? kept(node, value) : undefined
}

/** A document without the listed fields. */
export const without = (node: Tree, document: Document): Document => {
  const made: Document = {}
  make()
  for (const name of Object.keys(document)) {
    if (node.listed.has(name)) continue
    const child = node.children.get(name)
    define(made, name, child === undefined ? document[name] : withoutValue(child, document[name]))
  }
  return made
}

const withoutValue = (node: Tree, value: Value): Value => {
  if (Array.isArray(value)) {
    make(value.length)
    return value.map((element) => withoutValue(node, element))
  }
  return isDocument(value) ? without(node, value) : value
}

// reading specifications

/** Adds what `$addFields` says to a tree. */
export const addComputed = (root: Tree, spec: Document, before: ReadonlyArray<string>, scope: Scope): void => {
  for (const [path, value] of Object.entries(spec)) {
    const parts = [...before, ...pathParts(path)]
    if (isFields(value)) addComputed(root, value, parts, scope)
    else computeField(root, parts, Expression.compile(value, scope))
  }
}

/** Whether a value is a document of fields, and no expression. */
const isFields = (value: Value): value is Document => {
  if (!isDocument(value)) return false
  const names = Object.keys(value)
  return names.length > 0 && names.every((name) => !name.startsWith("$"))
}

/** Whether a value of a projection says that a field is kept (true) or taken away (false); undefined for expressions. */
const switchOf = (value: Value): boolean | undefined => {
  if (typeof value === "boolean") return value
  return isNumber(value) ? !isZero(value) : undefined
}

interface Entry {
  readonly parts: ReadonlyArray<string>
  readonly value: Value
}

const entriesOf = (spec: Document, before: ReadonlyArray<string>): ReadonlyArray<Entry> =>
  Object.entries(spec).flatMap(([path, value]) => {
    const parts = [...before, ...pathParts(path)]
    if (isDocument(value) && Object.keys(value).length === 0) {
      return invalid(
        `Invalid $project :: caused by :: An empty sub-projection is not a valid value. Found empty object at path ${parts.join(".")}`,
        51270
      )
    }
    return isFields(value) ? entriesOf(value, parts) : [{ parts, value }]
  })

/** Compiles the argument of `$project`. */
export const compileProjection = (spec: Document, scope: Scope): ((document: Document, frame: Frame) => Document) => {
  const entries = entriesOf(spec, [])
  if (entries.length === 0)
    invalid("Invalid $project :: caused by :: projection specification must have at least one field", 51272)
  const isId = (entry: Entry) => entry.parts.length === 1 && entry.parts[0] === "_id"
  const others = entries.filter((entry) => !isId(entry))
  const deciding = others.length > 0 ? others : entries
  const isExclusion = deciding.every((entry) => switchOf(entry.value) === false)
  const root = tree()
  for (const entry of entries) addEntry(root, entry, isExclusion, isId(entry), scope)
  if (isExclusion) return (document) => without(root, document)
  const hasId = entries.some((entry) => entry.parts[0] === "_id")
  if (!hasId) root.listed.add("_id")
  return including(root)
}

const addEntry = (root: Tree, { parts, value }: Entry, isExclusion: boolean, isId: boolean, scope: Scope): void => {
  const keeps = switchOf(value)
  if (keeps === undefined) {
    computeField(root, parts, Expression.compile(value, scope))
  } else if (keeps === isExclusion) {
    if (isId) return
    invalid(
      keeps
        ? `Invalid $project :: caused by :: Cannot do inclusion on field ${parts.join(".")} in exclusion projection`
        : `Invalid $project :: caused by :: Cannot do exclusion on field ${parts.join(".")} in inclusion projection`,
      keeps ? 31253 : 31254
    )
  } else list(root, parts)
}

/** The `_id` comes first, kept or computed. */
const including = (root: Tree): ((document: Document, frame: Frame) => Document) => {
  if (root.order.length === 0) return (document) => idFirst(kept(root, document))
  return (document, frame) => {
    const made = kept(root, document)
    return idFirst(settled(made, setComputed(root, made, frame)))
  }
}

const idFirst = (made: Document): Document => {
  if (!Object.hasOwn(made, "_id")) return made
  for (const name in made) {
    if (name === "_id") return made
    break
  }
  const out: Document = { _id: made["_id"] }
  for (const name of Object.keys(made)) if (name !== "_id") define(out, name, made[name])
  return out
}
