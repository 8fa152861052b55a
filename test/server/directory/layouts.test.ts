import { assert, describe, it } from "@effect/vitest"
import { Effect, FileSystem, Layer, PlatformError, Redacted } from "effect"
import { AppDirectory } from "effect-app-services/server"
import { mkdirSync, symlinkSync } from "node:fs"
import { join } from "node:path"
import { anonymous, callFunction, directory, inProcess } from "../support.ts"
import { given } from "../data/asking.ts"
import { Files, load, refuse, said, userpass } from "./support.ts"

const anon = { "anon-user": { name: "anon-user", type: "anon-user", disabled: false } }

/** Logs in to an application, and answers with what its function `f` does. */
const run = (files: Record<string, unknown>) =>
  Effect.flatMap(load(files), (app) =>
    Effect.gen(function* () {
      const { access_token } = yield* anonymous(app.id)
      const { text } = yield* callFunction(access_token, "f", [], app.id)
      return { app, text }
    }).pipe(Effect.provide(inProcess(app)))
  )

describe("the layouts of exported applications", () => {
  it.effect("realm_config.json of 2021", () =>
    Effect.gen(function* () {
      const { app, text } = yield* run({
        "realm_config.json": {
          config_version: 20210101,
          app_id: "shop-abcde",
          name: "shop",
          location: "DE-FF",
          provider_region: "aws-eu-central-1",
          deployment_model: "LOCAL",
          environment: "production",
          security: {}
        },
        "auth/providers.json": { ...anon, "api-key": { name: "api-key", type: "api-key", disabled: true } },
        "auth/custom_user_data.json": { enabled: false },
        "data_sources/mongodb-atlas/config.json": {
          name: "mongodb-atlas",
          type: "mongodb-atlas",
          config: { clusterName: "Cluster0", readPreference: "primary", wireProtocolEnabled: false }
        },
        "environments/no-environment.json": { values: {} },
        "environments/development.json": { values: { url: "dev", extra: 1 } },
        "environments/production.json": { values: { url: "prod" } },
        "functions/config.json": [{ name: "f", private: false, run_as_system: true }],
        "functions/f.js":
          "exports = () => [context.environment.tag, context.environment.values.url, typeof context.environment.values.extra, context.app.deployment.model].join()",
        "graphql/config.json": { use_natural_pluralization: true },
        "http_endpoints/config.json": [],
        "log_forwarders/readme.txt": "",
        "sync/config.json": { development_mode_enabled: false }
      })
      assert.strictEqual(app.id, "shop-abcde")
      assert.deepStrictEqual(app.deployment, { location: "DE-FF", model: "LOCAL", providerRegion: "aws-eu-central-1" })
      assert.deepStrictEqual(app.report, [])
      assert.strictEqual(text, '"production,prod,undefined,LOCAL"')
    })
  )

  it.effect("root_config.json without an id, https_endpoints, and nothing else", () =>
    Effect.gen(function* () {
      const app = yield* load({
        "root_config.json": { name: "shop", deployment_model: "GLOBAL", environment: null, app_id: null },
        "auth/providers.json": anon,
        "https_endpoints/config.json": [
          {
            route: "/orders",
            http_method: "GET",
            function_name: "f",
            validation_method: "NO_VALIDATION",
            disabled: false
          },
          { route: "/old", http_method: "POST", function_name: "f", disabled: true }
        ],
        "environments/no-environment.json": { values: { a: 1 } }
      })
      assert.match(app.id, /^app-/)
      assert.match(said(app), /no root file has an "app_id"/)
      assert.strictEqual(
        said(app, "https_endpoints/config.json"),
        'the HTTPS endpoint GET /orders calls the function "f", which does not exist'
      )
      assert.strictEqual(app.environment.values.get("a"), 1)
      assert.strictEqual(app.report.length, 2)
    })
  )

  it.effect("both root files, each with a part", () =>
    Effect.gen(function* () {
      const app = yield* load({
        "realm_config.json": { app_id: "", location: "US-OR", environment: "testing" },
        "root_config.json": { app_id: "from-the-second", location: "US-VA" },
        "environments/testing.json": { values: {} }
      })
      assert.strictEqual(app.id, "from-the-second")
      assert.strictEqual(app.deployment.location, "US-OR")
      assert.strictEqual(app.environment.tag, "testing")
      assert.deepStrictEqual(app.report, [])
    })
  )

  it.effect("an id given when it is loaded, before that of any file", () =>
    Effect.gen(function* () {
      const folder = yield* directory({ "functions/config.json": [] })
      const named = yield* AppDirectory.load(folder, { appId: "given" })
      assert.strictEqual(named.id, "given")
      assert.deepStrictEqual(named.report, [])
      const both = yield* directory({ "realm_config.json": { app_id: "written" } })
      assert.strictEqual((yield* AppDirectory.load(both, { appId: "given" })).id, "given")
      assert.strictEqual((yield* AppDirectory.load(both, {})).id, "written")
    }).pipe(Effect.provide(Files))
  )

  it.effect.each([
    ["stitch.json", 20180301],
    ["config.json", 20200603]
  ] as const)("%s of the years before", ([root, config_version]) =>
    Effect.gen(function* () {
      const { app, text } = yield* run({
        [root]: {
          config_version,
          app_id: "old-shop",
          deployment_model: "GLOBAL",
          security: { allowed_request_origins: [] },
          custom_user_data_config: {
            enabled: true,
            mongo_service_name: "cluster-a",
            database_name: "d",
            collection_name: "users",
            user_id_field: "userId",
            on_user_creation_function_name: "welcome"
          }
        },
        "auth_providers/anon-user.json": { id: "5e", name: "anon-user", type: "anon-user", disabled: false },
        "auth_providers/api-key.json": { id: "5f", name: "api-key", type: "api-key", disabled: true },
        "functions/f/config.json": { id: "60", name: "f", private: false, can_evaluate: {} },
        "functions/f/source.js":
          'exports = () => context.functions.execute("welcome", {}) + context.values.get("settings").limit',
        "functions/welcome/config.json": { name: "welcome", private: true },
        "functions/welcome/source.js": "exports = () => 40",
        "services/cluster-a/config.json": { id: "61", name: "cluster-a", type: "mongodb-atlas", config: {} },
        "services/cluster-a/rules/d.users.json": {
          id: "64",
          database: "d",
          collection: "users",
          roles: [
            {
              name: "default",
              apply_when: {},
              insert: true,
              delete: true,
              read: true,
              write: true,
              additional_fields: {}
            }
          ]
        },
        "services/web/config.json": { name: "web", type: "http", config: {} },
        "services/web/rules/anything.json": { name: "anything", actions: ["get"], when: {} },
        "services/web/incoming_webhooks/hook/config.json": { name: "hook" },
        "services/web/incoming_webhooks/hook/source.js": "exports = () => 1",
        "triggers/daily.json": { id: "62", name: "daily", type: "SCHEDULED", disabled: false },
        "triggers/off.json": { name: "off", type: "DATABASE", disabled: true },
        "values/settings.json": { id: "63", name: "settings", value: { limit: 2 }, private: false }
      })
      assert.strictEqual(text, '{"$numberInt":"42"}')
      assert.strictEqual(app.onUserCreation, "welcome")
      assert.deepStrictEqual([...app.dataSources.keys()], ["cluster-a"])
      assert.deepStrictEqual(
        Array.from(app.services, ([name, { type }]) => [name, type]),
        [["web", "http"]]
      )
      assert.deepStrictEqual(
        app.endpoints.map(({ kind, method, route }) => [kind, method, route]),
        [["Webhook", "POST", "web/hook"]]
      )
      assert.deepStrictEqual(app.report, [
        {
          file: "triggers/daily.json",
          message:
            'the trigger "daily" never fires: "schedule" must have five fields (minute, hour, day, month, weekday): ""',
          mistake: true
        }
      ])
    })
  )

  it.effect("a rule of a MongoDB service that names no collection, as its default rule", () =>
    Effect.gen(function* () {
      const roles = [{ apply_when: {}, read: true, write: true, insert: true, delete: true }]
      const files = (rules: object) => ({
        "config.json": { app_id: "my-app" },
        "services/m/config.json": { name: "local-mongodb", type: "mongodb", config: {} },
        ...rules
      })
      const loaded = (rules: object) => load(files(rules))
      const app = yield* loaded({
        "auth/providers.json": anon,
        "services/m/rules/default.json": { id: "64", roles },
        "services/m/rules/db.closed.json": { roles: [{ apply_when: {} }] }
      })
      assert.deepStrictEqual(app.report, [])
      const source = app.dataSources.get("local-mongodb")
      assert.isObject(source?.open)
      assert.deepStrictEqual([...(source?.collections.keys() ?? [])], ["db.closed"])

      const strange = yield* loaded({
        "services/m/rules/default.json": { roles: [{ apply_when: { "%%unknown": 1 } }] },
        "services/m/rules/other.json": { roles },
        "services/m/rules/third.json": { database: "db", roles }
      })
      assert.isFalse(strange.dataSources.get("local-mongodb")?.open)
      assert.deepStrictEqual(
        strange.report.map(({ file, message }) => `${file} ${message}`),
        [
          'services/m/rules/default.json:1:26 the rule is not understood at roles[0].apply_when.%%unknown: the expansion "%%unknown"; collections without rules of their own are closed to clients',
          "services/m/rules/other.json the rule is ignored: its data source has another default rule",
          "services/m/rules/third.json the rule is ignored: expected both a database and a collection"
        ]
      )
    })
  )

  it.effect("a rule without roles, which has those of the default rule and filters of its own", () =>
    Effect.gen(function* () {
      const rule = (more: object) => ({ database: "d", collection: "c", ...more })
      const loaded = (more: object) =>
        load({
          "config.json": { app_id: "my-app" },
          "data_sources/m/config.json": { name: "m", type: "mongodb-atlas" },
          "data_sources/m/d/c/rules.json": rule({ roles: [], filters: [{ name: "f", query: { open: true } }] }),
          "data_sources/m/d/e/rules.json": { database: "d", collection: "e" },
          ...more
        })
      const roles = [{ name: "all", apply_when: {}, read: true }]
      const app = yield* loaded({ "data_sources/m/default_rule.json": { roles, filters: [] } })
      assert.deepStrictEqual(app.report, [])
      const shown = (name: string, document: Record<string, unknown>) => {
        const rules = app.dataSources.get("m")?.collections.get(`d.${name}`)
        if (typeof rules !== "object") return assert.fail("it has no rules")
        return Effect.map(rules.accessOf(given()), (access) => access.shown(document))
      }
      assert.deepStrictEqual(yield* shown("c", { open: true }), { open: true })
      assert.isUndefined(yield* shown("c", { open: false }))
      assert.deepStrictEqual(yield* shown("e", { open: false }), { open: false })

      const closed = yield* loaded({})
      assert.deepStrictEqual(closed.report, [])
      assert.isFalse(closed.dataSources.get("m")?.collections.get("d.c"))
    })
  )

  it.effect("functions alone, without a list", () =>
    Effect.gen(function* () {
      const app = yield* load({
        "realm_config.json": { app_id: "app" },
        "functions/a.js": "exports = () => 1",
        "functions/lib/b.js": "exports = () => 2"
      })
      assert.deepStrictEqual(
        [...app.functions.values()].map(({ body, name, private: hidden }) => [name, hidden, body._tag]),
        [
          ["a", true, "Source"],
          ["lib/b", true, "Source"]
        ]
      )
      assert.strictEqual(
        said(app, "functions/config.json"),
        'it does not list a.js, lib/b.js: only other functions can call unlisted ones; add { "name": "a" } to it to let clients call that one'
      )
    })
  )

  it.effect("names with folders, files in folders with bare names, and files that are not listed", () =>
    Effect.gen(function* () {
      const { app, text } = yield* run({
        "auth/providers.json": anon,
        "functions/config.json": [{ name: "f" }, { name: "shop/order" }, { name: "helper" }, { name: "Upper" }],
        "functions/f.js": `exports = () => ["shop/order", "helper", "Upper", "tests/extra"].map((name) => context.functions.execute(name)).join("")`,
        "functions/shop/order.js": "exports = () => 1",
        "functions/deep/er/helper.js": "exports = () => 2",
        "functions/upper.js": "exports = () => 3",
        "functions/tests/extra.js": "exports = () => 4"
      })
      assert.strictEqual(text, '"1234"')
      assert.isTrue(app.functions.get("tests/extra")?.private)
      assert.deepStrictEqual(
        app.report.map(({ file }) => file),
        ["functions/config.json"]
      )
    })
  )

  it.effect("values of all types, of secrets, and none", () =>
    Effect.gen(function* () {
      const value = (name: string, rest: object) => ({ [`values/${name}.json`]: { name, private: false, ...rest } })
      const app = yield* load({
        ...value("text", { value: "t" }),
        ...value("object", { value: { a: [1] } }),
        ...value("list", { value: [1, 2] }),
        ...value("flag", { value: false }),
        ...value("plain", { from_secret: false, value: "p" }),
        ...value("hidden", { from_secret: true, value: "hiddenSecret" }),
        "secrets.json": { hiddenSecret: { nested: "s" } }
      })
      const { hidden, ...rest } = Object.fromEntries(app.values)
      assert.deepStrictEqual(rest, { text: "t", object: { a: [1] }, list: [1, 2], flag: false, plain: "p" })
      assert.deepStrictEqual(Redacted.value(hidden as Redacted.Redacted<unknown>), { nested: "s" })
      assert.deepStrictEqual(app.report, [])
    })
  )

  it.effect("an environment that has no file", () =>
    Effect.map(load({ "realm_config.json": { app_id: "a", environment: "qa" } }), (app) => {
      assert.strictEqual(app.environment.tag, "qa")
      assert.match(said(app, "environments/qa.json"), /is missing: the environment "qa" has no values/)
    })
  )
})

