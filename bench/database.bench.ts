/**
 * The embedded database beside `mingo` on the same documents: cost per document and its growth, a view of a role beside an
 * open collection, and memory beside the size in BSON.
 */
import { serialize } from "bson"
import { Effect, Result } from "effect"
import * as mingo from "mingo"
import { type Change, type Document, makeMemory, type Service } from "../src/server/data/Database.ts"
import * as Evaluate from "../src/server/data/internal/evaluate.ts"
import { Limits } from "../src/server/data/internal/steps.ts"
import * as RuledDatabase from "../src/server/data/RuledDatabase.ts"
import * as Rules from "../src/server/data/Rules.ts"
import * as Update from "../src/server/language/Update.ts"
import { compare, cpu, inTurn, ratio, row, rounds, short, shown } from "./measure.ts"

const namespace = { appId: "a", service: "s", database: "d", collection: "c" }
const sizes = short ? [100, 200] : [10_000, 20_000, 40_000]
const many = short ? 500 : 50_000

/** Documents like those of an application: all kinds of fields, some of them missing. */
const documentsOf = (count: number): ReadonlyArray<Document> =>
  Array.from({ length: count }, (_, i) => ({
    _id: i,
    user: `u${(i * 7919) % 1000}`,
    n: (i * 7919) % 10_007,
    price: ((i * 104_729) % 100_003) / 100,
    tags: [`t${i % 10}`, `t${i % 7}`],
    address: { city: `c${i % 50}`, zip: i % 1000 },
    ...(i % 3 === 0 ? {} : { note: `note ${i}` })
  }))

/** The limit of one operation is not what is measured here. */
const unlimited = { steps: Infinity, values: Infinity, time: Limits.defaultValue().time }

const run = <A>(effect: Effect.Effect<A, unknown>): Promise<A> =>
  Effect.runPromise(effect.pipe(Effect.provideService(Limits, unlimited), Effect.withTracerEnabled(false)))

const filled = async (documents: ReadonlyArray<Document>): Promise<Service> => {
  const database = makeMemory()
  await run(database.insert(namespace, documents))
  return database
}

interface Work {
  readonly probe: string
  readonly here: (database: Service) => Effect.Effect<unknown, unknown>
  readonly mingo: (documents: Array<Document>) => unknown
}

const filter = { n: { $gte: 2_000 }, "address.city": { $in: ["c1", "c2", "c3"] }, tags: "t3" }
const group = [{ $group: { _id: "$address.city", sum: { $sum: "$price" }, most: { $max: "$n" } } }]
const update = { $inc: { n: 1 }, $set: { "address.seen": true } }

type BothUpdates = Extract<Change, { readonly _tag: "Update" }>["update"] & Parameters<typeof mingo.updateMany>[2]

/** Updates that change a document each time. */
const updates: ReadonlyArray<readonly [probe: string, update: BothUpdates]> = [
  ["$inc and $set", update],
  ["$push with $slice", { $push: { tags: { $each: ["new"], $slice: -20 } } }],
  ["a pipeline", [{ $set: { n: { $add: ["$n", 1] }, total: { $multiply: ["$price", "$n"] } } }]]
]

const work: ReadonlyArray<Work> = [
  {
    probe: "filter",
    here: (database) => database.find(namespace, { filter }),
    mingo: (documents) => mingo.find(documents, filter).all()
  },
  {
    probe: "sort by two fields",
    here: (database) => database.find(namespace, { filter: {}, sort: { user: 1, price: -1 }, projection: { n: 1 } }),
    mingo: (documents) => mingo.find(documents, {}, { n: 1 }).sort({ user: 1, price: -1 }).all()
  },
  {
    probe: "group",
    here: (database) => database.aggregate(namespace, group),
    mingo: (documents) => mingo.aggregate(documents, group)
  },
  {
    probe: "update of all",
    here: (database) =>
      database.update(namespace, { filter: {}, many: true, change: { _tag: "Update", update: update } }),
    mingo: (documents) => mingo.updateMany(documents, {}, update)
  }
]

/** Updates by the language alone and by a whole operation, with its transaction and change events, beside `mingo`. */
const updating = async () => {
  const rows: Array<Record<string, string>> = []
  const count = sizes[0] ?? 0
  for (const [probe, update] of updates) {
    const database = await filled(documentsOf(count))
    let ours = documentsOf(count)
    const theirs = structuredClone([...ours])
    const { apply } = Update.compile(update, {}, Evaluate.environmentOf({ now: new Date(), random: Math.random }))
    const change = { _tag: "Update", update } as const
    const variants = {
      language: () => {
        ours = ours.map((document) => apply(document))
        return Promise.resolve()
      },
      database: () => run(database.update(namespace, { filter: {}, many: true, change })),
      mingo: () => Promise.resolve(mingo.updateMany(theirs, {}, update))
    }
    const costs = await inTurn(
      Object.values(variants).map((variant) => perDocument(count, variant)),
      { rounds: rounds(15) }
    )
    const [language = [], whole = [], other = []] = costs
    rows.push(row(`update by ${probe}, a document: the language alone`, "µs", { here: language, mingo: other }))
    rows.push(row("the same in the database", "µs", { here: whole, mingo: other }))
  }
  return rows
}

const perDocument = (count: number, operation: () => Promise<unknown>) => async () => (await cpu(operation)) / count

const besideMingo = async () => {
  const rows: Array<Record<string, string>> = []
  const count = sizes[0] ?? 0
  const documents = documentsOf(count)
  for (const { here, mingo: theirs, probe } of work) {
    const database = await filled(documents)
    const own = structuredClone([...documents])
    rows.push(
      await compare(
        `${probe}, a document`,
        "µs",
        {
          here: perDocument(count, () => run(here(database))),
          mingo: perDocument(count, () => Promise.resolve(theirs(own)))
        },
        { rounds: rounds(15) }
      )
    )
  }
  return rows
}

