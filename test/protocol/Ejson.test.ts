import { assert, describe, it } from "@effect/vitest"
import {
  Binary,
  BSONRegExp,
  BSONSymbol,
  Code,
  DBRef,
  Decimal128,
  Double,
  EJSON,
  Int32,
  Long,
  MaxKey,
  MinKey,
  ObjectId,
  Timestamp,
  UUID
} from "bson"
import { Effect, Result, Schema } from "effect"
import { Bson, Ejson } from "effect-app-services"

const hex = "5f1d7f3e9c1b2a0012345678"
const parse = (text: string): unknown => Result.getOrThrow(Ejson.parse(text))
const stringify = (value: unknown): string => Result.getOrThrow(Ejson.stringify(value))
const withoutNul = (json: string): string => json.replaceAll("\\u0000", "")

describe("canonical out, canonical in", () => {
  it.each<[string, unknown, string]>([
    ["a small integer", 5, '{"$numberInt":"5"}'],
    ["an integer beyond 32 bits", 5_000_000_000, '{"$numberLong":"5000000000"}'],
    ["a number beyond 2^53, which is a double", 9_007_199_254_741_030, '{"$numberDouble":"9007199254741030.0"}'],
    ["such a number in a document", { a: [-1e17] }, '{"a":[{"$numberDouble":"-100000000000000000.0"}]}'],
    ["a fraction", 1.5, '{"$numberDouble":"1.5"}'],
    ["negative zero", -0, '{"$numberDouble":"-0.0"}'],
    ["infinity", -Infinity, '{"$numberDouble":"-Infinity"}'],
    ["NaN", NaN, '{"$numberDouble":"NaN"}'],
    ["a Long beyond 2^53", Long.fromString("9007199254740993"), '{"$numberLong":"9007199254740993"}'],
    ["a string", "x", '"x"'],
    ["null", null, "null"],
    ["a date", new Date(0), '{"$date":{"$numberLong":"0"}}'],
    ["a date before 1970", new Date(-1), '{"$date":{"$numberLong":"-1"}}'],
    ["an ObjectId", new ObjectId(hex), `{"$oid":"${hex}"}`],
    ["a Decimal128", Decimal128.fromString("1.50"), '{"$numberDecimal":"1.50"}'],
    ["a Binary", new Binary(new Uint8Array([1, 2]), 0), '{"$binary":{"base64":"AQI=","subType":"00"}}'],
    [
      "a UUID",
      new UUID("c8edabc3-f738-4ca3-b68d-ab92a91478a3"),
      '{"$binary":{"base64":"yO2rw/c4TKO2jauSqRR4ow==","subType":"04"}}'
    ],
    ["a regular expression", new BSONRegExp("^a", "i"), '{"$regularExpression":{"pattern":"^a","options":"i"}}'],
    ["a Timestamp", new Timestamp({ t: 1, i: 2 }), '{"$timestamp":{"t":1,"i":2}}'],
    ["MinKey", new MinKey(), '{"$minKey":1}'],
    ["MaxKey", new MaxKey(), '{"$maxKey":1}'],
    ["a symbol", new BSONSymbol("s"), '{"$symbol":"s"}'],
    ["code", new Code("x"), '{"$code":"x"}'],
    ["code with scope", new Code("x", { a: "b" }), '{"$code":"x","$scope":{"a":"b"}}'],
    ["a reference", new DBRef("c", new ObjectId(hex)), `{"$ref":"c","$id":{"$oid":"${hex}"}}`],
    ["no result", undefined, '{"$undefined":true}'],
    ["a document", { a: [{ b: new Date(1) }] }, '{"a":[{"b":{"$date":{"$numberLong":"1"}}}]}']
  ])("%s", (_, value, text) => {
    assert.strictEqual(stringify(value), text)
    assert.deepStrictEqual(parse(text), value)
  })

  it.effect.prop("any JSON value survives, but for names with NUL", { json: Schema.Json }, ({ json }) =>
    Effect.sync(() => {
      const sent: unknown = JSON.parse(withoutNul(JSON.stringify(json)))
      assert.deepStrictEqual(parse(stringify(sent)), sent)
    })
  )

  it.effect.prop(
    "any mix of BSON values survives",
    {
      ids: Schema.Array(Schema.Uint8Array.check(Schema.isMinLength(12), Schema.isMaxLength(12))),
      dates: Schema.Record(Schema.String.check(Schema.isPattern(/^[^\0]*$/)), Schema.Date),
      longs: Schema.Array(
        Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: -(2n ** 63n), maximum: 2n ** 63n - 1n }))
      )
    },
    ({ dates, ids, longs }) =>
      Effect.sync(() => {
        const value = {
          ids: ids.map((bytes) => new ObjectId(bytes)),
          dates,
          longs: longs.map((n) => Long.fromBigInt(n))
        }
        const back = parse(stringify(value)) as { ids: Array<ObjectId>; dates: unknown; longs: Array<number | Long> }
        assert.deepStrictEqual(back.ids.map(String), value.ids.map(String))
        assert.deepStrictEqual(back.dates, dates)
        assert.deepStrictEqual(
          back.longs.map((n) => BigInt(n.toString())),
          [...longs]
        )
      })
  )

  it.effect.prop(
    "agrees with bson's own writer, but for integers beyond 2^53",
    {
      json: Schema.Json,
      // @effect-diagnostics-next-line schemaNumber:off -- they have a form, too
      numbers: Schema.Array(Schema.Number),
      dates: Schema.Array(Schema.Date),
      bigints: Schema.Array(
        Schema.BigInt.check(Schema.isBetweenBigInt({ minimum: -(2n ** 63n), maximum: 2n ** 63n - 1n }))
      ),
      left: Schema.Record(Schema.String, Schema.UndefinedOr(Schema.Boolean))
    },
    ({ json, numbers, ...others }) =>
      Effect.sync(() => {
        const isLarge = (value: unknown) => Number.isInteger(value) && !Number.isSafeInteger(value)
        const small: unknown = JSON.parse(JSON.stringify(json), (_, value: unknown) => (isLarge(value) ? 1 : value))
        const values = {
          ...others,
          small,
          numbers: numbers.filter((n) => !isLarge(n)),
          code: new Code("f", { n: 1 }),
          reference: new DBRef("c", new ObjectId(hex), "d", { n: 1 })
        }
        const expected = EJSON.stringify(values, { relaxed: false, ignoreUndefined: true })
        assert.strictEqual(stringify(values), expected)
      })
  )

  it.effect.prop("agrees with bson's own reader, which refuses names with NUL", { json: Schema.Json }, ({ json }) =>
    Effect.sync(() => {
      const text = withoutNul(stringify({ json }))
      assert.deepStrictEqual(parse(text), EJSON.parse(text, { relaxed: true }))
    })
  )
})