describe("files that are not as they should be", () => {
  it.effect("reads files with a byte order mark, comments and trailing commas", () =>
    Effect.gen(function* () {
      const app = yield* load({
        "realm_config.json": `\uFEFF{\r\n  // the id\r\n  "app_id": "my-//app,]", /* of\r\n  clients */\r\n}`,
        "auth/providers.json": `{ "anon-user": { "type": "anon-user", "redirect_uris": [ "a,]", ], }, }`
      })
      assert.strictEqual(app.id, "my-//app,]")
      assert.isTrue(app.providers.anonymous)
      assert.match(said(app, "realm_config.json"), /neither comments nor trailing commas/)
      const error = yield* refuse({ "realm_config.json": `{\n  // the id\n  "app_id": oops,\n}` })
      assert.match(error.message, /realm_config\.json:3:13: is not JSON: expected a value/)
    })
  )

  it.effect("stop nothing where the rest is an application without them", () =>
    Effect.gen(function* () {
      const app = yield* load({
        "triggers/t.json": "{ nope",
        "values/v.json": "[",
        "values/w.json": { value: 1 },
        "services/s/config.json": "nope",
        "environments/no-environment.json": "[]",
        "https_endpoints/config.json": "{",
        "data_sources/m/config.json": "nope",
        "data_sources/m/d/c/rules.json": "nope",
        "functions/package.json": "nope",
        "functions/config.json": "",
        "auth/providers.json": "  \n"
      })
      const at = (file: string) => said(app, file)
      assert.match(
        at("triggers/t.json:1:3"),
        /is not JSON: expected a value, or a key in double quotes; this trigger never fires/
      )
      assert.match(at("values/v.json:1:2"), /functions do not find this value/)
      assert.match(at("values/w.json"), /"name": .*; functions do not find this value/)
      assert.match(at("services/s/config.json:1:1"), /is not JSON/)
      assert.match(at("environments/no-environment.json"), /; the environment has no values/)
      assert.match(at("https_endpoints/config.json:1:2"), /is not JSON/)
      assert.match(at("data_sources/m/config.json:1:1"), /its name and type are not known/)
      assert.match(at("data_sources/m/d/c/rules.json:1:1"), /closed to clients/)
      assert.isFalse(app.dataSources.get("m")?.collections.get("d.c"))
      assert.match(at("functions/package.json:1:1"), /not known which packages/)
      assert.match(at("functions/config.json"), /the file is empty/)
      assert.match(at("auth/providers.json"), /the file is empty/)
    })
  )

  it.effect("reports links that lead in a circle or nowhere", () =>
    Effect.gen(function* () {
      const folder = yield* directory({
        "realm_config.json": { app_id: "app" },
        "functions/config.json": [{ name: "f" }],
        "shared/f.js": "exports = () => 1"
      })
      symlinkSync("../shared/f.js", join(folder, "functions/f.js"))
      symlinkSync("..", join(folder, "functions/up"))
      symlinkSync("up", join(folder, "functions/again"))
      symlinkSync("nowhere", join(folder, "functions/gone.js"))
      mkdirSync(join(folder, "hosting/files"), { recursive: true })
      const app = yield* AppDirectory.load(folder)
      assert.strictEqual(app.functions.get("f")?.body._tag, "Source")
      assert.match(said(app, "functions/up"), /leads to a folder that contains it/)
      assert.match(said(app, "functions/again"), /leads to a folder that contains it/)
      assert.match(said(app, "functions/gone.js"), /cannot be read: NotFound/)
      assert.strictEqual(app.report.length, 3)
    }).pipe(Effect.provide(Files))
  )

  it.effect("cannot be opened", () => {
    const denied = (method: string, path: string) =>
      Effect.fail(
        PlatformError.systemError({ _tag: "PermissionDenied", module: "FileSystem", method, pathOrDescriptor: path })
      )
    const guarded = Layer.effect(
      FileSystem.FileSystem,
      Effect.map(FileSystem.FileSystem, (fs) =>
        FileSystem.FileSystem.of({
          ...fs,
          readDirectory: (path, options) =>
            path.endsWith("triggers") ? denied("readDirectory", path) : fs.readDirectory(path, options),
          readFileString: (path, encoding) =>
            /locked\.(?:js|json)$/.test(path) ? denied("readFileString", path) : fs.readFileString(path, encoding)
        })
      )
    )
    return Effect.gen(function* () {
      const folder = yield* directory({
        "realm_config.json": { app_id: "app" },
        "functions/config.json": [{ name: "locked" }],
        "functions/locked.js": "exports = () => 1",
        "triggers/t.json": {},
        "values/locked.json": { name: "v" }
      })
      const app = yield* AppDirectory.load(folder)
      assert.strictEqual(app.functions.get("locked")?.body._tag, "Broken")
      assert.match(said(app, "functions/locked.js"), /has no source: .* cannot be read: PermissionDenied/)
      assert.match(said(app, "triggers"), /cannot be read: PermissionDenied/)
      assert.match(said(app, "values/locked.json"), /cannot be read: PermissionDenied; functions do not find/)
    }).pipe(Effect.provide(Layer.provideMerge(guarded, Files)))
  })

  it.effect("reports a function that is not a script", () =>
    Effect.gen(function* () {
      const app = yield* load({
        "functions/config.json": [{ name: "a" }, { name: "b" }],
        "functions/a.js": "export const f = () => 1",
        "functions/b.js": "import 'fs'\nexport * from 'fs'"
      })
      for (const name of ["a", "b"]) {
        assert.match(
          said(app, `functions/${name}.js:1`),
          /does not parse: SyntaxError: .*; sources must not be ES modules: write/
        )
      }
    })
  )
})

