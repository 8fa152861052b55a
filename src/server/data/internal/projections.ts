/** Projections of `find` as stages of a pipeline, in whose `$project` some of them mean something else. */
import * as Bson from "./bson.ts"
import type { Document } from "./bson.ts"
import * as Language from "./mongoLanguage.ts"

const sliceOf = (value: unknown): unknown => (Bson.isDocument(value) && "$slice" in value ? value["$slice"] : undefined)

/** The last of the elements of an array, or some of them, as `find` counts. */
const slice = (path: string, wanted: unknown): Document => {
  const numbers: ReadonlyArray<unknown> = Array.isArray(wanted) ? wanted : [wanted]
  if (numbers.length > 2 || !numbers.every((it) => typeof it === "number" && Number.isInteger(it))) {
    throw new Error("$slice of a projection needs a whole number, or how many to skip and how many to take")
  }
  return { $cond: [{ $isArray: `$${path}` }, { $slice: [`$${path}`, ...numbers] }, `$${path}`] }
}

const isInclusion = ([name, value]: readonly [string, unknown]): boolean =>
  name !== "_id" && value !== 0 && value !== false && sliceOf(value) === undefined

/** What a projection without `$` is as stages. A `$slice` leaves other fields where nothing else names those to keep. */
export const stagesOf = (projection: Document): ReadonlyArray<Document> => {
  const entries = Object.entries(projection)
  const slices = entries.filter(([, value]) => sliceOf(value) !== undefined)
  if (slices.length === 0) return [{ $project: projection }]
  const sliced = Object.fromEntries(slices.map(([path, value]) => [path, slice(path, sliceOf(value))]))
  const rest = entries.filter(([path]) => !Object.hasOwn(sliced, path))
  const kept = rest.some(isInclusion) ? slices.map(([path]) => [path, 1] as const) : []
  const others = Object.fromEntries([...rest, ...kept])
  return [{ $addFields: sliced }, ...(Object.keys(others).length === 0 ? [] : [{ $project: others }])]
}

/** The conditions of a filter on an array or what is in it, which all have to hold. */
const conditionsOn = (filter: Document, path: string): ReadonlyArray<Document> =>
  Object.entries(filter).flatMap(([name, value]) => {
    if (name === "$and" && Array.isArray(value)) {
      return value.filter(Bson.isDocument).flatMap((inner) => conditionsOn(inner, path))
    }
    return name === path || name.startsWith(`${path}.`) ? [{ [name]: value }] : []
  })

/**
 * Keeps of an array, in documents of the caller's own, the first element that the filter finds: what `path.$` stands for.
 */
export const positional = (documents: ReadonlyArray<Document>, path: string, filter: Document): void => {
  const names = path.split(".")
  const last = names.pop() ?? path
  const conditions = conditionsOn(filter, path)
  if (conditions.length === 0) throw new Error(`the projection "${path}.$" needs a filter on "${path}"`)
  const matches = Language.matcher({ $and: conditions })
  for (const document of documents) {
    let parent: unknown = document
    for (const name of names) parent = Bson.isDocument(parent) ? parent[name] : undefined
    const list = Bson.isDocument(parent) ? parent[last] : undefined
    if (!Bson.isDocument(parent) || !Array.isArray(list)) continue
    const all: ReadonlyArray<unknown> = list
    const holder = parent
    const found = all.findIndex((item) => {
      holder[last] = [item]
      return matches(document)
    })
    if (found === -1) throw new Error(`the projection "${path}.$" did not find the element that the filter asks for`)
    holder[last] = [all[found]]
  }
}