describe("relaxed and mixed input", () => {
  it.each<[string, unknown]>([
    ["5", 5],
    ["5000000000", 5_000_000_000],
    ['{"$numberInt":"5"}', 5],
    ['{"$numberDouble":"5"}', 5],
    ['{"$date":"2020-01-01T00:00:00Z"}', new Date(Date.UTC(2020, 0, 1))],
    ['{"$date":5}', new Date(5)],
    ['{"$uuid":"c8edabc3-f738-4ca3-b68d-ab92a91478a3"}', new UUID("c8edabc3-f738-4ca3-b68d-ab92a91478a3")],
    ['[1,{"$numberInt":"2"},{"a":{"$numberLong":"3"}}]', [1, 2, { a: 3 }]],
    ['{"$set":{"a":{"$numberInt":"1"}}}', { $set: { a: 1 } }],
    ['{"$oid":"5f1d7f3e9c1b2a0012345678","other":1}', { $oid: hex, other: 1 }],
    ['{"name":{"$regex":"^a","$options":"i"}}', { name: { $regex: "^a", $options: "i" } }]
  ])("%s", (text, value) => assert.deepStrictEqual(parse(text), value))
})

describe("numbers that are wrappers inside of wrappers", () => {
  it("reads a Timestamp as bson 4 writes it", () =>
    assert.deepStrictEqual(parse('{"at":{"$timestamp":{"t":{"$numberInt":"2"},"i":{"$numberInt":"1"}}}}'), {
      at: new Timestamp({ t: 2, i: 1 })
    }))

  const Wrapper = Schema.Literals(["", "$numberInt", "$numberLong", "$numberDouble"])
  const wrapped = (wrapper: typeof Wrapper.Type, n: number) => (wrapper === "" ? n : { [wrapper]: String(n) })
  const Unsigned = Schema.Int.check(Schema.isBetween({ minimum: 0, maximum: 2 ** 31 - 1 }))

  it.effect.prop(
    "decodes as bson does",
    {
      t: Unsigned,
      i: Unsigned,
      millis: Schema.Int.check(Schema.isBetween({ minimum: -(2 ** 31), maximum: 2 ** 31 - 1 })),
      wrappers: Schema.Tuple([Wrapper, Wrapper, Wrapper]),
      json: Schema.Json
    },
    ({ i, json, millis, t, wrappers: [ofT, ofI, ofDate] }) =>
      Effect.sync(() => {
        const times = {
          at: { $timestamp: { t: wrapped(ofT, t), i: wrapped(ofI, i) } },
          on: { $date: wrapped(ofDate, millis) }
        }
        const text = withoutNul(
          JSON.stringify({
            ...times,
            list: [times],
            code: { $code: "f", $scope: times },
            reference: { $ref: "c", $id: { $oid: hex }, ...times },
            json
          })
        )
        // a value of JSON may be a wrapper that does not hold what it should
        const expected = Result.try(() => EJSON.parse(text, { relaxed: true }) as unknown)
        if (Result.isSuccess(expected)) assert.deepStrictEqual(parse(text), expected.success)
        else assert.isTrue(Result.isFailure(Ejson.parse(text)))
      })
  )
})

