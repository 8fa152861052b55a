import { Timestamp } from "bson"
import { describe, it } from "@effect/vitest"
import { date, decimal, failsFor, gives, literal, long, refusesAtOnce } from "./expressionSupport.ts"

const smile = "\u{1F600}"

describe("strings", () => {
  it("joins strings; null if a part is null", () =>
    gives([
      [{ $concat: ["a", "$b", "c"] }, "abc", { b: "b" }],
      [{ $concat: [] }, ""],
      [{ $concat: null }, null],
      [{ $concat: ["a", "$missing"] }, null]
    ]))

  it("change the case of ASCII letters only, and are empty for null", () =>
    gives([
      [{ $toUpper: "caf\u00e9" }, "CAF\u00e9"],
      [{ $toLower: "\u00c9COLE" }, "\u00c9cole"],
      [{ $toUpper: null }, ""],
      [{ $toLower: "$missing" }, ""],
      [{ $toUpper: 12 }, "12"],
      [{ $strcasecmp: ["Abc", "aBD"] }, -1],
      [{ $strcasecmp: ["\u00c9", "\u00e9"] }, -1],
      [{ $strcasecmp: [null, ""] }, 0]
    ]))

  it("returns lengths and positions in bytes and in code points", () =>
    gives([
      [{ $strLenCP: `a${smile}` }, 2],
      [{ $strLenBytes: `a${smile}` }, 5],
      [{ $indexOfCP: ["caf\u00e9t\u00e9ria", "t"] }, 4],
      [{ $indexOfBytes: ["caf\u00e9t\u00e9ria", "t"] }, 5],
      [{ $indexOfCP: [`${smile}x${smile}x`, "x", 2] }, 3],
      [{ $indexOfBytes: [`${smile}x${smile}x`, "x", 5] }, 9],
      [{ $indexOfCP: ["abcabc", "c", 0, 2] }, -1],
      [{ $indexOfCP: ["abcabc", "bc", 2, 6] }, 4],
      [{ $indexOfCP: ["abc", "", 3] }, 3],
      [{ $indexOfCP: ["abc", "", 4] }, -1],
      [{ $indexOfCP: ["$missing", "x"] }, null]
    ]))

  it("returns substrings by bytes and by code points, of numbers and dates too", () =>
    gives([
      [{ $substrCP: [`${smile}abc`, 0, 2] }, `${smile}a`],
      [{ $substrBytes: [`${smile}abc`, 4, 2] }, "ab"],
      [{ $substr: ["hello", 2, -1] }, "llo"],
      [{ $substr: ["hello", 9, 2] }, ""],
      [{ $substr: [12345, 1, 3] }, "234"],
      [{ $substrCP: [long("12345678901"), 9, 5] }, "01"],
      [{ $substr: [decimal("1.50"), 0, -1] }, "1.50"],
      [{ $substr: [date("2024-02-29T01:02:03.004Z"), 0, 10] }, "2024-02-29"],
      [{ $substr: [new Timestamp({ t: 60, i: 1 }), 0, 6] }, "Jan 01"],
      [{ $substr: ["$missing", 0, 1] }, ""]
    ]))

  it("splits, trims and replaces strings", () =>
    gives([
      [{ $split: ["a-b--c", "-"] }, ["a", "b", "", "c"]],
      [{ $split: ["abc", "x"] }, ["abc"]],
      [{ $split: ["$missing", "x"] }, null],
      [{ $trim: { input: " \t\u00a0a b\u0000 " } }, "a b"],
      [{ $ltrim: { input: "xxaxx", chars: "x" } }, "axx"],
      [{ $rtrim: { input: `a${smile}b${smile}`, chars: `${smile}b` } }, "a"],
      [{ $trim: { input: "   " } }, ""],
      [{ $trim: { input: "a", chars: null } }, null],
      [{ $replaceOne: { input: "a.a", find: ".", replacement: literal("$&") } }, "a$&a"],
      [{ $replaceAll: { input: "a.a.a", find: ".", replacement: literal("$1") } }, "a$1a$1a"],
      [{ $replaceAll: { input: "ab", find: "", replacement: "-" } }, "-a-b-"],
      [{ $replaceAll: { input: "ab", find: "a", replacement: null } }, null]
    ]))

  it("rejects other values than strings", () => {
    refusesAtOnce([
      [{ $concat: ["a", 1] }, /takes strings/],
      [{ $toUpper: true }, /type bool/],
      [{ $substr: ["\u00e9", 1, 1] }, /within a character/],
      [{ $substrCP: ["abc", 0, 1.5] }, /integer of 32 bits/],
      [{ $strLenCP: null }, /type null/],
      [{ $split: ["a", ""] }, /not empty/],
      [{ $trim: { input: 5 } }, /'input' that is a string/]
    ])
    failsFor({ a: 5 }, [
      [{ $strLenBytes: "$a" }, /type int/],
      [{ $indexOfCP: ["x", "$a"] }, /second operand/],
      [{ $replaceAll: { input: "x", find: "$a", replacement: "y" } }, /'find'/]
    ])
  })
})
