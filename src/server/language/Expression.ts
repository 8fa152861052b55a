/** Compiles expressions: paths, variables, literals, documents, lists and operators. */
export { bind, checkVariableName, frameOf, frameWithin, scopeOf } from "./expressions/Frame.ts"
export type { Expression, Frame, Scope } from "./expressions/Frame.ts"
