/** `$bucketAuto`: as many groups as are asked for, of about as many documents each. */
import { make, spend } from "../budget.ts"
import type { Collation } from "../Collation.ts"
import * as Expression from "../Expression.ts"
import type { Frame } from "../Expression.ts"
import { failed, invalid } from "../LanguageError.ts"
import { isNumber, toDouble, toWhole } from "../numbers.ts"
import { typeOf } from "../Value.ts"
import type { Document, Value } from "../Value.ts"
import { shown } from "../messages.ts"
import { groupOptions, outputOf } from "./bucket.ts"
import { granularityOf } from "./granularity.ts"
import type { Granularity } from "./granularity.ts"
import { compileOutputs, finished, startGroup } from "./group.ts"
import type { Outputs } from "./group.ts"
import { all, frameFor } from "./Stage.ts"
import type { Compile } from "./Stage.ts"

interface Row {
  readonly key: Value
  readonly document: Document
}

interface Bucket {
  readonly min: Value
  readonly max: Value
  /** The rows, from the first to before the last. */
  readonly from: number
  readonly to: number
}

const checkRoundable = (value: Value): void => {
  if (!isNumber(value)) {
    failed(
      `$bucketAuto can specify a 'granularity' with numeric boundaries only, but found a value with type: ${typeOf(value)}`,
      40258
    )
    return
  }
  const number = toDouble(value)
  if (Number.isNaN(number))
    failed("$bucketAuto can specify a 'granularity' with numeric boundaries only, but found a NaN", 40259)
  if (number < 0)
    failed(`$bucketAuto can specify a 'granularity' with non-negative numbers only, but found ${shown(value)}`, 40260)
}

/** Where a bucket of about so many rows ends: no value is on both sides of its end. */
const endOf = (
  rows: ReadonlyArray<Row>,
  least: number,
  granularity: Granularity | undefined,
  { compare }: Collation
): { readonly to: number; readonly max: Value } => {
  let to = Math.min(rows.length, least)
  const last = rows[to - 1]?.key
  if (granularity === undefined) {
    while (to < rows.length && compare(rows[to]?.key, last) === 0) to++
    return { to, max: to < rows.length ? rows[to]?.key : last }
  }
  const boundary = granularity.up(last)
  while (to < rows.length && (compare(boundary, rows[to]?.key) > 0 || compare(last, rows[to]?.key) === 0)) to++
  // nothing rounds 0 up: the bucket then ends where the next one begins
  return { to, max: isZero(boundary) && to < rows.length ? granularity.down(rows[to]?.key) : boundary }
}

const isZero = (value: Value): boolean => isNumber(value) && toDouble(value) === 0

/** As many rows to each as are the rounded part of all; the last one gets what is left. */
const bucketsOf = (
  rows: ReadonlyArray<Row>,
  count: number,
  granularity: Granularity | undefined,
  collation: Collation
): ReadonlyArray<Bucket> => {
  const size = Math.max(1, Math.round(rows.length / count))
  const buckets: Array<Bucket> = []
  let from = 0
  while (from < rows.length && buckets.length < count) {
    spend()
    const first = rows[from]?.key
    const min = granularity === undefined ? first : (buckets.at(-1)?.max ?? granularity.down(first))
    const isLast = buckets.length === count - 1
    const { to, max } = endOf(rows, isLast ? rows.length : from + size, granularity, collation)
    buckets.push({ min, max, from, to })
    from = to
  }
  return buckets
}

const gathered = (rows: ReadonlyArray<Row>, bucket: Bucket, outputs: Outputs, frame: Frame): Document => {
  const key = { min: bucket.min, max: bucket.max }
  const gatherings = startGroup(outputs, frame, {})
  for (const { document } of rows.slice(bucket.from, bucket.to)) {
    spend(1 + outputs.accumulators.length)
    frame.root = document
    outputs.accumulators.forEach((accumulator, i) => gatherings[i]?.add(accumulator.input(frame)))
  }
  return finished(outputs, key, gatherings)
}

const countOf = (value: Value): number => {
  const count = isNumber(value) ? toWhole(value) : undefined
  if (count === undefined || count >= 2 ** 31) {
    return invalid(
      `The $bucketAuto 'buckets' field must be representable as a 32-bit integer, but found ${shown(value)}`,
      40242
    )
  }
  if (count <= 0) invalid(`The $bucketAuto 'buckets' field must be greater than 0, but found: ${count}`, 40243)
  return count
}

export const bucketAuto: Compile = (argument, { scope }) => {
  const options = groupOptions("$bucketAuto", argument, ["groupBy", "buckets", "output", "granularity"], 40240)
  if (options["groupBy"] === undefined || options["buckets"] === undefined) {
    invalid("$bucketAuto requires 'groupBy' and 'buckets' to be specified", 40246)
  }
  const count = countOf(options["buckets"])
  const granularity = Object.hasOwn(options, "granularity") ? granularityOf(options["granularity"]) : undefined
  const by = Expression.compile(options["groupBy"], scope)
  const outputs = compileOutputs(outputOf(options), scope)
  return all((documents, run) => {
    const frame = frameFor(run)
    const rows: Array<Row> = []
    for (const document of documents) {
      make()
      frame.root = document
      const value = by.evaluate(frame)
      const key = value === undefined ? null : value
      if (granularity !== undefined) checkRoundable(key)
      rows.push({ key, document })
    }
    const { collation } = scope
    rows.sort((a, b) => collation.compare(a.key, b.key))
    return bucketsOf(rows, count, granularity, collation).map((bucket) => gathered(rows, bucket, outputs, frame))
  })
}
