/**
 * Rewrites a user's read operation: the same operation behind a view.
 *
 * Hidden data does not influence results, because the caller's filter, sort order, field, projection and pipeline apply
 * to the view only: whatever they compute, compare, count or fail with is a function of what is visible. Two things
 * apply before the view, and reveal nothing either:
 *
 * - **The rules' own filter** decides which documents are in the view. It is made of the rules alone.
 * - **Conditions of the caller** are asked there too where that is equal, so that indexes find the documents: those that
 *   name only fields of which every case leaves all. Such a field holds the same before the view and behind it, and a
 *   condition on it neither computes anything nor fails. They stand behind the rules' filter. `$expr` is never moved: it
 *   may name the whole document, and it may fail.
 *
 * A collation of the caller compares what the caller asks for, and never what the rules do: `{ owner: "ada" }` gives
 * nothing to a caller named "ADA", though a caller may look for either. So the rules' filter and the conditions of masks stay in
 * the view, which is evaluated without the collation, and only conditions of the caller that compare no string are moved
 * to it: they mean the same there. What the collation then makes equal, or puts in order, is what is shown.
 *
 * If rules compute something from each document, or call functions for it, a filter cannot express the view: the
 * documents are read by the remaining filter of the rules, checked one by one, and become the view. If functions are
 * called, only an `_id` is used before: which documents they were called for would reveal others.
 */
import * as Effect from "effect/Effect"
import type { DatabaseError } from "../DatabaseError.ts"
import type { Run } from "../Driver.ts"
import { hasText } from "../../language/filters/conditions.ts"
import { canonical } from "../../language/Value.ts"
import * as Bson from "../internal/bson.ts"
import type { Document, Operation } from "../Operation.ts"
import type { Access } from "../Rules.ts"
import * as Views from "../internal/views.ts"
import type * as View from "../View.ts"

/** The kinds of operations that read; a pipeline may also write at its end. */
export type Reading = "Find" | "Count" | "Distinct" | "Aggregate"

const isEmpty = (filter: Document): boolean => Object.keys(filter).length === 0

/** A filter behind another one, which applies first: nothing is computed from what it hides. */
const both = (first: Document, filter: Document): Document => {
  if (isEmpty(filter)) return first
  return isEmpty(first) ? filter : { $and: [first, filter] }
}

/** The conjuncts of a filter. */
const conjuncts = (filter: Document): ReadonlyArray<Document> =>
  Object.entries(filter).flatMap(([name, value]) =>
    name === "$and" && Array.isArray(value) && value.length > 0 && value.every(Bson.isDocument)
      ? value.flatMap(conjuncts)
      : [{ [name]: value }]
  )

const branches = new Set(["$and", "$or", "$nor"])

/** Whether a predicate holds for all fields of a filter. */
const names = (filter: Document, isNamed: (path: string) => boolean): boolean =>
  Object.entries(filter).every(([name, value]) =>
    branches.has(name)
      ? Array.isArray(value) && value.every((inner) => Bson.isDocument(inner) && names(inner, isNamed))
      : !name.startsWith("$") && isNamed(name)
  )

/** Splits a filter into the part that may apply before the view, and the rest. */
interface Split {
  readonly before: Document
  readonly behind: Document
}

const joined = (conditions: ReadonlyArray<Document>): Document =>
  conditions.length === 0 ? {} : conditions.length === 1 ? (conditions[0] ?? {}) : { $and: conditions }

const split = (filter: Document, isBefore: (condition: Document) => boolean): Split => {
  const all = conjuncts(filter)
  return {
    before: joined(all.filter(isBefore)),
    behind: all.every((it) => !isBefore(it)) ? filter : joined(all.filter((it) => !isBefore(it)))
  }
}

/** Whether a condition compares the `_id`, which is visible in every visible document. */
const isOfId = (condition: Document): boolean => {
  const [name, ...others] = Object.keys(condition)
  const value = condition["_id"]
  if (name !== "_id" || others.length > 0 || value instanceof RegExp) return false
  const operators = Bson.isDocument(value) ? Object.keys(value).filter((name) => name.startsWith("$")) : []
  return operators.every((name) => name === "$eq" || name === "$in")
}

