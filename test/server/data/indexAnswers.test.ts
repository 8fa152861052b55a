/** Indexes change how documents are found, and never which ones, in which order, or how an operation fails. */
import { assert, describe, it } from "@effect/vitest"
import { MaxKey, MinKey } from "bson"
import { Effect, Exit, Result } from "effect"
import { type Document, makeMemory, type Operation, type Run } from "../../../src/server/data/Database.ts"
import { keyOf } from "../../../src/server/language/Value.ts"
import { anyValue, chance } from "../language/support.ts"

const namespace = { appId: "a", service: "s", database: "d", collection: "c" }
const other = { ...namespace, collection: "other" }

const indexes = [
  { key: { a: 1 } },
  { key: { b: -1 } },
  { key: { "a.b": 1 } },
  { key: { a: 1, b: -1 } },
  { key: { b: 1, c: 1, a: -1 } },
  { key: { "a.a": 1, "a.b": 1 } },
  { key: { c: 1, a: 1 }, sparse: true },
  { key: { "c.a": -1 }, sparse: true }
] as const

/** Random operations, the same for the same seed. */
const inventing = (seed: number) => {
  const random = chance(seed)
  const arrays = seed % 3 === 0 ? 0 : seed % 3 === 1 ? 0.03 : 0.4
  const pick = <A>(...values: ReadonlyArray<A>): A | undefined => values[Math.floor(random() * values.length)]
  const scalar = () =>
    (random() < 0.1 ? pick<unknown>(NaN, -0, new MinKey(), new MaxKey(), Infinity) : anyValue(random, 0)) ?? null
  const path = () => pick("a", "a", "b", "c", "a.a", "a.b", "c.a", "_id") ?? "a"
  const condition = () =>
    pick<() => unknown>(
      scalar,
      () => anyValue(random, 2) ?? null,
      () => ({ $in: [scalar(), scalar(), scalar()] }),
      () => ({ $gt: scalar() }),
      () => ({ $lte: scalar() }),
      () => ({ $gte: scalar(), $lt: scalar() }),
      () => ({ $all: [scalar(), scalar()] }),
      () => ({ $elemMatch: { $gte: scalar() } }),
      () => ({ $elemMatch: { a: scalar(), b: { $lt: scalar() } } }),
      () => ({ $ne: scalar() }),
      () => ({ $exists: random() < 0.5 })
    )?.()
  const filter = (depth = 1): Document => {
    if (depth > 0 && random() < 0.2) return random() < 0.5 ? {} : { "a.a": scalar(), "a.b": { $gte: scalar() } }
    const fields = Object.fromEntries([[path(), condition()], ...(random() < 0.5 ? [[path(), condition()]] : [])])
    if (depth === 0 || random() < 0.7) return fields
    return random() < 0.5 ? { ...fields, $or: [filter(0), filter(0)] } : { $or: [filter(0), filter(0), filter(0)] }
  }
  const sort = (): Document | undefined =>
    random() < 0.4
      ? undefined
      : Object.fromEntries(
          Array.from({ length: 1 + Math.floor(random() * 2) }, () => [path(), random() < 0.5 ? 1 : -1])
        )
  const document = (): Document => {
    const element = () =>
      Object.fromEntries(
        [
          ["a", scalar()],
          ["b", scalar()]
        ].filter(() => random() < 0.8)
      )
    const list = () => Array.from({ length: Math.floor(random() * 4) }, element)
    // scalars more often, since one array is enough for an index to have arrays
    const value = () => (random() < arrays ? pick(list(), anyValue(random, 2)) : scalar()) ?? null
    return Object.fromEntries(
      [
        ["a", value()],
        ["b", value()],
        ["c", value()]
      ].filter(() => random() < 0.8)
    )
  }
  const evaluation = () => (random() < 0.2 ? { collation: { locale: "en", strength: 1 } } : {})
  const query = () => ({
    ...evaluation(),
    filter: filter(),
    sort: sort(),
    ...(random() < 0.4 ? { limit: Math.floor(random() * 4) } : {}),
    ...(random() < 0.2 ? { skip: Math.floor(random() * 3) } : {})
  })
  const write = (): Operation =>
    random() < 0.3
      ? { ...evaluation(), _tag: "Delete", namespace, filter: filter() }
      : random() < 0.5
        ? { _tag: "Insert", namespace, documents: [{ _id: Math.floor(random() * 1000), ...document() }] }
        : {
            ...evaluation(),
            _tag: "Update",
            namespace,
            filter: filter(),
            change: { _tag: "Replace", document: document() }
          }
  /** A pipeline that begins with an order. */
  const ordered = (): ReadonlyArray<Document> => [
    ...(random() < 0.7 ? [{ $match: filter() }] : []),
    { $sort: sort() ?? { _id: -1 } },
    ...(random() < 0.3 ? [{ $skip: Math.floor(random() * 3) }] : []),
    ...(random() < 0.8 ? [{ $limit: 1 + Math.floor(random() * 4) }] : [])
  ]
  const read = (): Operation =>
    random() < 0.7
      ? { _tag: "Find", namespace, ...query() }
      : random() < 0.5
        ? { _tag: "Count", namespace, filter: filter() }
        : random() < 0.3
          ? { ...evaluation(), _tag: "Aggregate", namespace, pipeline: ordered() }
          : {
              ...evaluation(),
              _tag: "Aggregate",
              namespace: other,
              pipeline: [
                pick<Document>(
                  {
                    $graphLookup: {
                      from: "c",
                      startWith: "$a",
                      connectFromField: path(),
                      connectToField: path(),
                      maxDepth: 2,
                      depthField: "depth",
                      as: "found",
                      ...(random() < 0.5 ? { restrictSearchWithMatch: filter() } : {})
                    }
                  },
                  { $lookup: { from: "c", localField: "a", foreignField: path(), as: "found" } },
                  {
                    $lookup: {
                      from: "c",
                      localField: "b",
                      foreignField: "a",
                      pipeline: [{ $match: filter() }],
                      as: "found"
                    }
                  },
                  {
                    $lookup: {
                      from: "c",
                      let: { v: "$a" },
                      pipeline: [{ $match: { $expr: { $eq: ["$b", "$$v"] } } }],
                      as: "found"
                    }
                  },
                  { $unionWith: { coll: "c", pipeline: [{ $match: filter() }] } }
                ) ?? {}
              ]
            }
  return { document, random, read, write }
}

