import { assert, describe, it } from "@effect/vitest"
import { Double, Long } from "bson"
import type { Document } from "../../../src/server/language/Value.ts"
import { within } from "../../../src/server/language/budget.ts"
import * as Pipeline from "../../../src/server/language/Pipeline.ts"
import { aggregate, compilePipeline, madeId, now } from "./operations.ts"
import { refusal } from "./support.ts"

type Documents = ReadonlyArray<Document>

const refuses = (stage: Document, message: RegExp) =>
  assert.match(refusal(() => compilePipeline([stage])).message, message, JSON.stringify(stage))

/** The ids of what a lookup found for each document. */
const found = (documents: Documents, others: Documents, lookup: Document) =>
  aggregate(documents, [{ $lookup: { from: "o", as: "f", ...lookup } }], { o: others }).map((it) =>
    (it["f"] as Documents).map((document) => document["_id"])
  )

describe("$lookup by a field", () => {
  const join = { localField: "v", foreignField: "k" }

  it("finds what is equal, in arrays on either side", () => {
    const others = [
      { _id: 1, k: "a" },
      { _id: 2, k: ["a", "b"] },
      { _id: 3, k: 7 }
    ]
    assert.deepStrictEqual(found([{ v: "a" }, { v: ["b", 7] }, { v: new Double(7) }, { v: "z" }], others, join), [
      [1, 2],
      [2, 3],
      [3],
      []
    ])
  })

  it("finds what is null or missing for what is null or missing", () => {
    const others = [{ _id: 1, k: null }, { _id: 2 }, { _id: 3, k: 1 }]
    assert.deepStrictEqual(found([{ v: null }, {}, { v: 1 }], others, join), [[1, 2], [1, 2], [3]])
  })

  it("goes through documents in arrays", () =>
    assert.deepStrictEqual(
      found([{ items: [{ id: 2 }, { id: 1 }] }], [{ _id: 1 }, { _id: 2 }], {
        localField: "items.id",
        foreignField: "_id"
      }),
      [[1, 2]]
    ))

  it("writes to a path, not to a field whose name has a dot", () =>
    assert.deepStrictEqual(
      aggregate(
        [{ _id: 1, u: { a: 1 } }],
        [{ $lookup: { from: "o", as: "u.j", localField: "_id", foreignField: "_id" } }],
        { o: [{ _id: 1 }] }
      ),
      [{ _id: 1, u: { a: 1, j: [{ _id: 1 }] } }]
    ))
})

