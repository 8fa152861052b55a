/**
 * MongoDB Extended JSON v2: the encoding of function arguments, function results, documents and custom user data.
 *
 * Values are written in canonical form (`{"$numberInt":"5"}`, `{"$date":{"$numberLong":"0"}}`) and read in canonical or
 * relaxed form. An integer that a JavaScript number represents exactly is read as a number; a larger 64-bit integer is read as
 * `Long`, so that nothing is rounded. `{"$undefined":true}`, the answer for a function without a result, is read as
 * `undefined`.
 *
 * @since 0.1.0
 */
import * as Effect from "effect/Effect"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import type * as SchemaAST from "effect/SchemaAST"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as ejson from "./internal/ejson.ts"

/**
 * A value has no Extended JSON form, or a text is not Extended JSON. `message` says why, without the value itself.
 *
 * @category errors
 * @since 0.1.0
 */
export class EjsonError extends Schema.TaggedError<EjsonError>()("EjsonError", { message: Schema.String }) {}

const describe = (cause: unknown): EjsonError => new EjsonError({ message: ejson.describe(cause) })

/**
 * Decodes Extended JSON text; BSON types become classes of `bson`.
 *
 * @category decoding
 * @since 0.1.0
 */
export const parse = (text: string): Result.Result<unknown, EjsonError> =>
  Result.try({ try: () => ejson.parse(text), catch: describe })

/**
 * Encodes a value as canonical Extended JSON text, without changing it. `undefined` becomes `{"$undefined":true}` at the top
 * level, is left out as a property, and becomes `null` as an array element.
 *
 * Fails, with the place, at a value that contains itself, an invalid date, a `bigint` of more than 64 bits, a `RegExp` with
 * the flag `g`, an `Error`, `Map`, `Set`, `Promise` or buffer, and at the top level a function or symbol; a nested one is treated
 * like `undefined`. A `Uint8Array` is written as `Binary`, and an instance of another class as its enumerable properties.
 *
 * @category encoding
 * @since 0.1.0
 */
export const stringify = (value: unknown): Result.Result<string, EjsonError> =>
  Result.try({ try: () => ejson.stringify(value), catch: describe })

/**
 * Decodes a JSON value that is already parsed, without changing it.
 *
 * @category decoding
 * @since 0.1.0
 */
export const fromJson = (json: unknown): Result.Result<unknown, EjsonError> =>
  Result.try({
    try: () => {
      const copy = structuredClone(json)
      ejson.checkNames(copy)
      return ejson.revive(copy)
    },
    catch: describe
  })

const fromResult = <A, E extends EjsonError>(
  result: Result.Result<A, E>,
  input: unknown,
  options: SchemaAST.ParseOptions
) =>
  Result.isSuccess(result)
    ? Effect.succeed(result.success)
    : Effect.fail(new SchemaIssue.InvalidValue({ message: result.failure.message }, input, options))

/**
 * The schema of Extended JSON text: decodes to the value with its BSON types.
 *
 * @see {@link fromString} for a value with a schema
 *
 * @category schemas
 * @since 0.1.0
 */
export const FromString: Schema.Codec<unknown, string> = Schema.String.pipe(
  Schema.decodeTo(
    Schema.Unknown,
    SchemaTransformation.transformEffect({
      decode: (text: string, options) => fromResult(parse(text), text, options),
      encode: (value: unknown, options) => fromResult(stringify(value), value, options)
    })
  )
)

/**
 * The schema of Extended JSON text whose value `schema` describes.
 *
 * @example
 * ```ts
 * import { Bson, Ejson } from "effect-app-services"
 * import { Schema } from "effect"
 *
 * const Order = Ejson.fromString(Schema.Struct({ _id: Bson.ObjectId, total: Schema.Finite }))
 * const order = Schema.decodeSync(Order)(`{"_id":{"$oid":"5f1d7f3e9c1b2a0012345678"},"total":{"$numberInt":"3"}}`)
 * console.log(order._id.toHexString(), order.total) // 5f1d7f3e9c1b2a0012345678 3
 * ```
 *
 * @category schemas
 * @since 0.1.0
 */
export const fromString = <S extends Schema.Constraint>(schema: S) =>
  FromString.pipe(Schema.decodeTo(schema, SchemaTransformation.passthrough<S["Encoded"], unknown>({ strict: false })))
