/**
 * Estimates the cost of a computation: the size of the request and of the documents. It decides which steps run at
 * once; the actual computation is counted by the language.
 */
import * as Bson from "./bson.ts"

/** The weight of a request. */
export interface Weight {
  readonly units: number
  /** Whether it contains a regular expression, which can backtrack without end and is not counted. */
  readonly regex: boolean
}

/** Deeper nesting is rejected; it may be cyclic. */
const mostLevels = 200

const isRegex = (value: object): boolean =>
  value instanceof RegExp || ("_bsontype" in value && value._bsontype === "BSONRegExp")

/** Adds up what there is in values. What exceeds the maximum is not looked at. */
class Scale {
  units = 0
  regex = false
  readonly #most: number

  constructor(most = Infinity) {
    this.#most = most
  }

  add(value: unknown, level = 0): void {
    if (this.units > this.#most) return
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

/** The units of a value; more than `most` mean that it has more. */
export const upTo = (most: number, value: unknown): number => {
  const scale = new Scale(most)
  scale.add(value)
  return scale.units
}