describe("$lookup by a pipeline", () => {
  it("sees the variables of let, those of the lookups around it too", () => {
    const others = [
      { _id: 1, k: 1, q: 5 },
      { _id: 2, k: 1, q: 50 },
      { _id: 3, k: 2, q: 9 }
    ]
    const pipeline = [{ $match: { $expr: { $and: [{ $eq: ["$k", "$$v"] }, { $gt: ["$q", "$$least"] }] } } }]
    assert.deepStrictEqual(
      found(
        [
          { v: 1, m: 10 },
          { v: 2, m: 1 }
        ],
        others,
        { let: { v: "$v", least: "$m" }, pipeline }
      ),
      [[2], [3]]
    )
    const inner = {
      from: "o",
      let: { q: "$q" },
      as: "g",
      pipeline: [{ $match: { $expr: { $eq: ["$q", { $add: ["$$q", "$$v"] }] } } }]
    }
    assert.deepStrictEqual(
      aggregate(
        [{ v: 4 }],
        [
          {
            $lookup: {
              from: "o",
              let: { v: "$v" },
              as: "f",
              pipeline: [{ $lookup: inner }, { $match: { "g.0": { $exists: true } } }, { $unset: "g" }]
            }
          }
        ],
        { o: others }
      ),
      [{ v: 4, f: [{ _id: 1, k: 1, q: 5 }] }]
    )
  })

  it("joins by a field first, and creates documents itself", () => {
    const others = [
      { _id: 1, k: 1 },
      { _id: 2, k: 1 }
    ]
    const by = { localField: "v", foreignField: "k" }
    assert.deepStrictEqual(found([{ v: 1 }], others, { ...by, pipeline: [{ $sort: { _id: -1 } }, { $limit: 1 }] }), [
      [2]
    ])
    assert.deepStrictEqual(
      aggregate([{ v: 1 }], [{ $lookup: { as: "f", ...by, pipeline: [{ $documents: [{ k: 1 }, { k: 2 }] }] } }]),
      [{ v: 1, f: [{ k: 1 }] }]
    )
  })

  it("runs once where it does not depend on the document", () => {
    let steps = 0
    const collection = () => [{ _id: 1 }]
    const random = () => 0.5
    const counted = { now, random, objectId: () => madeId, collection: () => (steps++, collection()), variables: {} }
    const run = (pipeline: Documents) =>
      [...Pipeline.compile([{ $lookup: { from: "o", as: "f", pipeline } }], counted).run([{}, {}, {}])].map(
        (it) => it["f"]
      )
    const [first, second] = run([{ $set: { a: 1 } }])
    assert.deepStrictEqual(first, [{ _id: 1, a: 1 }])
    assert.strictEqual(first, second)
    assert.strictEqual(steps, 1)
    const [one, other] = run([{ $set: { a: { $rand: {} } } }])
    assert.notStrictEqual(one, other)
  })

  it("looks up what it begins to compare with a variable, whatever the values are", () => {
    const values = [1, new Double(1), "1", null, [1], { a: 1 }, true]
    const others: Documents = [...values.map((k, i) => ({ _id: i, k })), { _id: 7 }]
    const documents: Documents = [...values.map((v) => ({ v })), {}]
    const quick = { let: { v: "$v" }, pipeline: [{ $match: { $expr: { $eq: ["$$v", "$k"] } } }] }
    const slow = { let: { v: "$v" }, pipeline: [{ $match: {} }, { $match: { $expr: { $eq: ["$$v", "$k"] } } }] }
    assert.deepStrictEqual(found(documents, others, quick), found(documents, others, slow))
    assert.deepStrictEqual(found(documents, others, quick), [[0, 1], [0, 1], [2], [3], [4], [5], [6], [7]])
    const many = Array.from({ length: 3000 }, (_, i) => ({ _id: i, k: i }))
    const all = { $and: [{ $gte: ["$_id", 0] }, { $eq: ["$k", "$$v"] }] }
    const pipeline = [{ $match: { $expr: all } }]
    within({ steps: 200_000, values: 200_000 }, () => {
      const results = found(
        many.map(({ k }) => ({ v: k })),
        many,
        { let: { v: "$v" }, pipeline }
      )
      assert.deepStrictEqual(results[2999], [2999])
    })
  })

  it("is refused for what it does not know, before there is a document", () => {
    refuses({ $lookup: { from: "o", as: "f" } }, /requires either 'pipeline' or both/)
    refuses({ $lookup: { from: "o", as: "f", localField: "a" } }, /both or neither/)
    refuses({ $lookup: { from: "o", as: "f", pipeline: [], let: "abc" } }, /'let' must be an object/)
    refuses({ $lookup: { from: "o", as: "f", pipeline: [], let: { A: 1 } } }, /'A' starts with an invalid character/)
    refuses({ $lookup: { from: "o", pipeline: [] } }, /must specify 'as'/)
    refuses({ $lookup: { as: "f", pipeline: [] } }, /must specify 'from'/)
    refuses({ $lookup: { from: 5, as: "f", pipeline: [] } }, /must be a string/)
    refuses(
      { $lookup: { from: "o", as: "f", pipeline: [{ $match: { $expr: "$$nope" } }] } },
      /undefined variable: nope/
    )
    refuses({ $lookup: { from: "o", as: "f", pipeline: [{ $nope: 1 }] } }, /Unrecognized pipeline stage name/)
    refuses({ $lookup: { from: "o", as: "f", nope: 1 } }, /unknown argument to \$lookup: nope/)
  })
})

