/** All stages, by name. */
import { bucket } from "./bucket.ts"
import { bucketAuto } from "./bucketAuto.ts"
import { count, limit, match, redact, sample, skip } from "./basic.ts"
import { densify } from "./densify.ts"
import { facet, documents, unionWith } from "./joined.ts"
import { fill } from "./fill.ts"
import { graphLookup } from "./graphLookup.ts"
import { group, sortByCount } from "./group.ts"
import { lookup } from "./lookup.ts"
import { sort } from "./order.ts"
import { merge, out } from "./output.ts"
import type { Compile } from "./Stage.ts"
import { transformStages } from "./transforms.ts"
import { unwind } from "./unwind.ts"
import { setWindowFields } from "./windowFields.ts"

export const stages: Readonly<Record<string, Compile>> = {
  ...transformStages,
  $bucket: bucket,
  $bucketAuto: bucketAuto,
  $count: count,
  $densify: densify,
  $documents: documents,
  $facet: facet,
  $fill: fill,
  $graphLookup: graphLookup,
  $group: group,
  $limit: limit,
  $lookup: lookup,
  $match: match,
  $merge: merge,
  $out: out,
  $redact: redact,
  $sample: sample,
  $setWindowFields: setWindowFields,
  $skip: skip,
  $sort: sort,
  $sortByCount: sortByCount,
  $unionWith: unionWith,
  $unwind: unwind
}

const unsupported = new Set(
  `$changeStream $changeStreamSplitLargeEvent $collStats $currentOp $geoNear $indexStats $listClusterCatalog
  $listLocalSessions $listSampledQueries $listSessions $planCacheStats $queryStats $querySettings
  $shardedDataDistribution`.split(/\s+/)
)

const ofAtlas = new Set(
  "$listSearchIndexes $rankFusion $score $scoreFusion $search $searchMeta $vectorSearch".split(" ")
)

/** Whether a name is that of a stage of MongoDB that is not supported. */
export const isUnsupportedStage = (name: string): boolean => unsupported.has(name)

/** Whether a name is that of a stage of Atlas Search. */
export const isStageOfAtlas = (name: string): boolean => ofAtlas.has(name)