/** Whether a condition means the same under any collation: it compares no string. */
const isWithoutText = (condition: Document): boolean => !hasText(canonical(condition, "null"))

const splitUnder = (collation: Document | undefined, access: Access, filter: Document): Split => {
  const { before, behind } = splitFor(access, filter)
  if (collation === undefined) return { before, behind }
  const { before: first, behind: rest } = split(before, isWithoutText)
  return { before: first, behind: both(rest, behind) }
}

const splitFor = ({ calls, computed, partial, view }: Access, filter: Document): Split =>
  computed && calls
    ? split(filter, isOfId)
    : !partial
      ? { before: filter, behind: {} }
      : split(filter, (condition) => names(condition, (path) => Views.leavesField(view.cases, path)))

/** The visible parts of documents, in order; `undefined` for hidden ones. */
export const visible = Effect.fnUntraced(function* (access: Access, documents: ReadonlyArray<Document>) {
  yield* access.prepare({ _tag: "Stored", documents })
  return documents.map(access.shown).filter((it) => it !== undefined)
})

/** The view of an operation, and the part of its filter that applies behind the view. */
interface Narrowed {
  readonly filter: Document
  readonly view?: View.View
}

/**
 * Narrows a filter to what the rules leave of a collection; `run` reads the documents of rules that are computed. `reads`
 * are the paths that decide the answer beside the filter: without any, the answer has all of each document.
 */
const narrow = Effect.fnUntraced(function* (
  run: Run,
  { collation, filter, namespace }: Pick<Operation<"Find">, "collation" | "filter" | "namespace">,
  access: Access,
  reads?: ReadonlyArray<string>
): Effect.fn.Return<Narrowed, DatabaseError> {
  const { before, behind } = splitUnder(collation, access, filter)
  const all = both(access.view.filter, before)
  // without a view, the filter of the rules is compared under the caller's collation
  const isSame = collation === undefined || isWithoutText(access.view.filter)
  // documents are visible as a whole or not at all: the view is its filter
  if (!access.partial && isSame) return { filter: both(access.view.filter, filter) }
  if (!access.computed) {
    const { cases } = access.view
    const seesNoMore = isSame && isEmpty(behind) && reads?.every((path) => Views.leavesField(cases, path)) === true
    return seesNoMore ? { filter: all } : { filter: behind, view: { ...access.view, filter: all } }
  }
  const found = yield* run({ _tag: "Find", namespace, filter: all })
  return { filter: behind, view: { _tag: "Documents", documents: yield* visible(access, found) } }
})

/** The filter that a pipeline begins with, and the stages behind it. */
const opening = (pipeline: ReadonlyArray<Document>): readonly [filter: Document, rest: ReadonlyArray<Document>] => {
  const [first, ...rest] = pipeline
  const filter = first?.["$match"]
  return first !== undefined && Object.keys(first).length === 1 && Bson.isDocument(filter)
    ? [filter, rest]
    : [{}, pipeline]
}

type Rewrite<K extends Reading> = (
  operation: Operation<K>,
  access: Access,
  run: Run
) => Effect.Effect<Operation<K>, DatabaseError>

/** Rewrites an operation for a user. */
export const rewrite: { readonly [K in Reading]: Rewrite<K> } = {
  Find: (operation, access, run) =>
    Effect.map(narrow(run, operation, access), (narrowed) => ({ ...operation, ...narrowed })),
  Count: (operation, access, run) =>
    Effect.map(narrow(run, operation, access, Object.keys(operation.sort ?? {})), (narrowed) => ({
      ...operation,
      ...narrowed
    })),
  Distinct: (operation, access, run) =>
    Effect.map(narrow(run, operation, access, [operation.field]), (narrowed) => ({ ...operation, ...narrowed })),
  Aggregate: (operation, access, run) => {
    const [opens, rest] = opening(operation.pipeline)
    return Effect.map(narrow(run, { ...operation, filter: opens }, access), ({ filter, view }) => ({
      ...operation,
      view,
      pipeline: isEmpty(filter) ? rest : [{ $match: filter }, ...rest]
    }))
  }
}