describe("the settings of providers", () => {
  it.effect("reports settings that have no effect", () =>
    Effect.gen(function* () {
      const app = yield* load({
        "auth/providers.json": {
          ...userpass({
            autoConfirm: true,
            resetFunctionId: "5e",
            confirmationFunctionId: "",
            passwordPolicy: { min: 8 }
          }),
          "anon-user": { type: "anon-user", disabled: false, domain_restrictions: ["example.com"], redirect_uris: [] },
          "custom-function": {
            name: "custom-function",
            config: { authFunctionName: "f", authFunctionId: "5f" },
            metadata_fields: [{ name: "email" }]
          },
          "oauth2-apple": {
            type: "oauth2-apple",
            config: { clientId: "com.example.app", openId: false, teamId: "T" },
            disabled: false,
            redirect_uris: ["https://x"]
          },
          "oauth2-github": { type: "oauth2-github", disabled: false }
        },
        "functions/config.json": [{ name: "f" }],
        "functions/f.js": "exports = () => 'id'"
      })
      assert.deepStrictEqual(said(app, "auth/providers.json").split("\n"), [
        'the setting "config.passwordPolicy" of "local-userpass" is not supported: it has no effect',
        'the setting "domain_restrictions" of "anon-user" is not supported: it has no effect',
        'the setting "metadata_fields" of "custom-function" is not supported: it has no effect',
        'the setting "config.teamId" of "oauth2-apple" is not supported: it has no effect',
        '"oauth2-apple" has no client secret: only logins with an id token work, not those with a code or by redirect',
        'the authentication provider "oauth2-github" is not supported: logins with it are rejected'
      ])
    })
  )

  it.effect("ignores empty settings of tokens, and rejects an unsupported algorithm", () =>
    Effect.gen(function* () {
      const token = (config: object) => ({
        "auth_providers/my-tokens.json": {
          type: "custom-token",
          config,
          secret_config: { signingKeys: ["key"] }
        },
        "secrets.json": { key: "a signing key of thirty-two chars" }
      })
      const plain = yield* load(token({ audience: "", signingAlgorithm: "" }))
      assert.deepStrictEqual(plain.providers.customToken?.audience, [])
      assert.strictEqual(plain.providers.customToken?.keys._tag, "Fixed")
      assert.deepStrictEqual(plain.report, [])
      const other = yield* load(token({ signingAlgorithm: "ES256" }))
      assert.strictEqual(other.providers.customToken?.keys._tag, "Broken")
      assert.match(said(other, "auth_providers/my-tokens.json"), /"ES256" is not supported.*are rejected$/)
    })
  )
})
