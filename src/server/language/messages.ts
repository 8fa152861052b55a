/** Values in messages. */
import { EJSON } from "bson"
import type { Value } from "./Value.ts"

const longest = 300

/** A value as text for a message, cut where it is long. */
export const shown = (value: Value): string => {
  if (value === undefined) return "missing"
  const text = EJSON.stringify(value, { relaxed: true })
  return text.length > longest ? `${text.slice(0, longest)}…` : text
}
