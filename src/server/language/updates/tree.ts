/**
 * The modifiers of an update as a tree of paths, so that one walk over a document makes all changes, and two modifiers
 * that would change the same place meet in the tree.
 */
import { codes, invalid } from "../LanguageError.ts"
import type { Document, Value } from "../Value.ts"

/** What a modifier may need to know beside the value it changes. */
export interface Context {
  /** The document before the update, for messages. */
  document: Document
  /** The time of the operation, for `$currentDate`. */
  readonly now: Date
  /** Whether an upsert inserts the document, for `$setOnInsert`. */
  inserts: boolean
  /** What the positional `$` stands for. */
  matched: () => string
  /** Whether an element is one that an array filter selects. */
  readonly selects: (identifier: string, element: Value) => boolean
  /** The names on the way to the value, the last one of the value itself. */
  readonly path: Array<string>
  /** Notes what array filters and the positional `$` choose, by the path of the value. */
  chosen: Map<string, ReadonlyMap<string, Node>> | undefined
}

/** One modifier at one path. */
export interface Leaf {
  readonly kind: "leaf"
  /** Whether the path is made where it is missing. */
  readonly creates: boolean
  /** Whether nothing is wrong where something other than a document or a list is on the way. */
  readonly lenient: boolean
  /** Whether the modifier acts only where an upsert inserts. */
  readonly insertOnly: boolean
  /** The value after the change: the same value where nothing changes, undefined for a field that goes or stays missing. */
  readonly change: (value: Value, context: Context) => Value
  /** Whether MongoDB tells of an array that changed only the elements behind those that were there. */
  readonly appends?: (before: ReadonlyArray<Value>, after: ReadonlyArray<Value>) => boolean
}

/** Nodes with their names. */
export type Children = ReadonlyArray<readonly [name: string, node: Node]>

/** What changes in the fields of a document, or in elements of a list by their numbers. */
export interface Fields {
  readonly kind: "fields"
  /** By their names, in the order in which new fields are made. */
  children: Map<string, Node>
  /** The same children of a tree that is complete, as they are walked for each document. */
  list: Children
  /** What is at the positional `$`. */
  positional: Node | undefined
}

/** What changes in all elements of a list (`$[]`), and in those that an array filter selects (`$[name]`). */
export interface Elements {
  readonly kind: "elements"
  /** By the name of the array filter; the empty name is `$[]`. */
  readonly children: Map<string, Node>
}

export type Node = Leaf | Fields | Elements

export const fields = (): Fields => ({ kind: "fields", children: new Map(), list: [], positional: undefined })
const elements = (): Elements => ({ kind: "elements", children: new Map() })

/** What it makes must not be nested too deeply. */
const mostParts = 100

/** The names of a path of an update. Throws for a path that names no place. */
export const partsOf = (path: string): ReadonlyArray<string> => {
  if (path === "") invalid("An empty update path is not valid.", codes.EmptyFieldName)
  const parts = path.split(".")
  if (parts.includes("")) {
    invalid(`The update path '${path}' contains an empty field name, which is not allowed.`, codes.EmptyFieldName)
  }
  if (parts.length > mostParts)
    invalid(`The update path '${path.slice(0, 50)}…' has more than ${mostParts} parts`, codes.Overflow)
  const first = parts[0] ?? ""
  if (first === "$") {
    invalid(`Cannot have positional (i.e. '$') element in the first position in path '${path}'`)
  }
  if (identifierOf(first) !== undefined) {
    invalid(`Cannot have array filter identifier (i.e. '$[<id>]') element in the first position in path '${path}'`)
  }
  if (parts.indexOf("$") !== parts.lastIndexOf("$")) {
    invalid(`Too many positional (i.e. '$') elements found in path '${path}'`)
  }
  return parts
}

/** The name in `$[name]`, empty for `$[]`; undefined for every other part of a path. */
export const identifierOf = (part: string): string | undefined =>
  part.startsWith("$[") && part.endsWith("]") ? part.slice(2, -1) : undefined

