/**
 * How much there is to compute, estimated before it is: what a request asks, and the documents that it is asked of. It
 * decides what has its turn at once; what is computed indeed is counted by the language.
 */
import * as Bson from "./bson.ts"

/** How much is asked. */
export interface Weight {
  readonly units: number
  /** Whether there is a regular expression in it: one may backtrack without end, and no step of it is counted. */
  readonly regex: boolean
}

/** What is nested deeper is refused, and may have no end. */
const mostLevels = 200

const isRegex = (value: object): boolean =>
  value instanceof RegExp || ("_bsontype" in value && value._bsontype === "BSONRegExp")

/** Adds up what there is in values. */
class Scale {
  units = 0
  regex = false

  add(value: unknown, level = 0): void {
    this.units++
    if (typeof value === "string") this.units += value.length >> 6
    if (typeof value !== "object" || value === null || level > mostLevels) return
    if (Array.isArray(value)) for (const item of value) this.add(item, level + 1)
    else if (Bson.isDocument(value)) {
      for (const name of Object.keys(value)) {
        this.units += 1 + (name.length >> 5)
        if (name.startsWith("$regex")) this.regex = true
        this.add(value[name], level + 1)
      }
    } else if (ArrayBuffer.isView(value)) this.units += value.byteLength >> 6
    else if (isRegex(value)) this.regex = true
    else this.units += 8
  }
}

/** The weight of values. */
export const of = (...values: ReadonlyArray<unknown>): Weight => {
  const scale = new Scale()
  for (const value of values) scale.add(value)
  return { units: scale.units, regex: scale.regex }
}
