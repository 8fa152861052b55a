/** Evaluates views: which documents they show, and which fields. */
import { spend } from "../../language/budget.ts"
import type { Filter } from "../../language/Filter.ts"
import { define, isDocument } from "../../language/Value.ts"
import type { Document } from "../Operation.ts"
import type { Case, Condition, Mask } from "../View.ts"
import { filterOf } from "./evaluate.ts"
import * as Steps from "./steps.ts"

const filters = new WeakMap<Document, Filter>()

/**
 * Whether a condition holds for a document.
 */
export const holds = (condition: Condition, document: Document): boolean => {
  if (typeof condition === "boolean") return condition
  let filter = filters.get(condition)
  if (filter === undefined) filters.set(condition, (filter = filterOf(condition)))
  const { matches, usesRegex } = filter
  return Steps.evaluate(usesRegex, () => matches(document))
}

/** Whether a mask keeps any value completely. */
const keepsAll = ({ below, read }: Mask): boolean => below === undefined && read === true

const maskOf = (name: string, { fields, others }: NonNullable<Mask["below"]>): Mask => fields.get(name) ?? others

/** The remaining part of a value, or `undefined`. */
type Keep = (value: unknown, root: Document) => unknown

const all: Keep = (value) => value
const nothing: Keep = () => undefined

const compileLeaf = (read: Condition): Keep => {
  if (typeof read === "boolean") return read ? all : nothing
  return (value, root) => (holds(read, root) ? value : undefined)
}

const compileMask = ({ below, read }: Mask): Keep => {
  const leaf = compileLeaf(read)
  if (below === undefined) return leaf
  const ofDocument = compileBelow(below)
  const keep: Keep = (value, root) => {
    if (Array.isArray(value)) {
      spend(value.length)
      return value.map((item) => keep(item, root)).filter((it) => it !== undefined)
    }
    return isDocument(value) ? ofDocument(value, root) : leaf(value, root)
  }
  return keep
}

const compileBelow = ({
  fields,
  others
}: NonNullable<Mask["below"]>): ((value: Document, root: Document) => Document) => {
  const named = new Map([...fields].map(([name, mask]) => [name, compileMask(mask)]))
  const unnamed = compileMask(others)
  return (document, root) => {
    const out: Document = {}
    const names = Object.keys(document)
    spend(names.length)
    for (const name of names) {
      const keep = named.get(name) ?? unnamed
      const kept = keep === all ? document[name] : keep(document[name], root)
      if (kept !== undefined) define(out, name, kept)
    }
    return out
  }
}

const compileMasks = (masks: ReadonlyArray<Mask>): ((document: Document) => Document) => {
  const steps = masks
    .filter((mask) => !keepsAll(mask))
    .map((mask) => compileBelow(mask.below ?? { fields: new Map(), others: mask }))
  if (steps.length === 0) return (document) => document
  return (document) => {
    const shown = steps.reduce((it, step) => step(it, document), document)
    const { _id } = document
    return _id === undefined || Object.hasOwn(shown, "_id") ? shown : { _id, ...shown }
  }
}

/**
 * The part of a document that masks leave. Their conditions apply to the stored document.
 */
export const masked = (document: Document, masks: ReadonlyArray<Mask>): Document => compileMasks(masks)(document)

/**
 * Compiles the cases of a view: what is left of a document that its filter matches.
 */
export const compile = (cases: ReadonlyArray<Case>): ((document: Document) => Document | undefined) => {
  const compiled = cases.map(({ shows, when }) => ({ when, show: compileMasks(shows) }))
  return (document) => {
    for (const { show, when } of compiled) if (holds(when, document)) return show(document)
    return undefined
  }
}

/**
 * Whether a view leaves all of the documents that it shows.
 */
export const isWhole = (cases: ReadonlyArray<Case>): boolean => cases.every(({ shows }) => shows.every(keepsAll))

/**
 * Whether a field is completely visible in all documents, so that conditions on it have the same result before and
 * behind the view. The first name of a path decides: nothing below it is hidden then.
 */
export const leavesField = (cases: ReadonlyArray<Case>, path: string): boolean => {
  const [name = ""] = path.split(".")
  return (
    name === "_id" ||
    cases.every(({ shows }) =>
      shows.every((mask) => keepsAll(mask.below === undefined ? mask : maskOf(name, mask.below)))
    )
  )
}
