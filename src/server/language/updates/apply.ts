/** The walk over a document that makes the changes of a tree of modifiers; what does not change is shared. */
import { spend } from "../budget.ts"
import { failed } from "../LanguageError.ts"
import { copyOf, define, isDocument } from "../Value.ts"
import type { Document, Value } from "../Value.ts"
import { notViable } from "./context.ts"
import { shown } from "../messages.ts"
import type { Children, Context, Elements, Fields, Leaf, Node } from "./tree.ts"
import { isIndex, merged } from "./tree.ts"

/** How many elements may be made before the one that an update names. */
const mostPadding = 1_500_000
const cannotBackfillArray = 34

/** The value after the changes: the same value where there are none, undefined where it is missing. */
export const changed = (node: Node, value: Value, context: Context): Value => {
  spend()
  if (node.kind === "leaf") return changedLeaf(node, value, context)
  return node.kind === "fields" ? changedFields(node, value, context) : changedElements(node, value, context)
}

const changedLeaf = (leaf: Leaf, value: Value, context: Context): Value => {
  if (leaf.insertOnly && !context.inserts) return value
  return leaf.change(value, context)
}

/** The change of a place inside of another one. */
const changedAt = (node: Node, name: string, value: Value, context: Context): Value => {
  context.path.push(name)
  const after = changed(node, value, context)
  context.path.pop()
  return after
}

/** An element that goes leaves null in its place. */
const changedElement = (node: Node, name: string, value: Value, context: Context): Value => {
  const after = changedAt(node, name, value, context)
  return after === undefined && value !== undefined ? null : after
}

const childrenOf = (node: Fields, value: Value, context: Context): Children => {
  if (node.positional === undefined) return node.list
  if (!Array.isArray(value)) {
    const name = context.path.at(-1) ?? ""
    return failed(`Cannot apply the positional operator to an element that is not an array: {${name}: ${shown(value)}}`)
  }
  const index = context.matched()
  const there = node.children.get(index)
  const child =
    there === undefined ? node.positional : merged(there, node.positional, [...context.path, index].join("."))
  const children = new Map([...node.children, [index, child]])
  context.chosen?.set(context.path.join("."), children)
  return [...children]
}

const changedFields = (node: Fields, value: Value, context: Context): Value => {
  const children = childrenOf(node, value, context)
  if (value === undefined) return created(children, context)
  if (Array.isArray(value)) return changedList(children, value, context)
  if (isDocument(value)) return changedDocument(children, value, context)
  for (const [name, child] of children) checkNothing(child, name, value, context)
  return value
}

const created = (children: Children, context: Context): Value => {
  let made: Document | undefined
  for (const [name, child] of children) {
    const after = changedAt(child, name, undefined, context)
    if (after === undefined) continue
    made ??= {}
    define(made, name, after)
  }
  return made
}

const changedDocument = (children: Children, value: Document, context: Context): Document => {
  let made: Document | undefined
  let removed: Set<string> | undefined
  for (const [name, child] of children) {
    const before = Object.hasOwn(value, name) ? value[name] : undefined
    const after = changedAt(child, name, before, context)
    if (Object.is(after, before)) continue
    made ??= copyOf(value)
    if (after === undefined) removed = (removed ?? new Set()).add(name)
    else define(made, name, after)
  }
  if (made === undefined || removed === undefined) return made ?? value
  return without(made, removed)
}

/** A document without some of its fields; `delete` would make it slow to read. */
const without = (document: Document, names: ReadonlySet<string>): Document => {
  const out: Document = {}
  for (const name of Object.keys(document)) if (!names.has(name)) define(out, name, document[name])
  return out
}

const changedList = (children: Children, value: ReadonlyArray<Value>, context: Context): ReadonlyArray<Value> => {
  let made: Array<Value> | undefined
  for (const [name, child] of children) {
    if (!isIndex(name)) {
      checkNothing(child, name, value, context)
      continue
    }
    const index = Number(name)
    const before = (made ?? value)[index]
    const after = changedElement(child, name, before, context)
    if (Object.is(after, before)) continue
    made ??= [...value]
    put(made, index, after)
  }
  return made ?? value
}

const put = (list: Array<Value>, index: number, value: Value): void => {
  const padding = index - list.length
  if (padding > mostPadding) {
    failed(`can't backfill more than ${mostPadding} elements of an array`, cannotBackfillArray)
  }
  if (padding > 0) spend(padding)
  while (list.length < index) list.push(null)
  list[index] = value
}

/** Throws where a modifier would have something to do below a value that has no fields. */
const checkNothing = (node: Node, name: string, value: Value, context: Context): void => {
  if (node.kind === "leaf") {
    if (node.lenient || (node.insertOnly && !context.inserts)) return
    notViable(context, name, value, node.creates)
  }
  const inner = node.kind === "fields" && node.positional !== undefined ? [node.positional] : []
  for (const child of [...inner, ...(node.kind === "leaf" ? [] : node.children.values())]) {
    checkNothing(child, name, value, context)
  }
}

const changedElements = (node: Elements, value: Value, context: Context): Value => {
  if (!Array.isArray(value)) {
    const path = context.path.join(".")
    return failed(
      value === undefined
        ? `The path '${path}' must exist in the document in order to apply array updates.`
        : `Cannot apply array updates to non-array element ${path}: ${shown(value)}`
    )
  }
  let made: Array<Value> | undefined
  const cache = new Map<string, Node>()
  const chosen = context.chosen && new Map<string, Node>()
  for (const [index, element] of value.entries()) {
    const child = childFor(node, element, index, context, cache)
    if (child === undefined) continue
    chosen?.set(String(index), child)
    const after = changedElement(child, String(index), element, context)
    if (Object.is(after, element)) continue
    made ??= [...value]
    made[index] = after
  }
  if (chosen !== undefined) context.chosen?.set(context.path.join("."), chosen)
  return made ?? value
}

/** What happens to one element: what `$[]` and all array filters that select it say. */
const childFor = (
  node: Elements,
  element: Value,
  index: number,
  context: Context,
  cache: Map<string, Node>
): Node | undefined => {
  const names = [...node.children.keys()].filter((name) => name === "" || context.selects(name, element))
  const [first] = names
  if (first === undefined) return undefined
  if (names.length === 1) return node.children.get(first)
  const key = names.join(" ")
  const known = cache.get(key)
  if (known !== undefined) return known
  const nodes = names.flatMap((name) => node.children.get(name) ?? [])
  const all = nodes.reduce((a, b) => merged(a, b, [...context.path, String(index)].join(".")))
  cache.set(key, all)
  return all
}
