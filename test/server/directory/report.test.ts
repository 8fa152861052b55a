import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { anonymous, ask, callFunction, inProcess, loginPath } from "../support.ts"
import { load } from "./support.ts"

const anon = { "anon-user": { name: "anon-user", type: "anon-user", disabled: false } }

describe("undeclared names in the functions of an exported application", () => {
  it.effect("is reported once, where it is first used", () =>
    Effect.gen(function* () {
      const app = yield* load({
        "functions/config.json": [{ name: "a" }, { name: "b" }],
        "functions/a.js": `exports = async () => {
  // context.functions.execute("commented"); require("commented")
  await context.functions.execute("b")
  await context
    .functions.execute('gone', 1)
  context.values.get("known"); context.values.get("lost"); new Map().get("other")
  return context.functions.execute(\`\${name}\`)
}`,
        "functions/b.js": `exports = () => [context.functions.execute("gone"), context.values.get("lost"), "http://x"]`,
        "values/known.json": { name: "known", value: 1 }
      })
      assert.deepStrictEqual(app.report, [
        {
          file: "functions/a.js:5",
          message: 'the function "gone" does not exist: calling it fails (used in 2 places)'
        },
        { file: "functions/a.js:6", message: 'the value "lost" does not exist: it is undefined (used in 2 places)' }
      ])
    })
  )

  it.effect("reports a data source, if any is declared", () =>
    Effect.gen(function* () {
      const functions = {
        "functions/config.json": [{ name: "f" }],
        "functions/f.js": `exports = () => { context.services.get("mongodb-atlas"); context.services.get("web") }`
      }
      const others = {
        "data_sources/Cluster0/config.json": { name: "Cluster0", type: "mongodb-atlas" },
        "data_sources/Cluster1/config.json": { name: "Cluster1", type: "mongodb-atlas" },
        "services/web/config.json": { name: "web", type: "http" }
      }
      assert.deepStrictEqual((yield* load(functions)).report, [])
      const app = yield* load({ ...functions, ...others })
      assert.deepStrictEqual([...app.dataSources.keys()], ["Cluster0", "Cluster1"])
      assert.deepStrictEqual(app.report, [
        {
          file: "functions/f.js:1",
          message: 'neither a data source nor a service is named "mongodb-atlas": it is undefined'
        }
      ])
    })
  )

  it.effect("reports a package, with the functions that require it and what to do about it", () =>
    Effect.gen(function* () {
      const app = yield* load({
        "functions/config.json": [{ name: "f" }, { name: "g" }],
        "functions/f.js": `const fs = require("node:fs"), c = require("crypto"), here = require("here/sub"), scoped = require("@scope/pkg/deep")
          const declared = require("declared"); const mine = require("./lib/mine"); const data = require("./data.json"); jest.require("x")
          exports = () => require("./nowhere")`,
        "functions/g.js": `import other from "@scope/pkg"
          exports = () => require("declared/more")`,
        "functions/lib/mine.js": "module.exports = 1",
        "functions/data.json": {},
        "functions/package.json": { dependencies: { declared: "1" } },
        "functions/node_modules/here/sub.js": "",
        "functions/node_modules/here/package.json": { name: "here" }
      })
      const how = `run "npx effect-app-services install ${app.root}"`
      assert.deepStrictEqual(
        app.report.filter(({ file }) => file?.startsWith("functions/f.js")),
        [
          {
            file: "functions/f.js:1",
            message: `the package "@scope/pkg" is not installed, which the functions f, g require: ${how}`
          },
          {
            file: "functions/f.js:2",
            message: `the package "declared" is not installed, which the functions f, g require: ${how}`
          },
          { file: "functions/f.js:3", message: 'the module "./nowhere" does not exist: requiring it fails' }
        ]
      )
    })
  )

  it.effect("names every stage of Atlas Search, and the database that has it", () =>
    Effect.gen(function* () {
      const app = yield* load({
        "auth/providers.json": anon,
        "functions/config.json": [{ name: "f", run_as_system: true }],
        "functions/f.js": `exports = (stage) => {
  const old = [{ $match: { $text: { $search: "words" } } }] // { $search: {} }
  const pipeline = [{ $search: { index: "default" } }, { "$match": {} }]
  const more = [{
    '$vectorSearch': {} }]
  return context.services.get("mongodb-atlas").db("d").collection("c").aggregate([{ [stage]: {} }]).toArray()
}`
      })
      const message = (stage: string) =>
        `${stage} is a stage of Atlas Search, which only MongoDB Atlas has: this server rejects the pipeline`
      assert.deepStrictEqual(app.report, [
        { file: "functions/f.js:3", message: message("$search") },
        { file: "functions/f.js:5", message: message("$vectorSearch") }
      ])
      yield* Effect.gen(function* () {
        const { access_token } = yield* anonymous(app.id)
        for (const stage of ["$search", "$searchMeta", "$vectorSearch"]) {
          const { body } = yield* callFunction(access_token, "f", [stage], app.id)
          assert.include(
            body["error"],
            `The stage ${stage} is not supported by this server: it belongs to Atlas Search, which only MongoDB Atlas has`
          )
        }
      }).pipe(Effect.provide(inProcess(app)))
    })
  )
})

