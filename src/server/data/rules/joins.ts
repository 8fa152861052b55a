/** The collections that a pipeline reads and writes besides its own, as the rules of each leave them. */
import * as Effect from "effect/Effect"
import { DatabaseError, forbiddenCode } from "../DatabaseError.ts"
import type { CollectionTarget } from "../../language/Environment.ts"
import type { Pipeline } from "../../language/Pipeline.ts"
import { environmentOf, pipelineOf } from "../internal/evaluate.ts"
import { asError } from "../internal/failures.ts"
import { type Document, nameOf, type Namespace, type Operation } from "../Operation.ts"
import type { Access } from "../Rules.ts"
import type { View } from "../View.ts"

/** What the rules of another collection allow; nothing where it is closed. */
export type Others = (namespace: Namespace) => Effect.Effect<Access | undefined, DatabaseError>

const refuse = (why: string): Effect.Effect<never, DatabaseError> =>
  Effect.fail(new DatabaseError({ message: `aggregate not permitted: ${why}`, code: forbiddenCode }))

/**
 * The views of the collections that a pipeline joins: `$lookup`, `$graphLookup` and `$unionWith` see what their rules
 * show, as a query of the same user would. Refuses what a view cannot stand before: collections that are closed, or whose
 * rules compute something from each document; stages that tell of the collection itself; and `$out` and `$merge` to
 * collections of which the rules do not allow everything.
 */
export const joinsOf = Effect.fnUntraced(function* (
  { namespace, pipeline }: Operation<"Aggregate">,
  access: Access,
  others: Others
): Effect.fn.Return<ReadonlyMap<string, View>, DatabaseError> {
  const isStats = Object.hasOwn(pipeline[0] ?? {}, "$indexStats")
  if (isStats && !access.everything) return yield* refuse("$indexStats tells of more than its documents")
  const { output, reads } = yield* reachOf(isStats ? pipeline.slice(1) : pipeline)
  const rulesOf = Effect.fnUntraced(function* ({ collection, database = namespace.database }: CollectionTarget) {
    const other = { ...namespace, database, collection }
    const rules = yield* others(other)
    return rules === undefined
      ? yield* refuse(`it reaches "${collection}", which is not open to the user`)
      : { rules, name: nameOf(other) }
  })
  const joins = new Map<string, View>()
  for (const target of reads) {
    const { name, rules } = yield* rulesOf(target)
    if (rules.computed) return yield* refuse(`the rules of "${target.collection}" are computed for each document`)
    if (!rules.everything) joins.set(name, rules.view)
  }
  if (output !== undefined && !(yield* rulesOf(output.target)).rules.everything) {
    return yield* refuse(`it writes to "${output.target.collection}", of which the user may not change everything`)
  }
  return joins
})

/** What a pipeline reaches: it is compiled where there is no document. */
const reachOf = (pipeline: ReadonlyArray<Document>): Effect.Effect<Pipeline, DatabaseError> =>
  Effect.try({ try: () => pipelineOf(pipeline, nowhere), catch: asError })

// @effect-diagnostics-next-line globalDate:off -- nothing is computed
const nowhere = environmentOf({ now: new Date(0), random: () => 0 })
