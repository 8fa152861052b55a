/** `$out` and `$merge`: where the results of a pipeline are written. */
import * as Bson from "../internal/bson.ts"
import type { Document } from "../internal/bson.ts"
import * as Language from "../internal/mongoLanguage.ts"

/** The collection that is written. */
interface Target {
  readonly matching: (find: { readonly filter: Document; readonly limit?: number }) => ReadonlyArray<Document>
  readonly insert: (documents: ReadonlyArray<Document>) => { readonly failure?: unknown }
  readonly update: (update: {
    readonly filter: Document
    readonly change: { readonly _tag: "Replace"; readonly document: Document }
  }) => unknown
  readonly delete: (deletion: { readonly filter: Document; readonly many: boolean }) => unknown
}

export interface Output {
  readonly database: string | undefined
  readonly collection: string
  readonly write: (
    results: ReadonlyArray<Document>,
    target: Target,
    options: { readonly now: Date; readonly random: () => number; readonly wide: boolean }
  ) => void
}

/** Where a pipeline whose last stage says so writes. */
export const of = (pipeline: ReadonlyArray<Document>): Output | undefined => {
  const last = pipeline.at(-1)
  if (last !== undefined && "$out" in last) return { ...placeOf("$out", last["$out"]), write: replaceAll }
  return last !== undefined && "$merge" in last ? merge(last["$merge"]) : undefined
}

/** The collection that `$out` or `$merge` writes to. */
export const placeOf = (stage: "$out" | "$merge", given: unknown): Pick<Output, "database" | "collection"> => {
  const value = stage === "$merge" && Bson.isDocument(given) ? given["into"] : given
  if (typeof value === "string") return { database: undefined, collection: value }
  const { coll, db } = Bson.isDocument(value) ? value : {}
  if (typeof coll !== "string" || (db !== undefined && typeof db !== "string") || hasTimeSeries(value)) {
    throw new Error(`${stage} needs the name of a collection, or { db, coll }`)
  }
  return { database: db, collection: coll }
}

const hasTimeSeries = (value: unknown) => Bson.isDocument(value) && value["timeseries"] !== undefined

const insert = (target: Target, documents: ReadonlyArray<Document>): void => {
  const { failure } = target.insert(documents)
  if (failure !== undefined) throw failure
}

const replaceAll: Output["write"] = (results, target) => {
  target.delete({ filter: {}, many: true })
  insert(target, results)
}

const oneOf = (options: Document, name: string, allowed: ReadonlyArray<string>): string => {
  const value = options[name] ?? allowed[0]
  if (typeof value === "string" && allowed.includes(value)) return value
  throw new Error(`$merge needs as ${name} one of ${allowed.join(", ")}`)
}

const merge = (value: unknown): Output => {
  const options = Bson.isDocument(value) ? value : { into: value }
  const on = options["on"] ?? "_id"
  const fields: ReadonlyArray<unknown> = Array.isArray(on) ? on : [on]
  const whenNotMatched = oneOf(options, "whenNotMatched", ["insert", "discard", "fail"])
  const pipeline: unknown = options["whenMatched"]
  const stages = Array.isArray(pipeline) ? pipeline.filter(Bson.isDocument) : undefined
  const whenMatched = stages ?? oneOf(options, "whenMatched", ["merge", "replace", "keepExisting", "fail"])
  const variables = options["let"] ?? { new: "$$ROOT" }

  const filterOf = (result: Document): Document => {
    const filter: Document = {}
    for (const field of fields) {
      const wanted = typeof field === "string" ? result[field] : undefined
      if (wanted === undefined || wanted === null) throw new Error(`$merge needs a value of "${String(field)}"`)
      filter[String(field)] = { $eq: wanted }
    }
    return filter
  }

  const changed = (
    present: Document,
    result: Document,
    context: Parameters<Output["write"]>[2]
  ): Document | undefined => {
    if (typeof whenMatched !== "string") {
      const own = Language.evaluate(result, variables)
      return Language.update(present, whenMatched, { ...context, filter: {}, arrayFilters: [], variables: own })
    }
    switch (whenMatched) {
      case "merge":
        return { ...present, ...result, _id: present["_id"] }
      case "replace":
        return { ...result, _id: present["_id"] }
      case "keepExisting":
        return undefined
    }
    throw new Error("$merge found a document that is there already, and whenMatched is fail")
  }

  return {
    ...placeOf("$merge", value),
    write: (results, target, context) => {
      for (const result of results) {
        const isNew = fields.includes("_id") && result["_id"] === undefined
        const found = isNew ? [] : target.matching({ filter: filterOf(result), limit: 2 })
        const [present] = found
        if (found.length > 1) throw new Error(`$merge found several documents of one ${fields.join(", ")}`)
        if (present !== undefined) {
          const own = Bson.copy(present)
          const document = Bson.isDocument(own) ? changed(own, result, context) : undefined
          if (document !== undefined) {
            target.update({ filter: { _id: { $eq: present["_id"] } }, change: { _tag: "Replace", document } })
          }
        } else if (whenNotMatched === "insert") insert(target, [result])
        else if (whenNotMatched === "fail") {
          throw new Error("$merge found a document that is not there, and whenNotMatched is fail")
        }
      }
    }
  }
}
