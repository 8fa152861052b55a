import { assert, describe, it } from "@effect/vitest"
import { Decimal128, Long } from "bson"
import * as decimals from "../../../src/server/language/decimals.ts"
import * as numbers from "../../../src/server/language/numbers.ts"
import { decimal, double, gives, literal, long, typed } from "./expressionSupport.ts"
import { chance } from "./support.ts"

describe("types of numbers", () => {
  it("widen to the wider of two operands", () =>
    gives([
      [{ $add: [7, 8] }, 15],
      [{ $add: [7, long(8)] }, long(15)],
      [{ $add: [7, 0.5] }, 7.5],
      [{ $add: [7.5, 0.5] }, double(8)],
      [{ $add: [long(7), double(8)] }, double(15)],
      [{ $add: [7, decimal("8.10")] }, decimal("15.10")],
      [{ $multiply: [decimal("1.50"), decimal("2.0")] }, decimal("3.000")],
      [{ $subtract: [decimal("5"), long(7)] }, decimal("-2")],
      [{ $multiply: [] }, 1],
      [{ $add: [] }, 0],
      [{ $add: 17 }, 17]
    ]))

  it("overflow from int to long, and from long to double", () =>
    gives([
      [{ $add: [2147483000, 1000] }, long(2147484000)],
      [{ $subtract: [-2147483648, 1] }, long(-2147483649)],
      [{ $multiply: [65536, 65536] }, long(4294967296)],
      [{ $multiply: [2147483647, -2147483647] }, long("-4611686014132420609")],
      [{ $add: [long("9007199254740993"), 2] }, long("9007199254740995")],
      [{ $add: [long("9223372036854775807"), 1] }, 9223372036854775808],
      [{ $multiply: [long("4611686018427387904"), 4] }, 18446744073709551616],
      [{ $pow: [3, 5] }, 243],
      [{ $pow: [2, 40] }, long(1099511627776)],
      [{ $pow: [7, 40] }, 7 ** 40],
      [{ $pow: [2, -2] }, 0.25],
      [{ $pow: [long(-1), -3] }, long(-1)],
      [{ $abs: -2147483648 }, long(2147483648)]
    ]))

  it("keep -0 and integers apart", () =>
    gives([
      [{ $multiply: [0, -5] }, 0],
      [{ $multiply: [-0.5, 0] }, -0],
      [{ $subtract: [long(5), long(5)] }, long(0)],
      [{ $round: -0.4 }, -0]
    ]))

  it("divide to doubles and decimals", () =>
    gives([
      [{ $divide: [9, 3] }, double(3)],
      [{ $divide: [1, 8] }, 0.125],
      [{ $divide: [decimal("1"), 3] }, decimal("0.3333333333333333333333333333333333")],
      [{ $divide: [decimal("2"), decimal("8")] }, decimal("0.25")],
      [{ $divide: [decimal("1E+3"), decimal("1E+3")] }, decimal("1")],
      [{ $mod: [17, 5] }, 2],
      [{ $mod: [-17, 5] }, -2],
      [{ $mod: [long(17), 5] }, long(2)],
      [{ $mod: [17, double(5)] }, double(2)],
      [{ $mod: [17.5, 5] }, 2.5],
      [{ $mod: [17, 2.5] }, double(2)],
      [{ $mod: [decimal("17.5"), 5] }, decimal("2.5")]
    ]))

  it("convert doubles to decimals with 15 digits", () =>
    gives([
      [{ $add: [decimal("1"), 0.1] }, decimal("1.100000000000000")],
      [{ $toDecimal: 2.5 }, decimal("2.50000000000000")],
      [{ $multiply: [decimal("2"), 1e300] }, decimal("2.00000000000000E+300")]
    ]))
})

