/** Documents and lists of expressions, and values that are taken as they stand. */
import { make } from "../budget.ts"
import { invalid } from "../LanguageError.ts"
import { define, type Document, type Value } from "../Value.ts"
import { constant, type Context, type Expression, type Operators } from "./Frame.ts"
import { computed } from "./operands.ts"

/** Refuses a name that a computed document may not have. */
const checkName = (name: string): void => {
  if (name === "") invalid("the name of a field may not be empty", 15998)
  if (name.startsWith("$"))
    invalid(`the name of a field may not start with '$': '${name}' is not an expression here`, 16410)
  if (name.includes(".")) invalid(`the name of a field in an expression may not contain '.': '${name}'`, 16412)
  if (name.includes("\0")) invalid("the name of a field may not contain a null byte", 16411)
}

/** A document of expressions; a field without a value is left out. */
export const compileDocument = (spec: Document, context: Context): Expression => {
  const names = Object.keys(spec)
  names.forEach(checkName)
  const operands = names.map((name) => context.compile(spec[name]))
  const evaluates = operands.map(({ evaluate }) => evaluate)
  return computed(operands, (frame) => {
    make(names.length + 1)
    const document: Document = {}
    for (let i = 0; i < names.length; i++) {
      const value = evaluates[i]?.(frame)
      if (value !== undefined) define(document, names[i] ?? "", value)
    }
    return document
  })
}

/** A list of expressions; where one has no value there is null. */
export const compileList = (specs: ReadonlyArray<unknown>, context: Context): Expression => {
  const operands = specs.map((spec) => context.compile(spec))
  const evaluates = operands.map(({ evaluate }) => evaluate)
  return computed(operands, (frame) => {
    make(evaluates.length + 1)
    return evaluates.map((evaluate): Value => evaluate(frame) ?? null)
  })
}

const literal = (argument: unknown): Expression => constant(argument)

/** `$literal`, and its other name. */
export const literals: Operators = { $literal: literal, $const: literal }
