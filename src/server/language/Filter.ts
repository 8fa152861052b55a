/** Filters: which documents an operation is about. */
import { spend } from "./budget.ts"
import * as Expression from "./Expression.ts"
import { isTrue } from "./expressions/booleans.ts"
import { type CompileFilter, compileField, type Compiler, isOperators, referenceFields } from "./filters/fields.ts"
import { all, any, none, type Predicate, type Run } from "./filters/condition.ts"
import { conditionsOf, withoutStrings } from "./filters/conditions.ts"
import type { Collation } from "./Collation.ts"
import type { Conditions } from "./Conditions.ts"
import * as JsonSchema from "./JsonSchema.ts"
import { codes, invalid, unsupported } from "./LanguageError.ts"
import { toDouble, toWhole } from "./numbers.ts"
import { frameIn, scopeIn, type Surroundings } from "./surroundings.ts"
import { type Document, isA, isDocument, isNumeric } from "./Value.ts"

export type { Condition, Conditions, FieldCondition } from "./Conditions.ts"

/** A compiled filter. */
export interface Filter {
  /** Whether a document is accepted. `$expr` sees the variables of the frame, or those of the environment. */
  readonly matches: (document: Document, frame?: Expression.Frame) => boolean
  /**
   * The index of the array element by which a document is accepted, which is what the positional `$` stands for; -1
   * where no condition of an array says one, and `undefined` for a document that is not accepted.
   */
  readonly matchedIndex: (document: Document, frame?: Expression.Frame) => number | undefined
  /** Whether there is a regular expression in it: one may take longer than its steps tell. */
  readonly usesRegex: boolean
  /** The paths of the fields that it asks for, but for those in `$expr`. */
  readonly paths: ReadonlySet<string>
  /** What each accepted document fulfils, for the choice of an index: all of them, each by one of its values. */
  readonly conditions: Conditions
}

/** Compiles a filter; fails for a wrong one before any document is looked at. */
export const compile = (filter: unknown, surroundings: Surroundings = {}): Filter => {
  if (!isDocument(filter)) return invalid("a filter must be an object", codes.TypeMismatch)
  const scope = scopeIn(surroundings)
  const predicate = compileTop(filter, scope)
  const conditions = conditionsOf(filter)
  const own = frameIn(surroundings)
  const steps = stepsOf(filter)
  const quiet: Run = { frame: own, isRecording: false, index: -1 }
  return {
    matches: (document, frame) => {
      spend(steps)
      quiet.frame = frame ?? own
      return predicate(document, quiet)
    },
    matchedIndex: (document, frame = own) => {
      spend(steps)
      const run: Run = { frame, isRecording: true, index: -1 }
      return predicate(document, run) ? run.index : undefined
    },
    usesRegex: mentionsRegex(filter),
    paths: new Set(pathsOf(filter)),
    conditions: scope.collation.isSimple ? conditions : withoutStrings(conditions)
  }
}

/** The operators, and the keywords of schemas, that take regular expressions. */
const takesRegex = /^(?:\$regex|pattern)/

/** Whether there is a regular expression, or an operator that takes one, anywhere in a filter. */
const mentionsRegex = (value: unknown): boolean => {
  if (Array.isArray(value)) return value.some(mentionsRegex)
  if (!isDocument(value)) return isA(value, "BSONRegExp")
  return Object.entries(value).some(([name, inner]) => takesRegex.test(name) || mentionsRegex(inner))
}

/** How many steps a filter takes for a document, besides those for its arrays: one for each of its parts. */
const stepsOf = (value: unknown): number => {
  if (Array.isArray(value)) return value.reduce<number>((sum, item) => sum + stepsOf(item), 0)
  if (!isDocument(value)) return 0
  // a set of values is looked up at once
  return Object.entries(value).reduce(
    (sum, [name, inner]) => sum + 1 + (name === "$in" || name === "$nin" ? 0 : stepsOf(inner)),
    0
  )
}

const pathsOf = (filter: Document): ReadonlyArray<string> =>
  Object.entries(filter).flatMap(([name, condition]) => {
    if (!name.startsWith("$") || referenceFields.has(name)) return [name]
    return Array.isArray(condition) ? condition.filter(isDocument).flatMap(pathsOf) : []
  })

