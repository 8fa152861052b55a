/**
 * Nothing that is hidden from a user decides what the user is told. Each operation runs in worlds that differ in what is
 * hidden and in nothing else: its answer, its error, its events and what is found afterwards have to be the same in all.
 */
import { assert, describe, it } from "@effect/vitest"
import { Effect, Result, Stream } from "effect"
import { type Change, Database, type Document, makeMemory } from "effect-app-services/server/data/Database"
import * as Rules from "../../../src/server/data/Rules.ts"
import * as UserDatabase from "../../../src/server/data/UserDatabase.ts"
import { given, stranger } from "./asking.ts"

const namespace = { appId: "a", service: "s", database: "d", collection: "c" }
const all = { read: true, write: true, insert: true, delete: true }

/** What `secret`, `2024`, `scores.2024` and `pub.secret` hold: some of it is what the attacks guess. */
const secrets: ReadonlyArray<unknown> = [undefined, 0, 7, "text", null, [1, 7], { a: 7 }]

const documentOf = (secret: unknown, dotted: unknown = secret): Document => ({
  _id: 1,
  owner: stranger.id,
  name: "Ada",
  n: 1,
  list: [1, 2],
  items: [
    { x: 1, secret },
    { x: 2, secret: 7 }
  ],
  secret,
  "2024": secret,
  scores: { open: 1, 2024: secret, 2023: { x: secret } },
  pub: { open: 1 },
  "pub.secret": dotted
})

/** Documents of others: what is hidden is the document. */
const hiddenOf = (secret: unknown): ReadonlyArray<Document> =>
  secret === undefined ? [] : [{ ...documentOf(secret), _id: 2, owner: "x", name: secret, n: secret }]

interface Setting {
  readonly rule: { readonly roles: ReadonlyArray<object>; readonly filters?: ReadonlyArray<object> }
  /** Whether a field whose name has a dot, which no rule can name, is hidden as all others are. */
  readonly hidesDotted: boolean
}

const hidden = { read: false }
const settings: Readonly<Record<string, Setting>> = {
  "by the fields of a role": {
    rule: {
      roles: [
        {
          fields: {
            owner: { read: true },
            name: { read: true },
            n: { write: true },
            list: { write: true },
            items: { fields: { x: { read: true } } },
            pub: { read: true },
            scores: { fields: { open: { write: true } } }
          }
        }
      ]
    },
    hidesDotted: true
  },
  "by name among others that are shown": {
    rule: {
      roles: [
        {
          fields: {
            secret: hidden,
            2024: hidden,
            items: { fields: { secret: hidden }, additional_fields: { read: true } },
            scores: { fields: { 2024: hidden, 2023: hidden }, additional_fields: { write: true } }
          },
          additional_fields: { write: true }
        }
      ]
    },
    hidesDotted: false
  },
  "from who may write the whole document": {
    rule: {
      roles: [
        {
          ...all,
          read: false,
          fields: {
            owner: { read: true },
            name: { read: true },
            n: { read: true },
            list: { read: true },
            items: { fields: { x: { read: true } } },
            pub: { read: true },
            scores: { fields: { open: { read: true } } }
          }
        }
      ]
    },
    hidesDotted: true
  },
  "by a projection that excludes": {
    rule: {
      roles: [all],
      filters: [{ projection: { secret: 0, 2024: 0, "scores.2024": 0, "scores.2023.x": 0, "items.secret": 0 } }]
    },
    hidesDotted: false
  },
  "by a projection that includes": {
    rule: {
      roles: [all],
      filters: [{ projection: { owner: 1, name: 1, n: 1, list: 1, "items.x": 1, pub: 1, "scores.open": 1 } }]
    },
    hidesDotted: true
  },
  // the second role compares fields of the document, so that no filter says which one decides
  "by the last of three roles, and by a condition of a field": {
    rule: {
      roles: [
        { apply_when: { open: true }, ...all },
        { apply_when: { name: "%%root.owner" }, ...all },
        {
          fields: {
            owner: { read: true },
            name: { read: true },
            n: { write: true },
            list: { write: true },
            secret: { read: { open: true } },
            items: { fields: { x: { read: true }, secret: { read: { open: true } } } },
            pub: { read: true },
            scores: { fields: { open: { write: true }, 2024: { read: { n: { $gt: 100 } } } } }
          }
        }
      ]
    },
    hidesDotted: true
  },
  "by the second role, and by a condition of a field": {
    rule: {
      roles: [
        { apply_when: { open: true }, ...all },
        {
          fields: {
            secret: { read: { open: true } },
            2024: hidden,
            items: { fields: { secret: { read: { open: true } } }, additional_fields: { read: true } },
            scores: { fields: { 2024: hidden, 2023: hidden }, additional_fields: { write: true } }
          },
          additional_fields: { write: true }
        }
      ]
    },
    hidesDotted: false
  },
  "with their documents": {
    rule: { roles: [{ apply_when: { owner: "%%user.id" }, ...all }] },
    hidesDotted: true
  }
}

