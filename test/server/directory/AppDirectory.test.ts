import { assert, describe, it } from "@effect/vitest"
import { ObjectId } from "bson"
import { ConfigProvider, Effect, Redacted } from "effect"
import { AppDirectory } from "effect-app-services/server"
import { basename, join } from "node:path"
import { inspect } from "node:util"
import { ask, directory, inProcess, loginPath } from "../support.ts"
import { Files, load, refuse, said, userpass } from "./support.ts"

describe("AppDirectory.load", () => {
  it.effect("reads the example", () =>
    Effect.gen(function* () {
      const app = yield* Effect.provide(AppDirectory.load("examples/shop"), Files)
      assert.strictEqual(app.id, "shop-abcde")
      assert.deepStrictEqual(app.report, [])
      assert.isTrue(app.providers.anonymous)
      assert.isTrue(app.providers.apiKey)
      assert.isTrue(app.providers.emailPassword?.autoConfirm)
      assert.strictEqual(app.providers.customFunction?.name, "logInWithCard")
      assert.strictEqual(app.onUserCreation, "onUserCreation")
      assert.deepStrictEqual(app.customUserData, {
        service: "mongodb-atlas",
        database: "shop",
        collection: "customers",
        userIdField: "userId"
      })
      assert.strictEqual(app.functions.size, 10)
      assert.isTrue(app.functions.get("priceOf")?.private)
      assert.strictEqual(app.values.get("greeting"), "Welcome")
      assert.strictEqual(Redacted.value(app.values.get("signature") as Redacted.Redacted), "not-a-secret-in-an-example")
      assert.strictEqual(app.environment.tag, "development")
      assert.strictEqual(app.environment.values.get("shopName"), "the Corner Shop")
    })
  )

  it.effect.each(["realm_config.json", "root_config.json", "stitch.json", "config.json"])(
    "takes the id of %s",
    (file) => Effect.map(load({ [file]: { app_id: "app-xyz" } }), (app) => assert.strictEqual(app.id, "app-xyz"))
  )

  it.effect("takes the folder's name where no root file has an id", () =>
    Effect.gen(function* () {
      for (const files of [{ "root_config.json": { name: "x" } }, { "functions/config.json": [] }]) {
        const folder = yield* directory(files)
        assert.strictEqual((yield* AppDirectory.load(folder)).id, basename(folder))
      }
    }).pipe(Effect.provide(Files))
  )

  it.effect("reads the older layout", () =>
    Effect.gen(function* () {
      const app = yield* load({
        "stitch.json": {
          app_id: "old-app",
          custom_user_data_config: {
            enabled: true,
            mongo_service_name: "m",
            database_name: "d",
            collection_name: "c",
            user_id_field: "u"
          }
        },
        "auth_providers/anon-user.json": { name: "anon-user", type: "anon-user", disabled: false },
        "auth_providers/api-key.json": { name: "api-key", type: "api-key", disabled: true },
        "functions/sum/config.json": { name: "sum", private: false },
        "functions/sum/source.js": "exports = (a, b) => a + b",
        "values/v.json": { name: "v", value: { x: 1 } }
      })
      assert.isTrue(app.providers.anonymous)
      assert.isFalse(app.providers.apiKey)
      assert.strictEqual(app.functions.get("sum")?.body._tag, "Source")
      assert.deepStrictEqual(app.customUserData, { service: "m", database: "d", collection: "c", userIdField: "u" })
      assert.deepStrictEqual(app.values.get("v"), { x: 1 })
      assert.deepStrictEqual(app.report, [])
    })
  )

  it.effect("finds functions in folders, by full and by bare names", () =>
    Effect.gen(function* () {
      const app = yield* load({
        "functions/config.json": [{ name: "shop/order" }, { name: "helper" }],
        "functions/shop/order.js": "exports = () => 1",
        "functions/shop/deep/helper.js": "exports = () => 2"
      })
      assert.deepStrictEqual(app.report, [])
      assert.deepStrictEqual(
        [...app.functions.values()].map(({ body }) => body._tag),
        ["Source", "Source"]
      )
    })
  )

  it.effect("never reads a source outside the directory", () =>
    Effect.gen(function* () {
      const app = yield* load({
        "functions/config.json": [{ name: "../../../../etc/passwd" }, { name: "/etc/passwd" }]
      })
      assert.deepStrictEqual(
        [...app.functions.values()].map(({ body }) => body._tag),
        ["Broken", "Broken"]
      )
    })
  )

  it.effect("takes secrets of the file first, of the environment second, and names those that are missing", () =>
    Effect.gen(function* () {
      const value = (name: string) => ({ [`values/${name}.json`]: { name, from_secret: true, value: `${name}Secret` } })
      const app = yield* load({
        "realm_config.json": { app_id: "a" },
        ...value("one"),
        ...value("two"),
        ...value("three"),
        "secrets.json": { oneSecret: "from the file" }
      })
      assert.strictEqual(Redacted.value(app.values.get("one") as Redacted.Redacted), "from the file")
      assert.strictEqual(Redacted.value(app.values.get("two") as Redacted.Redacted), "from the environment")
      assert.isFalse(app.values.has("three"))
      assert.strictEqual(app.report.length, 1)
      assert.strictEqual(app.report[0]?.file, "values/three.json")
      assert.match(app.report[0]?.message ?? "", /the secret "threeSecret" of the value "three" is missing/)
      assert.notInclude(JSON.stringify([...app.values]), "from the")
    }).pipe(
      Effect.provide(
        ConfigProvider.layer(ConfigProvider.fromUnknown({ twoSecret: "from the environment", oneSecret: "unused" }))
      )
    )
  )

  it.effect("reads documents as mongoexport writes them", () =>
    Effect.gen(function* () {
      const app = yield* load({
        "realm_config.json": {},
        "data/shop/lines.json": `{"_id":{"$oid":"5f1d7f3e9c1b2a0012345678"}}\n{"n":{"$numberInt":"1"}}\n`,
        "data/shop/array.json": `[\n{"n":1},\n{"n":2}\n]`
      })
      const [array, lines] = app.data
      assert.deepStrictEqual(array, {
        service: "mongodb-atlas",
        database: "shop",
        collection: "array",
        documents: [{ n: 1 }, { n: 2 }]
      })
      assert.deepStrictEqual(lines?.documents, [{ _id: new ObjectId("5f1d7f3e9c1b2a0012345678") }, { n: 1 }])
    })
  )

  it.effect("loads an application with problems, and reports each with its file", () =>
    Effect.gen(function* () {
      const app = yield* load({
        "realm_config.json": "",
        "auth/providers.json": {
          ...userpass({ autoConfirm: true, runResetFunction: true, resetFunctionName: "gone" }),
          "oauth2-facebook": { name: "oauth2-facebook", type: "oauth2-facebook", disabled: false },
          "oauth2-google": { name: "oauth2-google", type: "oauth2-google", disabled: true },
          "custom-function": { name: "custom-function", type: "custom-function", config: { authFunctionName: "nope" } }
        },
        "auth/custom_user_data.json": { enabled: true, on_user_creation_function_name: "never" },
        "functions/config.json": [
          { name: "broken" },
          { name: "missing" },
          { name: "guarded", can_evaluate: { url: "1" } },
          { name: "open", can_evaluate: {}, run_as_user_id: "1", run_as_user_id_script_source: "exports = () => 1" }
        ],
        "functions/broken.js": "exports = function () {\n  return (\n}\n",
        "functions/guarded.js": "exports = () => 1",
        "functions/open.js": "exports = () => 1",
        "triggers/t.json": { name: "t" },
        "http_endpoints/config.json": [{ route: "/x" }],
        "data_sources/m/db/c/rules.json": { roles: {} },
        "sync/config.json": { state: "enabled" },
        "hosting/config.json": { enabled: true },
        "graphql/config.json": { use_natural_pluralization: true }
      })
      const at = (file?: string) => said(app, file)
      assert.match(at("realm_config.json"), /empty/)
      assert.match(at(), /no root file has an "app_id": .* served as "app-.*--app-id/)
      assert.match(at("auth/providers.json"), /reset function "gone" of "local-userpass" does not exist/)
      assert.match(at("auth/providers.json"), /"oauth2-facebook" has no "config.clientId": logins with it are rejected/)
      assert.match(at("auth/providers.json"), /authentication function "nope"/)
      assert.notMatch(at("auth/providers.json"), /google/)
      assert.match(at("auth/custom_user_data.json"), /user creation function "never" does not exist/)
      assert.match(at("auth/custom_user_data.json"), /custom user data is ignored/)
      assert.match(at("functions/broken.js:3"), /"broken" does not parse: SyntaxError/)
      assert.match(at("functions/missing.js"), /source of the function "missing" is missing/)
      assert.match(
        at("functions/config.json"),
        /rule of the function "guarded" is not understood at can_evaluate\.url: .*; no client can call the function/
      )
      assert.match(
        at("functions/config.json"),
        /"open" has more than one of .*"run_as_user_id_script_source"; no client can call the function/
      )
      assert.match(at("triggers/t.json"), /never fires/)
      assert.match(at("http_endpoints/config.json"), /calls the function "", which does not exist/)
      assert.match(at("data_sources/m/db/c/rules.json"), /closed to clients/)
      assert.match(at("sync/config.json"), /Device Sync/)
      assert.match(at("hosting/config.json"), /there are no files in hosting\/files/)
      assert.strictEqual(at("graphql/config.json"), "")
      assert.strictEqual(app.report.length, 16)
    })
  )

  it.effect("reads how addresses are confirmed and passwords reset", () =>
    Effect.gen(function* () {
      const app = yield* load({
        "auth/providers.json": userpass({
          autoConfirm: false,
          runConfirmationFunction: true,
          confirmationFunctionName: "confirm",
          emailConfirmationUrl: "http://x/c",
          confirmEmailSubject: "Welcome",
          runResetFunction: true,
          resetFunctionName: "gone",
          resetPasswordUrl: "http://x/r",
          resetPasswordSubject: ""
        }),
        "functions/config.json": [{ name: "confirm" }],
        "functions/confirm.js": "exports = () => ({ status: 'success' })"
      })
      const { confirmationFunction, mails, resetFunction, ...rest } = app.providers.emailPassword!
      assert.deepStrictEqual(
        [mails.confirmation, mails.reset].map(({ subject }) => subject),
        ["Welcome", "Reset your password"]
      )
      assert.deepStrictEqual(rest, {
        autoConfirm: false,
        emailConfirmationUrl: "http://x/c",
        resetPasswordUrl: "http://x/r"
      })
      assert.strictEqual(confirmationFunction?.body._tag, "Source")
      assert.deepStrictEqual(resetFunction?.body, {
        _tag: "Broken",
        code: "FunctionNotFound",
        message: "function not found: 'gone'"
      })
      assert.deepStrictEqual(app.report, [
        {
          file: "auth/providers.json:1:275",
          message: 'the reset function "gone" of "local-userpass" does not exist',
          mistake: true
        }
      ])
    })
  )

  it.effect("reads the texts of e-mails, and reports unknown variables in them", () =>
    Effect.gen(function* () {
      const app = yield* load({
        "auth/providers.json": userpass({ emailConfirmationUrl: "http://x/c", confirmEmailSubject: "{{shop}}" }),
        "auth/mail/confirmation.txt": "Welcome: {{url}} {{link}}",
        "auth/mail/confirmation.html": "<p>Welcome: {{url}}</p>",
        "auth/mail/reset.txt": "Token: {{token}}"
      })
      const { confirmation, reset } = app.providers.emailPassword!.mails
      assert.deepStrictEqual(confirmation, {
        subject: "{{shop}}",
        text: "Welcome: {{url}} {{link}}",
        html: "<p>Welcome: {{url}}</p>"
      })
      assert.deepStrictEqual(reset, { subject: "Reset your password", text: "Token: {{token}}", html: undefined })
      const known = "e-mails have app, email, url, token, tokenId and minutes; it is sent as it is"
      assert.deepStrictEqual(app.report, [
        { file: "auth/providers.json", message: `unknown variable {{shop}}: ${known}` },
        { file: "auth/mail/confirmation.txt", message: `unknown variable {{link}}: ${known}` }
      ])
    })
  )

  it.effect("takes names of functions that are not to be run for what they are", () =>
    Effect.gen(function* () {
      const app = yield* load({
        "auth/providers.json": userpass({
          autoConfirm: true,
          runConfirmationFunction: false,
          confirmationFunctionName: "gone",
          resetFunctionName: "gone"
        })
      })
      assert.isUndefined(app.providers.emailPassword?.confirmationFunction)
      assert.isUndefined(app.providers.emailPassword?.resetFunction)
      assert.deepStrictEqual(app.report, [])
    })
  )

  const customToken = (config: object, more: object = {}) => ({
    "custom-token": { name: "custom-token", type: "custom-token", config, ...more }
  })
  const hs256Key = "a signing key of thirty-two chars"

  it.effect("reads whose tokens are trusted, with keys by the names of their secrets", () =>
    Effect.gen(function* () {
      const app = yield* load({
        "auth/providers.json": customToken(
          { audience: "one", requireAnyAudience: true, signingAlgorithm: "HS256", useJWKURI: false },
          {
            secret_config: { signingKeys: ["key"] },
            metadata_fields: [{ required: true, name: "user.email", field_name: "email" }, { name: "x" }]
          }
        ),
        "secrets.json": { key: hs256Key }
      })
      const { keys, ...rest } = app.providers.customToken!
      assert.strictEqual(keys._tag, "Fixed")
      assert.deepStrictEqual(rest, {
        audience: ["one"],
        requireAnyAudience: true,
        metadataFields: [
          { path: ["user", "email"], fieldName: "email", required: true },
          { path: ["x"], fieldName: "x", required: false }
        ]
      })
      assert.deepStrictEqual(app.report, [])
      assert.notInclude(inspect(app, { depth: 10 }), hs256Key)
      const published = yield* load({
        "auth/providers.json": customToken({
          audience: ["one", "two"],
          signingAlgorithm: "",
          useJWKURI: true,
          jwkURI: "https://issuer.test/keys"
        })
      })
      assert.deepStrictEqual(published.providers.customToken?.keys, {
        _tag: "Published",
        url: "https://issuer.test/keys"
      })
      assert.deepStrictEqual(published.providers.customToken?.audience, ["one", "two"])
    })
  )

  it.effect("starts without the keys of tokens, and refuses to log in with one", () =>
    Effect.gen(function* () {
      const cases = [
        [{ secret_config: { signingKeys: "gone" } }, {}, /expected one to three signing keys/],
        [{ secret_config: { signingKeys: ["short"] } }, { short: "k" }, /expected 32 to 512 characters/],
        [{ config: { useJWKURI: true, jwkURI: "" } }, {}, /expected an http or https URL/]
      ] as const
      for (const [more, secrets, why] of cases) {
        const app = yield* load({ "auth/providers.json": customToken({}, more), "secrets.json": secrets })
        assert.match(app.report.at(-1)!.message, why)
        assert.match(app.report.at(-1)!.message, /logins with "custom-token" are rejected$/)
        const { body, status } = yield* Effect.provide(
          ask("POST", loginPath(app.id, "custom-token"), { body: { token: "x" } }),
          inProcess(app)
        )
        assert.deepStrictEqual([status, body], [401, { error: "unauthorized", error_code: "AuthError" }])
      }
      const missing = yield* load({ "auth/providers.json": customToken({}, cases[0][0]) })
      assert.match(missing.report[0].message, /the secret "gone" of the signing keys of "custom-token" is missing/)
    })
  )

  it.effect("finds the services that devices may register with", () =>
    Effect.gen(function* () {
      const app = yield* load({
        "services/push/config.json": { name: "gcm-service", type: "gcm", config: { senderId: "1" } },
        "services/gcm/config.json": { type: "gcm" },
        "services/pigeon/config.json": { name: "pigeon", type: "pigeon" }
      })
      assert.deepStrictEqual([...app.push], ["gcm", "gcm-service"])
      assert.deepStrictEqual(
        app.report.map(({ file }) => file),
        ["services/pigeon/config.json"]
      )
    })
  )

  it.effect("says which sources no list of functions names", () =>
    Effect.gen(function* () {
      const app = yield* load({ "functions/sum.js": "exports = () => 1" })
      assert.deepStrictEqual(
        app.report.map(({ file }) => file),
        ["functions/config.json"]
      )
    })
  )

  it.effect("refuses a directory that is not there, is a file, or holds no application", () =>
    Effect.gen(function* () {
      const gone = yield* Effect.flip(AppDirectory.load("/nowhere/at/all"))
      assert.strictEqual(gone._tag, "AppDirectoryError")
      assert.strictEqual(gone.message, "/nowhere/at/all does not exist")
      const folder = yield* directory({ "readme.txt": "hello" })
      assert.match((yield* Effect.flip(AppDirectory.load(join(folder, "readme.txt")))).message, /is not a directory$/)
      assert.match(
        (yield* Effect.flip(AppDirectory.load(folder))).message,
        /is not the directory of an application: it has none of realm_config.json/
      )
    }).pipe(Effect.provide(Files))
  )

  it.effect("names file, line and column of what is not JSON, without repeating it", () =>
    Effect.gen(function* () {
      const error = yield* refuse({ "realm_config.json": {}, "secrets.json": `{\n  "key": "hunter2"\n  "other": 1\n}` })
      assert.match(error.message, /secrets\.json:3:3: is not JSON: expected ","$/)
      assert.match(error.file, /secrets\.json$/)
      assert.notInclude(error.message, "hunter2")
      assert.match(
        (yield* refuse({ "functions/config.json": "nope" })).message,
        /functions\/config\.json:1:1: is not JSON/
      )
      assert.match(
        (yield* refuse({ "realm_config.json": {}, "data/d/c.json": `{"a":1}\n{"a":}` })).message,
        /data\/d\/c\.json:2 is not a list of documents/
      )
    })
  )

  it.effect("refuses a root file and a list of functions of another shape", () =>
    Effect.gen(function* () {
      assert.match((yield* refuse({ "functions/config.json": {} })).message, /functions\/config\.json: Expected array/)
      assert.match((yield* refuse({ "realm_config.json": [] })).message, /realm_config\.json: /)
    })
  )
})
