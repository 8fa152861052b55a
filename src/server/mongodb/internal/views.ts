/** Views as stages of a pipeline. */
import type { Document } from "../../data/Operation.ts"
import * as Views from "../../data/internal/views.ts"
import { viewStages } from "../../data/viewStages.ts"
import type { View } from "../../data/View.ts"
import { DatabaseError } from "../../data/DatabaseError.ts"
import { hasText } from "../../language/filters/conditions.ts"
import { canonical } from "../../language/Value.ts"
import { isDocument } from "../../data/internal/bson.ts"
import { asked, askedAll } from "./values.ts"

const partsOf = (view: Extract<View, { readonly _tag: "Masked" }>, collection: string): ReadonlyArray<Document> => {
  try {
    return viewStages(view, collection)
  } catch (cause) {
    throw new DatabaseError({ message: cause instanceof Error ? cause.message : String(cause), code: 115 })
  }
}

/** The stages that make a collection what a view shows. Throws for a view with too many conditions on fields. */
const stagesOf = (view: View | undefined, collection: string): Array<Document> => {
  if (view === undefined) return []
  if (view._tag === "Documents") return [{ $documents: askedAll(view.documents) }]
  if (!Views.isWhole(view.cases)) return askedAll(partsOf(view, collection))
  const whens = view.cases.map(({ when }) => when)
  const stages: Array<Document> = [{ $match: asked(view.filter) }]
  // the first case that applies decides, and all of them show the same
  if (!whens.includes(true)) {
    const conditions = whens.flatMap((when) => (typeof when === "boolean" ? [] : [asked(when)]))
    stages.push({ $match: conditions.length === 0 ? { $expr: false } : { $or: conditions } })
  }
  return stages
}

/** Whether what a view shows is decided without comparing strings, or the names of fields. */
const comparesNoText = (view: View): boolean =>
  view._tag === "Documents" ||
  (Views.isWhole(view.cases) && !hasText(canonical([view.filter, ...view.cases.map(({ when }) => when)])))

/**
 * As `stagesOf`, for an operation with a collation. A collation is that of all stages of a pipeline, and rules must not be
 * compared under their caller's: if they compare strings, the operation is refused.
 */
export const stagesUnder = (
  collation: Document | undefined,
  view: View | undefined,
  collection: string
): Array<Document> => {
  if (collation === undefined || view === undefined || comparesNoText(view)) return stagesOf(view, collection)
  throw new DatabaseError({
    message: "a collation is not supported on a collection of MongoDB whose rules compare strings or fields",
    code: 115
  })
}

/**
 * The conditions of a view that shows documents whole, which a query can have beside its own filter: that costs MongoDB less
 * than a pipeline. `undefined` for a view that needs one.
 */
export const conditionsUnder = (
  collation: Document | undefined,
  view: View | undefined,
  collection: string
): ReadonlyArray<Document> | undefined => {
  if (view === undefined) return []
  if (view._tag === "Documents" || !Views.isWhole(view.cases)) return undefined
  return stagesUnder(collation, view, collection).flatMap(({ $match }) =>
    isDocument($match) && Object.keys($match).length > 0 ? [$match] : []
  )
}

/** Whether a view is of the database's own documents, and not of documents that replace them. */
export const isOfDocuments = (view: View | undefined): boolean => view?._tag === "Documents"
