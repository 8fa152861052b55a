/**
 * How much there is to compute, estimated before it is: what a request asks, and the documents that it is asked of.
 *
 * A unit takes less than a microsecond. What is not known to take time by its size alone is unbounded.
 */
import * as Bson from "./bson.ts"
import { mostFilled } from "./paths.ts"

/** How much is asked. */
export interface Weight {
  readonly units: number
  /** Whether what is asked of a document takes no more time than its units times those of the document. */
  readonly bounded: boolean
}

/** Operators that look at each value once, or compare it with each of theirs. */
const inFilters = `$eq $ne $gt $gte $lt $lte $in $nin $exists $and $or $nor $not $all $elemMatch $size $type $mod
  $slice`.split(/\s+/)

/** A pipeline has stages of the same names, which may make each value any number of times as large. */
const inUpdates = `$set $unset $setOnInsert $inc $mul $min $max $currentDate $bit $push $addToSet $pull $pullAll $pop
  $each $position $sort`.split(/\s+/)

const filterNames: ReadonlySet<string> = new Set(inFilters)
const updateNames: ReadonlySet<string> = new Set([...inFilters, ...inUpdates])

/** Nothing deeper is stored, or asked for. */
const mostLevels = 200

/** A long name may be a path of many. */
const ofName = (name: string): number => {
  const length = name.length <= 32 ? 1 : (name.length * name.length) / 512
  if (!name.includes(".")) return length
  // a place in an array makes those before it
  return name
    .split(".")
    .reduce((sum, part) => (/^\d+$/.test(part) ? sum + Math.min(Number(part), mostFilled) : sum), length)
}

const ofLeaf = (value: object): number => {
  switch (Bson.typeName(value)) {
    case "decimal":
      // it is compared as a fraction of whole numbers of any length
      return 128
    case "long":
    case "int":
    case "double":
      return 8
    case "binData":
      return Bson.bytes(value).length / 16
    case "javascript":
    case "object":
      return 32
    default:
      return 1
  }
}

/** Adds up what there is in a value. */
class Scale {
  units = 0
  bounded = true
  /** Whether there is a number that no JavaScript number holds exactly. */
  wide = false
  readonly #names: ReadonlySet<string> | undefined
  #tooDeep = false

  /** With the operators that are bounded, unless names that begin with `$` are names of fields. */
  constructor(names?: ReadonlySet<string>) {
    this.#names = names
  }

  add(value: unknown, level = 0): void {
    this.units++
    if (typeof value === "string") this.units += value.length >> 6
    if (typeof value !== "object" || value === null || this.#tooDeep) return
    if (level > mostLevels) {
      // it will be refused, and may have no end
      this.bounded = false
      this.#tooDeep = true
    } else if (Array.isArray(value)) for (const item of value) this.add(item, level + 1)
    else if (Bson.isDocument(value)) {
      for (const name of Object.keys(value)) {
        this.units += ofName(name)
        if (name.startsWith("$") && this.#names?.has(name) === false) this.bounded = false
        this.add(value[name], level + 1)
      }
    } else {
      this.units += ofLeaf(value)
      this.wide ||= Bson.isWide(value)
      if (this.#names !== undefined && Bson.typeName(value) === "regex") this.bounded = false
    }
  }
}

const weigh = (names: ReadonlySet<string>, values: ReadonlyArray<unknown>): Weight => {
  const scale = new Scale(names)
  for (const value of values) scale.add(value)
  return scale
}

/** The weight of filters, projections and sort orders. */
export const ofFilters = (...filters: ReadonlyArray<unknown>): Weight => weigh(filterNames, filters)

/** The weight of an update, of a document to put in the place of another, and of filters that come with them. */
export const ofChange = (update: unknown, ...filters: ReadonlyArray<unknown>): Weight =>
  weigh(Array.isArray(update) ? filterNames : updateNames, [update, ...filters])

/** The weight of what computes as it likes. */
export const ofPipeline = (pipeline: unknown): Weight => ({
  units: weigh(filterNames, [pipeline]).units,
  bounded: false
})

/** The weight of a value that is only looked at, and whether there is a number in it that no JavaScript number holds. */
export const ofValue = (value: unknown): { readonly units: number; readonly wide: boolean } => {
  const scale = new Scale()
  scale.add(value)
  return scale
}
