/** Notes how an operation finds its documents, and tells it. */
import type { Explanation, Search } from "../Explanation.ts"
import type { Answer, Document, Kind, Operation } from "../Operation.ts"
import type { Source } from "./batch.ts"

interface Counted {
  readonly collection: string
  readonly indexes: ReadonlyArray<string>
  documentsExamined: number
}

/** The searches of one operation. */
export class Report {
  #own: Counted | undefined
  isSorted = false
  readonly #others = new Map<string, Counted>()

  get own(): Search | undefined {
    return this.#own
  }

  get others(): ReadonlyArray<Search> {
    return [...this.#others.values()]
  }

  /** Counts the documents of a search while they are read. A search that is not read is none. */
  *counted(collection: string, source: Source, isOwn: boolean): Iterable<Document> {
    const search = isOwn ? this.#ofOwn(collection, source) : this.#ofOther(collection, source.indexes)
    for (const document of source.documents) {
      search.documentsExamined++
      yield document
    }
  }

  #ofOwn(collection: string, { indexes, isSorted }: Source): Counted {
    this.isSorted = isSorted
    return (this.#own ??= { collection, indexes, documentsExamined: 0 })
  }

  #ofOther(collection: string, indexes: ReadonlyArray<string>): Counted {
    const key = JSON.stringify([collection, indexes])
    const search = this.#others.get(key) ?? { collection, indexes, documentsExamined: 0 }
    this.#others.set(key, search)
    return search
  }
}

const isAny = (document: Document | undefined): boolean => document !== undefined && Object.keys(document).length > 0

const names: { readonly [K in Kind]: string } = {
  Insert: "INSERT",
  Find: "PROJECTION",
  Count: "COUNT",
  Distinct: "DISTINCT",
  Aggregate: "AGGREGATE",
  Update: "UPDATE",
  Delete: "DELETE",
  FindOneAnd: "UPDATE"
}

/** The stages of an operation behind the search for its documents. */
const stagesBehind = (operation: Operation, isSorted: boolean): ReadonlyArray<string> => {
  const view = "view" in operation && operation.view !== undefined ? ["VIEW"] : []
  if (operation._tag === "Aggregate") return [...view, ...operation.pipeline.flatMap((stage) => Object.keys(stage))]
  if (operation._tag === "Insert") return [names.Insert]
  const { limit, projection, skip, sort }: Partial<Operation<"Find">> = { ...operation, _tag: "Find" }
  const sorts = isAny(sort) ? (isSorted ? [] : ["SORT"]) : []
  const one = operation._tag === "FindOneAnd" || (!isMany(operation) && isChange(operation._tag))
  return [
    ...view,
    ...(isAny(operation.filter) ? ["FETCH"] : []),
    ...sorts,
    ...((skip ?? 0) === 0 ? [] : ["SKIP"]),
    ...((limit ?? 0) === 0 && !one ? [] : ["LIMIT"]),
    ...(operation._tag === "Find" && !isAny(projection) ? [] : [names[operation._tag]])
  ]
}

const isChange = (tag: Kind): boolean => tag === "Update" || tag === "Delete"

const isMany = (operation: Operation): boolean => "many" in operation && operation.many === true

const countOf = (answer: Answer): number => {
  if (Array.isArray(answer)) return answer.length
  if (typeof answer === "number") return answer
  if (answer === undefined) return 0
  return "matchedCount" in answer && typeof answer.matchedCount === "number" ? answer.matchedCount : 1
}

/** What an operation did, by its report. */
export const explanationOf = (operation: Operation, report: Report, answer: Answer): Explanation => {
  const { own } = report
  const indexes = own?.indexes ?? []
  const found = indexes.map((name) => `IXSCAN ${name}`)
  return {
    indexes,
    documentsExamined: own?.documentsExamined ?? 0,
    documentsReturned: countOf(answer),
    stages: [
      ...(own === undefined ? [] : found.length === 0 ? ["COLLSCAN"] : found),
      ...stagesBehind(operation, report.isSorted)
    ],
    others: report.others
  }
}