/** Whether a part of a path stands for other names. */
export const isDynamic = (part: string): boolean => part === "$" || identifierOf(part) !== undefined

/** Whether a part of a path may be the number of an element. */
export const isIndex = (part: string): boolean => /^(?:0|[1-9]\d{0,8})$/.test(part)

/** Throws where two modifiers change the same place. */
const conflict = (path: string, at: string): never =>
  invalid(`Updating the path '${path}' would create a conflict at '${at}'`, codes.ConflictingUpdateOperators)

const childOf = (parent: Fields | Elements, part: string): Node | undefined =>
  parent.kind === "elements"
    ? parent.children.get(identifierOf(part) ?? "")
    : part === "$"
      ? parent.positional
      : parent.children.get(part)

const put = (parent: Fields | Elements, part: string, child: Node): void => {
  if (parent.kind === "elements") parent.children.set(identifierOf(part) ?? "", child)
  else if (part === "$") parent.positional = child
  else parent.children.set(part, child)
}

/** Adds a modifier to the tree. */
export const insert = (root: Fields, path: string, leaf: Leaf): void => {
  const parts = partsOf(path)
  let parent: Fields | Elements = root
  for (const [i, part] of parts.entries()) {
    const at = () => parts.slice(0, i + 1).join(".")
    const existing = childOf(parent, part)
    const next = parts[i + 1]
    if (next === undefined) {
      if (existing !== undefined) conflict(path, at())
      put(parent, part, leaf)
      return
    }
    const kind = identifierOf(next) === undefined ? "fields" : "elements"
    if (existing === undefined) {
      const made: Fields | Elements = kind === "fields" ? fields() : elements()
      put(parent, part, made)
      parent = made
    } else if (existing.kind === kind) parent = existing
    else conflict(path, at())
  }
}

/** Fields with names are made in the order of their names, and numbers in the order of the numbers. */
const byName = (a: string, b: string): number => {
  if (isIndex(a) && isIndex(b)) return Number(a) - Number(b)
  return a < b ? -1 : a > b ? 1 : 0
}

/** Puts the children of all fields in the order in which they are made. */
export const arranged = (node: Node): Node => {
  if (node.kind === "leaf") return node
  if (node.kind === "fields") return arrangedFields(node)
  return { kind: "elements", children: new Map([...node.children].map(([name, child]) => [name, arranged(child)])) }
}

/** As `arranged`, of fields. */
export const arrangedFields = ({ children, positional }: Fields): Fields => {
  const list = [...children]
    .toSorted(([a], [b]) => byName(a, b))
    .map(([name, child]) => [name, arranged(child)] as const)
  return {
    kind: "fields",
    children: new Map(list),
    list,
    positional: positional && arranged(positional)
  }
}

/** Two trees that meet at one place of a document, as one. */
export const merged = (a: Node, b: Node, at: string): Node => {
  if (a.kind === "fields" && b.kind === "fields") {
    return arranged({
      kind: "fields",
      children: mergedChildren(a.children, b.children, at),
      list: [],
      positional:
        a.positional !== undefined && b.positional !== undefined
          ? merged(a.positional, b.positional, at)
          : (a.positional ?? b.positional)
    })
  }
  if (a.kind === "elements" && b.kind === "elements") {
    return { kind: "elements", children: mergedChildren(a.children, b.children, at) }
  }
  return invalid(`Update created a conflict at '${at}'`, codes.ConflictingUpdateOperators)
}

const mergedChildren = (a: ReadonlyMap<string, Node>, b: ReadonlyMap<string, Node>, at: string): Map<string, Node> => {
  const both = new Map(a)
  for (const [name, child] of b) {
    const other = both.get(name)
    both.set(name, other === undefined ? child : merged(other, child, `${at}.${name}`))
  }
  return both
}
