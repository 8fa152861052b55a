/** The variables of an operation's `let`: expressions that are computed once, before any document is read. */
import type { Environment } from "./Environment.ts"
import * as Expression from "./Expression.ts"
import { codes, failed, invalid } from "./LanguageError.ts"
import { define, type Document, isDocument, typeOf, type Value } from "./Value.ts"

/** Computes the variables; each may use those before it. */
export const variablesOf = (spec: Value, environment: Environment): Document => {
  if (!isDocument(spec)) return invalid(`'let' must be an object, and not of type ${typeOf(spec)}`, codes.TypeMismatch)
  const variables: Document = {}
  for (const [name, value] of Object.entries(spec)) {
    Expression.checkVariableName(name)
    const before = { ...environment, variables }
    const { evaluate } = Expression.compile(value, Expression.scopeOf(before))
    define(variables, name, evaluate(withoutDocument(Expression.frameOf(before), name)))
  }
  return variables
}

/** A frame for what depends on no document. */
const withoutDocument = (frame: Expression.Frame, name: string): Expression.Frame => ({
  slots: frame.slots,
  environment: frame.environment,
  get root(): Value {
    return failed(`the variable '${name}' of 'let' has an expression with a field: no document has been read`, 4890500)
  },
  set root(_: Value) {
    // only a stage would set it
  }
})
