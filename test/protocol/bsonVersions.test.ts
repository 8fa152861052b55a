import { assert, describe, it } from "@effect/vitest"
import * as current from "bson"
import * as bson4 from "bson4"
import * as bson6 from "bson6"
import * as ejson from "../../src/protocol/internal/ejson.ts"
import * as values from "../../src/server/functions/shared/values.ts"

const id = "507f1f77bcf86cd799439011"

/** A value of each class, by a version of `bson`. */
const valuesOf = (bson: typeof bson4 | typeof bson6 | typeof current): Record<string, unknown> => ({
  id: new bson.ObjectId(id),
  long: bson.Long.fromString("-9007199254740993"),
  int: new bson.Int32(5),
  double: new bson.Double(1),
  decimal: bson.Decimal128.fromString("1.50"),
  bytes: new bson.Binary(Buffer.from("hi"), 5),
  uuid: new bson.Binary(Buffer.from("00112233445566778899aabbccddeeff", "hex"), 4),
  time: new bson.Timestamp({ t: 4_000_000_000, i: 7 }),
  regexp: new bson.BSONRegExp("^a", "i"),
  symbol: new bson.BSONSymbol("s"),
  code: new bson.Code("f()", { a: 1 }),
  min: new bson.MinKey(),
  max: new bson.MaxKey()
})

describe("Extended JSON of values of another version of bson", () => {
  const right = ejson.stringify(valuesOf(current))
  it.each([
    ["4", bson4],
    ["6", bson6]
  ] as const)("writes them like those of its own version: %s", (_, bson) => {
    assert.strictEqual(ejson.stringify(valuesOf(bson)), right)
    assert.strictEqual(
      ejson.stringify({ list: [{ deep: new bson.ObjectId(id) }], date: new Date(0) }),
      `{"list":[{"deep":{"$oid":"${id}"}}],"date":{"$date":{"$numberLong":"0"}}}`
    )
    assert.strictEqual(ejson.stringify(values.read(values.write(valuesOf(bson)))), right)
  })

  it("refuses values whose class is unknown", () => {
    const unknown = { _bsontype: "Other", [Symbol.for("@@mdb.bson.version")]: 6 }
    for (const value of [unknown, { _bsontype: 5 }]) {
      assert.throws(
        () => ejson.stringify({ value }),
        'a value with a _bsontype that is not a class of bson at "value" has no Extended JSON form'
      )
    }
  })
})
