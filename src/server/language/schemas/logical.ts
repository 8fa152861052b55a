/** The keywords that combine schemas, and `enum`. */
import { isDocument } from "../Value.ts"
import {
  all,
  type Check,
  type Context,
  expecting,
  fulfils,
  type Keyword,
  mismatch,
  schemaIn,
  unorderedKey,
  wrong
} from "./check.ts"

const branches = (argument: unknown, context: Context): ReadonlyArray<Check> => {
  if (!Array.isArray(argument)) return mismatch(context, "an array")
  if (argument.length === 0) wrong(context, "cannot be an empty array")
  return argument.map((schema: unknown) => schemaIn(schema, context))
}

const allOf: Keyword = (argument, context) => {
  const checks = branches(argument, context)
  return (value) => all(checks, (check) => check(value))
}

const counted =
  (expected: string, accepts: (fulfilled: number) => boolean): Keyword =>
  (argument, context) => {
    const checks = branches(argument, context)
    return expecting(context, expected, (value) => accepts(checks.filter((check) => fulfils(check, value)).length))
  }

const not: Keyword = (argument, context) => {
  if (!isDocument(argument)) return mismatch(context, "an object")
  const check = context.compile(argument)
  return expecting(context, "a value that does not fulfil the schema", (value) => !fulfils(check, value))
}

/** Equal whatever the order of fields. */
const oneOfValues: Keyword = (argument, context) => {
  if (!Array.isArray(argument)) return mismatch(context, "an array")
  if (argument.length === 0) wrong(context, "cannot be an empty array")
  const keys = new Set(argument.map(unorderedKey))
  if (keys.size < argument.length) wrong(context, "cannot have a value twice")
  return expecting(context, "one of the values that are listed", (value) => keys.has(unorderedKey(value)))
}

export const logicalKeywords: Readonly<Record<string, Keyword>> = {
  allOf,
  anyOf: counted("a value that fulfils one of the schemas", (fulfilled) => fulfilled > 0),
  oneOf: counted("a value that fulfils exactly one of the schemas", (fulfilled) => fulfilled === 1),
  not,
  enum: oneOfValues
}
