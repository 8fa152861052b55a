/** The functions of `$setWindowFields`, by name. */
import { compileNamed, isAccumulator } from "../accumulators.ts"
import type { Gathering } from "../accumulators/Accumulator.ts"
import type { Collation } from "../Collation.ts"
import { spend } from "../budget.ts"
import { constantFrame } from "../expressions/Frame.ts"
import * as Expression from "../Expression.ts"
import type { Scope } from "../Expression.ts"
import { invalid } from "../LanguageError.ts"
import { isNumber, toWhole } from "../numbers.ts"
import { isDocument } from "../Value.ts"
import type { Value } from "../Value.ts"
import { shown } from "../messages.ts"
import { compileWindow } from "../windows.ts"
import type { Rows, Sorting, Span } from "../windows.ts"
import { calculus } from "./calculus.ts"
import { covariance } from "./covariance.ts"
import { linearFill, locf } from "./filling.ts"
import { movingAverage } from "./movingAverage.ts"
import { refuseWindow, valuesOf } from "./WindowFunction.ts"
import type { CompileFunction, Context, WindowFunction } from "./WindowFunction.ts"

// accumulators

const accumulated: CompileFunction = (argument, { name, scope, sorting, window }) => {
  const accumulator = compileNamed(name, argument, scope)
  const spansOf = compileWindow(window, sorting)
  return (rows, frame) => {
    const inputs = rows.documents.map((document) => {
      frame.root = document
      return accumulator.input(frame)
    })
    frame.root = {}
    const start = () => accumulator.start(frame)
    const spans = spansOf(rows)
    if (!accumulator.isUnordered || !isShrinking(spans)) return gather(inputs, spans, start)
    // what only shrinks from its beginning grows when it is looked at from the end
    const count = inputs.length
    const turned = spans.map(({ from, to }) => ({ from: count - to, to: count - from }))
    return gather(inputs.toReversed(), turned.toReversed(), start).toReversed()
  }
}

/** Whether all windows end at the same row, and none begins before the one in front of it. */
const isShrinking = (spans: ReadonlyArray<Span>): boolean =>
  spans.every(({ from, to }, i) => {
    const before = spans[i - 1]
    return before === undefined || (to === before.to && from >= before.from)
  })

/** A window that only grew is gathered further; any other one from its beginning. */
const gather = (
  inputs: ReadonlyArray<Value>,
  spans: ReadonlyArray<Span>,
  start: () => Gathering
): ReadonlyArray<Value> => {
  let last: Span = { from: 0, to: 0 }
  let gathering = start()
  let isFresh = true
  let result: Value
  return spans.map((span) => {
    spend()
    if (!isFresh && span.from === last.from && span.to === last.to) return result
    if (span.from !== last.from || span.to < last.to) {
      gathering = start()
      last = { from: span.from, to: span.from }
    }
    spend(span.to - last.to)
    for (let i = last.to; i < span.to; i++) gathering.add(inputs[i])
    last = span
    isFresh = false
    result = gathering.result()
    return result === undefined ? null : result
  })
}

// ranks

const isEmptyDocument = (value: Value): boolean => isDocument(value) && Object.keys(value).length === 0

const ranking =
  (rank: (rows: Rows, collation: Collation) => ReadonlyArray<Value>): CompileFunction =>
  (argument, { name, scope, sorting, window }) => {
    if (window !== undefined)
      invalid(`Rank style window functions take no other arguments: ${name} has a 'window'`, 5371601)
    if (!isEmptyDocument(argument))
      invalid(`(None) must be specified with '{}' as the value: ${name} takes no arguments`, 5371603)
    if (!sorting.isSingle) {
      invalid(`${name} must be specified with a top level sortBy expression with exactly one element`, 5371602)
    }
    return (rows) => {
      spend(rows.documents.length)
      return rank(rows, scope.collation)
    }
  }

const sameAsBefore = ({ sortValues }: Rows, { compare }: Collation, i: number): boolean =>
  i > 0 && compare(sortValues[i - 1] ?? null, sortValues[i] ?? null) === 0

const rank = ranking((rows, collation) => {
  let current = 0
  return rows.documents.map((_, i) => {
    if (!sameAsBefore(rows, collation, i)) current = i + 1
    return current
  })
})

const denseRank = ranking((rows, collation) => {
  let current = 0
  return rows.documents.map((_, i) => {
    if (!sameAsBefore(rows, collation, i)) current++
    return current
  })
})

const documentNumber = ranking((rows) => rows.documents.map((_, i) => i + 1))

// other rows

const shift: CompileFunction = (argument, context) => {
  refuseWindow(context)
  if (!context.sorting.isSorted) invalid("'$shift' requires a sortBy", 16)
  if (!isDocument(argument)) return invalid(`Argument to $shift must be an object, not ${shown(argument)}`, 9)
  const unknown = Object.keys(argument).find((name) => !["output", "by", "default"].includes(name))
  if (unknown !== undefined) invalid(`Unknown argument in $shift: ${unknown}`, 9)
  if (!Object.hasOwn(argument, "output")) invalid("$shift requires an 'output' expression.", 9)
  if (!Object.hasOwn(argument, "by")) invalid("$shift requires 'by' as an integer value.", 9)
  const { by } = argument
  const distance = isNumber(by) ? toWhole(by) : undefined
  if (distance === undefined) return invalid(`'$shift:by' field must be an integer, but found ${shown(by)}`, 9)
  const output = Expression.compile(argument["output"], context.scope)
  const other = Expression.compile(argument["default"] ?? null, context.scope)
  if (!other.isConstant) invalid("'$shift:default' expression must yield a constant value.", 9)
  const fallback = other.evaluate(constantFrame)
  return (rows, frame) => {
    const values = valuesOf(output, rows, frame)
    return values.map((_, i) => {
      const from = i + distance
      return from < 0 || from >= values.length ? fallback : values[from]
    })
  }
}

const functions: Readonly<Record<string, CompileFunction>> = {
  $covariancePop: covariance,
  $covarianceSamp: covariance,
  $denseRank: denseRank,
  $derivative: calculus,
  $documentNumber: documentNumber,
  $expMovingAvg: movingAverage,
  $integral: calculus,
  $linearFill: linearFill,
  $locf: locf,
  $rank: rank,
  $shift: shift
}

/** Compiles one output of `$setWindowFields`. */
export const compileFunction = (field: string, spec: Value, scope: Scope, sorting: Sorting): WindowFunction => {
  if (!isDocument(spec)) return invalid(`The field '${field}' must be an object: a window function is expected`, 9)
  const names = Object.keys(spec)
  const name = names.find((key) => key.startsWith("$"))
  const others = names.filter((key) => key !== name && key !== "window")
  if (name === undefined)
    return invalid(
      `Expected a $-prefixed window function${names[0] === undefined ? "" : `, ${names[0]}`} in '${field}'`,
      9
    )
  if (others.length > 0) invalid(`Window function found an unknown argument: ${others[0] ?? ""}`, 9)
  const context: Context = { name, scope, sorting, window: spec["window"] }
  const compile = Object.hasOwn(functions, name) ? functions[name] : isAccumulator(name) ? accumulated : undefined
  if (compile === undefined) return invalid(`Unrecognized window function, ${name}`, 9)
  return compile(spec[name], context)
}