/** What a document costs in collections of several sizes: the same, if the growth is linear. */
const growth = async () => {
  const rows: Array<Record<string, string>> = []
  for (const { here, probe } of work) {
    const databases = await Promise.all(sizes.map((count) => filled(documentsOf(count))))
    const costs = await inTurn(
      databases.map((database, i) => perDocument(sizes[i] ?? 1, () => run(here(database)))),
      { rounds: rounds(9) }
    )
    const [least = []] = costs
    rows.push(
      Object.fromEntries([
        ["probe", `${probe}, a document of`],
        ...costs.map((cost, i) => [
          sizes[i]?.toLocaleString("en") ?? "",
          i === 0 ? shown(cost, "µs") : `${shown(cost, "µs")}, ${ratio(cost, least)}`
        ])
      ])
    )
  }
  return rows
}

const rule = {
  roles: [{ name: "reader", apply_when: {}, fields: { price: { read: false } }, additional_fields: { read: true } }]
}

/** A role that hides a field, beside an open collection, by an index and without one. */
const underRules = async () => {
  const database = await filled(documentsOf(many))
  await run(database.index(namespace, "user"))
  const given: Rules.Given = {
    user: { id: "0", type: "normal", data: {}, customData: {}, identities: [] },
    request: undefined,
    values: new Map(),
    environment: { tag: "", values: new Map() },
    call: () => Effect.die("no function is called")
  }
  const access = await run(Result.getOrThrow(Rules.compile(rule)).accessOf(given))
  const ruled = RuledDatabase.make(database, access, () => Effect.undefined)
  const operations: ReadonlyArray<readonly [string, (database: Service) => Effect.Effect<unknown, unknown>]> = [
    ["find by an index", (it) => it.find(namespace, { filter: { user: "u7" } })],
    ["count by an index", (it) => it.count(namespace, { filter: { user: "u7" } })],
    ["aggregate by an index", (it) => it.aggregate(namespace, [{ $match: { user: "u7" } }, ...group])],
    ["find of 10, no index", (it) => it.find(namespace, { filter: { n: 10 }, limit: 10 })],
    ["count, no index", (it) => it.count(namespace, { filter: { n: { $gt: 5_000 } } })],
    ["aggregate of all", (it) => it.aggregate(namespace, group)]
  ]
  const rows: Array<Record<string, string>> = []
  for (const [probe, operation] of operations) {
    const times = probe.endsWith("by an index") ? 20 : 1
    const all = (it: Service) => () =>
      run(Effect.forEach(Array.from({ length: times }), () => operation(it), { discard: true }))
    const cost = (it: Service) => async () => (await cpu(all(it))) / times / 1000
    rows.push(await compare(probe, "ms", { "with a role": cost(ruled), open: cost(database) }, { rounds: rounds(11) }))
  }
  return rows
}

/** The heap that a function's result takes. */
const heapOf = async (make: () => Promise<unknown>): Promise<number> => {
  globalThis.gc?.()
  const before = process.memoryUsage().heapUsed
  const made = await make()
  globalThis.gc?.()
  const after = process.memoryUsage().heapUsed
  return made === undefined ? NaN : after - before
}

const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`

/** The memory of documents of 1 KB, beside their BSON and beside the same documents as plain objects. */
const memory = async () => {
  const make = (i: number): Document => ({
    ...documentsOf(1)[0],
    _id: i,
    user: `u${i % 1000}`,
    text: `${i}`.padEnd(830, "x")
  })
  const all = () => Array.from({ length: many }, (_, i) => make(i))
  const bson = all().reduce((sum, document) => sum + serialize(document).length, 0)
  const row = (what: string, bytes: number) => ({
    probe: what,
    memory: megabytes(bytes),
    "beside the BSON": `×${(bytes / bson).toFixed(2)}`
  })
  const indexed = async () => {
    const database = await filled(all())
    await run(database.index(namespace, "user"))
    await run(database.index(namespace, { key: { n: 1, user: 1 } }))
    return database
  }
  return [
    { probe: `BSON of ${many.toLocaleString("en")} documents`, memory: megabytes(bson) },
    row("plain objects", await heapOf(() => Promise.resolve(all()))),
    row("the database", await heapOf(() => filled(all()))),
    row("the database with two indexes", await heapOf(indexed))
  ]
}

/** What an index costs a write, and what it saves a search. */
const indexes = async () => {
  const documents = documentsOf(many)
  const insert = (fields: ReadonlyArray<string>) => async () => {
    const database = makeMemory()
    for (const field of fields) await run(database.index(namespace, field))
    return (await cpu(() => run(database.insert(namespace, documents)))) / many
  }
  const database = await filled(documents)
  await run(database.index(namespace, "user"))
  const searches = ["user", "note"] as const
  const find = (field: string) => async () =>
    (await cpu(() => run(database.find(namespace, { filter: { [field]: "u7" } })))) / 1000
  const [byIndex = [], byAll = []] = await inTurn(searches.map(find), { rounds: rounds(11) })
  return [
    await compare(
      "insert, a document, with two indexes",
      "µs",
      { here: insert(["user", "n"]), without: insert([]) },
      { rounds: rounds(7) }
    ),
    row("find of 50 among 50,000", "ms", { here: byIndex, without: byAll })
  ]
}

export default async () => [
  ...(await besideMingo()),
  ...(await updating()),
  ...(await growth()),
  ...(await underRules()),
  ...(await indexes()),
  ...(await memory())
]
