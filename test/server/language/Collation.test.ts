import { assert, describe, it } from "@effect/vitest"
import { BSONSymbol } from "bson"
import { within } from "../../../src/server/language/budget.ts"
import * as Collation from "../../../src/server/language/Collation.ts"
import { distinct } from "../../../src/server/language/distinct.ts"
import type { Environment } from "../../../src/server/language/Environment.ts"
import * as Filter from "../../../src/server/language/Filter.ts"
import * as Projection from "../../../src/server/language/Projection.ts"
import * as Sort from "../../../src/server/language/Sort.ts"
import type { Document } from "../../../src/server/language/Value.ts"
import { aggregate, updated } from "./operations.ts"
import { refusal } from "./support.ts"

const insensitive = { locale: "en", strength: 2 }

const compare = (spec: Document, a: unknown, b: unknown) => Collation.compile(spec).compare(a, b)

const environment = (spec: Document = insensitive): Environment => ({
  now: new Date(0),
  random: () => 0.5,
  objectId: () => assert.fail("no id is needed"),
  collection: () => [],
  collation: Collation.compile(spec)
})

const matches = (filter: Document, document: Document, spec?: Document) =>
  Filter.compile(filter, { environment: environment(spec) }).matches(document)

const sorted = (spec: Document, texts: ReadonlyArray<unknown>, limit?: number) =>
  Sort.compile({ t: 1 }, { collation: Collation.compile(spec) })
    .sorted(
      texts.map((t) => ({ t })),
      limit
    )
    .map(({ t }) => t)

