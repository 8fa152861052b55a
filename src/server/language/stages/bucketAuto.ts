/** `$bucketAuto`: as many groups as are asked for, of about as many documents each. */
import { make, spend } from "../budget.ts"
import * as Expression from "../Expression.ts"
import type { Frame } from "../Expression.ts"
import { failed, invalid } from "../LanguageError.ts"
import { isNumber, toDouble, toWhole } from "../numbers.ts"
import { compare, typeOf } from "../Value.ts"
import type { Document, Value } from "../Value.ts"
import { shown } from "../updates/context.ts"
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
  min: Value
  max: Value
  readonly rows: Array<Row>
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

/** Fills one bucket from where the rows stand; returns where the next one begins. */
const fill = (
  bucket: Bucket,
  rows: ReadonlyArray<Row>,
  from: number,
  size: number,
  granularity?: Granularity
): number => {
  let next = from
  const take = (): void => {
    const row = rows[next++]
    if (row === undefined) return
    bucket.rows.push(row)
    bucket.max = row.key
  }
  while (next < rows.length && next < from + size) take()
  if (granularity === undefined) {
    while (next < rows.length && compare(rows[next]?.key, bucket.max) === 0) take()
    if (next < rows.length) bucket.max = rows[next]?.key
    return next
  }
  const boundary = granularity.up(bucket.max)
  while (next < rows.length && compare(boundary, rows[next]?.key) > 0) take()
  // nothing rounds 0 up: the bucket then ends where the next one begins
  bucket.max = isZero(boundary) && next < rows.length ? granularity.down(rows[next]?.key) : boundary
  return next
}

const isZero = (value: Value): boolean => isNumber(value) && toDouble(value) === 0

const bucketsOf = (rows: ReadonlyArray<Row>, count: number, granularity?: Granularity): ReadonlyArray<Bucket> => {
  const size = Math.max(1, Math.floor(rows.length / count))
  const larger = rows.length > count ? rows.length % count : 0
  const buckets: Array<Bucket> = []
  let next = 0
  while (next < rows.length && buckets.length < count) {
    const first = rows[next]?.key
    const before = buckets.at(-1)
    const min = granularity === undefined ? first : before === undefined ? granularity.down(first) : before.max
    const bucket: Bucket = { min, max: first, rows: [] }
    buckets.push(bucket)
    next = fill(
      bucket,
      rows,
      next,
      buckets.length === count ? rows.length : size + (buckets.length <= larger ? 1 : 0),
      granularity
    )
  }
  return buckets
}

const gathered = (bucket: Bucket, outputs: Outputs, frame: Frame): Document => {
  const key = { min: bucket.min, max: bucket.max }
  const gatherings = startGroup(outputs, frame, {})
  for (const { document } of bucket.rows) {
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
    rows.sort((a, b) => compare(a.key, b.key))
    return bucketsOf(rows, count, granularity).map((bucket) => gathered(bucket, outputs, frame))
  })
}