type Ask = (
  database: Database["Service"]
) => Effect.Effect<unknown, { readonly message: string; readonly code?: number }>

const change = (update: Document | ReadonlyArray<Document>, arrayFilters?: ReadonlyArray<Document>): Change => ({
  _tag: "Update",
  update,
  arrayFilters
})

const paths = ["secret", "2024", "scores.2024", "items.0.secret", "items", "pub.secret"]

/** Filters that ask for what is hidden. */
const filters: ReadonlyArray<Document> = [
  { secret: 7 },
  { secret: { $exists: true } },
  { secret: { $gt: 0 } },
  { secret: { $type: "string" } },
  { "secret.a": 7 },
  { 2024: 7 },
  { "scores.2024": 7 },
  { "scores.2023": { x: 7 } },
  { "items.0.secret": 7 },
  { items: { $elemMatch: { secret: 0 } } },
  { items: { $size: 2 } },
  { $or: [{ secret: 7 }, { name: "no" }] },
  { $nor: [{ secret: 7 }] },
  { $expr: { $eq: ["$secret", 7] } },
  { $expr: { $gt: [{ $strLenCP: { $toString: { $ifNull: ["$secret", ""] } } }, 3] } },
  // fails for some values: whether it does would tell of them
  { $expr: { $eq: [{ $toObjectId: "$secret" }, 1] } },
  { $expr: { $cond: [{ $eq: ["$secret", 7] }, { $toInt: "no" }, true] } },
  { $expr: { $eq: [{ $size: "$items" }, 2] } },
  { secret: /^t/ },
  { _id: 2 },
  { owner: "x", n: 7 }
]

/** Every operator on what is hidden. */
const operators: ReadonlyArray<Change> = paths.flatMap((path) =>
  [
    { $set: { [path]: 7 } },
    { $set: { [path]: { a: 7 } } },
    { $set: { [`${path}.a`]: 7 } },
    { $set: { [`${path}.1`]: 7 } },
    { $unset: { [path]: 1 } },
    { $unset: { [`${path}.a`]: 1 } },
    { $currentDate: { [path]: true } },
    { $setOnInsert: { [path]: 7 } },
    { $inc: { [path]: 1 } },
    { $inc: { [path]: 0 } },
    { $mul: { [path]: 1 } },
    { $min: { [path]: 7 } },
    { $max: { [path]: 7 } },
    { $bit: { [path]: { or: 0 } } },
    { $push: { [path]: 7 } },
    { $push: { [path]: { $each: [], $slice: 1 } } },
    { $addToSet: { [path]: 7 } },
    { $pull: { [path]: 7 } },
    { $pull: { [path]: { secret: 7 } } },
    { $pullAll: { [path]: [7] } },
    { $pop: { [path]: 1 } },
    { $rename: { [path]: "n" } },
    { $rename: { n: path } },
    { $set: { [path]: 7, n: 5 } },
    [{ $set: { n: `$${path}` } }],
    [{ $unset: path }],
    [{ $set: { n: { $cond: [{ $eq: [`$${path}`, 7] }, 1, 2] } } }]
  ].map((update) => change(update))
)

const updates: ReadonlyArray<Change> = [
  change({ $set: { "list.$[e]": 9 } }, [{ e: { $gt: 1 } }]),
  change({ $set: { "items.$[e].x": 9 } }, [{ "e.secret": 7 }]),
  change({ $set: { "items.$[e].x": 9 } }, [{ e: { x: 1, secret: 7 } }]),
  change({ $set: { "items.$[].secret": 7 } }),
  change({ $set: { "items.$.x": 9 } }),
  change({ $inc: { "items.$[].secret": 1 } }),
  change({ $set: { "items.0.x": 9 } }),
  change({ $set: { "items.7.x": 9 } }),
  change({ $push: { items: { $each: [{ x: 0 }], $sort: { secret: 1 } } } }),
  change({ $pull: { items: { secret: { $gt: 5 } } } }),
  change({ $addToSet: { items: { x: 1, secret: 7 } } }),
  change({ $set: { scores: { open: 1, 2024: 7, 2023: { x: 7 } } } }),
  change({ $set: { n: 3 } }),
  change({ $inc: { n: 1 } }),
  change({ $inc: { name: 1 } }),
  change({ $set: { "name.a": 1 } }),
  change({ $push: { list: 3 } }),
  change([{ $set: { n: "$$ROOT" } }]),
  change([{ $replaceWith: { n: "$secret" } }]),
  change([{ $project: { secret: 0 } }]),
  change({ n: 1 }),
  ...secrets.map((secret) => change(documentOf(secret))),
  { _tag: "Replace", document: documentOf(7) },
  { _tag: "Replace", document: { n: 1 } }
]

