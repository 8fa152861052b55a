/**
 * MongoDB Extended JSON v2: how values travel in function arguments, function results and custom user data.
 *
 * Written canonically (`{"$numberInt":"5"}`, `{"$date":{"$numberLong":"0"}}`); read in canonical or relaxed form, mixed
 * at will. A number that a JavaScript number holds exactly is read as a number; a larger 64-bit integer is read as
 * `Long`, so nothing is rounded. `{"$undefined":true}`, which a host answers for a function without a result, is read
 * as `undefined`.
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
 * Why a value could not be written as, or a text could not be read as, Extended JSON. Never holds the value itself.
 *
 * @category errors
 * @since 0.1.0
 */
export class EjsonError extends Schema.TaggedError<EjsonError>()("EjsonError", { message: Schema.String }) {}

const describe = (cause: unknown): EjsonError => new EjsonError({ message: ejson.describe(cause) })

/**
 * Reads Extended JSON text.
 *
 * @category decoding
 * @since 0.1.0
 */
export const parse = (text: string): Result.Result<unknown, EjsonError> =>
  Result.try({ try: () => ejson.parse(text), catch: describe })

/**
 * Writes a value as canonical Extended JSON text, without changing it. `undefined` at the top becomes
 * `{"$undefined":true}`, an `undefined` property is left out, an `undefined` array element becomes `null`.
 *
 * Fails on what has no representation: cyclic references, invalid dates, functions, a `bigint` of more than 64 bits, a
 * `RegExp` with the flag `g`.
 *
 * @category encoding
 * @since 0.1.0
 */
export const stringify = (value: unknown): Result.Result<string, EjsonError> =>
  Result.try({ try: () => ejson.stringify(value), catch: describe })

/**
 * Reads a JSON value that is already parsed. The argument stays as it is.
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
 * Extended JSON text on one side, the value with its BSON types on the other.
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
 * Extended JSON text of a value that `schema` describes.
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
