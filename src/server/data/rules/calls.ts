/** The functions that expressions call, and their results. */
import * as Effect from "effect/Effect"
import * as Operands from "./operands.ts"

type Document = Record<string, unknown>

export const namesOf = (calls: ReadonlyArray<Operands.Call>): ReadonlySet<string> =>
  new Set(calls.map(({ name }) => name))

/** Calls functions, each once for the same arguments. */
export const answer = Effect.fnUntraced(function* (
  calls: ReadonlyArray<Operands.Call>,
  known: Operands.Known,
  seen: () => Document = () => ({})
) {
  for (const { args, name } of calls) {
    const given = args(known, seen())
    const key = Operands.keyOf(name, given)
    if (!known.answers.has(key)) known.answers.set(key, yield* known.call(name, given))
  }
})
