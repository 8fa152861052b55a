/** `$densify`: documents where a sequence of numbers or dates has gaps. */
import { make, spend } from "../budget.ts"
import { add as addUnits, units } from "../calendar.ts"
import type { Unit } from "../calendar.ts"
import type { Collation } from "../Collation.ts"
import { dateOf } from "../expressions/instants.ts"
import { exceeded, failed, invalid } from "../LanguageError.ts"
import { add, isNumber, numberType, toDouble } from "../numbers.ts"
import type { NumberValue } from "../numbers.ts"
import { reader } from "../paths.ts"
import * as Sort from "../Sort.ts"
import { utc } from "../timeZones.ts"
import { compare, isDate, isDocument, typeOf } from "../Value.ts"
import type { Document, Value } from "../Value.ts"
import { shown } from "../messages.ts"
import { pathParts } from "./fields.ts"
import { Groups } from "./Groups.ts"
import { all } from "./Stage.ts"
import type { Compile } from "./Stage.ts"
import { withPlain } from "./unwind.ts"

/** How many documents may be made, as in MongoDB. */
const most = 500_000

interface Spec {
  readonly field: ReadonlyArray<string>
  readonly partitions: ReadonlyArray<string>
  readonly bounds: "full" | "partition" | readonly [from: Value, to: Value]
  readonly step: NumberValue
  readonly unit: Unit | undefined
}

const unknownField = (name: string): never => invalid(`BSON field '$densify.${name}' is an unknown field.`, 40415)
const missingField = (name: string): never =>
  invalid(`BSON field '$densify.${name}' is missing but a required field`, 40414)
const wrongType = (name: string, value: Value, expected: string): never =>
  invalid(`BSON field '$densify.${name}' is the wrong type '${typeOf(value)}', expected type ${expected}`, 14)

/** Reads the name of a unit of time. */
const unitOf = (value: Value, name: string): Unit | undefined => {
  if (value === undefined) return undefined
  const unit = units.find((it) => it === value)
  return unit ?? invalid(`unknown time unit value in ${name}: ${shown(value)}: ${units.join(", ")} are known`, 9)
}

const boundsOf = (bounds: Value, step: NumberValue, unit: Unit | undefined): Spec["bounds"] => {
  if (bounds === undefined) return missingField("range.bounds")
  if (bounds === "full" || bounds === "partition") return bounds
  if (!Array.isArray(bounds)) {
    return invalid(
      "$densify's 'range.bounds' is 'full', 'partition' or an ascending array of two numbers or two dates",
      5733402
    )
  }
  const [from, to] = bounds
  if (bounds.length !== 2)
    invalid("$densify: a bounding array in a range statement must have exactly two elements", 5733403)
  const areDates = isDate(from) && isDate(to)
  const areNumbers = isNumber(from) && isNumber(to)
  if (!areDates && !areNumbers) {
    invalid("$densify: a bounding array must be an ascending array of either two dates or two numbers", 5733402)
  }
  if (compare(from, to) > 0) invalid("$densify: the bounds must be in ascending order", 5733402)
  if (areDates && unit === undefined) invalid("$densify: a unit is required with bounds that are dates", 5733402)
  if (areNumbers && unit !== undefined) invalid("$densify: numeric bounds may not have unit parameter", 5733402)
  if (areNumbers && (numberType(from) !== numberType(step) || numberType(to) !== numberType(step))) {
    invalid("$densify: upper bound, lower bound, and step must all have the same type", 5733406)
  }
  return [from, to]
}

const specOf = (argument: Value): Spec => {
  if (!isDocument(argument))
    return invalid(`The $densify stage specification must be an object, found ${typeOf(argument)}`, 5733401)
  for (const name of Object.keys(argument))
    if (!["field", "partitionByFields", "range"].includes(name)) unknownField(name)
  const { field, partitionByFields = [], range } = argument
  if (field === undefined) return missingField("field")
  if (typeof field !== "string") return wrongType("field", field, "'string'")
  if (range === undefined) return missingField("range")
  if (!isDocument(range)) return wrongType("range", range, "'object'")
  for (const name of Object.keys(range)) if (!["bounds", "step", "unit"].includes(name)) unknownField(`range.${name}`)
  if (range["step"] === undefined) return missingField("range.step")
  const { step } = range
  if (!isNumber(step)) return wrongType("range.step", step, "one of [int, decimal, double, long]")
  if (!(toDouble(step) > 0))
    invalid("the step parameter in a range statement must be a strictly positive numeric value", 5733401)
  const unit = unitOf(range["unit"], "$densify")
  if (unit !== undefined && !Number.isInteger(toDouble(step)))
    invalid("the step parameter in a range statement must be a whole number when densifying a date range", 6586400)
  if (!Array.isArray(partitionByFields)) return wrongType("partitionByFields", partitionByFields, "'array'")
  const partitions = partitionByFields.map((name) =>
    typeof name === "string" ? pathParts(name).join(".") : wrongType("partitionByFields", name, "'string'")
  )
  const bounds = boundsOf(range["bounds"], step, unit)
  if (bounds === "partition" && partitions.length === 0) {
    invalid(
      "one may not specify the bounds as 'partition' without specifying a non-empty array of partitionByFields. You may have meant to specify 'full' bounds.",
      5733408
    )
  }
  if (partitions.includes(field)) invalid("$densify: the field may not be one of partitionByFields", 8993000)
  return { field: pathParts(field), partitions, bounds, step, unit }
}

/** The value one step later; a month after the last day of a short month is that day of the next one. */
const nextOf = ({ step, unit }: Spec, value: Value): Value => {
  if (isDate(value)) return dateOf(addUnits(value.getTime(), unit ?? "millisecond", toDouble(step), utc), "$densify")
  return isNumber(value) ? add(value, step) : value
}

