/**
 * Schemas of the BSON classes, for the types of documents, arguments and results. Their values are instances of the classes
 * of `bson`: install that package to construct them.
 *
 * Each schema accepts the class of any copy of `bson` (recognized by `_bsontype`, as `bson` itself does), and its JSON form,
 * for `Schema.toCodecJson`, is its canonical Extended JSON.
 *
 * @example
 * ```ts
 * import { Bson } from "effect-app-services"
 * import { Schema } from "effect"
 *
 * const Account = Schema.Struct({ _id: Bson.ObjectId, balance: Bson.Decimal128, visits: Bson.Long, since: Schema.Date })
 * type Account = typeof Account.Type
 * ```
 *
 * @since 0.1.0
 */
import * as B from "bson"
import * as Effect from "effect/Effect"
import * as Predicate from "effect/Predicate"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as SchemaGetter from "effect/SchemaGetter"
import * as SchemaIssue from "effect/SchemaIssue"
import * as SchemaTransformation from "effect/SchemaTransformation"
import * as Ejson from "./Ejson.ts"
import * as ejson from "./internal/ejson.ts"

const declare = <T extends { readonly _bsontype: string }>(
  bsontype: T["_bsontype"],
  subType?: number
): Schema.declare<T> => {
  const is = (u: unknown): u is T =>
    Predicate.isObject(u) && u["_bsontype"] === bsontype && (subType === undefined || u["sub_type"] === subType)
  return Schema.declare(is, {
    expected: `a BSON ${bsontype}`,
    toCodecJson: () =>
      Schema.link<T>()(Schema.Json, {
        decode: SchemaGetter.transformEffect((json, options) => {
          const value = Ejson.fromJson(json)
          return Result.isSuccess(value) && is(value.success)
            ? Effect.succeed(value.success)
            : Effect.fail(
                new SchemaIssue.InvalidValue(
                  { message: `Expected the Extended JSON of a BSON ${bsontype}` },
                  json,
                  options
                )
              )
        }),
        encode: SchemaGetter.transform((value) => decodeJson(ejson.stringify(value)))
      })
  })
}

const decodeJson = Schema.decodeUnknownSync(Schema.fromJsonString(Schema.Json))

/**
 * A `bson.ObjectId`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const ObjectId = declare<B.ObjectId>("ObjectId")

/**
 * A `bson.Decimal128`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Decimal128 = declare<B.Decimal128>("Decimal128")

/**
 * A `bson.Binary` of any sub type.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Binary = declare<B.Binary>("Binary")

/**
 * A `bson.UUID`: a `Binary` of sub type 4.
 *
 * @category schemas
 * @since 0.1.0
 */
export const UUID = declare<B.UUID>("Binary", B.Binary.SUBTYPE_UUID)

/**
 * A `bson.Timestamp`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Timestamp = declare<B.Timestamp>("Timestamp")

/**
 * A `bson.BSONRegExp`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const RegExp = declare<B.BSONRegExp>("BSONRegExp")

/**
 * A `bson.Code`, with or without a scope.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Code = declare<B.Code>("Code")

/**
 * A `bson.DBRef`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const DBRef = declare<B.DBRef>("DBRef")

/**
 * A `bson.MinKey`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const MinKey = declare<B.MinKey>("MinKey")

/**
 * A `bson.MaxKey`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const MaxKey = declare<B.MaxKey>("MaxKey")

/**
 * A `bson.Long`, decoded from any integer (see {@link Ejson} for which become `number`) and always encoded as
 * `$numberLong`.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Long = Schema.Union([declare<B.Long>("Long"), Schema.Int, Schema.BigInt]).pipe(
  Schema.decodeTo(
    declare<B.Long>("Long"),
    SchemaTransformation.transform({
      decode: (value: B.Long | number | bigint): B.Long =>
        typeof value === "number"
          ? B.Long.fromNumber(value)
          : typeof value === "bigint"
            ? B.Long.fromBigInt(value)
            : value,
      encode: (value: B.Long): B.Long | number | bigint => value
    })
  )
)

/**
 * A `bson.Int32`: an integer that must be encoded as `$numberInt`. Use `Schema.Int` if the type on the wire does not matter.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Int32 = Schema.Union([declare<B.Int32>("Int32"), Schema.Int]).pipe(
  Schema.decodeTo(
    declare<B.Int32>("Int32"),
    SchemaTransformation.transform({
      decode: (value: B.Int32 | number): B.Int32 => (typeof value === "number" ? new B.Int32(value) : value),
      encode: (value: B.Int32): B.Int32 | number => value
    })
  )
)

/**
 * A `bson.Double`: a number that must be encoded as `$numberDouble` even if it is an integer. Use `Schema.Number` if the type
 * on the wire does not matter.
 *
 * @category schemas
 * @since 0.1.0
 */
// @effect-diagnostics-next-line schemaNumber:off -- a double may be NaN or infinite
export const Double = Schema.Union([declare<B.Double>("Double"), Schema.Number]).pipe(
  Schema.decodeTo(
    declare<B.Double>("Double"),
    SchemaTransformation.transform({
      decode: (value: B.Double | number): B.Double => (typeof value === "number" ? new B.Double(value) : value),
      encode: (value: B.Double): B.Double | number => value
    })
  )
)