describe("$graphLookup", () => {
  const people = [
    { _id: 1, name: "Ada" },
    { _id: 2, name: "Ben", boss: "Ada" },
    { _id: 3, name: "Cy", boss: "Ben" },
    { _id: 4, name: "Di", boss: ["Cy", "Di"] }
  ]
  const spec = { from: "o", startWith: "$boss", connectFromField: "boss", connectToField: "name", as: "f" }

  it("follows a field from document to document, each once", () => {
    const chains = (extra: Document) =>
      aggregate(people, [{ $graphLookup: { ...spec, ...extra } }], { o: people }).map((it) =>
        (it["f"] as Documents).map((document) => document["name"])
      )
    assert.deepStrictEqual(chains({}), [[], ["Ada"], ["Ben", "Ada"], ["Cy", "Di", "Ben", "Ada"]])
    assert.deepStrictEqual(chains({ maxDepth: 0 }), [[], ["Ada"], ["Ben"], ["Cy", "Di"]])
    assert.deepStrictEqual(chains({ restrictSearchWithMatch: { _id: { $ne: 2 } } }), [[], ["Ada"], [], ["Cy", "Di"]])
  })

  it("takes null for a value, and finds no document without the field by it", () => {
    const nodes = [{ _id: 1, to: null }, { _id: 2 }, { _id: 3, to: 5 }]
    const start = (startWith: unknown) =>
      aggregate([{ v: null }], [{ $graphLookup: { ...spec, startWith, connectToField: "to" } }], { o: nodes }).map(
        (it) => (it["f"] as Documents).map((node) => node["_id"])
      )
    assert.deepStrictEqual(start("$v"), [[1]])
    assert.deepStrictEqual(start("$missing"), [[]])
    assert.deepStrictEqual(start([5, null]), [[1, 3]])
  })

  it("tells the depth", () => {
    const results = aggregate([people[2] ?? {}], [{ $graphLookup: { ...spec, depthField: "d" } }], { o: people })
    assert.deepStrictEqual(results[0]?.["f"], [
      { _id: 2, name: "Ben", boss: "Ada", d: Long.fromNumber(0) },
      { _id: 1, name: "Ada", d: Long.fromNumber(1) }
    ])
  })

  it("is refused without what it needs", () => {
    refuses({ $graphLookup: { from: "o" } }, /to be specified: 'startWith' is missing/)
    refuses({ $graphLookup: { ...spec, maxDepth: -1 } }, /nonnegative/)
    refuses({ $graphLookup: { ...spec, restrictSearchWithMatch: 5 } }, /must be an object/)
    refuses({ $graphLookup: { ...spec, nope: 5 } }, /Unknown argument/)
  })
})

