import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { anonymous, ask, callFunction, inProcess, path, root } from "../support.ts"
import { load, said } from "./support.ts"

const anon = { "anon-user": { name: "anon-user", type: "anon-user", disabled: false } }
const source = (name: string) => ({ [`data_sources/${name}/config.json`]: { name, type: "mongodb-atlas" } })
const all = { name: "all", apply_when: {}, read: true, write: true, insert: true, delete: true }

const found = (token: string | undefined, collection: string) =>
  Effect.map(
    ask("POST", path("app", "functions/call"), {
      token,
      body: { service: "mongodb-atlas", name: "find", arguments: [{ database: "d", collection, query: {} }] }
    }),
    ({ body, status }) => (status === 200 ? Object.keys(body).length : body["error_code"])
  )

describe("the documents of an exported application", () => {
  it.effect("belong to its only data source, whatever its name, where custom user data is looked up too", () =>
    Effect.gen(function* () {
      const app = yield* load({
        ...source("Cluster0"),
        "auth/providers.json": anon,
        "auth/custom_user_data.json": {
          enabled: true,
          database_name: "d",
          collection_name: "people",
          user_id_field: "who"
        },
        "functions/config.json": [
          { name: "count", run_as_system: true },
          { name: "me" },
          { name: "join", run_as_system: true }
        ],
        "functions/count.js": "exports = () => context.services.get('Cluster0').db('d').collection('a').count()",
        "functions/join.js":
          "exports = (who) => context.services.get('Cluster0').db('d').collection('people').insertOne({ who, likes: 'tea' })",
        "functions/me.js": "exports = () => context.user.custom_data.likes",
        "data/d/a.json": [{ a: 1 }, { a: 2 }]
      })
      assert.deepStrictEqual(app.report, [])
      yield* Effect.gen(function* () {
        const { access_token, refresh_token, user_id } = yield* anonymous("app")
        assert.strictEqual((yield* callFunction(access_token, "count", [], "app")).text, '{"$numberInt":"2"}')
        yield* callFunction(access_token, "join", [user_id], "app")
        const { body } = yield* ask("POST", `${root}/auth/session`, { token: refresh_token })
        assert.strictEqual((yield* callFunction(body["access_token"], "me", [], "app")).text, '"tea"')
      }).pipe(Effect.provide(inProcess(app)))
    })
  )

  it.effect("get the indexes that mongodump writes beside them", () =>
    Effect.gen(function* () {
      const app = yield* load({
        ...source("Cluster0"),
        "auth/providers.json": anon,
        "data_sources/Cluster0/d/a/rules.json": { database: "d", collection: "a", roles: [all] },
        "data/d/a.json": [{ user: "ada" }],
        "data/d/a.metadata.json": {
          collectionName: "a",
          indexes: [
            { v: { $numberInt: "2" }, key: { _id: { $numberInt: "1" } }, name: "_id_" },
            { v: 2, key: { user: 1, at: -1 }, name: "by user", unique: true },
            { v: 2, key: { place: "2dsphere" }, name: "place_2dsphere" }
          ]
        },
        "data/d/b.metadata.json": []
      })
      assert.deepStrictEqual(
        app.report.map(({ file, message }) => [file, message]),
        [
          [
            "data/d/a.metadata.json",
            "the index is ignored: an index of the type '2dsphere' is not supported by this server: there are ascending and descending ones"
          ],
          ["data/d/b.metadata.json", "it is ignored: expected { indexes: [...] }, as mongodump writes it"]
        ]
      )
      yield* Effect.gen(function* () {
        const { access_token: token } = yield* anonymous("app")
        const { body, status } = yield* ask("POST", path("app", "functions/call"), {
          token,
          body: {
            service: "Cluster0",
            name: "insertOne",
            arguments: [{ database: "d", collection: "a", document: { user: "ada" } }]
          }
        })
        assert.strictEqual(status, 400)
        assert.match(body["error"], /index: by user dup key: \{ user: "ada", at: null \}$/)
      }).pipe(Effect.provide(inProcess(app)))
    })
  )

  it.effect("name one of several data sources by their folder", () =>
    Effect.gen(function* () {
      const app = yield* load({
        ...source("A"),
        ...source("B"),
        "data/d/a.json": [{}],
        "data/B/d/b.json": [{}],
        "data/C/d/c.json": [{}],
        "data/e.json": [{}]
      })
      assert.deepStrictEqual(
        app.data.map(({ collection, service }) => `${service}/${collection}`),
        ["B/b", "A/a"]
      )
      assert.strictEqual(said(app, "data/C/d/c.json"), 'it is ignored: the application has no data source "C"')
      assert.match(said(app, "data/d/a.json"), /in the data source "A": name another one/)
      assert.match(said(app, "data/e.json"), /it is ignored: expected data\/DATABASE\/COLLECTION.json/)
    })
  )
})

describe("a rule without roles", () => {
  const rules = (collection: string, rule: object) => ({
    [`data_sources/mongodb-atlas/d/${collection}/rules.json`]: { database: "d", collection, ...rule }
  })
  const files = {
    ...source("mongodb-atlas"),
    "auth/providers.json": anon,
    ...rules("empty", {}),
    ...rules("none", { roles: [] }),
    ...rules("own", { roles: [{ ...all, apply_when: { no: 1 } }] }),
    "data/d/empty.json": [{}],
    "data/d/none.json": [{}],
    "data/d/own.json": [{}]
  }

  it.effect.each([
    [
      "leaves the collection to the default rule",
      { "data_sources/mongodb-atlas/default_rule.json": { roles: [all] } },
      1
    ],
    ["closes the collection if there is no default rule", {}, "NoMatchingRuleFound"]
  ] as const)("%s", ([, more, expected]) =>
    Effect.gen(function* () {
      const app = yield* load({ ...files, ...more })
      assert.deepStrictEqual(app.report, [])
      yield* Effect.gen(function* () {
        const { access_token } = yield* anonymous("app")
        assert.strictEqual(yield* found(access_token, "empty"), expected)
        assert.strictEqual(yield* found(access_token, "none"), expected)
        assert.notStrictEqual(yield* found(access_token, "own"), 1)
      }).pipe(Effect.provide(inProcess(app)))
    })
  )
})
