/** The `validate` expressions of schemas: conditions on a field, or on the document, before and after a write. */
import * as Effect from "effect/Effect"
import type { Violation } from "../../language/JsonSchema.ts"
import type { DatabaseError } from "../DatabaseError.ts"
import { type Document, isDocument } from "../internal/bson.ts"
import { answer } from "../rules/calls.ts"
import * as Conditions from "../rules/conditions.ts"
import * as Operands from "../rules/operands.ts"

/** The compiled expressions of a schema. */
export interface Validation {
  /** The violations of a document after a write; without a document before it, the write is an insert. */
  readonly violations: (
    known: Operands.Known,
    after: Document,
    before: Document | undefined
  ) => Effect.Effect<ReadonlyArray<Violation>, DatabaseError>
  readonly calls: ReadonlyArray<Operands.Call>
  readonly isEmpty: boolean
}

interface Rule {
  readonly path: ReadonlyArray<string>
  readonly argument: unknown
  readonly expression: Conditions.Expression
  readonly calls: ReadonlyArray<Operands.Call>
}

/** The keywords whose arguments have schemas of values that no path names. */
const elsewhere = [
  "items",
  "additionalItems",
  "additionalProperties",
  "patternProperties",
  "dependencies",
  "not",
  "anyOf",
  "allOf",
  "oneOf"
]

/** The keywords whose arguments are schemas by names. */
const byName = new Set(["properties", "patternProperties", "dependencies"])

const mentionsValidate = (value: unknown): boolean => {
  if (Array.isArray(value)) return value.some(mentionsValidate)
  if (!isDocument(value)) return false
  return (
    Object.hasOwn(value, "validate") ||
    Object.entries(value).some(([name, inner]) =>
      byName.has(name) && isDocument(inner) ? Object.values(inner).some(mentionsValidate) : mentionsValidate(inner)
    )
  )
}

const isPath = (name: string): boolean => name !== "" && !/[.$%]/.test(name)

/** Finds the expressions of a schema and of those of its fields. */
const rulesOf = (
  schema: Document,
  path: ReadonlyArray<string>,
  place: string,
  scope: Operands.Scope
): ReadonlyArray<Rule> => {
  const within = (name: string) => (place === "" ? name : `${place}.${name}`)
  for (const name of elsewhere) {
    if (mentionsValidate(schema[name])) Operands.refuse(within(name), 'a "validate" that is not one of a named field')
  }
  const { properties, validate } = schema
  const ofFields = Object.entries(isDocument(properties) ? properties : {}).flatMap(([name, inner]) => {
    const here = within(`properties.${name}`)
    if (!isDocument(inner)) return []
    if (!isPath(name)) return mentionsValidate(inner) ? Operands.refuse(here, `the field name "${name}"`) : []
    return rulesOf(inner, [...path, name], here, scope)
  })
  if (Conditions.isEmpty(validate)) return ofFields
  const calls: Array<Operands.Call> = []
  const field = path.length === 0 ? {} : { field: path.join("."), isField: true }
  const expression = Conditions.expression(validate, within("validate"), { ...scope, ...field, calls })
  return [{ path, argument: validate, expression, calls }, ...ofFields]
}

const isThere = (document: unknown, path: ReadonlyArray<string>): boolean => {
  const [name, ...rest] = path
  if (name === undefined) return true
  return isDocument(document) && Object.hasOwn(document, name) && isThere(document[name], rest)
}

/** Compiles the expressions of a schema. Throws `NotUnderstood` for an unsupported one. */
export const compile = (schema: Document): Validation => {
  const scope: Operands.Scope = { calls: [], computed: [], closed: [], marks: { change: false }, about: "document" }
  const rules = rulesOf(schema, [], "", scope)
  const { computed } = scope
  return {
    isEmpty: rules.length === 0,
    calls: rules.flatMap(({ calls }) => calls),
    violations: Effect.fnUntraced(function* (known, after, before) {
      const violations: Array<Violation> = []
      for (const { argument, calls, expression, path } of rules) {
        // an expression is about a field that is there
        if (!isThere(after, path)) continue
        const seen = () => Operands.subject(after, before, computed, known)
        yield* answer(calls, known, seen)
        if (Conditions.holds(expression(known))(seen())) continue
        violations.push({ path, keyword: "validate", argument, expected: "a value that its expression allows" })
      }
      return violations
    })
  }
}
