/** The schemas that are generated of collections and resolvers. */
import { assert, describe, it } from "@effect/vitest"
import { printSchema } from "graphql"
import * as GraphQlSchema from "../../../src/server/graphql/GraphQlSchema.ts"
import type { GraphQlResolver, GraphQlType } from "../../../src/server/model/GraphQl.ts"

const collection = (name: string, schema: Record<string, unknown>) => ({
  service: "s",
  database: "d",
  collection: name,
  schema,
  relationships: new Map()
})

const made = (
  collections: ReadonlyArray<ReturnType<typeof collection>>,
  resolvers: ReadonlyArray<GraphQlResolver> = []
) => GraphQlSchema.make({ collections, resolvers, naturalPluralization: true, introspection: true })

const typeOf = ({ schema }: GraphQlSchema.Made, name: string) => {
  const [, found] = new RegExp(`^(?:type|input|enum) ${name} \\{\\n([^}]*)\\}`, "m").exec(printSchema(schema)) ?? []
  return found?.trim().split(/\s*\n\s*/)
}

const text = { bsonType: "string" }
const resolver = (field: string, types: { input?: GraphQlType; payload?: GraphQlType }): GraphQlResolver => ({
  onType: "Query",
  field,
  functionName: "f",
  input: types.input,
  payload: types.payload
})

describe("a generated schema", () => {
  it("names types by title or collection, and cleans the names", () => {
    const schema = made([
      collection("a", { title: "user profile", properties: { "first name": text, "9lives": text, "a.b": text } }),
      collection("sheep", { properties: { name: text } }),
      collection("b", { $jsonSchema: { title: "Wrapped", properties: { x: text } } })
    ])
    assert.deepStrictEqual(typeOf(schema, "UserProfile"), [
      "_id: ObjectId",
      "firstName: String",
      "lives: String",
      "aB: String"
    ])
    const queries = typeOf(schema, "Query")?.map((it) => it.replace(/\(.*\)/, ""))
    assert.deepStrictEqual(queries, [
      "userProfile: UserProfile",
      "userProfiles: [UserProfile]!",
      "sheep: Sheep",
      "sheeps: [Sheep]!",
      "wrapped: Wrapped",
      "wrappeds: [Wrapped]!"
    ])
  })

  it("gives no name twice", () => {
    const lines = { bsonType: "array", items: { bsonType: "object", properties: { n: { bsonType: "int" } } } }
    const schema = made([
      collection("orders", { title: "Order", properties: { lines } }),
      collection("lines", { title: "OrderLine", properties: { what: text } }),
      collection("again", { title: "order", properties: { other: text } }),
      collection("query", { title: "Query", properties: { other: text } }),
      collection("string", { title: "String", properties: { other: text } })
    ])
    assert.deepStrictEqual(typeOf(schema, "Order"), ["_id: ObjectId", "lines: [OrderLine_]"])
    assert.deepStrictEqual(typeOf(schema, "OrderLine_"), ["n: Int"])
    assert.deepStrictEqual(typeOf(schema, "OrderLine"), ["_id: ObjectId", "what: String"])
    assert.lengthOf(typeOf(schema, "Query") ?? [], 4)
  })

  it("leaves out what GraphQL has no type for", () => {
    const schema = made([
      collection("a", {
        title: "A",
        properties: {
          any: {},
          two: { bsonType: ["int", "string"] },
          maybe: { bsonType: ["int", "null"] },
          bytes: { bsonType: "binData" },
          empty: { bsonType: "object" },
          tuple: { bsonType: "array", items: [text] },
          nested: { bsonType: "array", items: { bsonType: "array", items: text } },
          __own: text,
          $odd: text
        }
      })
    ])
    assert.deepStrictEqual(typeOf(schema, "A"), ["_id: ObjectId", "maybe: Int", "nested: [[String]]", "odd: String"])
  })

  it("has the types of resolvers, each once", () => {
    const custom = (schema: object): GraphQlType => ({ _tag: "Custom", schema: { ...schema } })
    const named = (name: string, isList = false): GraphQlType => ({ _tag: "Named", name, isList })
    const input = custom({ title: "Range", type: "object", properties: { from: { bsonType: "int" } } })
    const payload = custom({
      bsonType: "array",
      items: { title: "Results", bsonType: "object", properties: { n: text } }
    })
    const orders = [collection("orders", { title: "Order", required: ["n"], properties: { n: { bsonType: "int" } } })]
    const schema = made(orders, [
      resolver("a", { input, payload }),
      resolver("b", { input, payload }),
      resolver("c", {
        input: custom({ title: "Order", properties: { n: text } }),
        payload: custom({ title: "Order", properties: { x: text } })
      }),
      resolver("d", { input: named("order"), payload: named("[Order]", true) }),
      resolver("e", { input: named("OrderQueryInput"), payload: named("DeleteManyPayload") }),
      resolver("f", { input: named("objectId", true), payload: named("DateTime") }),
      resolver("orders", { payload: named("Int") }),
      resolver("g", { input: named("Nothing") }),
      resolver("h", { payload: custom({ bsonType: "binData" }) }),
      { ...resolver("i", {}), onType: "Nowhere" }
    ])
    const queries = typeOf(schema, "Query")?.filter((it) => !it.startsWith("order("))
    assert.deepStrictEqual(queries, [
      "orders: Int",
      "a(input: Range): [Results]",
      "b(input: Range): [Results]",
      "c(input: OrderInput): OrderPayload",
      "d(input: OrderInsertInput): [Order]",
      "e(input: OrderQueryInput): DeleteManyPayload",
      "f(input: [ObjectId]): DateTime"
    ])
    assert.deepStrictEqual(typeOf(schema, "Results"), ["n: String"])
    assert.deepStrictEqual(
      schema.problems.map(({ message, resolver: { field } }) => `${field}: ${message}`),
      ["g: its input type does not exist", "h: its payload type does not exist", 'i: the type "Nowhere" does not exist']
    )
  })

  it("has a query even if there is nothing to ask for", () => {
    const schema = made([], [{ ...resolver("run", {}), onType: "Mutation" }])
    assert.deepStrictEqual(typeOf(schema, "Mutation"), ["run: DefaultPayload"])
    assert.include(typeOf(schema, "Query"), "_: Boolean")
  })
})
