/** An exported application with GraphQL: generated types, relations and resolvers. */
import * as NodeFileSystem from "@effect/platform-node/NodeFileSystem"
import * as NodePath from "@effect/platform-node/NodePath"
import { assert } from "@effect/vitest"
import { Effect, Layer } from "effect"
import { AppDirectory } from "effect-app-services/server"
import { anonymous, ask, directory, inProcess, path } from "../support.ts"

const all = { read: true, write: true, insert: true, delete: true }
const source = "data_sources/atlas"
const schema = (collection: string, content: object, relationships: object = {}) => ({
  [`${source}/shop/${collection}/schema.json`]: content,
  [`${source}/shop/${collection}/relationships.json`]: relationships
})
const relation = (collection: string, more: object) => ({
  ref: `#/relationship/atlas/shop/${collection}`,
  ...more
})

export const files = {
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

export const load = (files: Record<string, unknown>) =>
  Effect.flatMap(directory(files), (folder) => AppDirectory.load(folder)).pipe(
    Effect.provide([NodeFileSystem.layer, NodePath.layer])
  )

const serve = (files: Record<string, unknown>) => Layer.unwrap(Effect.map(load(files), (app) => inProcess(app)))

/** The application above, with more files or other ones. */
export const served = (more: Record<string, unknown> = {}) => serve({ ...files, ...more })

/** An application that does not use GraphQL. */
export const bare = serve({
  "realm_config.json": { app_id: "bare" },
  "auth/providers.json": files["auth/providers.json"]
})

export const address = path("my-app", "graphql")

export const client = Effect.map(anonymous(), ({ access_token: token, user_id: id }) => ({
  id,
  token,
  query: (query: string, variables?: object) =>
    Effect.map(ask("POST", address, { token, body: { query, variables } }), ({ status, text }) => {
      assert.strictEqual(status, 200, text)
      return JSON.parse(text)
    })
}))

export type Client = Effect.Success<typeof client>

export const insertOrder = `mutation ($data: OrderInsertInput!) { insertOneOrder(data: $data) { _id number } }`

export const data = (result: { data?: unknown; errors?: ReadonlyArray<{ message: string }> }) => {
  assert.isUndefined(result.errors, JSON.stringify(result.errors))
  return result.data
}

export const seed = ({ query }: Client) =>
  Effect.forEach([1, 2, 3], (number) =>
    Effect.map(
      query(insertOrder, {
        data: { number, price: number, tags: ["t", `t${number}`], shipTo: { city: `c${number}`, zip: number } }
      }),
      data
    )
  )
