import { describe, it } from "@effect/vitest"
import { Binary, BSONRegExp, Code, MaxKey, MinKey, ObjectId, Timestamp, UUID } from "bson"
import { date, decimal, double, failsFor, gives, literal, long, refusesAtOnce } from "./expressionSupport.ts"

const id = new ObjectId("64b7abdecf2160b649ab6085")
const at = date("2024-01-02T03:04:05.006Z")
const bytes = new Binary(new Uint8Array([104, 105]))
const uuid = new UUID("0d3a5b9e-1f2c-4d6e-8a7b-9c0d1e2f3a4b")

/** A value of each type. */
const inputs: Readonly<Record<string, unknown>> = {
  double: 65.5,
  string: "65",
  object: { a: 1 },
  array: [1],
  binData: bytes,
  objectId: id,
  bool: true,
  date: at,
  regex: new BSONRegExp("a", ""),
  javascript: new Code("x"),
  int: 65,
  timestamp: new Timestamp({ t: 65, i: 1 }),
  long: long(65),
  decimal: decimal("65.5"),
  minKey: new MinKey(),
  maxKey: new MaxKey()
}

/** What each type is converted to; the pairs that are not here have no conversion. */
const pairs: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  double: {
    double: 65.5,
    string: "65.5",
    bool: true,
    date: new Date(65),
    int: 65,
    long: long(65),
    decimal: decimal("65.5000000000000")
  },
  string: { double: double(65), string: "65", bool: true, int: 65, long: long(65), decimal: decimal("65") },
  object: { bool: true },
  array: { bool: true },
  binData: { string: "hi", binData: bytes, bool: true },
  objectId: { string: "64b7abdecf2160b649ab6085", objectId: id, bool: true, date: id.getTimestamp() },
  bool: { double: double(1), string: "true", bool: true, int: 1, long: long(1), decimal: decimal("1") },
  date: {
    double: 1704164645006,
    string: "2024-01-02T03:04:05.006Z",
    bool: true,
    date: at,
    long: long(1704164645006),
    decimal: decimal("1704164645006")
  },
  regex: { bool: true },
  javascript: { bool: true },
  int: { double: double(65), string: "65", bool: true, int: 65, long: long(65), decimal: decimal("65") },
  timestamp: { bool: true, date: date("1970-01-01T00:01:05Z") },
  long: {
    double: double(65),
    string: "65",
    bool: true,
    date: new Date(65),
    int: 65,
    long: long(65),
    decimal: decimal("65")
  },
  decimal: {
    double: 65.5,
    string: "65.5",
    bool: true,
    date: new Date(65),
    int: 65,
    long: long(65),
    decimal: decimal("65.5")
  },
  minKey: { bool: true },
  maxKey: { bool: true }
}

/** The types that something has a conversion to. */
const targets = ["double", "string", "binData", "objectId", "bool", "date", "int", "long", "decimal"]
/** The pairs that depend on what the string says, or on more arguments. */
const others = new Set(["string objectId", "string date", "string binData"])
const unsupported = new Set(["double", "int", "long"].flatMap((type) => [`${type} binData`, `binData ${type}`]))

