import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { ask, emailPassword, inProcess, register } from "../support.ts"
import { load, userpass } from "./support.ts"

const reported = (files: Record<string, unknown>) =>
  Effect.map(load(files), (app) => ({ app, report: app.report.map(({ file, message }) => `${file}: ${message}`) }))

describe("a mistake in a file of an application", () => {
  it.effect("turns off a setting of a provider", () =>
    Effect.gen(function* () {
      const { app, report } = yield* reported({
        "auth/providers.json": userpass({
          autoConfirm: true,
          runResetFunction: "",
          resetFunctionName: 7,
          resetPasswordUrl: "https://x.example/reset"
        })
      })
      assert.deepStrictEqual(report, [
        'auth/providers.json:1:114: "local-userpass.config.runResetFunction": Expected boolean | null | undefined; the setting is ignored',
        'auth/providers.json:1:136: "local-userpass.config.resetFunctionName": Expected string | null | undefined; the setting is ignored'
      ])
      assert.deepInclude(app.providers.emailPassword, {
        autoConfirm: true,
        resetFunction: undefined,
        resetPasswordUrl: "https://x.example/reset"
      })
      yield* Effect.gen(function* () {
        assert.strictEqual((yield* register("ada@x.example", "a password", "app")).status, 201)
        assert.strictEqual((yield* emailPassword("ada@x.example", "a password", "app")).status, 200)
      }).pipe(Effect.provide(inProcess(app)))
    })
  )

  it.effect("turns off a whole provider if the setting protects it, and only that", () =>
    Effect.gen(function* () {
      const { app, report } = yield* reported({
        "auth/providers.json": {
          ...userpass({ autoConfirm: true }),
          "anon-user": { type: "anon-user", disabled: "yes" },
          "custom-token": { type: "custom-token", config: { audience: 5, signingAlgorithm: "HS256" } },
          "api-key": 5
        }
      })
      assert.deepStrictEqual(
        report.map((line) => line.split(": Expected")[0]),
        [
          'auth/providers.json:1:148: "anon-user.disabled"',
          'auth/providers.json:1:214: "custom-token.config.audience"',
          'auth/providers.json:1:256: "api-key"'
        ]
      )
      assert.match(report[1] ?? "", /logins with "custom-token" are rejected$/)
      assert.deepInclude(app.providers, { anonymous: false, apiKey: false, customToken: undefined })
      assert.isDefined(app.providers.emailPassword)
    })
  )

  it.effect("names unknown settings of a function, which a misspelling may have made", () =>
    Effect.gen(function* () {
      const { report } = yield* reported({
        "functions/config.json": [
          { name: "listed", privte: true, disable_arg_logs: true, id: "62f0" },
          { name: "fine", private: true, run_as_system: true }
        ],
        "functions/listed.js": "exports = () => 1",
        "functions/fine.js": "exports = () => 1",
        "functions/older/config.json": { name: "older", canEvaluate: {} },
        "functions/older/source.js": "exports = () => 1"
      })
      assert.deepStrictEqual(report, [
        'functions/config.json:1:19: the function "listed" has the unknown setting "privte", which is ignored',
        'functions/older/config.json:1:17: the function "older" has the unknown setting "canEvaluate", which is ignored'
      ])
    })
  )

  it.effect("closes a function to clients, in both layouts", () =>
    Effect.gen(function* () {
      const { app, report } = yield* reported({
        "functions/config.json": [{ name: "a", private: "yes" }, { name: "b" }, 7, { private: true }],
        "functions/a.js": "exports = () => 1",
        "functions/b.js": "exports = () => 1",
        "functions/c/config.json": { name: "c", run_as_system: "true" },
        "functions/c/source.js": "exports = () => 1"
      })
      assert.deepStrictEqual(
        Array.from(app.functions.values(), (fn) => [fn.name, fn.private]),
        [
          ["a", true],
          ["b", false],
          ["c", true]
        ]
      )
      assert.deepStrictEqual(report, [
        'functions/config.json:1:14: "0.private": Expected boolean | null | undefined; no client can call the function',
        'functions/config.json:1:44: "2": Expected object; no client can call the function',
        'functions/config.json:1:46: "3.name": Missing key; no client can call the function',
        'functions/c/config.json:1:13: "run_as_system": Expected boolean | null | undefined; no client can call the function'
      ])
    })
  )

  it.effect("turns off an endpoint, or a setting without which it answers less", () =>
    Effect.gen(function* () {
      const { app, report } = yield* reported({
        "http_endpoints/config.json": [
          { route: "/a", function_name: "f", validation_method: 5 },
          { route: "/b", function_name: "f", respond_result: "true" },
          { function_name: "f" }
        ],
        "functions/config.json": [{ name: "f" }],
        "functions/f.js": "exports = () => 1"
      })
      assert.deepStrictEqual(
        app.endpoints.map(({ respondsWithResult, route }) => [route, respondsWithResult]),
        [["b", false]]
      )
      assert.deepStrictEqual(
        report.map((line) => line.replace(/: Expected[^;]*|: Missing key/, "")),
        [
          'http_endpoints/config.json:1:36: "0.validation_method"; this HTTPS endpoint is not served',
          'http_endpoints/config.json:1:93: "1.respond_result"; the setting is ignored',
          'http_endpoints/config.json:1:118: "2.route"; this HTTPS endpoint is not served'
        ]
      )
    })
  )

  it.effect("leaves the rest of the root file, custom user data and hosting", () =>
    Effect.gen(function* () {
      const { app, report } = yield* reported({
        "realm_config.json": {
          app_id: "app",
          name: 5,
          allowed_request_origins: "https://x.example",
          custom_user_data_config: { enabled: "true" }
        },
        "auth/custom_user_data.json": { enabled: true, database_name: 5 },
        "hosting/config.json": { enabled: true, default_error_path: 4, custom_domain: false },
        "hosting/files/index.html": "home",
        "hosting/metadata.json": [
          { path: "/index.html", attrs: [{ name: "Cache-Control", value: 5 }] },
          { path: "index.html", attrs: [{ name: "Content-Language", value: "en" }] }
        ]
      })
      assert.deepStrictEqual([app.id, app.customUserData], ["app", undefined])
      // one origin that is not in a list restricts like a list
      assert.deepStrictEqual([...app.allowedRequestOrigins], ["https://x.example"])
      assert.deepStrictEqual(app.hosting?.files.get("/index.html"), { "content-language": "en" })
      assert.deepStrictEqual(
        report.map((line) => line.replace(/: Expected[^;]*/, "")),
        [
          'realm_config.json:1:17: "name"; the setting is ignored',
          'auth/custom_user_data.json:1:17: "database_name"; users have no custom data, and no function is called with new ones',
          'realm_config.json:1:99: "custom_user_data_config.enabled"; users have no custom data, and no function is called with new ones',
          'hosting/config.json:1:40: "custom_domain"; the setting is ignored',
          'hosting/config.json:1:17: "default_error_path"; the setting is ignored',
          'hosting/metadata.json:1:57: "0.attrs.0.value"; the file has the headers of its kind'
        ]
      )
      yield* Effect.provide(
        Effect.map(ask("GET", "/"), ({ text }) => assert.strictEqual(text, "home")),
        inProcess(app)
      )
    })
  )
})
