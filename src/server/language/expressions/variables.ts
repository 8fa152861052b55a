/** `$let`. */
import { invalid } from "../LanguageError.ts"
import { isDocument } from "../Value.ts"
import { bind, checkVariableName, type Context, type Expression, type Operators } from "./Frame.ts"
import { argumentsOf, computed } from "./operands.ts"

const letOperator = (argument: unknown, context: Context, name: string): Expression => {
  const { vars, in: body } = argumentsOf(argument, name, ["vars", "in"])
  if (!isDocument(vars)) return invalid(`${name} takes an object of variables in 'vars'`, 10065)
  const names = Object.keys(vars)
  names.forEach(checkVariableName)
  const values = names.map((key) => context.compile(vars[key]))
  const inner = context.compile(body, bind(context.scope, names))
  const start = context.scope.depth
  return computed([...values, inner], (frame) => {
    // the slots above are free until the body is evaluated: what computes a variable may only use those beyond them
    const computedValues = values.map(({ evaluate }) => evaluate(frame))
    for (let i = 0; i < computedValues.length; i++) frame.slots[start + i] = computedValues[i]
    return inner.evaluate(frame)
  })
}

export const variables: Operators = { $let: letOperator }