describe("what an exported application has and this server has not", () => {
  it.effect("is named in the report, each with its file", () =>
    Effect.gen(function* () {
      const app = yield* load({
        "realm_config.json": { app_id: "a", security: { allowed_request_origins: ["https://x", "x.test"] } },
        "graphql/custom_resolvers/query_total.json": { on_type: "Query", field_name: "total" },
        "hosting/config.json": { enabled: true },
        "log_forwarders/out.json": { name: "out", disabled: false },
        "log_forwarders/off.json": { name: "off", disabled: true },
        "services/sms/config.json": { name: "sms", type: "pigeon" },
        "services/db/config.json": { name: "db", type: "mongodb-atlas", config: { sync: { state: "enabled" } } },
        "data_sources/lake/config.json": { name: "lake", type: "datalake" },
        "data_sources/lake/d/c/schema.json": { properties: { a: { bsonType: "text" } } },
        "data_sources/lake/d/e/schema.json": {}
      })
      assert.deepStrictEqual(
        app.report.map(({ file, message }) => `${file}: ${message}`),
        [
          'services/sms/config.json: services of type "pigeon" are not supported: functions that use "sms" fail',
          `data_sources/lake/d/c/schema.json:1:16: the schema is not understood: at properties.a: the keyword 'bsonType' of a schema has an unknown type: 'text'; clients cannot write to the collection "d.c"`,
          'realm_config.json: invalid origin "x.test" in "allowed_request_origins": expected "https://app.example.com", for example; no page matches it',
          'data_sources/lake/config.json: data sources of type "datalake" are not supported: "lake" is served as a database that starts empty',
          'log_forwarders/out.json: log forwarders are not supported: "out" forwards nothing, and the log is the server\'s output',
          "services/db/config.json: Device Sync is not supported: clients that open a synced Realm cannot connect; logins, functions and access to documents work",
          'graphql/custom_resolvers/query_total.json: GraphQL does not have its field: expected a "field_name" and a "function_name"',
          "hosting/config.json: hosting is enabled, but there are no files in hosting/files"
        ]
      )
    })
  )

  it.effect("says so to who uses it", () =>
    Effect.gen(function* () {
      const app = yield* load({
        "auth/providers.json": { ...anon, "oauth2-google": { type: "oauth2-google", disabled: false } },
        "functions/config.json": [{ name: "f" }],
        "functions/f.js": `exports = () => context.services.get("sms").messages.send({})`,
        "services/sms/config.json": { name: "sms", type: "pigeon" }
      })
      yield* Effect.gen(function* () {
        const { access_token } = yield* anonymous(app.id)
        const called = yield* callFunction(access_token, "f", [], app.id)
        assert.include(
          called.body["error"],
          'services of type "pigeon": services.get("sms").messages.send is not supported by this server'
        )
        const google = yield* ask("POST", loginPath(app.id, "oauth2-google"), { body: { authCode: "x" } })
        assert.deepStrictEqual(
          [google.status, google.body["error"]],
          [400, "authentication via 'oauth2-google' is unsupported"]
        )
        const routes = [
          ["POST", "/api/client/v2.0/app/app/graphql", "the application has no GraphQL"],
          ["GET", "/api/client/v2.0/app/app/realm-sync", "Device Sync is not supported by this server"],
          ["GET", "/elsewhere", "cannot find GET /elsewhere"]
        ] as const
        for (const [method, path, text] of routes) {
          const { body, headers, status } = yield* ask(method, path)
          assert.strictEqual(status, 404, path)
          assert.strictEqual(headers["content-type"], "application/json")
          assert.include(body["error"], text)
        }
      }).pipe(Effect.provide(inProcess(app)))
    })
  )
})
