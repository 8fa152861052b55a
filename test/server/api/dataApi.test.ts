import { assert, it, layer } from "@effect/vitest"
import { Effect } from "effect"
import { ask, emailPassword, register } from "../support.ts"
import { exported, load } from "../functions/support.ts"

const files = (dataApi: object) => ({
  "auth/providers.json": {
    "anon-user": { name: "anon-user", type: "anon-user" },
    "local-userpass": { name: "local-userpass", type: "local-userpass", config: { autoConfirm: true } }
  },
  "data_sources/m/config.json": { name: "m", type: "mongodb-atlas", config: { clusterName: "c" } },
  "data_sources/m/d/orders/rules.json": {
    roles: [
      {
        name: "owner",
        apply_when: {},
        document_filters: { read: { owner: "%%user.id" }, write: { owner: "%%user.id" } },
        read: true,
        write: true,
        insert: true,
        delete: true
      }
    ]
  },
  "http_endpoints/data_api_config.json": { disabled: false, versions: ["v1"], return_type: "JSON", ...dataApi }
})

const target = { dataSource: "m", database: "d", collection: "orders" }
const at = (action: string, version = "v1") => `/app/my-app/endpoint/data/${version}/action/${action}`

const signedUp = Effect.gen(function* () {
  yield* register("ada@example.com", "password")
  const { body } = yield* emailPassword("ada@example.com", "password")
  return { token: body["access_token"], id: body["user_id"] }
})

layer(exported({ f: "exports = () => 1" }, files({})))("the Data API", (it) => {
  it.effect("runs operations as the caller, under the rules", () =>
    Effect.gen(function* () {
      const { id, token } = yield* signedUp
      const act = (action: string, body: object, headers: Record<string, string> = {}) =>
        ask("POST", at(action), { token, headers, body: { ...target, ...body } })
      const one = yield* act("insertOne", { document: { _id: "a", owner: id, n: 5 } })
      assert.deepStrictEqual([one.status, one.text], [201, '{"insertedId":"a"}'])
      const many = yield* act("insertMany", {
        documents: [
          { _id: "b", owner: id },
          { _id: "c", owner: id }
        ]
      })
      assert.deepStrictEqual([many.status, many.text], [201, '{"insertedIds":["b","c"]}'])
      const other = yield* act("insertOne", { document: { _id: "x", owner: "another" } })
      assert.deepStrictEqual([other.status, other.body["error_code"]], [400, "NoMatchingRuleFound"])

      assert.strictEqual(
        (yield* act("findOne", { filter: { _id: "a" } })).text,
        `{"document":{"_id":"a","owner":"${id}","n":5}}`
      )
      assert.strictEqual((yield* act("findOne", { filter: { _id: "none" } })).text, '{"document":null}')
      const found = yield* act("find", { projection: { _id: 1 }, sort: { _id: -1 }, skip: 1, limit: 1 })
      assert.strictEqual(found.text, '{"documents":[{"_id":"b"}]}')
      const typed = yield* act(
        "findOne",
        { filter: { _id: "a" }, projection: { n: 1 } },
        { accept: "application/ejson" }
      )
      assert.strictEqual(typed.headers["content-type"], "application/ejson")
      assert.deepStrictEqual(JSON.parse(typed.text), { document: { _id: "a", n: { $numberInt: "5" } } })

      const update = yield* act("updateOne", { filter: { _id: "a" }, update: { $set: { n: 6 } } })
      assert.strictEqual(update.text, '{"matchedCount":1,"modifiedCount":1}')
      const all = yield* act("updateMany", { filter: {}, update: { $set: { seen: true } } })
      assert.strictEqual(all.text, '{"matchedCount":3,"modifiedCount":3}')
      const replaced = yield* act("replaceOne", { filter: { _id: "b" }, replacement: { owner: id, n: 7 } })
      assert.strictEqual(replaced.text, '{"matchedCount":1,"modifiedCount":1}')
      const upserted = yield* act("updateOne", { filter: { _id: "d" }, update: { $set: { owner: id } }, upsert: true })
      assert.deepInclude(JSON.parse(upserted.text), { matchedCount: 0, upsertedId: "d" })
      const sum = yield* act("aggregate", { pipeline: [{ $group: { _id: null, n: { $sum: "$n" } } }] })
      assert.strictEqual(sum.text, '{"documents":[{"_id":null,"n":13}]}')
      assert.strictEqual((yield* act("deleteOne", { filter: { _id: "a" } })).text, '{"deletedCount":1}')
      assert.strictEqual((yield* act("deleteMany", { filter: {} })).text, '{"deletedCount":3}')
    })
  )

  it.effect("knows callers by credentials in headers or in the body", () =>
    Effect.gen(function* () {
      yield* signedUp
      const credentials = { email: "ada@example.com", password: "password" }
      for (const asked of [{ headers: credentials, body: target }, { body: { ...target, ...credentials } }]) {
        assert.strictEqual((yield* ask("POST", at("find"), asked)).text, '{"documents":[]}')
      }
      const none = yield* ask("POST", at("find"), { body: target })
      assert.deepStrictEqual([none.status, none.body["error"]], [400, "no authentication methods were specified"])
      const wrong = yield* ask("POST", at("find"), { body: { ...target, ...credentials, password: "wrong!" } })
      assert.deepStrictEqual([wrong.status, wrong.body["error_code"]], [401, "InvalidSession"])
    })
  )

  it.effect("refuses what it does not know before anything changes", () =>
    Effect.gen(function* () {
      const { id, token } = yield* signedUp
      yield* ask("POST", at("insertOne"), { token, body: { ...target, document: { _id: "kept", owner: id } } })
      const cases: ReadonlyArray<readonly [string, object, number, string]> = [
        ["deleteMany", { ...target, query: { _id: "none" } }, 400, "unknown argument 'query' of deleteMany"],
        ["updateMany", { ...target, filter: {}, updates: {} }, 400, "unknown argument 'updates' of updateMany"],
        ["replaceOne", { ...target, filter: {}, replacement: { $set: { a: 1 } } }, 400, "without update operators"],
        ["deleteMany", { database: "d", collection: "orders", filter: {} }, 400, "'dataSource' is a required string"],
        ["deleteMany", { ...target, dataSource: "none", filter: {} }, 404, "service not found: 'none'"],
        ["deleteMany", { dataSource: "m", filter: {} }, 400, "'database' is required"],
        ["dropDatabase", target, 404, "unknown action POST v1/dropDatabase"]
      ]
      for (const [action, body, status, error] of cases) {
        const answer = yield* ask("POST", at(action), { token, body })
        assert.deepStrictEqual([answer.status, answer.body["error"]?.includes(error)], [status, true], answer.text)
      }
      assert.strictEqual((yield* ask("GET", at("find"), { token })).status, 404)
      assert.strictEqual((yield* ask("POST", at("find", "beta"), { token, body: target })).status, 404)
      assert.strictEqual((yield* ask("POST", at("find"), { token, raw: "{" })).status, 400)
      const kept = yield* ask("POST", at("find"), { token, body: target })
      assert.strictEqual(kept.text, `{"documents":[{"_id":"kept","owner":"${id}"}]}`)
    })
  )
})

