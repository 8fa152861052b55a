import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Ejson from "../../protocol/Ejson.ts"

const collect = (value: unknown, found: Set<string>): Set<string> => {
  if (typeof value === "string" || typeof value === "number") found.add(String(value))
  else if (typeof value === "object" && value !== null) for (const inner of Object.values(value)) collect(inner, found)
  return found
}

/**
 * The texts and numbers in a value, as they are sent, each as a secret; empty if the value cannot be sent.
 *
 * @internal
 */
export const leavesOf = (value: unknown): ReadonlyArray<Redacted.Redacted> =>
  Result.match(Ejson.stringify(value), {
    onFailure: () => [],
    onSuccess: (text) => Array.from(collect(JSON.parse(text), new Set()), (leaf) => Redacted.make(leaf))
  })