const compileTop = (filter: Document, scope: Expression.Scope): Predicate => {
  const compiler = compilerIn(scope.collation)
  const top: CompileFilter = (inner) => compileDocument(inner, top, compiler, (spec) => compileExpression(spec, scope))
  return top(filter)
}

/** Inside of `$elemMatch`, a document is a part of another one. */
const compilerIn = (collation: Collation): Compiler => {
  const compiler: Compiler = {
    collation,
    filter: (filter) =>
      compileDocument(filter, compiler.filter, compiler, () =>
        invalid("$expr can only be applied to the whole document")
      )
  }
  return compiler
}

type CompileExpression = (spec: unknown) => Predicate

const compileDocument = (
  filter: Document,
  compileInner: CompileFilter,
  compiler: Compiler,
  expression: CompileExpression
): Predicate =>
  all(
    Object.entries(filter).flatMap(([name, condition]) =>
      name.startsWith("$") && !referenceFields.has(name)
        ? compileOperator(name, condition, compileInner, expression)
        : [compileField(condition, compiler).at(name)]
    )
  )

const unsupportedOperators: Readonly<Record<string, string>> = {
  $where: "it would run code",
  $text: "there are no text indexes"
}

const compileOperator = (
  name: string,
  argument: unknown,
  compileInner: CompileFilter,
  expression: CompileExpression
): ReadonlyArray<Predicate> => {
  switch (name) {
    case "$and":
      return [all(branches(name, argument, compileInner))]
    case "$or":
      return [alternatives(argument, compileInner) ?? any(branches(name, argument, compileInner))]
    case "$nor":
      return [none(branches(name, argument, compileInner))]
    case "$expr":
      return [expression(argument)]
    case "$jsonSchema":
      return [schema(argument)]
    case "$sampleRate":
      return [sample(argument)]
    case "$comment":
      return []
    case "$alwaysTrue":
    case "$alwaysFalse":
      if (toWhole(argument) !== 1) invalid(`${name} must be 1`, codes.FailedToParse)
      return name === "$alwaysTrue" ? [] : [() => false]
    default:
      return Object.hasOwn(unsupportedOperators, name)
        ? unsupported(name, unsupportedOperators[name])
        : invalid(`unknown top level operator: ${name}: behind a field's name an operator of fields is expected`)
  }
}

/** Branches that name values of the same field are one condition: that the field has one of them. */
const alternatives = (argument: unknown, compileInner: CompileFilter): Predicate | undefined => {
  if (!Array.isArray(argument)) return undefined
  const wanted = argument.map(valueWanted)
  const path = wanted[0]?.path
  if (path === undefined || wanted.some((it) => it?.path !== path)) return undefined
  return compileInner({ [path]: { $in: wanted.map((it) => it?.value) } })
}

const valueWanted = (branch: unknown): { readonly path: string; readonly value: unknown } | undefined => {
  const [field, ...others] = isDocument(branch) ? Object.entries(branch) : []
  if (field === undefined || others.length > 0 || field[0].startsWith("$")) return undefined
  const [path, condition] = field
  if (!isOperators(condition)) return { path, value: condition }
  const isEquality = Object.keys(condition).length === 1 && "$eq" in condition && !isA(condition["$eq"], "BSONRegExp")
  return isEquality ? { path, value: condition["$eq"] } : undefined
}

const branches = (name: string, argument: unknown, compileInner: CompileFilter): ReadonlyArray<Predicate> => {
  if (!Array.isArray(argument) || argument.length === 0) return invalid(`${name} needs a non-empty array of objects`)
  return argument.map((branch: unknown) =>
    isDocument(branch) ? compileInner(branch) : invalid(`${name} needs objects in its array`)
  )
}

const schema = (argument: unknown): Predicate => {
  const { violation } = JsonSchema.compile(argument)
  return (document) => violation(document) === undefined
}

/** Accepts a part of all documents, by chance. */
const sample = (argument: unknown): Predicate => {
  const rate = isNumeric(argument) ? toDouble(argument) : Number.NaN
  if (!(rate >= 0 && rate <= 1)) invalid("$sampleRate takes a number from 0 to 1")
  return (_, { frame = frameIn({}) }) => frame.environment.random() < rate
}

const compileExpression = (spec: unknown, scope: Expression.Scope): Predicate => {
  const { evaluate } = Expression.compile(spec, scope)
  return (document, { frame = frameIn({}) }) => {
    frame.root = document
    return isTrue(evaluate(frame))
  }
}