describe("$convert", () => {
  it("converts all pairs of types that have a conversion, and no others", () => {
    for (const [type, input] of Object.entries(inputs)) {
      for (const to of targets) {
        const pair = `${type} ${to}`
        if (others.has(pair)) continue
        const spec = { input: literal(input), to, format: "utf8" }
        const value = pairs[type]?.[to]
        if (value !== undefined) gives([[{ $convert: { ...spec, onError: "no" } }, value]])
        else if (!unsupported.has(pair)) {
          refusesAtOnce([[{ $convert: spec }, new RegExp(`no conversion from ${type} to ${to}`), 241]])
          gives([[{ $convert: { ...spec, onError: "no" } }, "no"]])
        } else refusesAtOnce([[{ $convert: spec }, /not supported/]])
      }
    }
  })

  it("answers for null and for errors as it is asked to", () =>
    gives([
      [{ $convert: { input: null, to: "int" } }, null],
      [{ $convert: { input: "$missing", to: "int", onNull: "none" } }, "none"],
      [{ $convert: { input: 1, to: null } }, null],
      [{ $convert: { input: null, to: null, onNull: 5 } }, 5],
      [{ $convert: { input: "x", to: "int", onError: "bad" } }, "bad"],
      [{ $convert: { input: "7", to: 16 } }, 7],
      [{ $convert: { input: "7", to: { type: "string" } } }, "7"],
      [{ $convert: { input: "x", to: "int", onError: "$missing" } }, undefined]
    ]))

  it("reads numbers as they are written, to the limits of the types", () => {
    gives([
      [{ $toInt: "-2147483648" }, -2147483648],
      [{ $toInt: -7.9 }, -7],
      [{ $toLong: "9223372036854775807" }, long("9223372036854775807")],
      [{ $toLong: decimal("9223372036854775807.9") }, long("9223372036854775807")],
      [{ $toDouble: "1e3" }, double(1000)],
      [{ $toDouble: "-.5" }, -0.5],
      [{ $toDouble: "NaN" }, Number.NaN],
      [{ $toDouble: "-Infinity" }, -Infinity],
      [{ $toDecimal: "1.50" }, decimal("1.50")],
      [{ $toDecimal: long("9007199254740993") }, decimal("9007199254740993")],
      [{ $toString: 1e16 }, "1e+16"],
      [{ $toString: -1.5e-7 }, "-1.5e-07"],
      [{ $toString: 123456789.5 }, "123456789.5"],
      [{ $toString: double(5) }, "5"],
      [{ $toString: decimal("1E+3") }, "1E+3"],
      [{ $toBool: "" }, true],
      [{ $toBool: Number.NaN }, true],
      [{ $toBool: decimal("0.00") }, false],
      [{ $toDate: -1.9 }, new Date(-1)],
      [{ $toObjectId: "64B7ABDECF2160B649AB6085" }, id]
    ])
    for (const spec of [
      { $toInt: "2147483648" },
      { $toInt: 2147483648 },
      { $toInt: Number.NaN },
      { $toInt: "1.5" },
      { $toInt: " 1" },
      { $toInt: "0x10" },
      { $toInt: "" },
      { $toLong: 2 ** 63 },
      { $toLong: decimal("NaN") },
      { $toLong: "9223372036854775808" },
      { $toDouble: "1e400" },
      { $toDouble: "1 " },
      { $toDouble: decimal("1E+400") },
      { $toDouble: decimal("1E-400") },
      { $toDecimal: "1e7000" },
      { $toDecimal: "x" },
      { $toObjectId: "64b7" },
      { $toDate: 5 },
      { $toDate: "soon" },
      { $toString: [[1]] }
    ])
      refusesAtOnce([[spec, /./, 241]])
  })

  it("writes and reads bytes as text", () => {
    const toText = (format: string, input: unknown = bytes) => ({ $convert: { input, to: "string", format } })
    const toBytes = (input: string, format: string, subtype = 0) => ({
      $convert: { input, to: { type: "binData", subtype }, format }
    })
    gives([
      [toText("base64"), "aGk="],
      [toText("base64url"), "aGk"],
      [toText("hex"), "6869"],
      [toText("utf8"), "hi"],
      [toText("uuid", uuid), "0d3a5b9e-1f2c-4d6e-8a7b-9c0d1e2f3a4b"],
      [{ $toString: uuid }, "0d3a5b9e-1f2c-4d6e-8a7b-9c0d1e2f3a4b"],
      [{ $toString: bytes }, "aGk="],
      [toBytes("aGk=", "base64"), bytes],
      [toBytes("aGk", "base64url"), bytes],
      [toBytes("6869", "hex"), bytes],
      [toBytes("hi", "utf8"), bytes],
      [{ $toUUID: "0d3a5b9e-1f2c-4d6e-8a7b-9c0d1e2f3a4b" }, uuid],
      [{ $toUUID: null }, null]
    ])
    refusesAtOnce([
      [{ $convert: { input: bytes, to: "string" } }, /takes a 'format'/],
      [toText("uuid"), /not a UUID/],
      [toText("rot13"), /no format rot13/],
      [toBytes("aGk", "base64"), /not binData in the format base64/],
      [toBytes("6869", "hex", 4), /not binData/],
      [{ $convert: { input: bytes, to: { type: "binData", subtype: 5 } } }, /between subtypes/],
      [toBytes("hi", "utf8", 77), /'subtype'/],
      [{ $toUUID: "nope" }, /not binData in the format uuid/]
    ])
  })

  it("is refused at once for types that there are not, also with onError", () => {
    refusesAtOnce([
      [{ $convert: { input: "$a", to: "integer", onError: 1 } }, /no type 'integer'/],
      [{ $convert: { input: "$a", to: 99, onError: 1 } }, /no type 99/],
      [{ $convert: { input: "$a", to: 1.5, onError: 1 } }, /no type 1.5/],
      [{ $convert: { input: "$a" } }, /requires the argument 'to'/],
      [{ $convert: { input: "$a", to: "int", or: 1 } }, /no argument 'or'/],
      [{ $convert: { input: "$a", to: "int", base: 16 } }, /not supported/]
    ])
    failsFor({ t: "integer" }, [[{ $convert: { input: 1, to: "$t", onError: 1 } }, /no type 'integer'/]])
  })
})