describe("what cannot be read or written is a typed failure", () => {
  it.each([
    ["{", "the text is not JSON"],
    ["", "the text is not JSON"],
    ['{"$oid":"zz"}', "$oid must be 24 hex digits"],
    ['{"$oid":5}', "$oid must be a string"],
    ['{"$date":"yesterday"}', "$date must be a date"],
    ['{"$date":{"$numberLong":"NaN"}}', "$numberLong must be an integer"],
    ['{"$numberInt":"1.5"}', "$numberInt must be an integer"],
    ['{"$numberDouble":""}', "$numberDouble must be a number"],
    ['{"$timestamp":{}}', "$timestamp must have t and i"],
    ['{"$timestamp":{"t":{"$numberInt":"1"},"i":"1"}}', "$timestamp must have t and i"],
    ['{"$timestamp":{"t":{"$numberInt":"x"},"i":1}}', "$numberInt must be an integer"],
    ['[{"a":{"my-password\\u0000":1}}]', "the name of a field contains a NUL"],
    ['{"$timestamp":{"t":-1,"i":1}}', "t and i of $timestamp must be unsigned 32-bit integers"],
    ['{"$numberLong":"99999999999999999999"}', "$numberLong must be a 64-bit integer"],
    ['{"$numberDecimal":"my-password"}', "$numberDecimal must be a decimal of at most 34 digits"],
    ['{"$uuid":"my-password"}', "$uuid must be a UUID"],
    ['{"$binary":{"base64":"!!"}}', "$binary must be base64"],
    ['{"$binary":{"base64":"AA==","subType":"zz"}}', "the subType of $binary must be two hex digits"],
    ['{"$binary":{"base64":"AA==","subType":"04"}}', "$binary must be a UUID"],
    [
      '{"$regularExpression":{"pattern":"my-password\\u0000"}}',
      "$regularExpression has a NUL or an option that BSON does not support"
    ]
  ])("reading %s", (text, message) => {
    const result = Ejson.parse(text)
    assert.isTrue(Result.isFailure(result))
    if (Result.isFailure(result)) assert.strictEqual(result.failure.message, message)
  })

  it("reading a value nested without end", () => {
    const depth = 200_000
    const result = Ejson.parse("[".repeat(depth) + "]".repeat(depth))
    assert.isTrue(Result.isFailure(result))
    if (Result.isFailure(result)) assert.strictEqual(result.failure.message, "the value is nested too deeply")
  })

  it("writing a cycle, an invalid date, a function, a wide bigint or a regular expression with flag g", () => {
    const cycle: Record<string, unknown> = {}
    cycle["self"] = cycle
    for (const value of [
      cycle,
      new Date(NaN),
      { at: new Date(NaN) },
      () => 1,
      2n ** 64n,
      [{ a: -(2n ** 63n) - 1n }],
      /a/g
    ]) {
      assert.isTrue(Result.isFailure(Ejson.stringify(value)))
    }
  })

  it("a string that only looks like an invalid date is fine", () => {
    const text = '{"$numberLong":"NaN"}'
    assert.strictEqual(parse(stringify(text)), text)
  })
})