describe("rounding", () => {
  it("is to the nearest, a tie to the even one, also to places before the point", () =>
    gives([
      [{ $round: [28.73, -1] }, double(30)],
      [{ $round: [15, -1] }, 20],
      [{ $round: [25, -1] }, 20],
      [{ $round: [-15, -1] }, -20],
      [{ $round: [long(1250), -2] }, long(1200)],
      [{ $round: 2.5 }, double(2)],
      [{ $round: 3.5 }, double(4)],
      [{ $round: -1.5 }, double(-2)],
      [{ $round: [1.25, 1] }, 1.2],
      [{ $round: [1.005, 2] }, double(1)],
      [{ $round: [1234.5678, 2] }, 1234.57],
      [{ $round: [1e300, 2] }, 1e300],
      [{ $round: [decimal("1.15"), 1] }, decimal("1.2")],
      [{ $round: [decimal("1.5"), 3] }, decimal("1.500")],
      [{ $round: [7, 2] }, 7],
      [{ $round: [2147483647, -1] }, long(2147483650)],
      [{ $round: [null, 1] }, null],
      [{ $round: [1.5, "$missing"] }, null]
    ]))

  it("cuts off, down and up", () =>
    gives([
      [{ $trunc: -2.7 }, double(-2)],
      [{ $trunc: [128.789, 1] }, 128.7],
      [{ $trunc: [1299, -2] }, 1200],
      [{ $floor: -2.1 }, double(-3)],
      [{ $ceil: 2.1 }, double(3)],
      [{ $ceil: decimal("-2.9") }, decimal("-2")],
      [{ $floor: decimal("-2.1") }, decimal("-3")],
      [{ $floor: 4 }, 4],
      [{ $ceil: long(4) }, long(4)],
      [{ $floor: null }, null]
    ]))
})

describe("functions of numbers", () => {
  it("take one operand, with or without a list around it", () =>
    gives([
      [{ $abs: [-3] }, 3],
      [{ $sqrt: [9] }, double(3)],
      [{ $exp: [0] }, double(1)],
      [{ $ln: [1] }, double(0)],
      [{ $log10: 1000 }, double(3)],
      [{ $log: [8, 2] }, double(3)],
      [{ $sqrt: decimal("2") }, decimal("1.414213562373095048801688724209698")],
      [{ $exp: decimal("1") }, decimal("2.718281828459045235360287471352662")],
      [{ $ln: decimal("2") }, decimal("0.6931471805599453094172321214581766")],
      [{ $pow: [decimal("2"), decimal("0.5")] }, decimal("1.414213562373095048801688724209698")],
      [{ $sin: 0 }, double(0)],
      [{ $cos: 0 }, double(1)],
      [{ $atan2: [0, -1] }, Math.PI],
      [{ $sin: decimal("1") }, decimal("0.8414709848078965066525023216302990")],
      [{ $acosh: decimal("2") }, decimal("1.316957896924816708625046347307968")],
      [{ $degreesToRadians: 180 }, Math.PI],
      [{ $radiansToDegrees: Math.PI }, double(180)],
      [{ $tan: "$missing" }, null],
      [{ $mod: ["$missing", 2] }, null]
    ]))

  it("answers extreme values at once", () =>
    gives([
      [{ $asinh: decimal("1E-6000") }, decimal("1.000000000000000000000000000000000E-6000")],
      [{ $tanh: decimal("14000") }, decimal("1.000000000000000000000000000000000")],
      [{ $exp: decimal("1E+6000") }, decimal("Infinity")],
      [{ $pow: [decimal("9.9"), 1000000000] }, decimal("Infinity")],
      [{ $atan: decimal("1E+6144") }, decimal("1.570796326794896619231321691639751")]
    ]))

  it("accepts ints and longs for bit operations", () =>
    gives([
      [{ $bitAnd: [12, 10] }, 8],
      [{ $bitOr: [12, long(3)] }, long(15)],
      [{ $bitXor: [12, 10, 1] }, 7],
      [{ $bitNot: 5 }, -6],
      [{ $bitAnd: [] }, -1],
      [{ $bitOr: [1, null] }, null],
      [{ $bitAnd: [long("-1"), 255] }, long(255)]
    ]))
})

