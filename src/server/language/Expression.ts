/** Compiles expressions: paths, variables, literals, documents, lists and operators. */
import { arithmetic } from "./expressions/arithmetic.ts"
import { arrays } from "./expressions/arrays.ts"
import { bitwise } from "./expressions/bitwise.ts"
import { booleans } from "./expressions/booleans.ts"
import { comparison } from "./expressions/comparison.ts"
import { conditional } from "./expressions/conditional.ts"
import { conversion } from "./expressions/convert.ts"
import { dateArithmetic } from "./expressions/dateArithmetic.ts"
import { dateFields } from "./expressions/dateFields.ts"
import { dateText } from "./expressions/dateText.ts"
import {
  constant,
  contextOf,
  type Expression,
  type Operator,
  type Operators,
  type Scope,
  scopeOf
} from "./expressions/Frame.ts"
import { compileDocument, compileList, literals } from "./expressions/literals.ts"
import { objects } from "./expressions/objects.ts"
import { compileReference } from "./expressions/references.ts"
import { regexes } from "./expressions/regexes.ts"
import { sets } from "./expressions/sets.ts"
import { sorting } from "./expressions/sortArray.ts"
import { statistics } from "./expressions/statistics.ts"
import { strings } from "./expressions/strings.ts"
import { trigonometry } from "./expressions/trigonometry.ts"
import { types } from "./expressions/types.ts"
import { variables } from "./expressions/variables.ts"
import { invalid, unsupported } from "./LanguageError.ts"
import { isDocument } from "./Value.ts"

export { bind, checkVariableName, frameOf, scopeOf } from "./expressions/Frame.ts"
export type { Expression, Frame, Scope } from "./expressions/Frame.ts"

const families: ReadonlyArray<Operators> = [
  arithmetic,
  arrays,
  bitwise,
  booleans,
  comparison,
  conditional,
  conversion,
  dateArithmetic,
  dateFields,
  dateText,
  literals,
  objects,
  regexes,
  sets,
  sorting,
  statistics,
  strings,
  trigonometry,
  types,
  variables
]

const operators: ReadonlyMap<string, Operator> = new Map(families.flatMap((family) => Object.entries(family)))

/**
 * Compiles an expression. A mistake of its own (an unknown operator or variable, a wrong number of operands) is refused
 * here, and so is one that shows in constants alone; the others when it is evaluated.
 */
export const compile = (spec: unknown, scope: Scope = scopeOf()): Expression => {
  if (typeof spec === "string") return spec.startsWith("$") ? compileReference(spec, scope) : constant(spec)
  if (typeof spec !== "object" || spec === null) return constant(spec)
  const context = contextOf(scope, compile)
  if (Array.isArray(spec)) return compileList(spec, context)
  if (!isDocument(spec)) return constant(spec)
  const [name, ...others] = Object.keys(spec)
  if (name === undefined || !name.startsWith("$")) return compileDocument(spec, context)
  if (others.length > 0)
    invalid(`an operator stands alone in its object: found '${name}' beside '${others.join("', '")}'`, 15983)
  const operator = operators.get(name)
  return operator === undefined ? unknownOperator(name) : operator(spec[name], context, name)
}

/** Operators of MongoDB that are not supported, with the reason. */
const unsupportedOperators: ReadonlyArray<readonly [names: ReadonlyArray<string>, why: string]> = [
  [["$function", "$accumulator"], "a pipeline runs no code"],
  [["$meta"], "there is no text search"],
  [["$toHashedIndexKey"], "there are no hashed indexes"],
  [
    ["$encStrContains", "$encStrEndsWith", "$encStrNormalizedEq", "$encStrStartsWith"],
    "there is no encryption of fields"
  ],
  [
    ["$toArray", "$toObject", "$sigmoid", "$hash", "$hexHash", "$serializeEJSON", "$deserializeEJSON"],
    "it is of a newer version of MongoDB"
  ],
  [["$similarityCosine", "$similarityDotProduct", "$similarityEuclidean"], "there is no vector search"]
]

const unknownOperator = (name: string): Expression => {
  const found = unsupportedOperators.find(([names]) => names.includes(name))
  return found === undefined
    ? invalid(`Unrecognized expression '${name}'`, 168)
    : unsupported(`the operator '${name}'`, found[1])
}
