/** The other collections of a pipeline, under the rules of each. */
import * as Effect from "effect/Effect"
import { DatabaseError, forbiddenCode } from "../DatabaseError.ts"
import type { CollectionTarget } from "../../language/Environment.ts"
import type { Pipeline } from "../../language/Pipeline.ts"
import { environmentOf, pipelineOf, saidOf } from "../internal/evaluate.ts"
import { asError } from "../internal/failures.ts"
import { type Document, type Evaluation, nameOf, type Namespace, type Operation } from "../Operation.ts"
import type { Access } from "../Rules.ts"
import type { View } from "../View.ts"

/** The access to another collection; `undefined` if it is closed. */
export type Others = (namespace: Namespace) => Effect.Effect<Access | undefined, DatabaseError>

const refuse = (why: string): Effect.Effect<never, DatabaseError> =>
  Effect.fail(new DatabaseError({ message: `aggregate not permitted: ${why}`, code: forbiddenCode }))

/**
 * The views of the collections that a pipeline joins: `$lookup`, `$graphLookup` and `$unionWith` see what a query of
 * the same user would. Rejects collections that are closed or whose rules compute something from each document, stages
 * that reveal the collection itself, and `$out` and `$merge` to collections without full access or with a schema.
 */
export const joinsOf = Effect.fnUntraced(function* (
  { namespace, pipeline, ...evaluation }: Operation<"Aggregate">,
  access: Access,
  others: Others
): Effect.fn.Return<ReadonlyMap<string, View>, DatabaseError> {
  const isStats = Object.hasOwn(pipeline[0] ?? {}, "$indexStats")
  if (isStats && !access.everything) return yield* refuse("$indexStats reveals more than its documents")
  const { output, reads } = yield* reachOf(isStats ? pipeline.slice(1) : pipeline, evaluation)
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
  if (output !== undefined) {
    const { rules } = yield* rulesOf(output.target)
    const where = `it writes to "${output.target.collection}"`
    if (!rules.everything) return yield* refuse(`${where}, of which the user may not change everything`)
    if (rules.checkSchema !== undefined) return yield* refuse(`${where}, which has a schema: run it as the system`)
  }
  return joins
})

/** The other collections of a pipeline, found by compiling it. */
const reachOf = (pipeline: ReadonlyArray<Document>, evaluation: Evaluation): Effect.Effect<Pipeline, DatabaseError> =>
  Effect.try({
    try: () => pipelineOf(pipeline, environmentOf(nowhere, saidOf(nowhere, evaluation))),
    catch: asError
  })

// @effect-diagnostics-next-line globalDate:off -- nothing is computed
const nowhere = { now: new Date(0), random: () => 0 }