it.effect("the Data API runs as the system and asks for a secret where it is told to", () =>
  Effect.gen(function* () {
    const document = { _id: 1, owner: "anyone" }
    const insert = (query: string) => ask("POST", `${at("insertOne")}${query}`, { body: { ...target, document } })
    assert.strictEqual((yield* insert("")).status, 401)
    const { headers, status, text } = yield* insert("?secret=s3cret")
    assert.deepStrictEqual(
      [status, text, headers["content-type"]],
      [201, '{"insertedId":{"$numberInt":"1"}}', "application/ejson"]
    )
  }).pipe(
    Effect.provide(
      exported(
        { f: "exports = () => 1" },
        {
          ...files({
            run_as_system: true,
            return_type: "EJSON",
            validation_method: "SECRET_AS_QUERY_PARAM",
            secret_name: "dataSecret"
          }),
          "secrets.json": { dataSecret: "s3cret" }
        }
      )
    )
  )
)

it.effect("the Data API is closed unless it is enabled", () =>
  Effect.gen(function* () {
    for (const config of [{ disabled: true }, { disabled: undefined }]) {
      const { dataApi } = yield* load({ f: "exports = () => 1" }, files(config))
      assert.strictEqual(dataApi, undefined)
    }
    const { body, status } = yield* ask("POST", at("find"), { body: target })
    assert.deepStrictEqual([status, body["error"]], [404, "the Data API is not enabled"])
  }).pipe(Effect.provide(exported({ f: "exports = () => 1" })))
)