it("writing leaves the value as it was", () => {
  const value = Object.freeze({ gone: undefined, kept: Object.freeze([undefined, 1]) })
  assert.strictEqual(stringify(value), '{"kept":[null,{"$numberInt":"1"}]}')
  assert.isTrue("gone" in value)
})

it("leaves functions out, whatever their names are", () => {
  const fail = () => assert.fail("it was called")
  assert.strictEqual(stringify({ toJSON: fail, toString: fail, list: [fail] }), '{"list":[null]}')
})

it("a __proto__ key is data, never a prototype", () => {
  const value = parse('{"__proto__":{"polluted":{"$numberInt":"1"}},"a":1}') as object
  assert.strictEqual(Object.getPrototypeOf(value), Object.prototype)
  assert.deepStrictEqual(Object.getOwnPropertyDescriptor(value, "__proto__")?.value, { polluted: 1 })
})

it("fromJson refuses a name with NUL", () => {
  assert.isTrue(Result.isFailure(Ejson.fromJson({ "a\0b": 1 })))
})

it("fromJson leaves its argument as it was", () => {
  const json = { at: { $date: { $numberLong: "5" } } }
  assert.deepStrictEqual(Result.getOrThrow(Ejson.fromJson(json)), { at: new Date(5) })
  assert.deepStrictEqual(json, { at: { $date: { $numberLong: "5" } } })
})

describe("schemas", () => {
  const Order = Schema.Struct({
    _id: Bson.ObjectId,
    total: Bson.Decimal128,
    visits: Bson.Long,
    count: Schema.Int,
    at: Schema.Date,
    key: Schema.optionalKey(Bson.UUID)
  })
  const text = `{"_id":{"$oid":"${hex}"},"total":{"$numberDecimal":"9.99"},"visits":{"$numberLong":"9007199254740993"},"count":{"$numberInt":"3"},"at":{"$date":{"$numberLong":"5"}}}`

  it.effect("a user's schema names BSON classes, both ways", () =>
    Effect.gen(function* () {
      const codec = Ejson.fromString(Order)
      const order = yield* Schema.decodeEffect(codec)(text)
      assert.strictEqual(order.visits.toString(), "9007199254740993")
      assert.strictEqual(order._id.toHexString(), hex)
      assert.strictEqual(yield* Schema.encodeEffect(codec)(order), text)
    })
  )

  it.effect("Long, Int32 and Double read numbers and keep their type on the wire", () =>
    Effect.gen(function* () {
      const codec = Ejson.fromString(Schema.Struct({ long: Bson.Long, int: Bson.Int32, double: Bson.Double }))
      const typed = '{"long":{"$numberLong":"5"},"int":{"$numberInt":"5"},"double":{"$numberDouble":"5.0"}}'
      const value = yield* Schema.decodeEffect(codec)('{"long":5,"int":5,"double":5}')
      assert.deepStrictEqual(value, { long: Long.fromNumber(5), int: new Int32(5), double: new Double(5) })
      assert.strictEqual(yield* Schema.encodeEffect(codec)(value), typed)
      assert.deepStrictEqual(yield* Schema.decodeEffect(codec)(typed), value)
    })
  )

  it.effect("a mismatch names the place and not the value", () =>
    Effect.gen(function* () {
      const error = yield* Effect.flip(
        Schema.decodeEffect(Ejson.fromString(Order))(text.replace(/\{"\$oid":"\w+"\}/, '"hunter2hunter2"'))
      )
      assert.include(error.message, "_id")
      assert.include(error.message, "BSON ObjectId")
      assert.notInclude(error.message, "hunter2")
    })
  )

  it.effect("BSON classes have a JSON form", () =>
    Effect.gen(function* () {
      const json = Schema.toCodecJson(Schema.Struct({ id: Bson.ObjectId, price: Bson.Decimal128 }))
      const value = { id: new ObjectId(hex), price: Decimal128.fromString("1.5") }
      const encoded = yield* Schema.encodeEffect(json)(value)
      assert.deepStrictEqual<unknown>(encoded, { id: { $oid: hex }, price: { $numberDecimal: "1.5" } })
      assert.deepStrictEqual(yield* Schema.decodeEffect(json)(encoded), value)
    })
  )

  it("a UUID is not any Binary", () => {
    assert.isTrue(Schema.is(Bson.UUID)(new UUID()))
    assert.isFalse(Schema.is(Bson.UUID)(new Binary(new Uint8Array(16), 0)))
    assert.isTrue(Schema.is(Bson.Binary)(new UUID()))
  })
})
