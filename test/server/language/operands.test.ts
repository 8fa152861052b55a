import { assert, describe, it } from "@effect/vitest"
import { EJSON } from "bson"
import { within } from "../../../src/server/language/budget.ts"
import { compile, frameOf, scopeOf } from "../../../src/server/language/Expression.ts"
import { LanguageError } from "../../../src/server/language/LanguageError.ts"
import { canonical, equals, type Document } from "../../../src/server/language/Value.ts"
import { environment, typed } from "./expressionSupport.ts"
import { anyValue, chance } from "./support.ts"

/** Operators of operands in a list. */
const positional =
  `$abs $acos $acosh $add $allElementsTrue $and $anyElementTrue $arrayElemAt $arrayToObject $asin $asinh $atan $atan2
  $atanh $avg $binarySize $bitAnd $bitNot $bitOr $bitXor $bsonSize $ceil $cmp $concat $concatArrays $cond $cos $cosh
  $dayOfMonth $dayOfWeek $dayOfYear $degreesToRadians $divide $eq $exp $first $floor $gt $gte $hour $ifNull $in
  $indexOfArray $indexOfBytes $indexOfCP $isArray $isNumber $isoDayOfWeek $isoWeek $isoWeekYear $last $ln $log $log10
  $lt $lte $max $mergeObjects $millisecond $min $minute $mod $month $multiply $ne $not $objectToArray $or $pow
  $radiansToDegrees $range $reverseArray $round $second $setDifference $setEquals $setIntersection $setIsSubset
  $setUnion $sin $sinh $size $slice $split $sqrt $stdDevPop $stdDevSamp $strLenBytes $strLenCP $strcasecmp $substr
  $substrBytes $substrCP $subtract $subtype $sum $tan $tanh $toBool $toDate $toDecimal $toDouble $toInt $toLong $toLower
  $toObjectId $toString $toUUID $toUpper $trunc $tsIncrement $tsSecond $type $week $year`.split(/\s+/)

/** Operators of named arguments. */
const named: Readonly<Record<string, ReadonlyArray<string>>> = {
  $convert: ["input", "to", "onNull"],
  $dateAdd: ["startDate", "unit", "amount", "timezone"],
  $dateDiff: ["startDate", "endDate", "unit", "startOfWeek"],
  $dateFromParts: ["year", "month", "day", "hour"],
  $dateFromString: ["dateString", "format", "timezone"],
  $dateSubtract: ["startDate", "unit", "amount"],
  $dateToParts: ["date", "iso8601"],
  $dateToString: ["date", "format", "timezone"],
  $dateTrunc: ["date", "unit", "binSize"],
  $filter: ["input", "cond", "limit"],
  $firstN: ["n", "input"],
  $getField: ["field", "input"],
  $lastN: ["n", "input"],
  $ltrim: ["input", "chars"],
  $map: ["input", "in"],
  $maxN: ["n", "input"],
  $minN: ["n", "input"],
  $reduce: ["input", "initialValue", "in"],
  $regexFind: ["input", "regex", "options"],
  $regexFindAll: ["input", "regex"],
  $regexMatch: ["input", "regex"],
  $replaceAll: ["input", "find", "replacement"],
  $replaceOne: ["input", "find", "replacement"],
  $rtrim: ["input", "chars"],
  $trim: ["input", "chars"],
  $zip: ["inputs", "useLongestLength", "defaults"]
}

const words = ["day", "hour", "week", "+02", "Europe/Rome", "%Y-%m-%d", "2024-05-06", "int", "string", "a|b"]

describe("operators", () => {
  it("compute a value or refuse, whatever their operands, and change none", () => {
    const random = chance(11)
    const operand = () =>
      random() < 0.2 ? words[Math.floor(random() * words.length)] : (anyValue(random, 2) ?? undefined)
    let computed = 0
    const check = (spec: Document, document: Document) => {
      const before = EJSON.stringify(document, { relaxed: false })
      try {
        const value = within({ steps: 1_000_000, values: 100_000 }, () =>
          compile(spec, scopeOf(environment)).evaluate(frameOf(environment, document))
        )
        computed++
        assert.isTrue(value === undefined || equals(canonical(value), value), `${typed(spec)} of ${typed(document)}`)
      } catch (error) {
        assert.instanceOf(error, LanguageError, `${typed(spec)} of ${typed(document)}`)
      }
      assert.strictEqual(EJSON.stringify(document, { relaxed: false }), before)
    }
    for (let round = 0; round < 25; round++) {
      const document = { a: operand(), b: operand(), c: operand(), d: operand() }
      for (const name of positional)
        for (const count of [1, 2, 3]) check({ [name]: ["$a", "$b", "$c"].slice(0, count) }, document)
      for (const [name, keys] of Object.entries(named))
        check({ [name]: Object.fromEntries(keys.map((key, i) => [key, `$${"abcd"[i]}`])) }, document)
    }
    assert.isAbove(computed, 1000)
  })
})
