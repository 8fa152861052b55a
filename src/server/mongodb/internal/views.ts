/** Views as stages of a pipeline. */
import type { Document } from "../../data/Operation.ts"
import * as Views from "../../data/internal/views.ts"
import type { View } from "../../data/View.ts"
import { DatabaseError } from "../../data/DatabaseError.ts"
import { asked, askedAll } from "./values.ts"

/**
 * The stages that make a collection what a view shows. Throws for a view that shows only parts of documents, which this
 * database cannot execute yet: nothing is shown then.
 */
export const stagesOf = (view: View | undefined): Array<Document> => {
  if (view === undefined) return []
  if (view._tag === "Documents") return [{ $documents: askedAll(view.documents) }]
  if (!Views.isWhole(view.cases)) {
    throw new DatabaseError({
      message: "rules that show parts of documents are not supported on MongoDB yet: only whole documents can be shown",
      code: 115
    })
  }
  const whens = view.cases.map(({ when }) => when)
  const stages: Array<Document> = [{ $match: asked(view.filter) }]
  // the first case that applies decides, and all of them show the same
  if (!whens.includes(true)) {
    const conditions = whens.flatMap((when) => (typeof when === "boolean" ? [] : [asked(when)]))
    stages.push({ $match: conditions.length === 0 ? { $expr: false } : { $or: conditions } })
  }
  return stages
}

/** Whether a view is of the database's own documents, and not of documents that replace them. */
export const isOfDocuments = (view: View | undefined): boolean => view?._tag === "Documents"
