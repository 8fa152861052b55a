/** What an expression is compiled in (a scope) and evaluated in (a frame). */
import { type Collation, simple } from "../Collation.ts"
import type { Environment } from "../Environment.ts"
import { invalid } from "../LanguageError.ts"
import type { Value } from "../Value.ts"

/**
 * What an expression sees while it is evaluated. A stage makes one frame and sets `root` for each document; the variables
 * of the scope stand in `slots`.
 */
export interface Frame {
  /** The document: `$$ROOT`, and `$$CURRENT` unless that is bound to something else. */
  root: Value
  readonly slots: Array<Value>
  readonly environment: Environment
}

/** The variables that an expression may use, by name, and where in a frame their values stand. */
export interface Scope {
  readonly variables: ReadonlyMap<string, number>
  /** How many slots are taken. */
  readonly depth: number
  /** How values are compared. */
  readonly collation: Collation
}

/** A compiled expression. */
export interface Expression {
  /** The value; undefined where there is none. */
  readonly evaluate: (frame: Frame) => Value
  /** Whether the value is the same in every frame: `evaluate` then looks at none. */
  readonly isConstant: boolean
  /** The path, where the expression is nothing but a field of the document: `"$a.b"` has `["a", "b"]`. */
  readonly path?: ReadonlyArray<string>
}

/** What an operator is compiled with. */
export interface Context {
  readonly scope: Scope
  /** Compiles an operand. */
  readonly compile: (spec: unknown, scope?: Scope) => Expression
  /** Adds a variable to a scope, after a check of its name: where its value stands, and the scope that it is in. */
  readonly bind: (name: unknown, operator: string, scope?: Scope) => { readonly slot: number; readonly scope: Scope }
}

/** Compiles an operator from its argument. */
export type Operator = (argument: unknown, context: Context, name: string) => Expression
/** The operators of a family, by name. */
export type Operators = Record<string, Operator>

/** Adds variables, such as those of `$lookup`'s `let`; the first one takes the slot `scope.depth`. */
export const bind = (scope: Scope, names: ReadonlyArray<string>): Scope => {
  const variables = new Map(scope.variables)
  names.forEach((name, i) => variables.set(name, scope.depth + i))
  return { ...scope, variables, depth: scope.depth + names.length }
}

const emptyScope: Scope = { variables: new Map(), depth: 0, collation: simple }

/** The scope of an operation: the variables of its `let`. */
export const scopeOf = (environment?: Environment): Scope => {
  const { collation, variables } = environment ?? {}
  const scope = collation === undefined ? emptyScope : { ...emptyScope, collation }
  return variables === undefined ? scope : bind(scope, Object.keys(variables))
}

/**
 * A frame of `scopeOf(environment)`, or of a scope made from it: then with the values of the variables that were added, in
 * their order.
 */
export const frameOf = (environment: Environment, root?: Value, added: ReadonlyArray<Value> = []): Frame => ({
  root,
  slots: [...Object.values(environment.variables ?? {}), ...added],
  environment
})

/** Refuses a name that a user's variable may not have: names with a capital are the language's own, but for CURRENT. */
export const checkVariableName = (name: string): void => {
  if (name === "") invalid("empty variable names are not allowed", 16869)
  if (name === "CURRENT") return
  if (!/^[a-z\u0080-\uffff]/.test(name))
    invalid(
      `'${name}' starts with an invalid character for a user variable name: a lowercase letter is expected`,
      16867
    )
  if (!/^[a-zA-Z0-9_\u0080-\uffff]*$/.test(name))
    invalid(`'${name}' contains an invalid character for a variable name: letters, digits and _ are expected`, 16868)
}

/** A frame for constants: nothing in them looks at it. */
export const constantFrame: Frame = {
  root: undefined,
  slots: [],
  get environment(): Environment {
    return invalid("a constant depends on its environment")
  }
}

/** An expression that is a value. */
export const constant = (value: Value): Expression => ({ evaluate: () => value, isConstant: true })

/** The context of a scope, with the function that compiles all expressions. */
export const contextOf = (scope: Scope, compile: (spec: unknown, scope: Scope) => Expression): Context => ({
  scope,
  compile: (spec, inner = scope) => compile(spec, inner),
  bind: (name, operator, outer = scope) => {
    if (typeof name !== "string") return invalid(`the name of a variable of ${operator} is a string`, 16866)
    checkVariableName(name)
    return { slot: outer.depth, scope: bind(outer, [name]) }
  }
})
