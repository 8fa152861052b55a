/** Notes how an operation finds its documents, and tells it. */
import type { Explanation, Search } from "../Explanation.ts"
import { isDocument } from "../../language/Value.ts"
import type { Document, Kind } from "../Operation.ts"
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

  /** Counts the documents of a search while they are read. A search that is not read does not count. */
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

/** The parts of an operation that an explanation names. */
interface Asked {
  readonly _tag: Kind
  readonly filter?: Document
  readonly limit?: number | undefined
  readonly many?: boolean | undefined
  readonly pipeline?: ReadonlyArray<Document>
  readonly projection?: Document | undefined
  readonly skip?: number | undefined
  readonly sort?: Document | undefined
  readonly view?: unknown
}

/** The stages of an operation behind the search for its documents. */
const stagesBehind = (asked: Asked, isSorted: boolean): ReadonlyArray<string> => {
  const { _tag, filter, limit = 0, many, pipeline, projection, skip = 0, sort, view } = asked
  const views = view === undefined ? [] : ["VIEW"]
  if (pipeline !== undefined) {
    const stages = pipeline.flatMap((stage) => Object.keys(stage))
    // an index in the order of a pipeline takes the place of its first $sort
    const sorts = isSorted ? stages.indexOf("$sort") : -1
    return [...views, ...stages.filter((_, i) => i !== sorts)]
  }
  const isOne = _tag === "FindOneAnd" || ((_tag === "Update" || _tag === "Delete") && many !== true)
  return [
    ...views,
    ...(isAny(filter) ? ["FETCH"] : []),
    ...(isAny(sort) && !isSorted ? ["SORT"] : []),
    ...(skip === 0 ? [] : ["SKIP"]),
    ...(limit === 0 && !isOne ? [] : ["LIMIT"]),
    ...(_tag === "Find" && !isAny(projection) ? [] : [names[_tag]])
  ]
}

const countOf = (answer: unknown): number => {
  if (Array.isArray(answer)) return answer.length
  if (typeof answer === "number") return answer
  const matched = isDocument(answer) ? answer["matchedCount"] : undefined
  return typeof matched === "number" ? matched : answer === undefined ? 0 : 1
}

/** What an operation did, by its report. */
export const explanationOf = (operation: Asked, report: Report, answer: unknown): Explanation => {
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
