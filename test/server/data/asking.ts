import { Effect, Result } from "effect"
import type { Document } from "effect-app-services/server/data/Database"
import * as Changes from "../../../src/server/data/internal/changes.ts"
import * as Rules from "../../../src/server/data/Rules.ts"
import type { FunctionUser } from "../../../src/server/model/FunctionContext.ts"

export const stranger: FunctionUser = { id: "0", type: "normal", data: {}, customData: {}, identities: [] }

/** A caller; by default only its user is known. */
export const given = (user: FunctionUser = stranger, more: Partial<Rules.Given> = {}): Rules.Given => ({
  user,
  request: undefined,
  values: new Map(),
  environment: { tag: "", values: new Map() },
  call: () => Effect.die("no function is called"),
  ...more
})

/** Whether a change of some fields, or a pipeline that may write any, is allowed before it is computed and afterwards. */
export const mayUpdate = (
  access: Rules.Access,
  before: Document,
  after: Document,
  paths: ReadonlyArray<string> | undefined
): boolean => {
  const update = paths === undefined ? [] : { $set: Object.fromEntries(paths.map((path) => [path, 1])) }
  const footprint = Changes.footprint({ _tag: "Update", update })
  return access.mayChange(before, footprint) && access.mayUpdate(before, after, footprint)
}

/** The access of a caller under rules. */
export const accessOf = (rule: unknown, who: Rules.Given) =>
  Effect.runSync(Result.getOrThrow(Rules.compile(rule)).accessOf(who))
