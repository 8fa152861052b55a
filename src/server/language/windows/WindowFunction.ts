/** What a function of `$setWindowFields` is, and what the functions share. */
import { make } from "../budget.ts"
import type { Expression, Frame, Scope } from "../Expression.ts"
import { invalid } from "../LanguageError.ts"
import type { Value } from "../Value.ts"
import type { Rows, Sorting } from "../windows.ts"

/** Computes a value for each row of a partition; undefined where there is none. */
export type WindowFunction = (rows: Rows, frame: Frame) => ReadonlyArray<Value>

/** What a function is compiled with. */
export interface Context {
  readonly name: string
  readonly scope: Scope
  readonly sorting: Sorting
  /** What is given as `window`; undefined where nothing is. */
  readonly window: Value
}

export type CompileFunction = (argument: Value, context: Context) => WindowFunction

/** The values of an expression in each row. */
export const valuesOf = (expression: Expression, rows: Rows, frame: Frame): ReadonlyArray<Value> => {
  make(rows.documents.length)
  return rows.documents.map((document) => {
    frame.root = document
    return expression.evaluate(frame)
  })
}

/** Throws for a `window` of a function that has none. */
export const refuseWindow = ({ name, window }: Context): void => {
  if (window !== undefined) invalid(`'window' field is not allowed in ${name}`, 5371601)
}
