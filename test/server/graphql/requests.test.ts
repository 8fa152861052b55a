import { assert, describe, it } from "@effect/vitest"
import { Duration, Effect } from "effect"
import { Limits } from "../../../src/server/data/internal/steps.ts"
import { anonymous, ask, callFunction, path } from "../support.ts"
import { address, bare, client, data, files, insertOrder, load, served } from "./orders.ts"

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
      const app = yield* load(files)
      assert.deepStrictEqual(
        app.report.map(({ file, message }) => `${file}: ${message}`),
        [
          'graphql/custom_resolvers/lost.json:1:40: the resolver calls the function "gone", which does not exist: its field fails',
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

  it.effect("is rejected if it asks for a large field until the answer is too large", () =>
    Effect.gen(function* () {
      const { query } = yield* client
      data(yield* query(`mutation { insertOneGoose(data: { name: "${"a".repeat(1_000_000)}" }) { __typename } }`))
      const names = Array.from({ length: 300 }, (_, i) => `n${i}: name`).join(" ")
      const answer = yield* query(`{ goose { ${names} } }`)
      assert.isNull(answer.data)
      assert.strictEqual(answer.errors[0].message, "the answer is too large: ask for fewer documents or fields")
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
    }).pipe(Effect.provide(bare))
  )
})
