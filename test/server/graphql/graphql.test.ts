/** GraphQL of exported applications over the wire: generated types, queries, mutations, relations and resolvers. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect, Layer } from "effect"
import { AppDirectory } from "effect-app-services/server"
import { Limits } from "../../../src/server/data/internal/steps.ts"
import { anonymous, ask, callFunction, directory, inProcess, path } from "../support.ts"

const all = { read: true, write: true, insert: true, delete: true }
const source = "data_sources/atlas"
const schema = (collection: string, content: object, relationships: object = {}) => ({
  [`${source}/shop/${collection}/schema.json`]: content,
  [`${source}/shop/${collection}/relationships.json`]: relationships
})
const relation = (collection: string, more: object) => ({ ref: `#/relationship/atlas/shop/${collection}`, ...more })

const files = {
  "realm_config.json": { app_id: "my-app" },
  "auth/providers.json": {
    "anon-user": { name: "anon-user", type: "anon-user", disabled: false },
    "local-userpass": { name: "local-userpass", type: "local-userpass", disabled: false, config: { autoConfirm: true } }
  },
  [`${source}/config.json`]: { name: "atlas", type: "mongodb-atlas" },
  [`${source}/default_rule.json`]: { roles: [{ name: "all", apply_when: {}, ...all }] },
  ...schema(
    "orders",
    {
      title: "order",
      bsonType: "object",
      required: ["_id", "number"],
      properties: {
        _id: { bsonType: "objectId" },
        number: { bsonType: "int" },
        price: { bsonType: "double" },
        total: { bsonType: "decimal" },
        count: { bsonType: "long" },
        paid: { bsonType: "bool" },
        at: { bsonType: "date" },
        customer: { bsonType: "string" },
        goose_ids: { bsonType: "array", items: { bsonType: "objectId" } },
        tags: { bsonType: "array", items: { bsonType: "string" } },
        "ship to": { bsonType: "object", properties: { city: { bsonType: "string" }, zip: { bsonType: "int" } } },
        lines: {
          bsonType: "array",
          items: { bsonType: "object", properties: { what: { bsonType: "string" }, n: { bsonType: "int" } } }
        },
        odd: { bsonType: ["string", "int"] },
        __internal: { bsonType: "string" }
      }
    },
    {
      customer: relation("customers", { source_key: "customer", foreign_key: "email", is_list: false }),
      goose_ids: relation("geese", { source_key: "goose_ids", foreign_key: "_id", is_list: true })
    }
  ),
  ...schema("customers", {
    title: "Customer",
    properties: { _id: { bsonType: "objectId" }, email: { bsonType: "string" }, secret: { bsonType: "string" } }
  }),
  [`${source}/shop/customers/rules.json`]: {
    database: "shop",
    collection: "customers",
    roles: [
      { name: "vip", apply_when: { email: "hidden@x.org" }, insert: true },
      {
        name: "some",
        apply_when: {},
        insert: true,
        fields: { email: { write: true }, secret: { read: false } }
      }
    ]
  },
  ...schema("geese", { title: "Goose", properties: { name: { bsonType: "string" } } }),
  "functions/config.json": [
    { name: "sum", private: true },
    { name: "sys", run_as_system: true },
    { name: "label" },
    { name: "total" },
    { name: "find" },
    { name: "fail" },
    { name: "nothing" },
    { name: "closed", can_evaluate: { "%%user.type": "server" } }
  ],
  "functions/sum.js": "exports = ({ a, b, more }) => a + b + (more ? more.length : 0)",
  "functions/sys.js":
    "exports = (document) => context.services.get('atlas').db('shop').collection('customers').insertOne(document)",
  "functions/label.js": "exports = (source) => `#${source.number} of ${source._id}`",
  "functions/total.js":
    "exports = (input, source) => ({ ids: [source._id], n: input, when: new Date(0), by: context.user.id, dropped: 1 })",
  "functions/find.js":
    "exports = (name) => context.services.get('atlas').db('shop').collection('geese').find({ name })",
  "functions/fail.js": "exports = () => { throw new Error('no \"luck\"') }",
  "functions/nothing.js": "exports = () => undefined",
  "functions/closed.js": "exports = () => 1",
  "graphql/config.json": { use_natural_pluralization: true },
  "graphql/custom_resolvers/sum.json": {
    on_type: "Query",
    field_name: "sum",
    function_name: "sum",
    input_type: {
      title: "SumInput",
      bsonType: "object",
      required: ["a"],
      properties: {
        a: { bsonType: "int" },
        b: { bsonType: "double" },
        more: { bsonType: "array", items: { bsonType: "string" } }
      }
    },
    input_type_format: "custom",
    payload_type: "int",
    payload_type_format: "scalar"
  },
  "graphql/custom_resolvers/label.json": {
    on_type: "Order",
    field_name: "label",
    function_name: "label",
    payload_type: "string",
    payload_type_format: "scalar"
  },
  "graphql/custom_resolvers/total.json": {
    on_type: "Order",
    field_name: "summary",
    function_name: "total",
    input_type: "int",
    input_type_format: "scalar",
    payload_type: {
      title: "Summary",
      type: "object",
      properties: {
        ids: { bsonType: "array", items: { bsonType: "string" } },
        n: { bsonType: "int" },
        when: { bsonType: "date" },
        by: { type: "string" }
      }
    },
    payload_type_format: "custom"
  },
  "graphql/custom_resolvers/find.json": {
    on_type: "Query",
    field_name: "named",
    function_name: "find",
    input_type: "string",
    input_type_format: "scalar",
    payload_type: "Goose",
    payload_type_format: "generated-list"
  },
  "graphql/custom_resolvers/fail.json": { on_type: "Mutation", field_name: "fail", function_name: "fail" },
  "graphql/custom_resolvers/nothing.json": { on_type: "Mutation", field_name: "done", function_name: "nothing" },
  "graphql/custom_resolvers/closed.json": {
    on_type: "Query",
    field_name: "closed",
    function_name: "closed",
    payload_type: "int",
    payload_type_format: "scalar"
  },
  "graphql/custom_resolvers/lost.json": {
    on_type: "Query",
    field_name: "lost",
    function_name: "gone",
    payload_type: "Nowhere",
    payload_type_format: "generated"
  }
}

const load = (more: Record<string, unknown> = {}) =>
  Effect.flatMap(directory({ ...files, ...more }), (folder) => AppDirectory.load(folder)).pipe(
    Effect.provide([NodeFileSystem.layer, NodePath.layer])
  )

const served = (more: Record<string, unknown> = {}) => Layer.unwrap(Effect.map(load(more), (app) => inProcess(app)))

const address = path("my-app", "graphql")

const client = Effect.map(anonymous(), ({ access_token: token, user_id: id }) => ({
  id,
  token,
  query: (query: string, variables?: object) =>
    Effect.map(ask("POST", address, { token, body: { query, variables } }), ({ status, text }) => {
      assert.strictEqual(status, 200, text)
      return JSON.parse(text)
    })
}))

type Client = Effect.Success<typeof client>

const insertOrder = `mutation ($data: OrderInsertInput!) { insertOneOrder(data: $data) { _id number } }`

const data = (result: { data?: unknown; errors?: ReadonlyArray<{ message: string }> }) => {
  assert.isUndefined(result.errors, JSON.stringify(result.errors))
  return result.data
}

const seed = ({ query }: Client) =>
  Effect.forEach([1, 2, 3], (number) =>
    Effect.map(
      query(insertOrder, {
        data: { number, price: number, tags: ["t", `t${number}`], shipTo: { city: `c${number}`, zip: number } }
      }),
      data
    )
  )

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

describe("the rules of collections", () => {
  it.live("hide documents and fields, and refuse what they do not permit", () =>
    Effect.gen(function* () {
      const { query, token } = yield* client
      yield* callFunction(token, "sys", [{ email: "a@x.org", secret: "s" }])
      assert.deepStrictEqual(data(yield* query("{ customers { email secret } }")), {
        customers: [{ email: "a@x.org", secret: null }]
      })
      assert.deepStrictEqual(data(yield* query('{ customers(query: { secret: "s" }) { email } }')), { customers: [] })
      const hidden = yield* query('mutation { insertOneCustomer(data: { email: "hidden@x.org" }) { email } }')
      assert.deepStrictEqual(hidden.errors[0].path, ["insertOneCustomer"])
      const { errors, data: answered } = yield* query(
        'mutation { deleteOneCustomer(query: { email: "a@x.org" }) { email } }'
      )
      assert.deepStrictEqual(answered, { deleteOneCustomer: null })
      assert.deepStrictEqual(errors[0].extensions, { code: "NoMatchingRuleFound" })
      assert.strictEqual(
        errors[0].message,
        'reason="delete not permitted"; code="NoMatchingRuleFound"; untrusted="delete not permitted"; details=map[]'
      )
      const unfit = yield* query(`mutation { updateOneOrder(set: { number_unset: true }) { number } }`)
      assert.isUndefined(unfit.errors)
      data(yield* query(insertOrder, { data: { number: 1 } }))
      const invalid = yield* query(`mutation { updateOneOrder(set: { number_unset: true }) { number } }`)
      assert.match(
        invalid.errors[0].message,
        /could not validate document: .*SchemaValidationFailedWrite.*"update not permitted"/
      )
    }).pipe(Effect.provide(served()))
  )
})

describe("custom resolvers", () => {
  it.live("get their input, and with the document of a type", () =>
    Effect.gen(function* () {
      const user = yield* client
      data(yield* user.query(insertOrder, { data: { _id: "5f0000000000000000000001", number: 7 } }))
      data(
        yield* user.query(
          'mutation { insertManyGeese(data: [{ name: "a" }, { name: "b" }, { name: "a" }]) { insertedIds } }'
        )
      )
      assert.deepStrictEqual(
        data(
          yield* user.query(
            `query ($more: [String]) {
          sum(input: { a: 1, b: 2.0, more: $more })
          named(input: "a") { name }
          order { label summary(input: 5) { ids n when by } }
        }`,
            { more: ["x"] }
          )
        ),
        {
          sum: 4,
          named: [{ name: "a" }, { name: "a" }],
          order: {
            label: "#7 of 5f0000000000000000000001",
            summary: { ids: ["5f0000000000000000000001"], n: 5, when: "1970-01-01T00:00:00Z", by: user.id }
          }
        }
      )
      assert.deepStrictEqual(data(yield* user.query("mutation { done { status } }")), { done: { status: "complete" } })
      const failed = yield* user.query("mutation { fail { status } done { status } }")
      assert.deepStrictEqual(failed.data, { fail: null, done: { status: "complete" } })
      assert.match(
        failed.errors[0].message,
        /^reason=".*no \\"luck\\".*"; code="FunctionExecutionError"; untrusted=""; details=map\[\]$/
      )
      const closed = yield* user.query("{ closed }")
      assert.match(closed.errors[0].message, /rule not matched for function \\"closed\\"/)
    }).pipe(Effect.provide(served()))
  )

  it.effect("appear in the report if they cannot work", () =>
    Effect.gen(function* () {
      const app = yield* load()
      assert.deepStrictEqual(
        app.report.map(({ file, message }) => `${file}: ${message}`),
        [
          'graphql/custom_resolvers/lost.json: the resolver calls the function "gone", which does not exist: its field fails',
          "graphql/custom_resolvers/lost.json: GraphQL does not have the field Query.lost: its payload type does not exist"
        ]
      )
    })
  )
})

describe("a GraphQL request", () => {
  it.effect("needs a user, and a query", () =>
    Effect.gen(function* () {
      const { query, token } = yield* client
      const noCaller = yield* ask("POST", address, { body: { query: "{ orders { _id } }" } })
      assert.deepStrictEqual(
        [noCaller.status, noCaller.body["error"]],
        [400, "no authentication methods were specified"]
      )
      const strange = yield* ask("POST", address, { token: "x.y.z", body: { query: "{ orders { _id } }" } })
      assert.strictEqual(strange.status, 401)
      const headers = { email: "a@x.org", password: "wrong-one" }
      const wrong = yield* ask("POST", address, { headers, body: { query: "{ orders { _id } }" } })
      assert.deepStrictEqual([wrong.status, wrong.body["error_code"]], [401, "InvalidSession"])
      for (const raw of ["", "{", "[]", '{"query":1}', '{"query":"{ orders { _id } }","variables":[]}']) {
        const answer = yield* ask("POST", address, { token, raw })
        assert.deepStrictEqual([answer.status, answer.body["error_code"]], [400, "InvalidParameter"], raw)
      }
      assert.strictEqual((yield* ask("GET", address, { token })).status, 404)
      assert.match((yield* query("{ orders { ")).errors[0].message, /^Syntax Error/)
      assert.match((yield* query("{ orders { none } }")).errors[0].message, /Cannot query field "none" on type "Order"/)
      assert.match(
        (yield* query('{ order(query: { _id: "x" }) { _id } }')).errors[0].message,
        /"x" is not a valid ObjectId/
      )
    }).pipe(Effect.provide(served()))
  )

  it.effect("is refused if it asks for too much", () =>
    Effect.gen(function* () {
      const { query } = yield* client
      const message = (text: string) => Effect.map(query(text), ({ errors }) => errors?.[0]?.message ?? "none")
      const nested = (levels: number): string =>
        levels === 0 ? "{ city }" : `{ ... on OrderShipTo ${nested(levels - 1)} }`
      assert.strictEqual(yield* message(`{ order { shipTo ${nested(30)} } }`), "none")
      const aliases = Array.from({ length: 201 }, (_, i) => `a${i}: order { _id }`).join(" ")
      assert.match(yield* message(`{ ${aliases} }`), /more than 200 operations/)
      assert.match(yield* message(`{ order { ${"_id ".repeat(1001)} } }`), /more than 1000 fields/)
      assert.match(yield* message(`{ order { ${"_id ".repeat(10_000)} } }`), /more than 10000 tokens/)
      const deep = (levels: number) => `${"[".repeat(levels)}1${"]".repeat(levels)}`
      assert.match(
        yield* message(`{ order(query: { number: ${deep(4900)} }) { _id } }`),
        /nested too deeply|non-integer/
      )
      const type = (levels: number): string => (levels === 0 ? "name" : `name ofType { ${type(levels - 1)} }`)
      assert.match(yield* message(`{ __schema { types { fields { type { ${type(20)} } } } } }`), /more than 20 levels/)
      const many = Array.from({ length: 1000 }, (_, i) => ({ number: i }))
      for (let i = 0; i < 2; i++) {
        data(
          yield* query("mutation ($data: [OrderInsertInput!]!) { insertManyOrders(data: $data) { insertedIds } }", {
            data: many
          })
        )
      }
      const fields = Array.from({ length: 600 }, (_, i) => `f${i}: number`).join(" ")
      assert.match(yield* message(`{ orders(limit: 2000) { ${fields} } }`), /more than 1000000 values/)
      assert.strictEqual(yield* message("{ orders(limit: 2000) { number } }"), "none")
    }).pipe(Effect.provide(served()))
  )

  it.effect("has the budget of one operation on the database", () =>
    Effect.gen(function* () {
      const { query } = yield* client
      const many = Array.from({ length: 300 }, (_, i) => ({ number: i }))
      const insert = "mutation ($data: [OrderInsertInput!]!) { insertManyOrders(data: $data) { insertedIds } }"
      data(yield* query(insert, { data: many }))
      const fields = Array.from(
        { length: 20 },
        (_, i) => `f${i}: orders(query: { number_gt: ${i} }, limit: 1000) { number }`
      )
      const limits = { steps: 3000, values: 1_000_000, time: Duration.seconds(3) }
      const limited = (text: string) => Effect.provideService(query(text), Limits, limits)
      assert.isUndefined((yield* limited(`{ ${fields[0]} }`)).errors)
      const { errors } = yield* limited(`{ ${fields.join(" ")} }`)
      assert.match(errors[0].message, /code="ExecutionTimeLimitExceeded"/)
      assert.isBelow(errors.length, 20)
    }).pipe(Effect.provide(served()))
  )

  it.effect("cannot ask for the schema if introspection is disabled", () =>
    Effect.gen(function* () {
      const { query } = yield* client
      assert.match(
        (yield* query("{ __schema { types { name } } }")).errors[0].message,
        /introspection has been disabled/
      )
      data(yield* query("{ goose { __typename } gooses { name } }"))
    }).pipe(
      Effect.provide(
        served({ "graphql/config.json": { use_natural_pluralization: false, disable_schema_introspection: true } })
      )
    )
  )

  it.effect("is told that the application has no GraphQL", () =>
    Effect.gen(function* () {
      const { access_token: token } = yield* anonymous("bare")
      const { body, status } = yield* ask("POST", path("bare", "graphql"), { token, body: { query: "{ a }" } })
      assert.strictEqual(status, 404)
      assert.match(body["error"] ?? "", /has no GraphQL/)
      yield* callFunction(token, "none", [], "bare")
    }).pipe(
      Effect.provide(
        Layer.unwrap(
          Effect.map(
            Effect.flatMap(
              directory({
                "realm_config.json": { app_id: "bare" },
                "auth/providers.json": files["auth/providers.json"]
              }),
              (folder) => AppDirectory.load(folder)
            ).pipe(Effect.provide([NodeFileSystem.layer, NodePath.layer])),
            (app) => inProcess(app)
          )
        )
      )
    )
  )
})