const pipelines: ReadonlyArray<ReadonlyArray<Document>> = [
  ...filters.map(($match) => [{ $match }]),
  [{ $project: { s: "$secret", y: "$2024", t: "$scores" } }],
  [{ $group: { _id: "$secret", n: { $sum: 1 } } }],
  [{ $group: { _id: null, all: { $push: "$$ROOT" }, sum: { $sum: "$secret" } } }],
  [{ $sort: { secret: 1 } }],
  [{ $unwind: "$secret" }],
  [{ $sortByCount: "$secret" }],
  [{ $set: { x: { $toInt: "$secret" } } }],
  [{ $set: { x: { $divide: [1, { $subtract: ["$secret", 7] }] } } }],
  [{ $set: { x: { $arrayElemAt: ["$secret", 0] } } }],
  [{ $replaceRoot: { newRoot: "$secret" } }],
  [{ $bucket: { groupBy: "$secret", boundaries: [0, 5, 10] } }],
  [{ $facet: { x: [{ $match: { secret: 7 } }, { $count: "n" }] } }],
  [{ $set: { x: { $objectToArray: "$$ROOT" } } }],
  [{ $lookup: { from: "c", pipeline: [], as: "x" } }],
  [{ $lookup: { from: "c", localField: "n", foreignField: "secret", as: "x" } }],
  [{ $lookup: { from: "c", localField: "secret", foreignField: "n", as: "x" } }],
  [{ $lookup: { from: "c", pipeline: [{ $match: { secret: 7 } }, { $sort: { "items.secret": 1 } }], as: "x" } }],
  [
    {
      $lookup: { from: "c", let: { n: "$secret" }, pipeline: [{ $match: { $expr: { $eq: ["$n", "$$n"] } } }], as: "x" }
    }
  ],
  [{ $graphLookup: { from: "c", startWith: 7, connectFromField: "n", connectToField: "secret", as: "x" } }],
  [{ $graphLookup: { from: "c", startWith: 1, connectFromField: "secret", connectToField: "n", as: "x" } }],
  [{ $facet: { x: [{ $unionWith: { coll: "c", pipeline: [{ $match: { "items.secret": 0 } }] } }] } }],
  [{ $match: { n: 1, secret: 7 } }, { $count: "n" }],
  [{ $match: { n: 1 } }, { $match: { $expr: { $eq: [{ $toObjectId: "$secret" }, 1] } } }],
  [{ $unionWith: "c" }],
  [{ $out: "c" }],
  [{ $merge: "c" }],
  [{ $project: { _id: 1, n: { $literal: 5 } } }, { $merge: { into: "c", on: "secret" } }],
  [{ $indexStats: {} }],
  [{ $collStats: {} }]
]

const sorts = ["secret", "2024", "scores.2024", "items.secret", "secret.a"].map((field): Document => ({ [field]: 1 }))

const asks: ReadonlyArray<readonly [string, Ask]> = [
  ...filters.flatMap((filter): ReadonlyArray<readonly [string, Ask]> => {
    const told = JSON.stringify(filter)
    const set = change({ $set: { n: 9 } })
    return [
      [`find ${told}`, (it) => it.find(namespace, { filter })],
      [`count ${told}`, (it) => it.count(namespace, { filter })],
      [`update ${told}`, (it) => it.update(namespace, { filter, change: set, many: true })],
      [`upsert ${told}`, (it) => it.update(namespace, { filter: { ...filter, _id: 1 }, change: set, upsert: true })],
      [`findOneAndDelete ${told}`, (it) => it.findOneAnd(namespace, { filter, change: { _tag: "Delete" } })]
    ]
  }),
  ...operators.map((change): readonly [string, Ask] => [
    `update ${JSON.stringify(change)}`,
    (it) => it.update(namespace, { filter: {}, change })
  ]),
  ...updates.flatMap((change): ReadonlyArray<readonly [string, Ask]> => {
    const told = JSON.stringify(change)
    return [
      [`update ${told}`, (it) => it.update(namespace, { filter: { _id: 1 }, change })],
      [`updateMany ${told}`, (it) => it.update(namespace, { filter: { "items.x": 1 }, change, many: true })],
      [`findOneAnd ${told}`, (it) => it.findOneAnd(namespace, { filter: {}, change })],
      [
        `findOneAnd, new, projected ${told}`,
        (it) => it.findOneAnd(namespace, { filter: {}, change, returnNew: true, projection: { n: 1, secret: 1 } })
      ]
    ]
  }),
  ...pipelines.map((pipeline): readonly [string, Ask] => [
    `aggregate ${JSON.stringify(pipeline)}`,
    (it) => it.aggregate(namespace, pipeline)
  ]),
  ...sorts.flatMap((sort): ReadonlyArray<readonly [string, Ask]> => [
    [`sorted ${JSON.stringify(sort)}`, (it) => it.find(namespace, { filter: {}, sort })],
    [
      `the first ${JSON.stringify(sort)}`,
      (it) => it.findOneAnd(namespace, { filter: {}, sort, change: change({ $set: { n: 8 } }) })
    ]
  ]),
  ...paths.map((field): readonly [string, Ask] => [`distinct ${field}`, (it) => it.distinct(namespace, field, {})]),
  ["all values", (it) => it.find(namespace, { filter: {}, projection: { s: "$secret", t: { $type: "$2024" } } })],
  ["positional", (it) => it.find(namespace, { filter: { "items.secret": 7 }, projection: { "items.$": 1 } })],
  ["element", (it) => it.find(namespace, { filter: {}, projection: { items: { $elemMatch: { secret: 7 } } } })],
  ["insert of a document that is there", (it) => it.insert(namespace, [{ _id: 1, owner: stranger.id, secret: 7 }])],
  ["deletes all", (it) => it.delete(namespace, { filter: {}, many: true })]
]