describe("decimals", () => {
  const texts = ["0", "-0", "1", "-1.50", "1E+6144", "9.999999999999999999999999999999999E+6144", "1E-6176", "NaN"]

  it("decodes and encodes decimals losslessly", () => {
    for (const text of [...texts, "Infinity", "-Infinity", "123.4500"]) {
      const value = Decimal128.fromString(text)
      assert.strictEqual(String(decimals.write(decimals.read(value))), String(value))
    }
  })

  it("agree with integers, whatever their exponents", () => {
    const random = chance(7)
    for (let round = 0; round < 2000; round++) {
      const a = BigInt(Math.floor((random() - 0.5) * 2 ** 52))
      const b = BigInt(Math.floor((random() - 0.5) * 2 ** 40)) || 1n
      const power = Math.floor(random() * 10)
      const left = decimals.ofInteger(a)
      const right = { ...decimals.ofInteger(b), exponent: power }
      const scaled = b * 10n ** BigInt(power)
      const integer = (value: decimals.Decimal) => decimals.toInteger(value, "trunc", 80)
      assert.strictEqual(integer(decimals.add(left, right)), a + scaled)
      if (String(a * scaled).length < 34) assert.strictEqual(integer(decimals.multiply(left, right)), a * scaled)
      assert.strictEqual(integer(decimals.remainder(left, right)), a % scaled)
      assert.strictEqual(integer(decimals.quantize(left, 0, "floor")), a)
    }
  })

  it("round to 34 digits, and beyond the exponents to infinity and 0", () => {
    const given = (text: string) => decimals.toText(decimals.parse(text) ?? decimals.nan)
    assert.strictEqual(given("12345678901234567890123456789012345"), "1.234567890123456789012345678901234E+34")
    assert.strictEqual(given("12345678901234567890123456789012355"), "1.234567890123456789012345678901236E+34")
    assert.strictEqual(given("1e7000"), "Infinity")
    assert.strictEqual(given("-1e-7000"), "-0E-6176")
    assert.strictEqual(given("5e-6177"), "0E-6176")
    assert.strictEqual(given("6e-6177"), "1E-6176")
  })
})

describe("sums", () => {
  const sum = (...values: ReadonlyArray<unknown>) => {
    const total = new numbers.Sum()
    for (const value of values) total.add(value)
    return typed([total.total(), total.average(), total.count])
  }

  it("returns the widest type, and ignores other values than numbers", () => {
    assert.strictEqual(sum(), typed([0, null, 0]))
    assert.strictEqual(sum(1, 2, "x", null), typed([3, 1.5, 2]))
    assert.strictEqual(sum(2147483647, 1), typed([long(2147483648), double(1073741824), 2]))
    assert.strictEqual(sum(1, 0.5, long(2)), typed([3.5, 3.5 / 3, 3]))
    assert.strictEqual(sum(1, decimal("0.5")), typed([decimal("1.5"), decimal("0.75"), 2]))
  })

  it("sums large and small doubles without loss", () => {
    assert.strictEqual(sum(...Array.from({ length: 10 }, () => 0.1)), typed([double(1), 0.1, 10]))
    assert.strictEqual(sum(1e16, 1, -1e16), typed([double(1), 1 / 3, 3]))
  })

  it("sums longs exactly beyond 2^53, and as doubles beyond 2^63", () => {
    const most = Long.MAX_VALUE
    assert.strictEqual(sum(most, -7), typed([long("9223372036854775800"), 9223372036854775800 / 2, 2]))
    assert.strictEqual(sum(most, most), typed([2 ** 64, 2 ** 63, 2]))
    assert.strictEqual(sum(most, 5, Long.MIN_VALUE).startsWith("[long 4,"), true)
  })

  it("as expressions look into the array that is their only operand", () =>
    gives([
      [{ $sum: [[1, 2, 3]] }, 6],
      [{ $sum: "$l" }, 6, { l: [1, 2, "x", 3] }],
      [{ $sum: ["$l", 5] }, 5, { l: [1, 2] }],
      [{ $avg: "$l" }, 2.5, { l: [2, 3] }],
      [{ $avg: "$missing" }, null],
      [{ $max: ["$a", 4, null] }, 4, { a: 3 }],
      [{ $min: literal([]) }, null],
      [{ $stdDevPop: [1, 3] }, double(1)],
      [{ $stdDevSamp: [1] }, null],
      [{ $median: { input: [4, 1, 3], method: "approximate" } }, double(3)],
      [{ $percentile: { input: "$l", p: [0.5, 0.9], method: "approximate" } }, [double(2), double(3)], { l: [1, 2, 3] }]
    ]))
})
