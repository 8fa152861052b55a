import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ask, path } from "../support.ts"
import { served, client, insertOrder, data, seed } from "./orders.ts"

describe("generated queries", () => {
  it.effect("find documents by every condition, in order and up to a limit", () =>
    Effect.gen(function* () {
      const user = yield* client
      yield* seed(user)
      yield* user.query(insertOrder, {
        data: {
          number: 4,
          lines: [
            { what: "x", n: 1 },
            { what: "y", n: 2 }
          ]
        }
      })
      const numbers = (args: string) =>
        Effect.map(user.query(`{ orders(${args}) { number } }`), (result) =>
          (data(result) as { orders: ReadonlyArray<{ number: number }> }).orders.map((it) => it.number)
        )
      for (const [args, expected] of [
        ["query: {}, sortBy: NUMBER_DESC", [4, 3, 2, 1]],
        ["sortBy: NUMBER_DESC, limit: 2", [4, 3]],
        ["query: { number: 2 }", [2]],
        ["query: { number_gt: 1, number_lte: 3 }, sortBy: NUMBER_ASC", [2, 3]],
        ["query: { number_in: [1, 3] }, sortBy: NUMBER_ASC", [1, 3]],
        ["query: { number_nin: [1, 3] }, sortBy: NUMBER_ASC", [2, 4]],
        ["query: { number_ne: 1 }, sortBy: NUMBER_ASC", [2, 3, 4]],
        ["query: { price_exists: false }", [4]],
        ["query: { price_gte: 2.5 }", [3]],
        ["query: { OR: [{ number: 1 }, { number: 4 }] }, sortBy: NUMBER_ASC", [1, 4]],
        ["query: { AND: [{ number_gt: 1 }, { OR: [{ number: 2 }, { number: 1 }] }] }", [2]],
        ['query: { tags_in: ["t1", "t3"] }, sortBy: NUMBER_ASC', [1, 3]],
        ['query: { tags: ["t", "t2"] }', [2]],
        ['query: { shipTo: { city: "c2", zip_gt: 1 } }', [2]],
        ['query: { shipTo: { OR: [{ city: "c1" }, { zip: 3 }] } }, sortBy: NUMBER_ASC', [1, 3]],
        ["query: { shipTo_exists: false }", [4]],
        ['query: { lines: [{ what: "x", n: 1 }] }', [4]],
        ['query: { lines: [{ what: "x", n: 2 }] }', []],
        ['query: { lines_in: [{ what: "z" }, { n_gt: 1 }] }', [4]],
        ['query: { lines_nin: [{ what: "x" }] }, sortBy: NUMBER_ASC', [1, 2, 3]]
      ] as const) {
        assert.deepStrictEqual(yield* numbers(args), [...expected], args)
      }
      assert.deepStrictEqual(data(yield* user.query("{ order(query: { number: 9 }) { _id } }")), { order: null })
    }).pipe(Effect.provide(served()))
  )

  it.effect("answer with the types of BSON as those of GraphQL", () =>
    Effect.gen(function* () {
      const { query, token } = yield* client
      yield* ask("POST", path("my-app", "functions/call"), {
        token,
        body: {
          name: "insertOne",
          service: "atlas",
          arguments: [
            {
              database: "shop",
              collection: "orders",
              document: {
                _id: { $oid: "5f0000000000000000000001" },
                number: { $numberInt: "7" },
                price: { $numberDouble: "5.0" },
                total: { $numberDecimal: "1.25" },
                count: { $numberLong: "9007199254740993" },
                paid: true,
                at: { $date: { $numberLong: "1500" } },
                "ship to": { city: "x" }
              }
            }
          ]
        }
      })
      const fields = "_id number price total count paid at shipTo { city zip } tags lines { n }"
      assert.deepStrictEqual(data(yield* query(`{ order { ${fields} } }`)), {
        order: {
          _id: "5f0000000000000000000001",
          number: 7,
          price: 5,
          total: 1.25,
          count: "9007199254740993",
          paid: true,
          at: "1970-01-01T00:00:01.500Z",
          shipTo: { city: "x", zip: null },
          tags: null,
          lines: null
        }
      })
    }).pipe(Effect.provide(served()))
  )

  it.effect("use the types that the original host generates", () =>
    Effect.gen(function* () {
      const { query } = yield* client
      const type = "name kind ofType { name kind ofType { name kind ofType { name kind } } }"
      const result = data(
        yield* query(`{ __schema { types { name
          fields { name type { ${type} } args { name defaultValue type { ${type} } } }
          inputFields { name type { ${type} } } enumValues { name } } } }`)
      ) as { __schema: { types: ReadonlyArray<TypeShown> } }
      const shown = (name: string) => {
        const found = result.__schema.types.find((it) => it.name === name)
        const fields: ReadonlyArray<ArgShown & { readonly args?: ReadonlyArray<ArgShown> }> | null | undefined =
          found?.fields ?? found?.inputFields
        return fields
          ? fields.map(({ args = [], name, type }) => `${name}${argsOf(args)}: ${nameOf(type)}`)
          : (found?.enumValues?.map(({ name }) => name) ?? [])
      }
      assert.includeMembers(shown("Query"), [
        "order(query: OrderQueryInput): Order",
        "orders(query: OrderQueryInput, limit: Int = 100, sortBy: OrderSortByInput): [Order]!",
        "goose(query: GooseQueryInput): Goose",
        "geese(query: GooseQueryInput, limit: Int = 100, sortBy: GooseSortByInput): [Goose]!",
        "sum(input: SumInput): Int",
        "named(input: String): [Goose]"
      ])
      assert.includeMembers(shown("Mutation"), [
        "insertOneGoose(data: GooseInsertInput!): Goose",
        "insertManyGeese(data: [GooseInsertInput!]!): InsertManyPayload",
        "updateOneGoose(query: GooseQueryInput, set: GooseUpdateInput!): Goose",
        "updateManyGeese(query: GooseQueryInput, set: GooseUpdateInput!): UpdateManyPayload",
        "upsertOneGoose(query: GooseQueryInput, data: GooseInsertInput!): Goose",
        "replaceOneGoose(query: GooseQueryInput, data: GooseInsertInput!): Goose",
        "deleteOneGoose(query: GooseQueryInput!): Goose",
        "deleteManyGeese(query: GooseQueryInput): DeleteManyPayload",
        "fail: DefaultPayload"
      ])
      assert.deepStrictEqual(shown("Order"), [
        "_id: ObjectId",
        "number: Int",
        "price: Float",
        "total: Float",
        "count: Long",
        "paid: Boolean",
        "at: DateTime",
        "customer: Customer",
        "goose_ids: [Goose]",
        "tags: [String]",
        "shipTo: OrderShipTo",
        "lines: [OrderLine]",
        "label: String",
        "summary(input: Int): Summary"
      ])
      assert.includeMembers(shown("OrderInsertInput"), [
        "_id: ObjectId",
        "number: Int!",
        "customer: OrderCustomerRelationInput",
        "goose_ids: OrderGoose_idsRelationInput",
        "lines: [OrderLineInsertInput]"
      ])
      assert.deepStrictEqual(shown("OrderGoose_idsRelationInput"), ["link: [ObjectId]", "create: [GooseInsertInput]"])
      assert.deepStrictEqual(shown("OrderCustomerRelationInput"), ["link: String", "create: CustomerInsertInput"])
      assert.includeMembers(shown("OrderUpdateInput"), [
        "number: Int",
        "number_unset: Boolean",
        "number_inc: Int",
        "price_inc: Float",
        "shipTo: OrderShipToUpdateInput"
      ])
      assert.notInclude(shown("OrderUpdateInput").join(), "count_inc")
      assert.includeMembers(shown("OrderQueryInput"), [
        "number_gte: Int",
        "paid_ne: Boolean",
        "customer: CustomerQueryInput",
        "customer_exists: Boolean",
        "goose_ids: [GooseQueryInput]",
        "goose_ids_nin: [GooseQueryInput]",
        "tags: [String]",
        "tags_in: [String]",
        "lines_in: [OrderLineQueryInput]",
        "AND: [OrderQueryInput!]"
      ])
      assert.notInclude(shown("OrderQueryInput").join(), "paid_gt")
      assert.deepStrictEqual(shown("GooseSortByInput"), ["_ID_ASC", "_ID_DESC", "NAME_ASC", "NAME_DESC"])
      assert.deepStrictEqual(shown("InsertManyPayload"), ["insertedIds: [ObjectId]!"])
    }).pipe(Effect.provide(served()))
  )
})

interface TypeRef {
  readonly name: string | null
  readonly kind: string
  readonly ofType?: TypeRef | null
}
interface ArgShown {
  readonly name: string
  readonly defaultValue?: string | null
  readonly type: TypeRef
}
interface TypeShown {
  readonly name: string
  readonly fields: ReadonlyArray<ArgShown & { readonly args: ReadonlyArray<ArgShown> }> | null
  readonly inputFields: ReadonlyArray<ArgShown> | null
  readonly enumValues: ReadonlyArray<{ readonly name: string }> | null
}

const nameOf = ({ kind, name, ofType }: TypeRef): string =>
  ofType === undefined || ofType === null
    ? (name ?? "")
    : kind === "LIST"
      ? `[${nameOf(ofType)}]`
      : `${nameOf(ofType)}!`

const argsOf = (args: ReadonlyArray<ArgShown>): string => {
  const shown = args.map(
    ({ defaultValue, name, type }) => `${name}: ${nameOf(type)}${defaultValue ? ` = ${defaultValue}` : ""}`
  )
  return shown.length === 0 ? "" : `(${shown.join(", ")})`
}