/** One partition: the value of the sequence that comes next. */
interface Track {
  readonly partition: Document
  next: Value
}

class Densifier {
  readonly #spec: Spec
  readonly #order: Sort.Sort
  readonly #collation: Collation
  readonly #read: (document: Document) => Value
  readonly #readPartition: ReadonlyArray<(document: Document) => Value>
  #made = 0

  constructor(spec: Spec, collation: Collation) {
    this.#spec = spec
    this.#collation = collation
    const byPartition = spec.bounds === "full" ? [] : spec.partitions
    this.#order = Sort.compile(Object.fromEntries([...byPartition, spec.field.join(".")].map((name) => [name, 1])), {
      collation
    })
    this.#read = reader(spec.field.join("."))
    this.#readPartition = spec.partitions.map((name) => reader(name))
  }

  /** The value of a document on the sequence; undefined where it has none. */
  #valueOf(document: Document): Value {
    const value = this.#read(document)
    if (value === undefined || value === null) return undefined
    if (this.#spec.unit !== undefined) {
      if (!isDate(value)) failed("$densify with a 'unit' requires that the field is a date", 6053600)
    } else if (!isNumber(value))
      failed("$densify requires that the field is a number, or a date with a 'unit'", 5733201)
    return value
  }

  #partitionOf(document: Document): Document {
    return this.#spec.partitions.reduce<Document>((made, name, i) => {
      const value = this.#readPartition[i]?.(document)
      return value === undefined ? made : withPlain(made, pathParts(name), value)
    }, {})
  }

  #fill({ partition }: Track, value: Value): Document {
    this.#made++
    make()
    if (this.#made > most) {
      exceeded(
        `Generated ${this.#made} documents in $densify, which is over the limit of ${most}. Consider a larger step.`,
        5897900
      )
    }
    return withPlain(partition, this.#spec.field, value)
  }

  /** A document that stands where the sequence goes on takes the place of the one that would be made. */
  #pass(track: Track, value: Value): void {
    if (compare(track.next, value) === 0) track.next = nextOf(this.#spec, value)
  }

  /** Fills a track up to a value, which itself is not made. */
  *#fillTo(track: Track, end: Value): Iterable<Document> {
    for (;;) {
      spend()
      const value = track.next
      if (compare(value, end) >= 0) return
      track.next = nextOf(this.#spec, value)
      yield this.#fill(track, value)
    }
  }

  *run(documents: Iterable<Document>): Iterable<Document> {
    const sorted = this.#order.sorted([...documents])
    make(sorted.length)
    const { bounds } = this.#spec
    if (bounds === "partition") return yield* this.#partitioned(sorted)
    const values = sorted.map((document) => this.#valueOf(document)).filter((value) => value !== undefined)
    const range = bounds === "full" ? ([values[0], values.at(-1)] as const) : bounds
    yield* this.#ranged(sorted, range, bounds === "full")
  }

  /** Each partition from its own least value to its own greatest. */
  *#partitioned(sorted: ReadonlyArray<Document>): Iterable<Document> {
    const tracks = new Groups<Track>(this.#collation)
    for (const document of sorted) {
      const value = this.#valueOf(document)
      if (value !== undefined) {
        const partition = this.#partitionOf(document)
        const track = this.#trackOf(tracks, partition, value)
        yield* this.#fillTo(track, value)
        this.#pass(track, value)
      }
      yield document
    }
  }

  #trackOf(tracks: Groups<Track>, partition: Document, start: Value): Track {
    const known = tracks.get(partition)
    if (known !== undefined) return known
    const track = { partition, next: start }
    tracks.set(partition, track)
    return track
  }

  /** All partitions over one range, without its end unless a document stands there. */
  *#ranged(
    sorted: ReadonlyArray<Document>,
    [from, to]: readonly [from: Value, to: Value],
    isFull: boolean
  ): Iterable<Document> {
    const tracks = new Groups<Track>(this.#collation)
    const all: Array<Track> = []
    const isDone = (value: Value): boolean => compare(value, to) > (isFull ? 0 : -1)
    const trackOf = (document: Document): Track => {
      const partition = this.#partitionOf(document)
      const known = tracks.get(partition)
      const track = known ?? this.#trackOf(tracks, partition, from)
      if (known === undefined) all.push(track)
      return track
    }
    const isOneByOne = !isFull && this.#spec.partitions.length > 0
    let last: Track | undefined
    for (const document of sorted) {
      const value = this.#valueOf(document)
      const track = value === undefined ? undefined : trackOf(document)
      if (isOneByOne && last !== undefined && track !== undefined && track !== last) yield* this.#finish(last, isDone)
      last = track ?? last
      if (track !== undefined) {
        yield* isDone(value) ? this.#finish(track, isDone) : this.#fillTo(track, value)
        this.#pass(track, value)
      }
      yield document
    }
    if (all.length === 0 && this.#spec.partitions.length === 0 && from !== undefined) {
      all.push({ partition: {}, next: from })
    }
    for (const track of all) yield* this.#finish(track, isDone)
  }

  *#finish(track: Track, isDone: (value: Value) => boolean): Iterable<Document> {
    for (;;) {
      spend()
      const value = track.next
      if (isDone(value)) return
      track.next = nextOf(this.#spec, value)
      yield this.#fill(track, value)
    }
  }
}

export const densify: Compile = (argument, { scope }) => {
  const spec = specOf(argument)
  return all((documents) => new Densifier(spec, scope.collation).run(documents))
}
