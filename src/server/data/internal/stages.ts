/** Stages of pipelines that `mingo` gets wrong, those that are refused, and the options that a stage knows. */
import * as Bson from "./bson.ts"
import type { Document } from "./bson.ts"
import * as Filters from "./filters.ts"
import { accumulators, Aggregator, evalExpr, type Iterator, Lazy, type Options, pipelines, resolve } from "./mingo.ts"

type Stage = (documents: Iterator, expression: Document, options: Options) => Iterator

const copies = (documents: ReadonlyArray<unknown>): Array<Document> =>
  documents.filter(Bson.isDocument).map((document) => Object.assign({}, Bson.copy(document)))

/** What a field of a join is compared by: of an array its elements, and of what is missing, as null. */
const joined = (document: Document, field: string): ReadonlyArray<string> => {
  const value: unknown = resolve(document, field)
  return (Array.isArray(value) && value.length > 0 ? value : Array.isArray(value) ? [] : [value ?? null]).map(Bson.key)
}

const text = (options: Document, name: string, stage: string): string => {
  const value = options[name]
  if (typeof value === "string") return value
  throw new Error(`${stage} needs "${name}" as a string`)
}

const pipelineOf = (value: unknown, stage: string): ReadonlyArray<Document> => {
  if (Array.isArray(value) && value.every(Bson.isDocument)) return value
  throw new Error(`${stage} needs an array of stages as pipeline`)
}

const sourceOf = (name: string, options: Options): Array<Document> => {
  const found: unknown = options.collectionResolver?.(name)
  return Array.isArray(found) ? found : []
}

/** Joins by equal fields, by a pipeline, or by a pipeline over what has equal fields. */
const $lookup: Stage = (documents, expression, options) => {
  const as = text(expression, "as", "$lookup")
  const all = sourceOf(text(expression, "from", "$lookup"), options)
  const stages = expression["pipeline"]
  const pipeline = stages === undefined ? undefined : pipelineOf(stages, "$lookup")
  const byField = expression["localField"] !== undefined || expression["foreignField"] !== undefined
  if (!byField && pipeline === undefined) throw new Error("$lookup needs localField and foreignField, or a pipeline")
  const select: (document: Document) => ReadonlyArray<Document> = byField ? equalTo(all, expression) : () => all
  return documents.map((document: Document) => {
    const found = copies(select(document))
    if (pipeline === undefined) return { ...document, [as]: found }
    const { let: variables = {} } = expression
    const own: unknown = evalExpr(document, variables, options)
    return { ...document, [as]: new Aggregator([...pipeline], inner(options, own)).run(found) }
  })
}

const equalTo = (all: ReadonlyArray<Document>, expression: Document) => {
  const localField = text(expression, "localField", "$lookup")
  const foreignField = text(expression, "foreignField", "$lookup")
  const byKey = new Map<string, Set<number>>()
  for (const [i, document] of all.entries()) {
    for (const key of joined(document, foreignField)) {
      const found = byKey.get(key)
      if (found === undefined) byKey.set(key, new Set([i]))
      else found.add(i)
    }
  }
  return (document: Document): ReadonlyArray<Document> => {
    const places = new Set(joined(document, localField).flatMap((key) => Array.from(byKey.get(key) ?? [])))
    return [...places]
      .toSorted((a, b) => a - b)
      .map((i) => all[i])
      .filter((it) => it !== undefined)
  }
}

/** The options of a pipeline within a pipeline, whose variables are its own and those around it. */
const inner = (options: Options, variables: unknown): Partial<Options> => ({
  context: options.context,
  scriptEnabled: false,
  ...(options.collectionResolver === undefined ? undefined : { collectionResolver: options.collectionResolver }),
  variables: { ...options.variables, ...(Bson.isDocument(variables) ? variables : undefined) }
})

/** A field inside a document is set in a copy: documents that were unwound share what they are made of. */
const settingFields =
  (stage: Stage): Stage =>
  (documents, expression, options) =>
    stage(
      Object.keys(expression).some((name) => name.includes("."))
        ? documents.map((it: unknown) => Bson.copy(it))
        : documents,
      expression,
      options
    )

/** Picks each document at most once. */
const $sample: Stage = (documents, { random, size }) => {
  if (typeof size !== "number" || !Number.isInteger(size) || size < 1) {
    throw new Error("$sample needs a positive whole number as size")
  }
  if (typeof random !== "function") throw new Error("$sample stands where no stage does")
  return documents.transform((all: Array<unknown>) => {
    const rest = [...all]
    for (let i = 0; i < Math.min(size, rest.length); i++) {
      const j = i + Math.floor(Number(Reflect.apply(random, undefined, [])) * (rest.length - i))
      ;[rest[i], rest[j]] = [rest[j], rest[i]]
    }
    return Lazy(rest.slice(0, size))
  })
}

const refused =
  (name: string, why: string): Stage =>
  () => {
    throw new Error(`${name} is not supported by this server: ${why}`)
  }

const search = "it has no search index; filter with $match, and $regex for text"