/** A database whose operations have a collation and variables, which must not tell what is hidden. */
const collated = (it: Database["Service"]): Database["Service"] =>
  Database.make({
    ...it,
    run: (operation) =>
      it.run(
        operation._tag === "Insert"
          ? operation
          : { ...operation, collation: { locale: "en", strength: 1 }, let: { seven: { $add: [3, 4] } } }
      )
  })

const allAsks: typeof asks = [
  ...asks,
  // of each kind of operation, some
  ...asks
    .filter((_, i) => i % 5 === 0)
    .map(([what, ask]): readonly [string, Ask] => [`${what}, under a collation`, (it) => ask(collated(it))]),
  ...["TEXT", "Text"].flatMap((text): ReadonlyArray<readonly [string, Ask]> => [
    [`find ${text}`, (it) => collated(it).find(namespace, { filter: { secret: text } })],
    [`count ${text}`, (it) => collated(it).count(namespace, { filter: { "items.secret": { $gte: text } } })],
    [`deletes ${text}`, (it) => collated(it).delete(namespace, { filter: { secret: text }, many: true })],
    [`expects ${text}`, (it) => collated(it).find(namespace, { filter: { $expr: { $eq: ["$secret", text] } } })]
  ])
]

const visible = (error: { readonly message: string; readonly code?: number }) => ({
  error: error.message,
  code: error.code
})

/** All that a user is told by one operation, in a world. */
const toldIn = Effect.fnUntraced(function* (mine: Database["Service"], whole: Database["Service"], ask: Ask) {
  const events = yield* mine.watch(namespace, {})
  const answer = yield* Effect.result(ask(mine))
  const found = yield* mine.find(namespace, { filter: {} })
  yield* whole.insert(namespace, [{ _id: "end", owner: stranger.id, name: "end" }])
  const changes = yield* Stream.runCollect(
    events.pipe(Stream.takeUntil(({ documentKey }) => (documentKey as Document)["_id"] === "end"))
  )
  return {
    answer: Result.isSuccess(answer) ? answer.success : visible(answer.failure),
    found,
    // tokens are random, and say nothing
    events: changes.map(({ _id, ...event }) => event)
  }
})

const collectionsOf = ({ rule }: Setting) => new Map([["d.c", Result.getOrThrow(Rules.compile(rule))]])

const inWorld = Effect.fnUntraced(function* (
  collections: ReturnType<typeof collectionsOf>,
  documents: ReadonlyArray<Document>,
  ask: Ask
) {
  const whole = makeMemory()
  yield* whole.insert(namespace, documents)
  return yield* toldIn(UserDatabase.make(whole, new Map([["s", { open: false, collections }]]), given()), whole, ask)
})

describe("what is hidden", () => {
  for (const [name, setting] of Object.entries(settings)) {
    it.effect(`${name} decides nothing that a user is told`, () =>
      Effect.gen(function* () {
        const collections = collectionsOf(setting)
        const worlds = secrets.map((secret) =>
          name === "with their documents"
            ? [documentOf(7), ...hiddenOf(secret)]
            : [documentOf(secret, setting.hidesDotted ? secret : 7)]
        )
        let answered = 0
        for (const [what, ask] of allAsks) {
          const [first, ...others] = yield* Effect.forEach(worlds, (documents) => inWorld(collections, documents, ask))
          for (const [i, other] of others.entries()) {
            assert.deepStrictEqual(other, first, `${what}, of ${JSON.stringify(secrets[i + 1])}`)
          }
          if (first !== undefined && !JSON.stringify(first.answer ?? null).includes('"error"')) answered++
        }
        // refusing everything would be no answer
        assert.isAbove(answered, allAsks.length / 4)
      })
    )
  }
})
