/** The collections that a pipeline reads and writes besides its own, as the rules of each leave them. */
import * as Effect from "effect/Effect"
import { DatabaseError, forbiddenCode } from "../DatabaseError.ts"
import { asError } from "../internal/failures.ts"
import { nameOf, type Namespace, type Operation } from "../Operation.ts"
import type { Access } from "../Rules.ts"
import type { View } from "../View.ts"
import * as PipelineReach from "./pipelineReach.ts"

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
  const { targets, unlisted } = yield* Effect.try({ try: () => PipelineReach.of(pipeline), catch: asError })
  if (unlisted !== undefined && !access.everything) return yield* refuse(unlisted)
  const joins = new Map<string, View>()
  for (const { collection, database, stage, writes } of targets) {
    const other = { ...namespace, database: database ?? namespace.database, collection }
    const rules = yield* others(other)
    if (rules === undefined) return yield* refuse(`${stage} of "${collection}", which is not open to the user`)
    if (rules.everything) continue
    if (writes) return yield* refuse(`${stage} to "${collection}", of which the user may not change everything`)
    if (rules.computed) return yield* refuse(`${stage} of "${collection}", whose rules are computed for each document`)
    joins.set(nameOf(other), rules.view)
  }
  return joins
})