export const overrides: Readonly<Record<string, Stage>> = {
  $addFields: settingFields(pipelines.$addFields),
  $set: settingFields(pipelines.$set),
  $lookup,
  $sample,
  $search: refused("$search", search),
  $searchMeta: refused("$searchMeta", search),
  $vectorSearch: refused("$vectorSearch", search),
  $rankFusion: refused("$rankFusion", search),
  $geoNear: refused("$geoNear", "it has no geospatial index"),
  $changeStream: refused("$changeStream", "open the changes with watch"),
  $collStats: refused("$collStats", "it keeps no such statistics"),
  $planCacheStats: refused("$planCacheStats", "it keeps no such statistics"),
  $indexStats: refused("$indexStats", "it must be the first stage"),
  $out: refused("$out", "it must be the last stage"),
  $merge: refused("$merge", "it must be the last stage")
}

const known: Readonly<Record<string, ReadonlyArray<string>>> = {
  $unwind: ["path", "includeArrayIndex", "preserveNullAndEmptyArrays"],
  $lookup: ["from", "localField", "foreignField", "let", "pipeline", "as"],
  $graphLookup: [
    "from",
    "startWith",
    "connectFromField",
    "connectToField",
    "as",
    "maxDepth",
    "depthField",
    "restrictSearchWithMatch"
  ],
  $unionWith: ["coll", "pipeline"],
  $bucket: ["groupBy", "boundaries", "default", "output"],
  $bucketAuto: ["groupBy", "buckets", "output", "granularity"],
  $replaceRoot: ["newRoot"],
  $sample: ["size"],
  $setWindowFields: ["partitionBy", "sortBy", "output"],
  $densify: ["field", "partitionByFields", "range"],
  $fill: ["partitionBy", "partitionByFields", "sortBy", "output"],
  $indexStats: [],
  $out: ["db", "coll", "timeseries"],
  $merge: ["into", "on", "let", "whenMatched", "whenNotMatched"]
}

const takingDocuments = new Set(
  `$match $project $addFields $set $group $sort $facet $lookup $graphLookup $bucket $bucketAuto $replaceRoot $sample
  $setWindowFields $densify $fill $indexStats`.split(/\s+/)
)

/** What is wrong with the value of a stage, as MongoDB sees it. */
const mistake = (name: string, value: unknown): string | undefined => {
  if (takingDocuments.has(name) && !Bson.isDocument(value)) return `${name} needs a document`
  switch (name) {
    case "$sort":
    case "$project":
      return Bson.isDocument(value) && Object.keys(value).length === 0 ? `${name} needs at least one field` : undefined
    case "$limit":
      return value === 0 ? "the limit must be positive" : undefined
    case "$unwind": {
      const path = Bson.isDocument(value) ? value["path"] : value
      return typeof path === "string" && path.startsWith("$") ? undefined : "$unwind needs a path that starts with '$'"
    }
    case "$group": {
      const { _id, ...fields } = Bson.isDocument(value) ? value : {}
      return notAccumulating(fields)
    }
    case "$bucket":
    case "$bucketAuto": {
      const output = Bson.isDocument(value) ? value["output"] : undefined
      return Bson.isDocument(output) ? notAccumulating(output) : undefined
    }
  }
  return undefined
}

const notAccumulating = (fields: Document): string | undefined => {
  for (const [field, value] of Object.entries(fields)) {
    const names = Bson.isDocument(value) ? Object.keys(value) : []
    const [name] = names
    if (name === undefined || names.length > 1) return `The field '${field}' must be an accumulator object`
    if (!(name in accumulators)) return `unknown group operator '${name}'`
  }
  return undefined
}

/** The name of a stage, and what it is given. Throws for one that is unknown: it must not seem to work. */
export const partsOf = (stage: unknown): readonly [name: string, options: unknown] => {
  const [part, ...more] = Bson.isDocument(stage) ? Object.entries(stage) : []
  if (part === undefined || more.length > 0) throw new Error("a stage of a pipeline has one operator")
  const [name] = part
  if (Object.hasOwn(overrides, name) || Object.hasOwn(pipelines, name)) return part
  throw new Error(`Unrecognized pipeline stage name: '${name}'`)
}

/** Throws for a stage, or an option of a stage, that is unknown. */
export const check = (pipeline: ReadonlyArray<Document>): void => {
  for (const stage of pipeline) {
    const [name, options] = partsOf(stage)
    const wrong = mistake(name, options)
    if (wrong !== undefined) throw new Error(wrong)
    if (!Bson.isDocument(options)) continue
    if (name === "$match") Filters.check(options)
    const allowed = known[name] ?? Object.keys(options)
    const unknown = Object.keys(options).find((option) => !allowed.includes(option))
    if (unknown !== undefined) throw new Error(`${name} has no option "${unknown}"`)
    const nested = name === "$facet" ? Object.values(options) : [options["pipeline"] ?? []]
    if (name === "$facet" || name === "$lookup" || name === "$unionWith") {
      for (const it of nested) check(pipelineOf(it, name))
    }
  }
}
