/** `$bucket`: groups by the boundaries that a value is between. */
import type { Gathering } from "../accumulators/Accumulator.ts"
import { spend } from "../budget.ts"
import * as Expression from "../Expression.ts"
import { constantFrame } from "../expressions/Frame.ts"
import type { Scope } from "../Expression.ts"
import { failed, invalid } from "../LanguageError.ts"
import { isOfOperators } from "../specifications.ts"
import { isDocument, rank, typeOf } from "../Value.ts"
import type { Document, Value } from "../Value.ts"
import { shown } from "../messages.ts"
import { compileOutputs, finished, startGroup } from "./group.ts"
import { all, frameFor } from "./Stage.ts"
import type { Compile } from "./Stage.ts"

/** A value that has to be the same for all documents. */
const constantOf = (spec: Value, scope: Scope, message: string, code: number): Value => {
  const expression = Expression.compile(spec, scope)
  return expression.isConstant ? expression.evaluate(constantFrame) : invalid(message, code)
}

/** The argument of a stage of groups: what it may have, and that an expression to group by is one. */
export const groupOptions = (stage: string, argument: Value, known: ReadonlyArray<string>, code: number): Document => {
  if (!isDocument(argument))
    return invalid(`Argument to ${stage} stage must be an object, but found type: ${typeOf(argument)}.`, code)
  const unknown = Object.keys(argument).find((name) => !known.includes(name))
  if (unknown !== undefined) invalid(`Unrecognized option to ${stage}: ${unknown}.`, code + 36)
  const by = argument["groupBy"]
  const isExpression = (typeof by === "string" && by.startsWith("$")) || isOfOperators(by)
  if (by !== undefined && !isExpression) {
    invalid(
      `The ${stage} 'groupBy' field must be defined as a $-prefixed path or an expression, but found: ${shown(by)}.`,
      40202
    )
  }
  const output = argument["output"]
  if (output !== undefined && !isDocument(output)) {
    invalid(`The ${stage} 'output' field must be an object, but found type: ${typeOf(output)}.`, 40196)
  }
  return argument
}

const boundariesOf = (spec: Value, scope: Scope): ReadonlyArray<Value> => {
  if (!Array.isArray(spec)) {
    return invalid(`The $bucket 'boundaries' field must be an array, but found type: ${typeOf(spec)}.`, 40200)
  }
  const values = spec.map((boundary) =>
    constantOf(boundary, scope, "The $bucket 'boundaries' field must be an array of constant values", 40191)
  )
  if (values.length < 2) invalid("The $bucket 'boundaries' field must have at least 2 values", 40192)
  for (let i = 1; i < values.length; i++) {
    if (rank(values[i - 1]) !== rank(values[i])) {
      invalid(
        `All values in the 'boundaries' option to $bucket must have the same type. Found conflicting types ${typeOf(values[i - 1])} and ${typeOf(values[i])}.`,
        40193
      )
    }
    if (scope.collation.compare(values[i - 1], values[i]) >= 0) {
      invalid("The 'boundaries' option to $bucket must be sorted in ascending order", 40194)
    }
  }
  return values
}

const fallbackOf = (
  argument: Document,
  scope: Scope,
  boundaries: ReadonlyArray<Value>
): { readonly key: Value } | undefined => {
  if (!Object.hasOwn(argument, "default")) return undefined
  const key = constantOf(argument["default"], scope, "The $bucket 'default' field must be a constant expression", 40195)
  const { compare } = scope.collation
  if (compare(key, boundaries[0]) >= 0 && compare(key, boundaries.at(-1)) < 0) {
    invalid(
      "The $bucket 'default' field must be less than the lowest boundary or greater than or equal to the highest boundary.",
      40199
    )
  }
  return { key: key === undefined ? null : key }
}

export const bucket: Compile = (argument, { scope }) => {
  const options = groupOptions("$bucket", argument, ["groupBy", "boundaries", "default", "output"], 40201)
  if (options["groupBy"] === undefined || options["boundaries"] === undefined) {
    invalid("$bucket requires 'groupBy' and 'boundaries' to be specified.", 40198)
  }
  const boundaries = boundariesOf(options["boundaries"], scope)
  const fallback = fallbackOf(options, scope, boundaries)
  const by = Expression.compile(options["groupBy"], scope)
  const outputs = compileOutputs(outputOf(options), scope)
  const { compare } = scope.collation
  const keyOf = (value: Value): Value => {
    let key: Value
    for (const boundary of boundaries) {
      spend()
      if (compare(value, boundary) < 0) break
      key = boundary
    }
    if (key !== undefined && compare(value, boundaries.at(-1)) < 0) return key
    if (fallback !== undefined) return fallback.key
    return failed(
      `$bucket could not find a matching branch for an input, and no default was specified: ${shown(value)} is outside of the boundaries`,
      40066
    )
  }
  return all((documents, run) => {
    const frame = frameFor(run)
    const groups = new Map<Value, ReadonlyArray<Gathering>>()
    for (const document of documents) {
      spend()
      frame.root = document
      const key = keyOf(by.evaluate(frame))
      let gatherings = groups.get(key)
      if (gatherings === undefined) {
        gatherings = startGroup(outputs, frame, key)
        groups.set(key, gatherings)
        frame.root = document
      }
      outputs.accumulators.forEach((accumulator, i) => gatherings[i]?.add(accumulator.input(frame)))
    }
    return [...groups]
      .toSorted(([a], [b]) => compare(a, b))
      .map(([key, gatherings]) => finished(outputs, key, gatherings))
  })
}

/** What a bucket says: how many documents it has, unless something else is asked for. */
export const outputOf = (options: Document): Document => {
  const output = options["output"]
  return isDocument(output) ? output : { count: { $sum: 1 } }
}