describe("$out and $merge", () => {
  const outputOf = (stage: Document) => {
    const { output } = compilePipeline([{ $match: {} }, stage])
    return output ?? assert.fail("the pipeline has an output")
  }

  it("say what is to be written where", () => {
    const { whenMatched: replaced, ...out } = outputOf({ $out: { db: "d", coll: "c" } })
    assert.deepStrictEqual(out, {
      target: { database: "d", collection: "c" },
      mode: "replace",
      on: ["_id"],
      whenNotMatched: "insert"
    })
    assert.deepStrictEqual(replaced({ _id: 1, a: 1 }, { _id: 1, b: 1 }), { _id: 1, b: 1 })
    const merge = outputOf({ $merge: { into: "c", on: ["k", "l"], whenNotMatched: "discard" } })
    assert.deepStrictEqual(
      [merge.mode, merge.on, merge.whenNotMatched, merge.target.collection],
      ["merge", ["k", "l"], "discard", "c"]
    )
  })

  it("join a document with the one that it finds", () => {
    const join = (whenMatched: unknown, extra: Document = {}) =>
      outputOf({ $merge: { into: "c", ...(whenMatched === undefined ? {} : { whenMatched }), ...extra } }).whenMatched(
        { _id: 1, a: 1, b: 1 },
        { _id: 1, b: 2 }
      )
    assert.deepStrictEqual(join(undefined), { _id: 1, a: 1, b: 2 })
    assert.deepStrictEqual(join("replace"), { _id: 1, b: 2 })
    assert.deepStrictEqual(join("keepExisting"), undefined)
    assert.match(refusal(() => join("fail")).message, /found a matching document/)
    assert.deepStrictEqual(join([{ $set: { a: { $add: ["$a", "$$new.b"] } } }]), { _id: 1, a: 3, b: 1 })
    assert.deepStrictEqual(join([{ $set: { a: "$$x" } }], { let: { x: "$b" } }), { _id: 1, a: 2, b: 1 })
  })

  it("rejects a missing target", () => {
    refuses({ $out: "" }, /collection's name is expected/)
    refuses({ $out: 5 }, /string or object/)
    refuses({ $merge: {} }, /into' is missing/)
    refuses({ $merge: { into: "c", on: [] } }, /at least one field/)
    refuses({ $merge: { into: "c", whenMatched: "nope" } }, /whenMatched/)
    refuses({ $merge: { into: "c", whenMatched: [{ $match: {} }] } }, /not allowed to be used within/)
    refuses({ $merge: { into: "c", whenNotMatched: 5 } }, /whenNotMatched/)
    refuses({ $merge: { into: "c", nope: 5 } }, /unknown field/)
  })
})

describe("what a pipeline says of itself", () => {
  it("names the collections that it reads, and its stages, those of inner pipelines too", () => {
    const { reads, stages } = compilePipeline([
      { $lookup: { from: "a", as: "x", pipeline: [{ $unionWith: "b" }] } },
      {
        $facet: {
          y: [{ $graphLookup: { from: "c", startWith: "$a", connectFromField: "a", connectToField: "b", as: "z" } }]
        }
      }
    ])
    assert.deepStrictEqual(
      reads.map((it) => it.collection),
      ["a", "b", "c"]
    )
    assert.deepStrictEqual(new Set(stages), new Set(["$lookup", "$unionWith", "$facet", "$graphLookup"]))
  })

  it("tells the order behind its first filters, and how many documents of it are needed", () => {
    const requestOf = (...stages: ReadonlyArray<object>) => {
      const { limit, sort } = compilePipeline([{ $match: { a: 1 } }, ...stages]).request
      return [sort?.fields.map(({ path }) => path), limit]
    }
    const sort = { $sort: { b: 1, c: -1 } }
    assert.deepStrictEqual(requestOf(sort, { $skip: 2 }, { $limit: 3 }, { $sort: { d: 1 } }), [["b", "c"], 5])
    assert.deepStrictEqual(requestOf({ $match: { b: 2 } }, sort), [["b", "c"], undefined])
    assert.deepStrictEqual(requestOf(sort, { $match: { b: 2 } }, { $limit: 3 }), [["b", "c"], undefined])
    assert.deepStrictEqual(requestOf({ $limit: 3 }, sort), [undefined, undefined])
    assert.deepStrictEqual(requestOf({ $set: { b: 1 } }, sort, { $limit: 3 }), [undefined, undefined])
  })

  it("leaves out its first $sort, and no other one, for documents in that order", () => {
    const { run } = compilePipeline([{ $sort: { a: 1 } }, { $limit: 2 }, { $sort: { a: -1 } }])
    const documents = [{ a: 3 }, { a: 1 }, { a: 2 }]
    assert.deepStrictEqual([...run(documents)], [{ a: 2 }, { a: 1 }])
    assert.deepStrictEqual([...run(documents, true)], [{ a: 3 }, { a: 1 }])
  })

  it("reaches each document once by an index, also where it is made each time that it is found", () => {
    const parts = [
      { _id: 1, next: [2, 3] },
      { _id: 2, next: [1, 3, null] },
      { _id: 3, next: [[1]] }
    ]
    const asked: Array<ReadonlyArray<unknown>> = []
    const environment = {
      now,
      random: () => 0,
      objectId: () => madeId,
      collection: () => parts,
      search: () => (values: ReadonlyArray<unknown>) => {
        asked.push(values)
        return parts.filter(({ _id }) => values.includes(_id)).map((part) => structuredClone(part))
      }
    }
    const graph = { from: "c", startWith: 1, connectFromField: "next", connectToField: "_id", as: "all" }
    const { run } = Pipeline.compile([{ $graphLookup: graph }], environment)
    assert.deepStrictEqual([...run([{}])], [{ all: parts }])
    assert.deepStrictEqual(asked, [[1], [2, 3]])
  })

  it("tells what its first filters ask for, and sees the variables of the operation in them", () => {
    const environment = { now, random: () => 0, objectId: () => madeId, collection: () => [], variables: { v: 2 } }
    const pipeline = [
      { $match: { a: 1, $expr: { $eq: ["$b", "$$v"] } } },
      { $match: { c: 5 } },
      { $limit: 1 },
      { $match: { d: 1 } }
    ]
    const { request, run } = Pipeline.compile(pipeline, environment)
    assert.deepStrictEqual(request.conditions, [
      { kind: "in", path: "a", values: [1] },
      { kind: "in", path: "c", values: [5] }
    ])
    const documents = [
      { a: 1, b: 1, c: 5, d: 1 },
      { a: 1, b: 2, c: 5, d: 1 }
    ]
    assert.deepStrictEqual([...run(documents)], documents.slice(1))
  })
})
