/** What the keywords of schemas have in common. */
import { copy } from "../budget.ts"
import { codes, invalid } from "../LanguageError.ts"
import { toWhole } from "../numbers.ts"
import { type Document, isDocument, isNumeric, keyOf } from "../Value.ts"

/** Where a value violates a schema, and by which of its keywords. */
export interface Violation {
  /** The names and indexes that lead to the value. */
  readonly path: ReadonlyArray<string | number>
  readonly keyword: string
  /** The argument of the keyword. */
  readonly argument: unknown
  /** What was expected, to be read by people. */
  readonly expected: string
}

/** Looks at a value, and finds what it violates only as far as it is asked for. */
export type Check = (value: unknown) => Iterable<Violation>

/** The answer about a value that violates nothing. */
export const nothing: ReadonlyArray<Violation> = []

/** Whether a value violates nothing. */
export const fulfils = (check: Check, value: unknown): boolean => firstOf(check(value)) === undefined

export const firstOf = (violations: Iterable<Violation>): Violation | undefined => {
  for (const violation of violations) return violation
  return undefined
}

/** The violations of several values or of several checks, one after the other. */
export function* all<A>(values: Iterable<A>, check: (value: A) => Iterable<Violation>): Iterable<Violation> {
  for (const value of values) yield* check(value)
}

/** Compiles a schema inside of another one. */
export type CompileSchema = (schema: Document) => Check

/** What a keyword is compiled in. */
export interface Context {
  readonly name: string
  readonly argument: unknown
  /** The keywords beside it. */
  readonly schema: Document
  readonly compile: CompileSchema
}

/** Compiles the argument of a keyword; `undefined` where there is nothing to check. */
export type Keyword = (argument: unknown, context: Context) => Check | undefined

/** A check of what a value itself is. */
export const expecting = (
  { argument, name }: Context,
  expected: string,
  accepts: (value: unknown) => boolean
): Check => {
  const violations: ReadonlyArray<Violation> = [{ path: [], keyword: name, argument, expected }]
  return (value) => (accepts(value) ? nothing : violations)
}

/** Violations seen from outside. */
export function* within(name: string | number, violations: Iterable<Violation>): Iterable<Violation> {
  for (const violation of violations) yield { ...violation, path: [name, ...violation.path] }
}

/** Throws for a keyword with an argument of the wrong type. */
export function mismatch({ name }: Context, expected: string): never {
  return invalid(`the keyword '${name}' of a schema must be ${expected}`, codes.TypeMismatch)
}

/** Throws for a keyword with a wrong argument. */
export function wrong({ name }: Context, why: string): never {
  return invalid(`the keyword '${name}' of a schema ${why}`, codes.FailedToParse)
}

/** A schema in the argument of a keyword. */
export const schemaIn = (argument: unknown, context: Context): Check =>
  isDocument(argument) ? context.compile(argument) : mismatch(context, "made of objects")

/** A number of things: whole, and not negative. */
export const countIn = (argument: unknown, context: Context): number => {
  const count = isNumeric(argument) ? toWhole(argument) : undefined
  return count === undefined || count < 0 ? wrong(context, "must be a whole number that is not negative") : count
}

/** Strings that all differ, of which there is at least one. */
export const namesIn = (argument: unknown, context: Context): ReadonlyArray<string> => {
  if (!Array.isArray(argument)) return mismatch(context, "an array of strings")
  const names = argument.map((name: unknown) =>
    typeof name === "string" ? name : mismatch(context, "an array of strings")
  )
  if (names.length === 0) wrong(context, "cannot be an empty array")
  return new Set(names).size === names.length ? names : wrong(context, "cannot have a string twice")
}

/** A key that two values share when they are equal, whatever the order of their fields. */
export const unorderedKey = (value: unknown): string => keyOf(arranged(value))

const arranged = (value: unknown): unknown => {
  if (Array.isArray(value)) {
    copy(value.length)
    return value.map(arranged)
  }
  if (!isDocument(value)) return value
  const names = Object.keys(value).toSorted()
  copy(1 + names.length)
  return Object.fromEntries(names.map((name) => [name, arranged(value[name])]))
}