describe("a collation", () => {
  it.each([
    [{ locale: "en", strength: 1 }, "a", "Á", 0],
    [{ locale: "en", strength: 1 }, "ss", "ß", 0],
    [{ locale: "en", strength: 1, caseLevel: true }, "a", "á", 0],
    [{ locale: "en", strength: 1, caseLevel: true }, "a", "A", -1],
    [{ locale: "en", strength: 2 }, "a", "A", 0],
    [{ locale: "en", strength: 2 }, "a", "á", -1],
    [{ locale: "en", strength: 2, caseLevel: true }, "a", "A", -1],
    [{ locale: "en", strength: 2, caseLevel: true }, "Á", "á", 1],
    [{ locale: "en" }, "a", "A", -1],
    [{ locale: "en", caseFirst: "upper" }, "a", "A", 1],
    [{ locale: "en", caseFirst: "upper", caseLevel: true, strength: 3 }, "ab", "Aá", 1],
    [{ locale: "en", caseFirst: "off" }, "a", "A", -1],
    [{ locale: "en" }, "a", "B", -1],
    [{ locale: "en" }, "10", "9", -1],
    [{ locale: "en", numericOrdering: true }, "10", "9", 1],
    [{ locale: "en", alternate: "shifted" }, "a b", "ab", 0],
    [{ locale: "en", alternate: "non-ignorable", maxVariable: "space" }, "a b", "ab", -1],
    [{ locale: "en", normalization: true }, "\u00E5", "a\u030A", 0],
    [{ locale: "de" }, "\u00E4", "b", -1],
    [{ locale: "sv" }, "\u00E4", "z", 1],
    [{ locale: "de" }, "\u00E4", "ad", -1],
    [{ locale: "de@collation=phonebook" }, "\u00E4", "ad", 1],
    [{ locale: "fr" }, "cot\u00E9", "c\u00F4te", -1],
    [{ locale: "fr_CA" }, "cot\u00E9", "c\u00F4te", 1],
    [{ locale: "simple" }, "a", "B", 1],
    [{}, "a", "B", 1]
  ])("%o compares %s and %s: %i", (spec, a, b, expected) => {
    const order = compare(spec, a, b)
    assert.strictEqual(order, expected)
    assert.strictEqual(compare(spec, b, a), expected === 0 ? 0 : -expected)
    const { keyOf } = Collation.compile(spec)
    assert.strictEqual(keyOf(a) === keyOf(b), order === 0)
  })

  it("compares strings inside of values, and neither names nor other types", () => {
    const { compare, equals, keyOf } = Collation.compile(insensitive)
    assert.isTrue(equals({ a: ["X", { b: "y" }] }, { a: ["x", { b: "Y" }] }))
    assert.isTrue(equals("x", new BSONSymbol("X")))
    assert.isFalse(equals({ a: 1 }, { A: 1 }))
    assert.strictEqual(keyOf({ a: ["X", 1] }), keyOf({ a: ["x", 1] }))
    assert.notStrictEqual(keyOf({ a: 1 }), keyOf({ A: 1 }))
    assert.strictEqual(compare(2, 10), -1)
    assert.strictEqual(compare(["b"], ["B", 1]), -1)
    assert.strictEqual(compare("z", { a: 1 }), -1)
  })

  it("gives keys of many texts that are the same exactly for equal ones", () => {
    const { equals, keyOf } = Collation.compile({ locale: "en", strength: 1 })
    const letters = ["a", "A", "\u00E1", "b", "B", "ss", "\u00DF", "-", "1"]
    const texts = letters.flatMap((a) => letters.map((b) => a + b))
    for (const a of texts) for (const b of texts) assert.strictEqual(keyOf(a) === keyOf(b), equals(a, b), `${a} ${b}`)
  })

  it("finds the key of one of many texts in steps that hardly grow with their number", () => {
    const stepsOf = (count: number) => {
      const { keyOf } = Collation.compile(insensitive)
      const budget = { steps: 1e9, values: 1e9 }
      within(budget, () => {
        for (let i = 0; i < count; i++) keyOf(`text ${(i * 7919) % count}`)
      })
      return (1e9 - budget.steps) / count
    }
    assert.isBelow(stepsOf(16_000), 1.6 * stepsOf(1_000))
  })

  it.each([
    [{ strength: 2 }, /'collation.locale' is missing/, 40414],
    [{ locale: 5 }, /'collation.locale' is the wrong type 'int'/, 14],
    [{ locale: "en", strong: 2 }, /'collation.strong' is an unknown field/, 40415],
    [{ locale: "EN" }, /Field 'locale' is invalid/, 2],
    [{ locale: "en-US" }, /Field 'locale' is invalid/, 2],
    [{ locale: "zz_ZZ" }, /Field 'locale' is invalid/, 2],
    [{ locale: "en@collation=phonebook" }, /no order of the type 'phonebook'/, 115],
    [{ locale: "en", strength: 0 }, /from 1 to 5/, 2],
    [{ locale: "en", strength: 6 }, /from 1 to 5/, 2],
    [{ locale: "en", strength: "2" }, /'collation.strength' is the wrong type 'string'/, 14],
    [{ locale: "en", strength: 4 }, /'strength' of 4 in a collation is not supported/, 115],
    [{ locale: "en", strength: 5 }, /'strength' of 5 in a collation is not supported/, 115],
    [{ locale: "en", caseLevel: 1 }, /'caseLevel' should be a boolean/, 14],
    [{ locale: "en", caseFirst: "first" }, /'caseFirst' of a collation is one of upper, lower, off/, 2],
    [{ locale: "en", caseFirst: "upper", strength: 2 }, /'caseFirst' is invalid unless/, 2],
    [{ locale: "en", alternate: "shifted", maxVariable: "space" }, /'maxVariable' of 'space'/, 115],
    [{ locale: "en", backwards: true }, /'backwards' of true in a collation is not supported/, 115],
    [{ locale: "fr_CA", backwards: false }, /'backwards' of false in a collation is not supported/, 115],
    [{ locale: "en", backwards: true, strength: 1 }, /'backwards' is invalid with 'strength' of 1/, 2],
    [{ locale: "en", version: "57.1" }, /'version' in a collation is not supported/, 115],
    ["en", /a collation must be an object/, 14]
  ])("is refused as %o", (spec, message, code) => {
    const refused = refusal(() => Collation.compile(spec))
    assert.match(refused.message, message)
    assert.strictEqual(refused.code, code)
  })

  it("is that of the language where 'backwards' asks for the same", () => {
    assert.strictEqual(compare({ locale: "fr_CA", backwards: true }, "cot\u00E9", "c\u00F4te"), 1)
    assert.strictEqual(compare({ locale: "fr", backwards: false }, "cot\u00E9", "c\u00F4te"), -1)
  })
})

