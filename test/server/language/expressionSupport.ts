import { assert } from "@effect/vitest"
import { Decimal128, Double, Long, ObjectId } from "bson"
import type { Environment } from "../../../src/server/language/Environment.ts"
import { compile, frameOf, scopeOf } from "../../../src/server/language/Expression.ts"
import { isDocument, typeOf, type Document } from "../../../src/server/language/Value.ts"
import { refusal } from "./support.ts"

export const long = (text: string | number) => Long.fromString(String(text))
export const double = (value: number) => new Double(value)
export const decimal = (text: string) => Decimal128.fromString(text)
export const date = (text: string) => new Date(text)
/** A value that is written as it stands: `{$literal: …}`. */
export const literal = (value: unknown) => ({ $literal: value })

/** A world without change: the same time, the same chance, the same ids. */
export const environment: Environment = {
  now: date("2030-05-06T07:08:09.010Z"),
  random: () => 0.25,
  objectId: () => new ObjectId("64b7abdecf2160b649ab6085"),
  collection: () => [],
  userRoles: [{ role: "reader" }]
}

/** A value with the types of its numbers and the order of its fields. */
export const typed = (value: unknown): string => {
  if (Array.isArray(value)) return `[${value.map(typed).join(", ")}]`
  if (isDocument(value))
    return `{${Object.entries(value)
      .map(([name, inner]) => `${name}: ${typed(inner)}`)
      .join(", ")}}`
  if (value instanceof Date) return `date ${value.toISOString()}`
  const type = typeOf(value)
  const number = value instanceof Double ? value.value : value
  return type === "missing" || type === "null" || type === "bool"
    ? String(value)
    : `${type} ${Object.is(number, -0) ? "-0" : String(number)}`
}

/** An expression's value for a document. */
export const valueOf = (spec: unknown, document: Document = {}, world: Environment = environment): unknown =>
  compile(spec, scopeOf(world)).evaluate(frameOf(world, document))

/** An expression, its value, and the document that it is computed for. */
export type Case = readonly [spec: unknown, value: unknown, document?: Document]

/** Each expression has its value: with constants and with the same document by document. */
export const gives = (cases: ReadonlyArray<Case>) => {
  for (const [spec, value, document] of cases)
    assert.strictEqual(
      typed(valueOf(spec, document)),
      typed(value),
      `${JSON.stringify(spec)} of ${JSON.stringify(document)}`
    )
}

/** Expressions that are refused before there is a document, and what the message says. */
export const refusesAtOnce = (cases: ReadonlyArray<readonly [spec: unknown, message: RegExp, code?: number]>) => {
  for (const [spec, message, code] of cases) {
    const error = refusal(() => compile(spec, scopeOf(environment)))
    assert.match(error.message, message, JSON.stringify(spec))
    if (code !== undefined) assert.strictEqual(error.code, code, JSON.stringify(spec))
  }
}

/** Expressions that are right, and fail for a document. */
export const failsFor = (document: Document, cases: ReadonlyArray<readonly [spec: unknown, message: RegExp]>) => {
  for (const [spec, message] of cases) {
    const expression = compile(spec, scopeOf(environment))
    const error = refusal(() => expression.evaluate(frameOf(environment, document)))
    assert.match(error.message, message, JSON.stringify(spec))
  }
}
