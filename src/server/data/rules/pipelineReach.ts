/** What a pipeline reaches besides the documents that come to it: the collections that its stages read and write. */
import * as Bson from "../internal/bson.ts"
import * as Output from "../store/output.ts"
import * as Stages from "../internal/stages.ts"

/** A collection that a stage reads or writes; `database` only where it is named. */
interface Target {
  readonly stage: string
  readonly database: string | undefined
  readonly collection: string
  readonly writes: boolean
}

/** What a pipeline reaches, and the first stage, if any, that only who may do everything may use. */
interface Reach {
  readonly targets: ReadonlyArray<Target>
  readonly unlisted: string | undefined
}

/** Stages that see nothing but the documents that come to them. */
const harmless = new Set(
  `$match $project $addFields $set $unset $sort $limit $skip $group $count $unwind $sortByCount $bucket $bucketAuto
  $replaceRoot $replaceWith $sample $redact $setWindowFields $densify $fill $facet`.split(/\s+/)
)

const joins: Readonly<Record<string, string>> = { $lookup: "from", $graphLookup: "from", $unionWith: "coll" }

/** The collection that a stage reaches; `undefined` where it names none. */
const targetOf = (stage: string, value: unknown): Target | undefined => {
  if (stage === "$out" || stage === "$merge") {
    const { collection, database } = Output.placeOf(stage, value)
    return { stage, database, collection, writes: true }
  }
  const option = joins[stage]
  if (option === undefined) return undefined
  const collection = Bson.isDocument(value) ? value[option] : stage === "$unionWith" ? value : undefined
  return typeof collection === "string" ? { stage, database: undefined, collection, writes: false } : undefined
}

const innerOf = (stage: string, value: unknown): ReadonlyArray<unknown> => {
  if (!Bson.isDocument(value)) return []
  return stage === "$facet" ? Object.values(value) : stage in joins ? [value["pipeline"]] : []
}

/** Walks a pipeline and those in it. Throws for an unknown stage, wherever it stands. */
export const of = (pipeline: ReadonlyArray<unknown>): Reach => {
  const targets: Array<Target> = []
  const unlisted: Array<string> = []
  const walk = (stages: ReadonlyArray<unknown>): void => {
    for (const [name, value] of stages.map(Stages.partsOf)) {
      const target = targetOf(name, value)
      if (target !== undefined) targets.push(target)
      else if (!harmless.has(name)) unlisted.push(name)
      for (const inner of innerOf(name, value)) if (Array.isArray(inner)) walk(inner)
    }
  }
  walk(pipeline)
  return { targets, unlisted: unlisted[0] }
}
