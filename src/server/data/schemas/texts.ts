/** Violations of schemas in the words of the original host. */
import type { Violation } from "../../language/JsonSchema.ts"
import { isDocument } from "../../language/Value.ts"
import { namesOf } from "./dialect.ts"

const listed = (argument: unknown): string =>
  Array.isArray(argument) && argument.length !== 1 ? `[${argument.join(",")}]` : String(argument)

const json = (value: unknown): string => JSON.stringify(value) ?? String(value)

const typeText = ({ argument, keyword }: Violation, value: unknown): string => {
  const [type, bsonType] = keyword === "type" ? [listed(argument), "undefined"] : ["undefined", listed(argument)]
  return `Invalid type. Expected: type: ${type}, bsonType: ${bsonType}, given: [${namesOf(value).join(" ")}]`
}

const orEqual = (expected: string): string => (/ at (?:least|most) /.test(expected) ? "or equal to " : "")

type Text = (violation: Violation, value: unknown, name: string) => string

/** The texts of violations of a value itself. */
const texts: Readonly<Record<string, Text>> = {
  type: typeText,
  bsonType: typeText,
  enum: ({ argument }, _, name) =>
    `${name} must be one of the following: ${Array.isArray(argument) ? argument.map(json).join(", ") : json(argument)}`,
  const: ({ argument }, _, name) => `${name} does not match: ${json(argument)}`,
  anyOf: () => "Must validate at least one schema (anyOf)",
  oneOf: () => "Must validate one and only one schema (oneOf)",
  not: () => "Must not validate the schema (not)",
  additionalItems: () => "No additional items allowed on array",
  minItems: ({ argument }) => `Array must have at least ${String(argument)} items`,
  maxItems: ({ argument }) => `Array must have at most ${String(argument)} items`,
  uniqueItems: () => "array items must be unique",
  minProperties: ({ argument }) => `Must have at least ${String(argument)} properties`,
  maxProperties: ({ argument }) => `Must have at most ${String(argument)} properties`,
  minLength: ({ argument }) => `String length must be greater than or equal to ${String(argument)}`,
  maxLength: ({ argument }) => `String length must be less than or equal to ${String(argument)}`,
  pattern: ({ argument }) => `Does not match pattern '${String(argument)}'`,
  minimum: ({ argument, expected }) => `Must be greater than ${orEqual(expected)}${String(argument)}`,
  maximum: ({ argument, expected }) => `Must be less than ${orEqual(expected)}${String(argument)}`,
  multipleOf: ({ argument }) => `Must be a multiple of ${String(argument)}`,
  validate: () => "the value does not fulfil the expression of its schema (validate)"
}

const valueAt = (document: unknown, path: Violation["path"]): unknown => {
  let value = document
  for (const name of path) {
    value =
      (Array.isArray(value) || isDocument(value)) && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined
  }
  return value
}

/** The keywords whose violation is told about the document around the field. */
const ofParent: Readonly<Record<string, (name: string) => string>> = {
  required: (name) => `${name} is required`,
  additionalProperties: (name) => `Additional property ${name} is not allowed`
}

const at = (path: Violation["path"]): string => (path.length === 0 ? "(root)" : path.join("."))

/** One violation of a document. */
export const textOf = (violation: Violation, document: unknown): string => {
  const { expected, keyword, path } = violation
  const name = String(path.at(-1) ?? "(root)")
  const outer = Object.hasOwn(ofParent, keyword) ? ofParent[keyword] : undefined
  if (outer !== undefined && path.length > 0) return `${at(path.slice(0, -1))}: ${outer(name)}`
  const text = Object.hasOwn(texts, keyword) ? texts[keyword] : undefined
  return `${at(path)}: ${text === undefined ? `Must be ${expected}` : text(violation, valueAt(document, path), name)}`
}
