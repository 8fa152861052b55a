/** The places that modifiers changed, found by a walk of their tree over the document before and after them. */
import { spend } from "../budget.ts"
import { isDocument } from "../Value.ts"
import type { Document, Value } from "../Value.ts"
import type { Delta, DeltaOfFields } from "./description.ts"
import type { Elements, Fields, Node } from "./tree.ts"

/**
 * Which modifiers apply to the parts of a value, by their names: where array filters or the positional `$` choose them,
 * by the path of the value.
 */
export type Chosen = ReadonlyMap<string, ReadonlyMap<string, Node>>

const none: Chosen = new Map()

/** What modifiers changed in a document. */
export const changesOf = (root: Fields, before: Document, after: Document, chosen = none): DeltaOfFields => ({
  kind: "fields",
  children: inFields(childrenOf(root, "", chosen), before, after, "", chosen)
})

const childrenOf = (node: Fields, path: string, chosen: Chosen): ReadonlyMap<string, Node> =>
  node.positional === undefined ? node.children : (chosen.get(path) ?? node.children)

const inFields = (
  children: ReadonlyMap<string, Node>,
  before: Document,
  after: Document,
  path: string,
  chosen: Chosen
): DeltaOfFields["children"] => {
  const found: Array<readonly [string, Delta]> = []
  for (const [name, child] of children) {
    const was = Object.hasOwn(before, name) ? before[name] : undefined
    const is = Object.hasOwn(after, name) ? after[name] : undefined
    const delta = deltaOf(child, was, is, path === "" ? name : `${path}.${name}`, chosen)
    if (delta !== undefined) found.push([name, delta])
  }
  return found
}

const deltaOf = (node: Node, before: Value, after: Value, path: string, chosen: Chosen): Delta | undefined => {
  spend()
  if (Object.is(before, after)) return undefined
  if (before === undefined) return { kind: "added", value: after }
  if (after === undefined) return { kind: "gone" }
  if (Array.isArray(before) && Array.isArray(after)) return inArray(node, before, after, path, chosen)
  if (node.kind === "fields" && isDocument(before) && isDocument(after)) {
    return { kind: "fields", children: inFields(childrenOf(node, path, chosen), before, after, path, chosen) }
  }
  return { kind: "set", value: after }
}

const inArray = (
  node: Node,
  before: ReadonlyArray<Value>,
  after: ReadonlyArray<Value>,
  path: string,
  chosen: Chosen
): Delta => {
  if (node.kind === "leaf") {
    if (node.appends?.(before, after) !== true) return { kind: "set", value: after }
    const added = after.slice(before.length)
    return { kind: "elements", children: added.map((value, i) => [before.length + i, { kind: "added", value }]) }
  }
  if (node.kind === "elements") return inElements(node, before, after, path, chosen)
  const children = [...childrenOf(node, path, chosen)].toSorted(([a], [b]) => Number(a) - Number(b))
  return { kind: "elements", children: inIndexes(children, before, after, path, chosen) }
}

const inIndexes = (
  children: Iterable<readonly [string, Node]>,
  before: ReadonlyArray<Value>,
  after: ReadonlyArray<Value>,
  path: string,
  chosen: Chosen
): ReadonlyArray<readonly [number, Delta]> => {
  const found: Array<readonly [number, Delta]> = []
  for (const [name, child] of children) {
    const i = Number(name)
    const delta = deltaOf(child, before[i], after[i], `${path}.${i}`, chosen)
    if (delta !== undefined) found.push([i, delta])
  }
  return found
}

/** As in MongoDB: the places inside of the only element that is chosen, or the element that changed, or all of them. */
const inElements = (
  node: Elements,
  before: ReadonlyArray<Value>,
  after: ReadonlyArray<Value>,
  path: string,
  chosen: Chosen
): Delta => {
  const every = node.children.get("")
  const all = chosen.get(path) ?? (every && new Map(before.map((_, i) => [String(i), every])))
  if (all !== undefined && all.size <= 1) {
    return { kind: "elements", children: inIndexes(all, before, after, path, chosen) }
  }
  const changed = [...after.keys()].filter((i) => !Object.is(before[i], after[i]))
  const [only = 0, other] = changed
  return other === undefined
    ? { kind: "elements", children: [[only, { kind: "set", value: after[only] }]] }
    : { kind: "set", value: after }
}
