import { Effect, Result } from "effect"
import * as Rules from "effect-app-services/server/data/Rules"
import type { FunctionUser } from "effect-app-services/server/functions/FunctionContext"

export const nobody: FunctionUser = { id: "0", type: "normal", data: {}, customData: {}, identities: [] }

/** Who asks, with nothing known but the user, unless told otherwise. */
export const given = (user: FunctionUser = nobody, more: Partial<Rules.Given> = {}): Rules.Given => ({
  user,
  request: undefined,
  values: new Map(),
  environment: { tag: "", values: new Map() },
  call: () => Effect.die("no function is called"),
  ...more
})

/** What rules come to for who asks. */
export const accessOf = (rule: unknown, who: Rules.Given) =>
  Effect.runSync(Result.getOrThrow(Rules.compile(rule)).accessOf(who))