describe("under a collation", () => {
  it.each([
    [{ a: "ADA" }, true],
    [{ a: { $eq: "bob" } }, false],
    [{ a: { $ne: "ADA" } }, false],
    [{ a: { $in: ["x", "ADA", 5] } }, true],
    [{ a: { $in: ["x", 5] } }, false],
    [{ a: { $nin: ["ADA", "x"] } }, false],
    [{ a: { $gt: "AC" } }, true],
    [{ a: { $gt: "ADA" } }, false],
    [{ a: { $gte: "ADA", $lte: "ADA" } }, true],
    [{ list: "TWO" }, true],
    [{ list: { $all: ["ONE", "TWO"] } }, true],
    [{ list: { $elemMatch: { $eq: "TWO" } } }, true],
    [{ parts: { $elemMatch: { kind: "BIG" } } }, true],
    [{ parts: [{ kind: "BIG" }] }, true],
    [{ $or: [{ a: "x" }, { a: "ADA" }] }, true],
    [{ $expr: { $eq: ["$a", "ADA"] } }, true],
    [{ $expr: { $in: ["ADA", ["$a"]] } }, true],
    [{ $expr: { $ne: [{ $indexOfArray: ["$list", "TWO"] }, 1] } }, false],
    [{ a: /^A/ }, false],
    [{ A: "ada" }, false],
    [{ $jsonSchema: { properties: { a: { enum: ["ADA"] } } } }, false]
  ])("the filter %o matches: %s", (filter, expected) => {
    const document = { a: "ada", list: ["one", "two"], parts: [{ kind: "big" }] }
    assert.strictEqual(matches(filter, document), expected)
  })

  it("a filter has no condition of strings for an index, and those of other types", () => {
    const { conditions } = Filter.compile(
      { a: "x", n: { $gt: 5 }, m: { $in: [1, "x"] }, o: { $lt: "x" }, $or: [{ k: 1 }, { l: "x" }] },
      { environment: environment() }
    )
    assert.deepEqual(conditions, [{ kind: "order", path: "n", operator: "$gt", value: 5 }])
  })

  it("documents are sorted, and those that are equal stay in their order", () => {
    const texts = ["b", "A", "\u00E1", "a", "B", 5]
    assert.deepEqual(sorted({ locale: "en", strength: 1 }, texts), [5, "A", "\u00E1", "a", "b", "B"])
    assert.deepEqual(sorted({ locale: "en" }, texts), [5, "a", "A", "\u00E1", "b", "B"])
    const many = Array.from({ length: 40 }, (_, i) => (i % 2 === 0 ? `K${i % 10}` : `k${i % 10}`))
    assert.deepEqual(
      sorted(insensitive, many, 4),
      many.filter((it) => it.endsWith("0"))
    )
    assert.deepEqual(sorted(insensitive, many), sorted(insensitive, many, 40))
  })

  it("values are distinct that differ, each as it was met first", () => {
    const documents = [{ a: "x" }, { a: "X" }, { a: ["y", "Y", 1] }]
    assert.deepEqual(distinct(documents, "a", Collation.compile(insensitive)), ["x", "y", 1])
  })

  const found = (documents: ReadonlyArray<Document>, ...pipeline: ReadonlyArray<Document>) =>
    aggregate(
      documents,
      pipeline,
      {
        others: [
          { _id: 1, k: "ADA" },
          { _id: 2, k: "bob", of: "ada" }
        ]
      },
      {},
      insensitive
    )

  it("pipelines group, join, bucket and rank", () => {
    const documents = [
      { _id: 1, a: "ada", n: 1 },
      { _id: 2, a: "ADA", n: 2 },
      { _id: 3, a: "bob", n: 3 }
    ]
    assert.deepEqual(found(documents, { $group: { _id: "$a", n: { $sum: "$n" } } }), [
      { _id: "ada", n: 3 },
      { _id: "bob", n: 3 }
    ])
    assert.deepEqual(found(documents, { $group: { _id: { k: "$a" }, all: { $addToSet: "$a" } } }), [
      { _id: { k: "ada" }, all: ["ada"] },
      { _id: { k: "bob" }, all: ["bob"] }
    ])
    assert.deepEqual(found(documents, { $group: { _id: null, least: { $min: "$a" }, most: { $max: "$a" } } }), [
      { _id: null, least: "ada", most: "bob" }
    ])
    assert.deepEqual(
      found(documents, { $lookup: { from: "others", localField: "a", foreignField: "k", as: "o" } }).map(({ o }) => o),
      [[{ _id: 1, k: "ADA" }], [{ _id: 1, k: "ADA" }], [{ _id: 2, k: "bob", of: "ada" }]]
    )
    assert.deepEqual(
      found([documents[0] ?? {}], {
        $graphLookup: { from: "others", startWith: "Bob", connectFromField: "of", connectToField: "k", as: "o" }
      }).map(({ o }) => o),
      [
        [
          { _id: 2, k: "bob", of: "ada" },
          { _id: 1, k: "ADA" }
        ]
      ]
    )
    assert.deepEqual(found(documents, { $bucket: { groupBy: "$a", boundaries: ["A", "B", "C"] } }), [
      { _id: "A", count: 2 },
      { _id: "B", count: 1 }
    ])
    assert.deepEqual(
      found(documents, { $setWindowFields: { sortBy: { a: 1 }, output: { r: { $rank: {} } } } }).map(({ r }) => r),
      [1, 1, 3]
    )
    assert.deepEqual(found(documents, { $sortByCount: "$a" }), [
      { _id: "ada", count: 2 },
      { _id: "bob", count: 1 }
    ])
  })

  it.each([
    [{ $setUnion: [["a"], ["A", "b"]] }, ["a", "b"]],
    [{ $setIntersection: [["a"], ["A", "b"]] }, ["a"]],
    [{ $setDifference: [["a", "b"], ["A"]] }, ["b"]],
    [{ $setEquals: [["a"], ["A"]] }, true],
    [{ $setIsSubset: [["A"], ["a", "b"]] }, true],
    [{ $cmp: ["a", "B"] }, -1],
    [{ $max: ["a", "B"] }, "B"],
    [{ $minN: { n: 1, input: ["B", "a"] } }, ["a"]],
    [{ $sortArray: { input: ["B", "a", "C"], sortBy: 1 } }, ["a", "B", "C"]],
    [{ $strcasecmp: ["a", "b"] }, -1],
    [{ $eq: [{ $toUpper: "a" }, "a"] }, true]
  ])("the expression %o is %o", (expression, expected) => {
    assert.deepEqual(found([{}], { $project: { r: expression } }), [{ r: expected }])
  })

  it("updates compare elements and bounds", () => {
    const update = (document: Document, change: Document, options: Parameters<typeof updated>[2] = {}) =>
      updated(document, change, { ...options, collation: insensitive })
    assert.deepEqual(update({ l: ["a"] }, { $addToSet: { l: { $each: ["A", "b"] } } }), { l: ["a", "b"] })
    assert.deepEqual(update({ l: ["a", "b"] }, { $pull: { l: "A" } }), { l: ["b"] })
    assert.deepEqual(update({ l: ["a", "b"] }, { $pull: { l: { $in: ["A"] } } }), { l: ["b"] })
    assert.deepEqual(update({ l: [{ k: "a" }] }, { $pull: { l: { k: "A" } } }), { l: [] })
    assert.deepEqual(update({ l: ["a", "b"] }, { $pullAll: { l: ["A"] } }), { l: ["b"] })
    assert.deepEqual(update({ l: [] }, { $push: { l: { $each: ["b", "A"], $sort: 1 } } }), { l: ["A", "b"] })
    assert.deepEqual(update({ t: "b" }, { $min: { t: "A" } }), { t: "A" })
    assert.deepEqual(update({ t: "b" }, { $max: { t: "B" } }), { t: "b" })
    const arrayFilters = [{ e: "A" }]
    assert.deepEqual(update({ l: ["a", "b"] }, { $set: { "l.$[e]": 1 } }, { arrayFilters }), { l: [1, "b"] })
    assert.deepEqual(update({ l: ["a", "b"] }, { $set: { "l.$": 1 } }, { filter: { l: "B" } }), { l: ["a", 1] })
  })

  it("projections find elements", () => {
    const { apply } = Projection.compile({ l: { $elemMatch: { k: "A" } } }, { environment: environment() })
    assert.deepEqual(apply({ _id: 1, l: [{ k: "b" }, { k: "a" }] }), { _id: 1, l: [{ k: "a" }] })
  })

  it("$merge is refused, since unique indexes compare bytes", () => {
    assert.match(refusal(() => found([], { $merge: "others" })).message, /\$merge with a collation/)
  })
})
