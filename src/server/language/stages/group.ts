/** `$group` and `$sortByCount`. */
import { compileField } from "../accumulators.ts"
import type { Accumulator, Gathering } from "../accumulators/Accumulator.ts"
import { make, spend } from "../budget.ts"
import * as Expression from "../Expression.ts"
import type { Frame, Scope } from "../Expression.ts"
import { invalid } from "../LanguageError.ts"
import { isOfOperators } from "../specifications.ts"
import { define, isDocument, typeOf } from "../Value.ts"
import type { Document, Value } from "../Value.ts"
import { Groups } from "./Groups.ts"
import { sort } from "./order.ts"
import { all, frameFor } from "./Stage.ts"
import type { Compile } from "./Stage.ts"

/** The key of a document, with null for a missing one. A key of one field is never missing in it, as in MongoDB. */
const compileKey = (spec: Value, scope: Scope): ((frame: Frame) => Value) => {
  const expression = Expression.compile(spec, scope)
  const names = isDocument(spec) ? Object.keys(spec) : []
  const [only, other] = names
  if (isDocument(spec) && only !== undefined && other === undefined && !only.startsWith("$")) {
    const { evaluate } = Expression.compile(spec[only], scope)
    return (frame) => {
      const value = evaluate(frame)
      const made: Document = {}
      define(made, only, value === undefined ? null : value)
      return made
    }
  }
  return (frame) => {
    const value = expression.evaluate(frame)
    return value === undefined ? null : value
  }
}

/** Several fields that are gathered. */
export interface Outputs {
  readonly names: ReadonlyArray<string>
  readonly accumulators: ReadonlyArray<Accumulator>
}

/** Compiles the output fields of a stage. */
export const compileOutputs = (spec: Document, scope: Scope): Outputs => ({
  names: Object.keys(spec),
  accumulators: Object.entries(spec).map(([name, value]) => compileField(name, value, scope))
})

/** Begins a group. */
export const startGroup = ({ accumulators }: Outputs, frame: Frame, key: Value): ReadonlyArray<Gathering> => {
  make(1 + accumulators.length)
  frame.root = isDocument(key) ? key : {}
  return accumulators.map((accumulator) => accumulator.start(frame))
}

/** The document of a group. */
export const finished = ({ names }: Outputs, key: Value, gatherings: ReadonlyArray<Gathering>): Document => {
  make()
  const made: Document = { _id: key }
  names.forEach((name, i) => {
    const value = gatherings[i]?.result()
    define(made, name, value === undefined ? null : value)
  })
  return made
}

export const group: Compile = (argument, { scope }) => {
  if (!isDocument(argument)) return invalid("a group's fields must be specified in an object", 15947)
  if (!Object.hasOwn(argument, "_id")) invalid("a group specification must include an _id", 15955)
  const { _id: id, ...fields } = argument
  const keyIn = compileKey(id, scope)
  const outputs = compileOutputs(fields, scope)
  const { accumulators } = outputs
  return all((documents, run) => {
    const frame = frameFor(run)
    const groups = new Groups<ReadonlyArray<Gathering>>(scope.collation)
    const found: Array<{ readonly key: Value; readonly gatherings: ReadonlyArray<Gathering> }> = []
    for (const document of documents) {
      spend(1 + accumulators.length)
      frame.root = document
      const key = keyIn(frame)
      let gatherings = groups.get(key)
      if (gatherings === undefined) {
        gatherings = startGroup(outputs, frame, key)
        groups.set(key, gatherings)
        found.push({ key, gatherings })
        frame.root = document
      }
      for (let i = 0; i < accumulators.length; i++) gatherings[i]?.add(accumulators[i]?.input(frame))
    }
    return found.map(({ key, gatherings }) => finished(outputs, key, gatherings))
  })
}

export const sortByCount: Compile = (argument, place) => {
  const isPath = typeof argument === "string" && argument.startsWith("$")
  const isExpression = isOfOperators(argument)
  if (typeof argument === "string" && !isPath) {
    invalid("the sortByCount field must be defined as a $-prefixed path or an expression inside an object", 40148)
  }
  if (isDocument(argument) && !isExpression)
    invalid("the sortByCount field must be defined as a $-prefixed path or an expression inside an object", 40147)
  if (!isPath && !isExpression) {
    invalid(`the sortByCount field must be specified as a string or as an object, not ${typeOf(argument)}`, 40149)
  }
  return [group({ _id: argument, count: { $sum: 1 } }, place, "$group"), sort({ count: -1 }, place, "$sort")].flat()
}
