import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { anonymous, ask, callFunction, inProcess, loginPath } from "../support.ts"
import { load, said } from "./support.ts"

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
          message:
            'neither a data source nor a service is named "mongodb-atlas": it is a separate data source without rules'
        }
      ])
    })
  )

  it.effect("reports a package, with what to do about it", () =>
    Effect.gen(function* () {
      const files = {
        "functions/config.json": [{ name: "f" }],
        "functions/f.js": `const fs = require("node:fs"), c = require("crypto"), here = require("here/sub"), scoped = require("@scope/pkg/deep")
          const declared = require("declared"); const mine = require("./lib/mine"); const data = require("./data.json"); jest.require("x")
          exports = () => require("./nowhere")`,
        "functions/lib/mine.js": "module.exports = 1",
        "functions/data.json": {},
        "functions/package.json": { dependencies: { declared: "1" } },
        "functions/node_modules/here/sub.js": "",
        "functions/node_modules/here/package.json": { name: "here" }
      }
      const app = yield* load(files)
      assert.deepStrictEqual(
        app.report.filter(({ file }) => file?.startsWith("functions/f.js")).map(({ message }) => message),
        [
          'the package "@scope/pkg" is not installed: run "npm install @scope/pkg" in the folder functions',
          'the package "declared" is not installed: run "npm install" in the folder functions',
          'the module "./nowhere" does not exist: requiring it fails'
        ]
      )
      const packed = yield* load({ ...files, "functions/node_modules.tar.gz": "x" })
      assert.match(said(packed, "functions/node_modules.tar.gz"), /unpack it into functions\/node_modules/)
      assert.match(said(packed, "functions/f.js:2"), /unpack functions\/node_modules.tar.gz into/)
    })
  )
})

describe("what an exported application has and this server has not", () => {
  it.effect("is named in the report, each with its file", () =>
    Effect.gen(function* () {
      const app = yield* load({
        "realm_config.json": { app_id: "a", security: { allowed_request_origins: ["https://x"] } },
        "graphql/custom_resolvers/query_total.json": { on_type: "Query", field_name: "total" },
        "hosting/config.json": { enabled: true },
        "log_forwarders/out.json": { name: "out", disabled: false },
        "log_forwarders/off.json": { name: "off", disabled: true },
        "services/sms/config.json": { name: "sms", type: "twilio" },
        "services/db/config.json": { name: "db", type: "mongodb-atlas", config: { sync: { state: "enabled" } } },
        "data_sources/lake/config.json": { name: "lake", type: "datalake" },
        "data_sources/lake/d/c/schema.json": { properties: { a: { bsonType: "text" } } },
        "data_sources/lake/d/e/schema.json": {}
      })
      assert.deepStrictEqual(
        app.report.map(({ file, message }) => `${file}: ${message}`),
        [
          `data_sources/lake/d/c/schema.json: the schema is not understood: at properties.a: the keyword 'bsonType' of a schema has an unknown type: 'text'; clients cannot write to the collection "d.c"`,
          'realm_config.json: "allowed_request_origins" is not supported: pages of any origin may send requests',
          'data_sources/lake/config.json: data sources of type "datalake" are not supported: "lake" is served as a database that starts empty',
          "graphql/custom_resolvers/query_total.json: GraphQL is not supported: the resolver of Query.total is never called",
          'log_forwarders/out.json: log forwarders are not supported: "out" forwards nothing',
          "services/db/config.json: Device Sync is not supported: devices cannot synchronise",
          'services/sms/config.json: services of type "twilio" are not supported: functions that use "sms" fail',
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
        "services/sms/config.json": { name: "sms", type: "twilio" }
      })
      yield* Effect.gen(function* () {
        const { access_token } = yield* anonymous(app.id)
        const called = yield* callFunction(access_token, "f", [], app.id)
        assert.include(
          called.body["error"],
          'services of type "twilio": services.get("sms").messages.send is not supported by this server'
        )
        const google = yield* ask("POST", loginPath(app.id, "oauth2-google"), { body: { authCode: "x" } })
        assert.deepStrictEqual(
          [google.status, google.body["error"]],
          [400, "authentication via 'oauth2-google' is unsupported"]
        )
        const routes = [
          ["POST", "/api/client/v2.0/app/app/graphql", "GraphQL is not supported by this server"],
          ["GET", "/api/client/v2.0/app/app/realm-sync", "Device Sync is not supported by this server"],
          ["GET", "/api/client/v2.0/auth/callback?code=c", "OAuth 2.0 by redirect is not supported"],
          ["GET", "/api/client/v2.0/app/app/auth/providers/oauth2-google?redirect=x", "OAuth 2.0 by redirect is not"],
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
