/** `$cond`, `$ifNull` and `$switch`: a branch that is not taken is not evaluated. */
import { failed, invalid } from "../LanguageError.ts"
import { isDocument } from "../Value.ts"
import { isTrue } from "./booleans.ts"
import type { Context, Expression, Operators } from "./Frame.ts"
import { argumentsOf, computed, isNullish, operandsOf } from "./operands.ts"

const cond = (argument: unknown, context: Context, name: string): Expression => {
  const specs = isDocument(argument) ? condArguments(argument, name) : operandsOf(argument)
  if (specs.length !== 3) invalid(`${name} takes 3 operands, but ${specs.length} were given`, 16020)
  const test = context.compile(specs[0])
  const yes = context.compile(specs[1])
  const no = context.compile(specs[2])
  return computed([test, yes, no], (frame) => (isTrue(test.evaluate(frame)) ? yes : no).evaluate(frame))
}

const condArguments = (argument: Record<string, unknown>, name: string): ReadonlyArray<unknown> => {
  const { if: test, then: yes, else: no } = argumentsOf(argument, name, ["if", "then", "else"])
  return [test, yes, no]
}

const ifNull = (argument: unknown, context: Context, name: string): Expression => {
  const specs = operandsOf(argument)
  if (specs.length < 2) invalid(`${name} takes at least 2 operands, but ${specs.length} was given`, 1257300)
  const operands = specs.map((spec) => context.compile(spec))
  const evaluates = operands.map(({ evaluate }) => evaluate)
  const last = evaluates.length - 1
  return computed(operands, (frame) => {
    for (let i = 0; i < last; i++) {
      const value = evaluates[i]?.(frame)
      if (!isNullish(value)) return value
    }
    return evaluates[last]?.(frame)
  })
}

const switchBranches = (spec: unknown, name: string): ReadonlyArray<Record<string, unknown>> => {
  if (!Array.isArray(spec)) return invalid(`${name} takes an array of 'branches'`, 40061)
  if (spec.length === 0) invalid(`${name} requires at least one branch`, 40068)
  return spec.map((it: unknown) => {
    if (!isDocument(it)) return invalid(`each branch of ${name} is an object of 'case' and 'then'`, 40062)
    return argumentsOf(it, `a branch of ${name}`, ["case", "then"])
  })
}

const switchOperator = (argument: unknown, context: Context, name: string): Expression => {
  const specs = argumentsOf(argument, name, ["branches"], ["default"])
  const branches = switchBranches(specs["branches"], name).map(({ case: test, then }) => ({
    test: context.compile(test),
    value: context.compile(then)
  }))
  const otherwise = Object.hasOwn(specs, "default") ? context.compile(specs["default"]) : undefined
  const operands = [...branches.flatMap(({ test, value }) => [test, value]), otherwise]
  return computed(operands, (frame) => {
    for (const { test, value } of branches) if (isTrue(test.evaluate(frame))) return value.evaluate(frame)
    return otherwise === undefined
      ? failed(`${name} could not find a matching branch for an input, and no default was specified`, 40066)
      : otherwise.evaluate(frame)
  })
}

export const conditional: Operators = { $cond: cond, $ifNull: ifNull, $switch: switchOperator }
