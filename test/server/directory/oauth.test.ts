import { assert, describe, it } from "@effect/vitest"
import { ConfigProvider, Effect, Logger } from "effect"
import { FetchHttpClient } from "effect/http"
import { client, makeIssuer } from "../../support/issuer.ts"
import { ask, loginPath, withApps } from "../support.ts"
import { hs256 } from "../users/tokens.ts"
import { load, said } from "./support.ts"

const google = {
  name: "oauth2-google",
  type: "oauth2-google",
  config: { clientId: client.id, openId: true },
  secret_config: { clientSecret: "googleSecret" },
  metadata_fields: [
    { required: true, name: "email" },
    { required: false, name: "name" }
  ],
  redirect_uris: ["https://app.test/signed-in", "http://localhost:3000/"],
  domain_restrictions: ["Example.com"],
  disabled: false
}

describe("OAuth providers of an exported application", () => {
  for (const [layout, file, content] of [
    ["newer", "auth/providers.json", { "oauth2-google": google }],
    ["older", "auth_providers/oauth2-google.json", { id: "5f1d7f3e9c1b2a0012345678", ...google }]
  ] as const) {
    it.effect(`reads them from the ${layout} layout`, () =>
      Effect.gen(function* () {
        const app = yield* load({
          "realm_config.json": { app_id: "my-app" },
          "secrets.json": { googleSecret: client.secret },
          [file]: content
        })
        assert.strictEqual(said(app, file), "")
        const provider = app.providers.oauth.get("oauth2-google")
        assert.deepStrictEqual(provider?.clientIds, [client.id])
        assert.deepStrictEqual([...(provider?.redirectUris ?? [])], google.redirect_uris)
        assert.deepStrictEqual([...(provider?.domains ?? [])], ["example.com"])
        assert.notInclude(JSON.stringify(app), client.secret)
        const issuer = makeIssuer()
        issuer.now = () => 0
        issuer.claims = { email: "ada@example.com", email_verified: true, name: "Ada" }
        yield* Effect.gen(function* () {
          const byCode = yield* ask("POST", loginPath("my-app", "oauth2-google"), {
            body: { authCode: issuer.code("") }
          })
          assert.strictEqual(byCode.status, 200, byCode.text)
          const profile = yield* ask("GET", "/api/client/v2.0/auth/profile", { token: byCode.body["access_token"] })
          assert.include(profile.text, '"data":{"email":"ada@example.com","name":"Ada"}')
        }).pipe(
          withApps(app, { oauthIssuers: issuer.urls }),
          Effect.provideService(FetchHttpClient.Fetch, issuer.fetch)
        )
      })
    )
  }

  it.effect("loads them one by one: reports a mistake in one, and serves the others", () =>
    Effect.gen(function* () {
      const app = yield* load({
        "realm_config.json": { app_id: "my-app" },
        "secrets.json": { googleSecret: client.secret },
        "auth/providers.json": {
          "anon-user": { type: "anon-user" },
          "local-userpass": { type: "local-userpass", config: { autoConfirm: "yes" } },
          "custom-function": "authenticate",
          "oauth2-google": google,
          "oauth2-facebook": { type: "oauth2-facebook", config: { clientId: ["1"] } },
          "oauth2-apple": { type: "oauth2-apple", disabled: true, config: { clientId: {} } }
        }
      })
      assert.deepStrictEqual([app.providers.anonymous, [...app.providers.oauth.keys()]], [true, ["oauth2-google"]])
      assert.strictEqual(app.providers.emailPassword?.autoConfirm, false)
      const notes = said(app, "auth/providers.json").split("\n")
      assert.strictEqual(notes.length, 3)
      assert.match(notes[0] ?? "", /^"local-userpass\.config\.autoConfirm": .*; the setting is ignored$/)
      assert.match(notes[1] ?? "", /^"custom-function": .*; logins with "custom-function" are rejected$/)
      assert.match(
        notes[2] ?? "",
        /^"oauth2-facebook\.config\.clientId": .*; logins with "oauth2-facebook" are rejected$/
      )
    })
  )

  it.effect("uses the first of two providers of a type, and reports the second", () =>
    Effect.gen(function* () {
      const custom = (secret: string) => ({
        type: "custom-token",
        config: { signingAlgorithm: "HS256" },
        secret_config: { signingKeys: [secret] }
      })
      const app = yield* load({
        "realm_config.json": { app_id: "my-app" },
        "secrets.json": { one: "1".repeat(32), two: "2".repeat(32) },
        "auth/providers.json": { "custom-token": custom("one"), "custom-token-2": custom("two") }
      })
      assert.strictEqual(
        said(app, "auth/providers.json"),
        '"custom-token-2" is ignored: the application has a provider "custom-token" already'
      )
      const status = (token: string) =>
        Effect.map(ask("POST", loginPath("my-app", "custom-token"), { body: { token } }), ({ status }) => status)
      const claims = { aud: "my-app", sub: "1", exp: 60 }
      const statuses = Effect.all([status(hs256(claims, "1".repeat(32))), status(hs256(claims, "2".repeat(32)))])
      const quiet = Effect.provideService(statuses, Logger.CurrentLoggers, new Set())
      assert.deepStrictEqual(yield* quiet.pipe(withApps(app)), [200, 401])
    })
  )

  it.effect("reports as far as they cannot work", () =>
    Effect.gen(function* () {
      const app = yield* load({
        "auth/providers.json": {
          "oauth2-google": {
            ...google,
            metadata_fields: [...google.metadata_fields, { name: "gender" }, { name: "shoe_size" }],
            redirect_uris: ["https://app.test/#/signed-in", "app.test", "https://app.test/"]
          },
          "oauth2-facebook": { type: "oauth2-facebook", config: { clientId: 1234567890123456 } },
          "oauth2-apple": { type: "oauth2-apple" }
        }
      }).pipe(Effect.provide(ConfigProvider.layer(ConfigProvider.fromUnknown({}))))
      assert.deepStrictEqual(said(app, "auth/providers.json").split("\n"), [
        'the secret "googleSecret" of the client secret of "oauth2-google" is missing: put it into secrets.json ({ "googleSecret": ... }) or into an environment variable of that name',
        '"oauth2-google" has no client secret: only logins with an id token work, not those with a code or by redirect',
        '"oauth2-google" does not tell "gender", "shoe_size": they are not stored',
        'the redirect URI "https://app.test/#/signed-in" of "oauth2-google" is ignored: expected a URL without a fragment',
        'the redirect URI "app.test" of "oauth2-google" is ignored: expected an absolute URL',
        '"oauth2-facebook" has no client secret: logins with it are rejected',
        '"oauth2-apple" has no "config.clientId": logins with it are rejected'
      ])
      assert.deepStrictEqual(
        Array.from(app.providers.oauth.values(), ({ clientIds, redirectUris }) => [...clientIds, ...redirectUris]),
        [[client.id, "https://app.test/"], ["1234567890123456"]]
      )
    })
  )

  it.effect("fires authentication triggers, and calls the user creation function", () =>
    Effect.gen(function* () {
      const app = yield* load({
        "realm_config.json": { app_id: "my-app" },
        "secrets.json": { googleSecret: client.secret },
        "auth/providers.json": { "oauth2-google": { ...google, domain_restrictions: [] } },
        "auth/custom_user_data.json": { enabled: false, on_user_creation_function_name: "created" },
        "functions/config.json": [{ name: "created" }, { name: "loggedIn" }],
        "functions/created.js":
          "exports = (user) => { if (user.identities[0].provider_type !== 'oauth2-google') throw new Error('no'); console.log('created ' + user.data.email) }",
        "functions/loggedIn.js":
          "exports = ({ operationType, providers, user }) => console.log([operationType, providers, user.data.email].join(' '))",
        "triggers/onLogin.json": {
          name: "onLogin",
          type: "AUTHENTICATION",
          config: { operation_type: "LOGIN", providers: ["oauth2-google"] },
          function_name: "loggedIn",
          disabled: false
        }
      })
      const issuer = makeIssuer()
      issuer.now = () => 0
      issuer.claims = { email: "ada@example.com" }
      const lines: Array<string> = []
      yield* ask("POST", loginPath("my-app", "oauth2-google"), { body: { id_token: issuer.idToken("google") } }).pipe(
        Effect.andThen(Effect.promise(() => waitFor(() => lines.some((line) => line.includes("LOGIN"))))),
        withApps(app, { oauthIssuers: issuer.urls }),
        Effect.provideService(FetchHttpClient.Fetch, issuer.fetch),
        Effect.provideService(
          Logger.CurrentLoggers,
          new Set([Logger.make(({ message }) => void lines.push(String(message)))])
        )
      )
      assert.include(lines.join("\n"), "created ada@example.com")
      assert.include(lines.join("\n"), "LOGIN oauth2-google ada@example.com")
    })
  )
})

/** A trigger runs after the answer; the limit of half a minute is for one that never runs. */
const waitFor = async (isDone: () => boolean) => {
  const until = Date.now() + 30_000
  while (!isDone() && Date.now() < until) await new Promise((resolve) => setTimeout(resolve, 20))
}
