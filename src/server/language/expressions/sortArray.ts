/** `$sortArray`. */
import { spend } from "../budget.ts"
import type { Collation } from "../Collation.ts"
import { invalid } from "../LanguageError.ts"
import { toWhole } from "../numbers.ts"
import { parse, reader } from "../paths.ts"
import { isDocument, type Value } from "../Value.ts"
import { listOf, made } from "./arrays.ts"
import type { Context, Expression, Operators } from "./Frame.ts"
import { argumentsOf, computed, isNullish } from "./operands.ts"

type Order = (a: Value, b: Value) => number

const directionOf = (value: unknown, name: string): 1 | -1 => {
  const direction = toWhole(value)
  return direction === 1 || direction === -1
    ? direction
    : invalid(`${name} sorts by 1 (ascending) or -1 (descending)`, 2942507)
}

const orderOf = (spec: unknown, name: string, { compare }: Collation): Order => {
  if (!isDocument(spec)) {
    const direction = directionOf(spec, name)
    return (a, b) => direction * compare(a, b)
  }
  const fields = Object.entries(spec).map(([path, direction]) => ({
    read: reader(parse(path)),
    direction: directionOf(direction, name)
  }))
  if (fields.length === 0) invalid(`${name} takes at least one field in 'sortBy'`, 15976)
  return (a, b) => {
    for (const { read, direction } of fields) {
      const order = compare(isDocument(a) ? read(a) : undefined, isDocument(b) ? read(b) : undefined)
      if (order !== 0) return direction * order
    }
    return 0
  }
}

const sortArray = (argument: unknown, context: Context, name: string): Expression => {
  const specs = argumentsOf(argument, name, ["input", "sortBy"])
  const input = context.compile(specs["input"])
  const order = orderOf(specs["sortBy"], name, context.scope.collation)
  return computed([input], (frame) => {
    const value = input.evaluate(frame)
    if (isNullish(value)) return null
    const list = listOf(value, name, 2942504, "an 'input'")
    spend(list.length * Math.ceil(Math.log2(list.length + 1)))
    return made(list.toSorted(order))
  })
}

export const sorting: Operators = { $sortArray: sortArray }
