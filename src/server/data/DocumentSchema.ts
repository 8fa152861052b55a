/**
 * The schema of a collection's documents: JSON Schema with the types of BSON, and `validate` expressions.
 *
 * It applies to what users write, after the rules have allowed it, and to the whole document that a write leaves, also
 * where the write did not touch it. The system writes without it.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Ejson from "../../protocol/Ejson.ts"
import * as JsonSchema from "../language/JsonSchema.ts"
import { canonical } from "../language/Value.ts"
import { DatabaseError, invalidDocumentCode } from "./DatabaseError.ts"
import { type Document, isDocument } from "./internal/bson.ts"
import { asError } from "./internal/failures.ts"
import * as Steps from "./internal/steps.ts"
import { namesOf } from "./rules/calls.ts"
import { type Given, NotUnderstood } from "./rules/operands.ts"
import { dialects, type Strictness } from "./schemas/dialect.ts"
import { textOf } from "./schemas/texts.ts"
import * as Validate from "./schemas/validate.ts"

export type {
  /** How exact the types of values have to be. */
  Strictness
} from "./schemas/dialect.ts"

/**
 * A document that a write leaves.
 *
 * @category models
 * @since 0.1.0
 */
export interface Written {
  readonly after: Document
  /** The document before the write; absent for a new one. */
  readonly before?: Document | undefined
  /** Whether the caller must not be told about a field. By default, everything may be told. */
  readonly isHidden?: ((path: string) => boolean) | undefined
}

/**
 * Fails with the code `invalidDocumentCode` if a document violates the schema. The message has a line for each violation.
 *
 * @category models
 * @since 0.1.0
 */
export type Check = (written: Written) => Effect.Effect<void, DatabaseError>

/**
 * A compiled schema.
 *
 * @category models
 * @since 0.1.0
 */
export interface DocumentSchema {
  /** The check of one operation of a caller. */
  readonly checkFor: (given: Given) => Check
  /** The names of the functions that it calls. */
  readonly calls: ReadonlySet<string>
}

/** The most violations in a message. */
const most = 20

const failed = (lines: ReadonlyArray<string>) =>
  new DatabaseError({
    message: `could not validate document: ${lines.map((line) => `\n\t${line}`).join("")}`,
    code: invalidDocumentCode
  })

/** The violations that the caller may be told about, one per line. */
const linesOf = (
  violations: ReadonlyArray<JsonSchema.Violation>,
  { after, isHidden = () => false }: Written
): ReadonlyArray<string> => {
  const told = violations.filter(({ path }) => !isHidden(path.join(".")))
  return told.length === 0
    ? ["(root): a field that is hidden from the user is not valid"]
    : told.map((violation) => textOf(violation, after))
}

const take = <A>(items: Iterable<A>, count: number): ReadonlyArray<A> => {
  const taken: Array<A> = []
  for (const item of items) {
    taken.push(item)
    if (taken.length === count) break
  }
  return taken
}

const usesPatterns = (value: unknown): boolean =>
  Array.isArray(value)
    ? value.some(usesPatterns)
    : isDocument(value) &&
      Object.entries(value).some(([name, inner]) => name.startsWith("pattern") || usesPatterns(inner))

/**
 * Compiles a schema. `undefined` for an empty one, which accepts every document. Fails with its first unsupported part.
 *
 * @category constructors
 * @since 0.1.0
 */
export const compile = (
  input: unknown,
  strictness: Strictness = "strict"
): Result.Result<DocumentSchema | undefined, NotUnderstood> =>
  Result.try({
    try: () => make(input, strictness),
    catch: (cause) =>
      cause instanceof NotUnderstood ? cause : new NotUnderstood({ place: "", message: asError(cause).message })
  })

const make = (input: unknown, strictness: Strictness): DocumentSchema | undefined => {
  if (input === undefined || input === null) return undefined
  if (!isDocument(input)) throw new NotUnderstood({ place: "", message: "a schema other than an object" })
  const whole = isDocument(input["$jsonSchema"]) ? input["$jsonSchema"] : input
  if (Object.keys(whole).length === 0) return undefined
  const { violations } = compileAt(whole, "", strictness)
  const validation = Validate.compile(whole)
  const timed = usesPatterns(whole)
  return {
    calls: namesOf(validation.calls),
    checkFor: (given) => {
      const known = { ...given, answers: new Map<string, unknown>() }
      return Effect.fnUntraced(function* (written) {
        const found = yield* Effect.try({
          try: () => Steps.evaluate(timed, () => take(violations(written.after), most)),
          catch: asError
        })
        const others = validation.isEmpty ? [] : yield* validation.violations(known, written.after, written.before)
        const all = [...found, ...others]
        if (all.length > 0) return yield* failed(linesOf(all, written))
      })
    }
  }
}

/** The schemas in a schema, by their place. */
const inner = (schema: Document): ReadonlyArray<readonly [place: string, schema: Document]> =>
  Object.entries(schema).flatMap(([name, argument]) => {
    const isNamed = name === "properties" || name === "patternProperties"
    if (isNamed || Array.isArray(argument)) {
      return Object.entries(isDocument(argument) || Array.isArray(argument) ? argument : {}).flatMap(([key, it]) =>
        isDocument(it) ? [[`${name}.${key}`, it] as const] : []
      )
    }
    return isDocument(argument) && name !== "validate" && name !== "default" ? [[name, argument] as const] : []
  })

/** Compiles a schema, or fails with the place of its innermost part that is wrong. */
const compileAt = (schema: Document, place: string, strictness: Strictness): JsonSchema.JsonSchema => {
  const decoded = Result.getOrThrowWith(Ejson.fromJson(schema), ({ message }) => new NotUnderstood({ place, message }))
  const compiled = Result.try(() => JsonSchema.compile(canonical(decoded), dialects[strictness]))
  if (Result.isSuccess(compiled)) return compiled.success
  for (const [name, part] of inner(schema)) compileAt(part, place === "" ? name : `${place}.${name}`, strictness)
  throw new NotUnderstood({ place, message: asError(compiled.failure).message })
}

/**
 * A schema that is not understood: it accepts nothing.
 *
 * @category constructors
 * @since 0.1.0
 */
export const refusing = (why: string): DocumentSchema => ({
  calls: new Set(),
  checkFor: () => () => Effect.fail(failed([`(root): the schema of the collection is not understood: ${why}`]))
})
