/** Values in messages. */
import { EJSON } from "bson"
import { define, isDocument } from "./Value.ts"
import type { Document, Value } from "./Value.ts"

const longest = 300

/** A value as text for a message, cut where it is long. */
export const shown = (value: Value): string => {
  if (value === undefined) return "missing"
  const text = EJSON.stringify(new Beginning().of(value), { relaxed: true })
  return text.length > longest ? `${text.slice(0, longest)}…` : text
}

/** As much of a value as a message shows: all of it may be much longer than the documents that it is made of. */
class Beginning {
  /** Each value takes at least one character. */
  #left = longest

  of(value: Value): Value {
    this.#left--
    if (typeof value === "string") return value.slice(0, longest + 1)
    if (Array.isArray(value)) {
      const items: Array<Value> = []
      for (const item of value) {
        if (this.#left < 0) break
        items.push(this.of(item))
      }
      return items
    }
    if (!isDocument(value)) return value
    const begun: Document = {}
    for (const name of Object.keys(value)) {
      if (this.#left < 0) break
      define(begun, name.slice(0, longest + 1), this.of(value[name]))
    }
    return begun
  }
}
