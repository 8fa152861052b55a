/** Logins with Google, Facebook and Apple by `realm-web`, as published, in as much of a browser as it needs. */
import { assert, it, layer } from "@effect/vitest"
import { Context, Effect, Layer, Logger, Redacted, Tracer } from "effect"
import { NodeAppServicesServer } from "effect-app-services/node"
import { App } from "effect-app-services/server"
import { inspect } from "node:util"
import type * as Realm from "realm-web"
import { makeBrowser, realmWebIn } from "./support/browser.ts"
import { client, type Issuer, startIssuer } from "./support/issuer.ts"

class Issuers extends Context.Service<Issuers, Issuer>()("effect-app-services/test/realm-web-oauth.test/Issuers") {}

const page = "http://127.0.0.1:3000/signed-in"

const registered = {
  clientId: client.id,
  clientSecret: Redacted.make(client.secret),
  redirectUris: [page],
  metadataFields: [{ name: "email" }]
} as const

const app = App.make({
  id: "my-app",
  providers: { anonymous: true, google: registered, facebook: registered, apple: registered },
  functions: { sum: (a: number, b: number) => a + b }
})

const Server = Layer.unwrap(
  Effect.map(Issuers, ({ urls }) => NodeAppServicesServer.layer(app, { oauthIssuers: urls }))
).pipe(
  Layer.provideMerge(
    Layer.effect(
      Issuers,
      Effect.acquireRelease(Effect.promise(startIssuer), (issuer) => Effect.promise(() => issuer.stop()))
    )
  )
)

const providers = ["google", "facebook", "apple"] as const

const byRedirect = ({ Credentials }: Pick<typeof Realm, "Credentials">, site: (typeof providers)[number]) =>
  ({
    google: () => Credentials.google({ redirectUrl: page }),
    facebook: () => Credentials.facebook(page),
    apple: () => Credentials.apple(page)
  })[site]()

layer(Server, { excludeTestServices: true })("realm-web 2.0.1, unmodified, in a browser", (it) => {
  const connect = Effect.gen(function* () {
    const browser = makeBrowser()
    const realm = realmWebIn(browser, page)
    const issuer = yield* Issuers
    issuer.denies = undefined
    const baseUrl = yield* NodeAppServicesServer.baseUrl
    return { app: new realm.App({ id: "my-app", baseUrl }), browser, issuer, realm }
  })

  for (const site of providers) {
    it.effect(`logs in with ${site} by a redirect, the same user each time`, () =>
      Effect.gen(function* () {
        const { app, browser, issuer, realm } = yield* connect
        issuer.person = { id: `ada-${site}`, email: "ada@example.com" }
        const user = yield* Effect.promise(() => app.logIn(byRedirect(realm, site)))
        assert.strictEqual(yield* Effect.promise(() => user.functions.sum(20, 22)), 42)
        assert.deepStrictEqual(user.profile, { email: "ada@example.com" })
        assert.deepStrictEqual(
          user.identities.map(({ id, providerType }) => [id, providerType]),
          [[`ada-${site}`, `oauth2-${site}`]]
        )
        yield* Effect.promise(() => user.logOut())
        const again = yield* Effect.promise(() => app.logIn(byRedirect(realm, site)))
        assert.strictEqual(again.id, user.id)
        assert.strictEqual(again.deviceId, user.deviceId)
        // a cookie for each login, and the end of it
        assert.strictEqual(browser.setCookies.length, 4)
      })
    )

    it.effect(`links an account at ${site} by a redirect`, () =>
      Effect.gen(function* () {
        const { app, issuer, realm } = yield* connect
        issuer.person = { id: `linked-${site}`, email: "ada@example.com" }
        const guest = yield* Effect.promise(() => app.logIn(realm.Credentials.anonymous(false)))
        yield* Effect.promise(() => guest.linkCredentials(byRedirect(realm, site)))
        assert.deepStrictEqual(
          guest.identities.map(({ providerType }) => providerType),
          ["anon-user", `oauth2-${site}`]
        )
        assert.strictEqual((yield* Effect.promise(() => app.logIn(byRedirect(realm, site)))).id, guest.id)
      })
    )
  }

  it.effect("logs in with tokens and codes, without a redirect", () =>
    Effect.gen(function* () {
      const { app, issuer, realm } = yield* connect
      const { Credentials } = realm
      issuer.person = { id: "direct", email: "ada@example.com" }
      for (const credentials of [
        Credentials.google({ idToken: issuer.idToken("google") }),
        Credentials.google({ authCode: issuer.code("postmessage") }),
        Credentials.facebook(issuer.accessToken(issuer.person)),
        Credentials.apple(issuer.idToken("apple"))
      ]) {
        const user = yield* Effect.promise(() => app.logIn(credentials))
        assert.deepStrictEqual(user.profile, { email: "ada@example.com" })
      }
    })
  )

  it.effect("rejects if the user denies consent", () =>
    Effect.gen(function* () {
      const { app, issuer, realm } = yield* connect
      issuer.denies = "access_denied"
      for (const site of providers) {
        const error = yield* Effect.flip(Effect.tryPromise(() => app.logIn(byRedirect(realm, site))))
        // realm-web loses the message of the provider
        assert.include(String(error.cause), "Failed to decode 'authInfo'")
      }
    })
  )
})

const secretNames = [
  "code",
  "client_secret",
  "access_token",
  "input_token",
  "appsecret_proof",
  "code_verifier",
  "state",
  "nonce"
]

it.live("logs, spans and the request log have no token, code or secret of a login by redirect", () => {
  const seen: Array<string> = []
  const logger = Logger.make(({ cause, message }) => void seen.push(inspect([message, cause], { depth: 10 })))
  const tracer = Tracer.make({
    span: (options) => {
      const span = new Tracer.NativeSpan(options)
      const attribute = span.attribute.bind(span)
      span.attribute = (key, value) => {
        seen.push(`${options.name}: ${key}=${String(value)}`)
        attribute(key, value)
      }
      return span
    }
  })
  return Effect.gen(function* () {
    const issuer = yield* Effect.acquireRelease(Effect.promise(startIssuer), (issuer) =>
      Effect.promise(() => issuer.stop())
    )
    const server = NodeAppServicesServer.layer(app, {
      oauthIssuers: issuer.urls,
      onRequest: (entry) => Effect.sync(() => void seen.push(JSON.stringify(entry)))
    })
    const secrets = yield* Effect.gen(function* () {
      const browser = makeBrowser()
      const realm = realmWebIn(browser, page)
      const client = new realm.App({ id: "my-app", baseUrl: yield* NodeAppServicesServer.baseUrl })
      const tokens: Array<string | null> = []
      for (const site of providers) {
        const user = yield* Effect.promise(() => client.logIn(byRedirect(realm, site)))
        tokens.push(user.accessToken, user.refreshToken)
      }
      return tokens
    }).pipe(
      Effect.provide(server),
      Effect.provideService(Logger.CurrentLoggers, new Set([logger])),
      Effect.withTracer(tracer)
    )
    const used = Array.from(issuer.last.values()).flatMap((parameters) =>
      secretNames.map((name) => parameters.get(name))
    )
    const all = [...secrets, ...used].filter((secret) => secret !== null)
    assert.isAbove(all.length, 15)
    const everything = seen.join("\n")
    for (const secret of all) assert.notInclude(everything, secret)
    // that spans of both sides were recorded at all
    assert.include(everything, "/facebook/debug_token")
    assert.include(everything, "/api/client/v2.0/auth/callback")
  }).pipe(Effect.scoped)
})
