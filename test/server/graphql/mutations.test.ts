import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ask, path } from "../support.ts"
import { served, client, insertOrder, data, seed } from "./orders.ts"

describe("generated mutations", () => {
  it.effect("insert, change, replace and delete documents", () =>
    Effect.gen(function* () {
      const user = yield* client
      const { query } = user
      yield* seed(user)
      const run = (text: string) =>
        Effect.map(query(`mutation { it: ${text} }`), (result) => (data(result) as { it: unknown }).it)
      assert.deepStrictEqual(
        yield* run(
          'updateOneOrder(query: { number: 1 }, set: { number_inc: 10, price_unset: true, shipTo: { city: "new" } }) { number price shipTo { city zip } }'
        ),
        { number: 11, price: null, shipTo: { city: "new", zip: 1 } }
      )
      assert.deepStrictEqual(yield* run("updateOneOrder(query: { number: 2 }, set: {}) { number }"), { number: 2 })
      assert.deepStrictEqual(
        yield* run("updateManyOrders(query: { number_lt: 9 }, set: { paid: true }) { matchedCount modifiedCount }"),
        {
          matchedCount: 2,
          modifiedCount: 2
        }
      )
      assert.deepStrictEqual(
        yield* run(
          'upsertOneOrder(query: { number: 40 }, data: { number: 40, at: "2020-01-02T03:04:05Z" }) { number at }'
        ),
        {
          number: 40,
          at: "2020-01-02T03:04:05Z"
        }
      )
      assert.deepStrictEqual(yield* run("upsertOneOrder(query: { number: 40 }, data: { number: 41 }) { number at }"), {
        number: 41,
        at: "2020-01-02T03:04:05Z"
      })
      assert.deepStrictEqual(yield* run("replaceOneOrder(query: { number: 41 }, data: { number: 42 }) { number at }"), {
        number: 42,
        at: null
      })
      assert.deepStrictEqual(yield* run("deleteOneOrder(query: { number: 42 }) { number }"), { number: 42 })
      assert.isNull(yield* run("deleteOneOrder(query: { number: 42 }) { number }"))
      assert.deepStrictEqual(yield* run("deleteManyOrders(query: { paid: true }) { deletedCount }"), {
        deletedCount: 2
      })
      const ids = ["5f0000000000000000000001", "5f0000000000000000000002"]
      assert.deepStrictEqual(
        yield* run(
          `insertManyOrders(data: [{ _id: "${ids[0]}", number: 1, count: 5 }, { _id: "${ids[1]}", number: 2 }]) { insertedIds }`
        ),
        { insertedIds: ids }
      )
      // the types of the schema, so that it accepts the documents
      assert.deepStrictEqual(
        yield* ask("POST", path("my-app", "functions/call"), {
          token: user.token,
          body: {
            name: "findOne",
            service: "atlas",
            arguments: [{ database: "shop", collection: "orders", query: { _id: { $oid: ids[0] } } }]
          }
        }).pipe(Effect.map(({ text }) => JSON.parse(text))),
        { _id: { $oid: ids[0] }, number: { $numberInt: "1" }, count: { $numberLong: "5" } }
      )
    }).pipe(Effect.provide(served()))
  )

  it.effect("create and link related documents, in one transaction", () =>
    Effect.gen(function* () {
      const { query } = yield* client
      const created = data(
        yield* query(insertOrder.replace("_id number", "number customer { email secret } goose_ids { name }"), {
          data: {
            number: 1,
            customer: { create: { email: "a@x.org" } },
            goose_ids: { create: [{ name: "Akka" }, { name: "Yksi" }] }
          }
        })
      )
      assert.deepStrictEqual(created, {
        insertOneOrder: {
          number: 1,
          customer: { email: "a@x.org", secret: null },
          goose_ids: [{ name: "Akka" }, { name: "Yksi" }]
        }
      })
      assert.deepStrictEqual(
        data(
          yield* query(
            'mutation { updateOneOrder(set: { customer: { link: "b@x.org" }, goose_ids: { link: [] } }) { customer { email } goose_ids { name } } }'
          )
        ),
        { updateOneOrder: { customer: null, goose_ids: [] } }
      )
      // what is created goes with the document that could not be written
      const bad = `mutation { insertOneOrder(data: { _id: "5f0000000000000000000009", number: 2, goose_ids: { create: [{ name: "Kaksi" }] } }) { _id } }`
      data(yield* query(bad.replace('{ create: [{ name: "Kaksi" }] }', "{ link: [] }")))
      assert.match(yield* Effect.map(query(bad), ({ errors }) => errors[0].message), /E11000/)
      assert.deepStrictEqual(data(yield* query("{ geese(sortBy: NAME_ASC) { name } }")), {
        geese: [{ name: "Akka" }, { name: "Yksi" }]
      })
    }).pipe(Effect.provide(served()))
  )

  it.effect("find documents by conditions on related documents, and read once for many", () =>
    Effect.gen(function* () {
      const { query } = yield* client
      for (const [number, email] of [
        [1, "a@x.org"],
        [2, "b@x.org"],
        [3, "a@x.org"]
      ] as const) {
        const customer = number === 3 ? { link: email } : { create: { email } }
        data(yield* query(insertOrder, { data: { number, customer, goose_ids: { create: [{ name: `g${number}` }] } } }))
      }
      const numbers = (args: string) =>
        Effect.map(query(`{ orders(${args}, sortBy: NUMBER_ASC) { number customer { email } } }`), data)
      assert.deepStrictEqual(yield* numbers('query: { customer: { email: "a@x.org" } }'), {
        orders: [1, 3].map((number) => ({ number, customer: { email: "a@x.org" } }))
      })
      assert.deepStrictEqual(
        yield* numbers('query: { goose_ids_in: [{ name: "g1" }, { name: "g2" }], customer_exists: true }'),
        {
          orders: [
            { number: 1, customer: { email: "a@x.org" } },
            { number: 2, customer: { email: "b@x.org" } }
          ]
        }
      )
      assert.deepStrictEqual(yield* numbers('query: { goose_ids_nin: [{ name: "g1" }] }'), {
        orders: [
          { number: 2, customer: { email: "b@x.org" } },
          { number: 3, customer: { email: "a@x.org" } }
        ]
      })
    }).pipe(Effect.provide(served()))
  )
})
