/** How operators take their operands: how many, under which names, and what is computed at once since it is constant. */
import type { Collation } from "../Collation.ts"
import { invalid } from "../LanguageError.ts"
import { isDocument, type Document, type Value } from "../Value.ts"
import { constant, constantFrame, type Context, type Expression, type Frame, type Operator } from "./Frame.ts"

/** One operand needs no list around it. */
export const operandsOf = (argument: unknown): ReadonlyArray<unknown> =>
  Array.isArray(argument) ? argument : [argument]

/**
 * An expression of operands: a constant where they all are. What constants cannot be computed with is refused at once,
 * also in a branch that is never taken.
 */
export const computed = (
  operands: ReadonlyArray<Expression | undefined>,
  evaluate: (frame: Frame) => Value
): Expression =>
  operands.every((operand) => operand === undefined || operand.isConstant)
    ? constant(evaluate(constantFrame))
    : { evaluate, isConstant: false }

const plural = (count: number): string => (count === 1 ? "1 operand" : `${count} operands`)
const wrongCount = (name: string, expected: string, given: number): never =>
  invalid(`${name} takes ${expected}, but ${given} ${given === 1 ? "was" : "were"} given`, 16020)

/** An operator of one operand. */
export const unary =
  (compute: (value: Value, name: string) => Value): Operator =>
  (argument, context, name) => {
    const specs = operandsOf(argument)
    if (specs.length !== 1) wrongCount(name, plural(1), specs.length)
    const operand = context.compile(specs[0])
    const { evaluate } = operand
    return computed([operand], (frame) => compute(evaluate(frame), name))
  }

/** An operator of two operands. */
export const binary =
  (compute: (a: Value, b: Value, name: string) => Value): Operator =>
  (argument, context, name) => {
    const specs = operandsOf(argument)
    if (specs.length !== 2) wrongCount(name, plural(2), specs.length)
    const a = context.compile(specs[0])
    const b = context.compile(specs[1])
    const left = a.evaluate
    const right = b.evaluate
    return computed([a, b], (frame) => compute(left(frame), right(frame), name))
  }

/** An operator that compares values. */
export const comparing =
  (operator: (collation: Collation) => Operator): Operator =>
  (argument, context, name) =>
    operator(context.scope.collation)(argument, context, name)

/** An operator of `least` to `most` operands; one that is not given is undefined. */
export const between =
  (least: number, most: number, compute: (values: ReadonlyArray<Value>, name: string) => Value): Operator =>
  (argument, context, name) => {
    const specs = operandsOf(argument)
    if (specs.length < least || specs.length > most)
      wrongCount(name, least === most ? plural(least) : `${least} to ${plural(most)}`, specs.length)
    return variadicOf(specs, compute, context, name)
  }

/** An operator of any number of operands. */
export const variadic =
  (compute: (values: ReadonlyArray<Value>, name: string) => Value): Operator =>
  (argument, context, name) =>
    variadicOf(operandsOf(argument), compute, context, name)

const variadicOf = (
  specs: ReadonlyArray<unknown>,
  compute: (values: ReadonlyArray<Value>, name: string) => Value,
  context: Context,
  name: string
): Expression => {
  const operands = specs.map((spec) => context.compile(spec))
  const evaluates = operands.map(({ evaluate }) => evaluate)
  return computed(operands, (frame) =>
    compute(
      evaluates.map((evaluate) => evaluate(frame)),
      name
    )
  )
}

/** The named arguments of an operator, checked: all of the required ones and no unknown one. */
export const argumentsOf = (
  argument: unknown,
  name: string,
  required: ReadonlyArray<string>,
  optional: ReadonlyArray<string> = []
): Document => {
  if (!isDocument(argument)) return invalid(`${name} takes an object with the arguments ${list(required, optional)}`)
  for (const key of Object.keys(argument)) {
    if (!required.includes(key) && !optional.includes(key))
      invalid(`${name} has no argument '${key}': it takes ${list(required, optional)}`, codeOfArguments)
  }
  for (const key of required) {
    if (!Object.hasOwn(argument, key)) invalid(`${name} requires the argument '${key}'`, codeOfArguments)
  }
  return argument
}
const codeOfArguments = 9
const list = (required: ReadonlyArray<string>, optional: ReadonlyArray<string>): string =>
  [...required, ...optional.map((key) => `${key} (optional)`)].join(", ")

/** The values of named arguments; one that is not given is undefined. */
export type Arguments = Readonly<Record<string, Value>>

/**
 * An operator of named arguments. `compute` gets the value of each; what it needs to know of one that was not given, it
 * asks `has`.
 */
export const named =
  (
    required: ReadonlyArray<string>,
    optional: ReadonlyArray<string>,
    compute: (values: Arguments, name: string, has: (key: string) => boolean) => Value
  ): Operator =>
  (argument, context, name) => {
    const specs = argumentsOf(argument, name, required, optional)
    const keys = Object.keys(specs)
    const operands = keys.map((key) => context.compile(specs[key]))
    const evaluates = operands.map(({ evaluate }) => evaluate)
    const has = (key: string): boolean => Object.hasOwn(specs, key)
    return computed(operands, (frame) => {
      const values: Record<string, Value> = {}
      for (let i = 0; i < keys.length; i++) values[keys[i] ?? ""] = evaluates[i]?.(frame)
      return compute(values, name, has)
    })
  }

/** Whether a value counts as null: there is none, or it is null. */
export const isNullish = (value: Value): value is null | undefined => value === undefined || value === null