/** An answer or a failure, to the type of each number. */
const told = (run: Run, operation: Operation) =>
  Effect.map(Effect.result(run(operation)), (result) =>
    Result.isSuccess(result)
      ? typesIn(result.success)
      : // the first of several documents that cannot be indexed decides about the message
        `failed with ${result.failure.code}`
  )

const typesIn = (value: unknown): string =>
  Array.isArray(value)
    ? `[${value.map(typesIn).join()}]`
    : typeof value === "object" && value !== null && Object.getPrototypeOf(value) === Object.prototype
      ? `{${Object.entries(value)
          .map(([name, inner]) => `${name}=${typesIn(inner)}`)
          .join()}}`
      : `${Object.prototype.toString.call(value)}${keyOf(value)}`

const rounds = 90
const operations = 60

describe("with indexes and without them", () => {
  it.effect("operations have the same answers, in and out of transactions", () =>
    Effect.gen(function* () {
      let compared = 0
      let found = 0
      for (let seed = 1; seed <= rounds; seed++) {
        const { document, random, read, write } = inventing(seed)
        const plain = makeMemory()
        const indexed = makeMemory()
        // a document that one index refuses is refused by a database with it
        const chosen = indexes.filter(() => random() < 0.5)
        const documents = Array.from({ length: 40 }, (_, _id) => ({ _id, ...document() }))
        for (const one of documents) {
          const isIn = yield* Effect.result(makeMemory().insert(namespace, [one]))
          assert.isTrue(Result.isSuccess(isIn))
        }
        for (const database of [plain, indexed]) {
          yield* database.insert(other, documents.slice(0, 10))
          yield* database.insert(namespace, documents)
        }
        const made = yield* Effect.forEach(chosen, (index) => Effect.result(indexed.index(namespace, index)))
        for (const failure of made.filter(Result.isFailure)) assert.strictEqual(failure.failure.code, 171)
        const both = (operation: Operation, runs: readonly [Run, Run]) =>
          Effect.gen(function* () {
            const [expected, actual] = [yield* told(runs[0], operation), yield* told(runs[1], operation)]
            compared++
            if (expected.length > 4) found++
            if (actual !== "failed with 171") {
              assert.strictEqual(actual, expected, `seed ${seed}: ${JSON.stringify(operation)}`)
            }
            return actual
          })
        // a document that an index refuses makes the databases different
        let isSame = true
        for (let i = 0; i < operations && isSame; i++) {
          const operation = random() < 0.2 ? write() : read()
          isSame = (yield* both(operation, [plain.run, indexed.run])) !== "failed with 171"
        }
        if (!isSame) continue
        yield* Effect.scoped(
          Effect.gen(function* () {
            const [one, two] = [yield* plain.transaction, yield* indexed.transaction]
            for (let i = 0; i < 20; i++) {
              const outside = random() < 0.2 ? write() : undefined
              const written = outside && (yield* both(outside, [plain.run, indexed.run]))
              if (written === "failed with 171") return
              const operation = i % 4 === 0 ? write() : read()
              if ((yield* both(operation, [one.run, two.run])).startsWith("failed")) return
            }
            const committed = [yield* Effect.exit(one.commit), yield* Effect.exit(two.commit)]
            assert.strictEqual(Exit.isSuccess(committed[0]), Exit.isSuccess(committed[1]))
            yield* both({ _tag: "Find", namespace, filter: {} }, [plain.run, indexed.run])
          })
        )
      }
      assert.isAbove(compared, 2_000)
      assert.isAbove(found, 1_000)
    })
  )
})
