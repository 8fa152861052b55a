/** Paths and variables: `"$a.b"`, `"$$this.a"`. */
import { invalid, unsupported } from "../LanguageError.ts"
import { parse, readIn, reader } from "../paths.ts"
import type { Value } from "../Value.ts"
import { constant, type Expression, type Frame, type Scope } from "./Frame.ts"

/** Compiles a text that begins with `$`. */
export const compileReference = (text: string, scope: Scope): Expression => {
  if (text === "$") invalid("'$' by itself is not a path: expected the name of a field after it", 16872)
  return text.startsWith("$$") ? variable(text.slice(2), scope) : field(text.slice(1), scope)
}

const field = (path: string, scope: Scope): Expression => {
  const names = parse(path)
  const slot = scope.variables.get("CURRENT")
  const read = reader(names)
  return slot === undefined
    ? { evaluate: (frame) => readIn(frame.root, read), isConstant: false, path: names }
    : { evaluate: (frame) => readIn(frame.slots[slot], read), isConstant: false }
}

const variable = (text: string, scope: Scope): Expression => {
  const [name = "", ...rest] = text.split(".")
  if (name === "") invalid("a variable after '$$' needs a name", 16869)
  const slot = scope.variables.get(name)
  const names = rest.length === 0 ? undefined : parse(rest.join("."))
  if (name === "REMOVE" && slot === undefined) return constant(undefined)
  const value = slot === undefined ? systemVariable(name) : (frame: Frame) => frame.slots[slot]
  if (names === undefined) return { evaluate: value, isConstant: false }
  const read = reader(names)
  const evaluate = (frame: Frame): Value => readIn(value(frame), read)
  const isRoot = slot === undefined && (name === "ROOT" || name === "CURRENT")
  return isRoot ? { evaluate, isConstant: false, path: names } : { evaluate, isConstant: false }
}

const systemVariable = (name: string): ((frame: Frame) => Value) => {
  switch (name) {
    case "ROOT":
    case "CURRENT":
      return ({ root }) => root
    case "NOW":
      return ({ environment }) => environment.now
    case "USER_ROLES":
      return ({ environment }) => environment.userRoles
    case "CLUSTER_TIME":
    case "SEARCH_META":
      return unsupported(`$$${name}`)
  }
  return invalid(`Use of undefined variable: ${name}`, 17276)
}
