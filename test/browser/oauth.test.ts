/** Logins by redirect and by popup in Chromium, with third-party cookies blocked, against an issuer of the tests. */
import { assert, layer } from "@effect/vitest"
import { Effect, Layer, Redacted } from "effect"
import { NodeAppServicesServer } from "effect-app-services/node"
import { App } from "effect-app-services/server"
import type { Page } from "playwright-core"
import { bundle, Chromium, profile, serve } from "../support/chromium.ts"
import { client, type Issuer, startIssuer } from "../support/issuer.ts"

interface Parts {
  readonly page: Page
  readonly origin: string
  readonly baseUrl: string
  readonly issuer: Issuer
}

const scripts = Effect.cached(
  Effect.promise(async () => {
    const script = await bundle("test/browser/page.ts")
    return { "/": script, "/returned": script, "/signed-in": await bundle("test/browser/signedIn.ts") }
  })
).pipe(Effect.runSync)

/** A page, a server that may return to it, and the issuer behind the server. */
const scenario = (use: (parts: Parts) => Promise<void>) =>
  Effect.gen(function* () {
    const origin = yield* serve(yield* scripts)
    const issuer = yield* Effect.acquireRelease(Effect.promise(startIssuer), (issuer) =>
      Effect.promise(() => issuer.stop())
    )
    const app = App.make({
      id: "my-app",
      providers: {
        anonymous: true,
        customFunction: ({ card }: { card: string }) => card,
        google: {
          clientId: client.id,
          clientSecret: Redacted.make(client.secret),
          redirectUris: [`${origin}/signed-in`, `${origin}/returned`],
          metadataFields: [{ name: "email" }]
        }
      },
      functions: { sum: (a: number, b: number) => a + b }
    })
    const server = yield* Layer.build(NodeAppServicesServer.layer(app, { oauthIssuers: issuer.urls }))
    const baseUrl = yield* Effect.provideContext(NodeAppServicesServer.baseUrl, server)
    const context = yield* profile()
    yield* Effect.promise(async () => {
      const page = await context.newPage()
      await page.goto(origin)
      await use({ page, origin, baseUrl, issuer })
    })
  }).pipe(Effect.scoped)

layer(Chromium.layer, { excludeTestServices: true })("logins by redirect in Chromium", (it) => {
  it.effect("a window logs a user in, with either entry point", () =>
    scenario(async ({ baseUrl, issuer, origin, page }) => {
      issuer.person = { id: "ada", email: "ada@example.com", email_verified: true }
      const redirectUrl = `${origin}/signed-in`
      const user = await page.evaluate(
        async ({ baseUrl, redirectUrl }) => {
          const app = new Sdk.App({ id: "my-app", baseUrl })
          const user = await app.logIn(Sdk.Credentials.google({ redirectUrl }))
          return { id: user.id, email: user.profile.email, sum: await user.callFunction("sum", 20, 22) }
        },
        { baseUrl, redirectUrl }
      )
      assert.deepInclude(user, { email: "ada@example.com", sum: 42 })
      const again = await page.evaluate(({ baseUrl, redirectUrl }) => openEffect(baseUrl).popUp(redirectUrl), {
        baseUrl,
        redirectUrl
      })
      assert.strictEqual(again, user.id)
      // the windows are closed
      for (const window of page.context().pages()) {
        if (window !== page && !window.isClosed()) await window.waitForEvent("close")
      }
      // no token stays where another script or the next page finds it
      assert.isFalse(await page.evaluate(() => Object.keys(localStorage).some((key) => key.includes("oauth2"))))
    })
  )

  it.effect("a window that is closed, or a provider that declines, rejects the login", () =>
    scenario(async ({ baseUrl, issuer, origin, page }) => {
      const logIn = () =>
        page.evaluate(
          async ({ baseUrl, redirectUrl }) => {
            const app = new Sdk.App({ id: "my-app", baseUrl })
            return app.logIn(Sdk.Credentials.google({ redirectUrl })).then(
              () => "logged in",
              (error: { readonly kind: string; readonly message: string }) => error.kind
            )
          },
          { baseUrl, redirectUrl: `${origin}/signed-in` }
        )
      issuer.denies = "access_denied"
      assert.strictEqual(await logIn(), "Refused")
      // the window stays where it is: the host does not answer
      await page.context().route("**/auth/providers/oauth2-google/login**", () => {})
      page.context().once("page", (window) => void window.close())
      assert.strictEqual(await logIn(), "WindowClosed")
    })
  )

  it.effect("a page is left for the provider, and continues with the user", () =>
    scenario(async ({ baseUrl, issuer, origin, page }) => {
      issuer.person = { id: "bob", email: "bob@example.com", email_verified: true }
      await page.evaluate(({ baseUrl, redirectUrl }) => void openEffect(baseUrl).leave(redirectUrl), {
        baseUrl,
        redirectUrl: `${origin}/returned`
      })
      await page.waitForURL(/\/returned/)
      const { again, id, sum } = await page.evaluate(async (baseUrl) => {
        const sdk = openEffect(baseUrl)
        const id = await sdk.complete()
        return { id, sum: await sdk.call(id), again: await sdk.complete() }
      }, baseUrl)
      assert.match(id, /^[0-9a-f]{24}$/)
      assert.deepStrictEqual([sum, again, page.url()], [42, "none", `${origin}/returned`])
    })
  )

  it.effect("a window adds an account to a guest, who keeps the id and the session", () =>
    scenario(async ({ baseUrl, issuer, origin, page }) => {
      issuer.person = { id: "grace", email: "grace@example.com", email_verified: true }
      const redirectUrl = `${origin}/signed-in`
      const urls: Array<string> = []
      page.context().on("request", (request) => urls.push(request.url()))
      const { token, ...guest } = await page.evaluate(
        async ({ baseUrl, redirectUrl }) => {
          const app = new Sdk.App({ id: "my-app", baseUrl })
          const guest = await app.logIn(Sdk.Credentials.anonymous())
          const token = guest.accessToken ?? ""
          await guest.linkCredentials(Sdk.Credentials.google({ redirectUrl }))
          return {
            token,
            id: guest.id,
            identities: guest.identities.map(({ providerType }) => providerType),
            email: guest.profile.email,
            current: app.currentUser?.id,
            sum: await guest.callFunction("sum", 20, 22)
          }
        },
        { baseUrl, redirectUrl }
      )
      const { id } = guest
      assert.deepStrictEqual(guest, {
        id,
        identities: ["anon-user", "oauth2-google"],
        email: "grace@example.com",
        current: id,
        sum: 42
      })
      assert.isAbove(urls.length, 3)
      for (const url of urls) assert.notInclude(url, token)
      // a login with the account is now the same user
      const parameters = { baseUrl, redirectUrl }
      const again = await page.evaluate((it) => openEffect(it.baseUrl).popUp(it.redirectUrl), parameters)
      assert.strictEqual(again, id)
      // and no other user may have it
      const refused = await page.evaluate(async (it) => {
        const sdk = openEffect(it.baseUrl)
        return sdk.linkPopUp(await sdk.logIn("card-1"), it.redirectUrl)
      }, parameters)
      assert.match(refused, /belong to another user/)
    })
  )

  it.effect("a page is left to add an account, and continues with the user; without a session it is not left", () =>
    scenario(async ({ baseUrl, issuer, origin, page }) => {
      issuer.person = { id: "hopper", email: "hopper@example.com", email_verified: true }
      const redirectUrl = `${origin}/returned`
      const parameters = { baseUrl, redirectUrl }
      const id = await page.evaluate(async (it) => {
        const sdk = openEffect(it.baseUrl)
        const id = await sdk.logIn("card-2")
        sdk.linkLeave(id, it.redirectUrl)
        return id
      }, parameters)
      await page.waitForURL(/\/returned/)
      const returned = await page.evaluate(async (baseUrl) => {
        const sdk = openEffect(baseUrl)
        const id = await sdk.complete()
        return { id, sum: await sdk.call(id), again: await sdk.complete() }
      }, baseUrl)
      assert.deepStrictEqual(returned, { id, sum: 42, again: "none" })
      const outcome = await page.evaluate(
        async (it) => {
          const sdk = openEffect(it.baseUrl)
          const linked = await sdk.popUp(it.redirectUrl)
          await sdk.logOut(linked)
          return [linked, await sdk.linkPopUp(linked, it.redirectUrl)]
        },
        { baseUrl, redirectUrl: `${origin}/signed-in` }
      )
      assert.deepStrictEqual(outcome, [id, "NotLoggedIn"])
    })
  )

  it.effect("a page that is opened with the login of another is refused", () =>
    scenario(async ({ baseUrl, origin, page }) => {
      const forged = new URLSearchParams({ _baas_state: "0".repeat(32), _baas_ua: "a$b$5f1d7f3e9c1b2a0012345678$d" })
      await page.goto(`${origin}/returned#${forged.toString()}`)
      const outcome = await page.evaluate(async (baseUrl) => {
        const sdk = openEffect(baseUrl)
        return [await sdk.complete(), await sdk.current()]
      }, baseUrl)
      assert.deepStrictEqual(outcome, ["UnexpectedState", "None"])
    })
  )

  it.effect("a page is not left, and an answer is refused, where the browser blocks sessionStorage", () =>
    scenario(async ({ baseUrl, origin, page }) => {
      await page.addInitScript(() => {
        Object.defineProperty(globalThis, "sessionStorage", {
          get: () => {
            throw new DOMException("storage is blocked", "SecurityError")
          }
        })
      })
      const answer = new URLSearchParams({ _baas_state: "0".repeat(32), _baas_ua: "a$b$5f1d7f3e9c1b2a0012345678$d" })
      await page.goto(`${origin}/returned#${answer.toString()}`)
      const [completed, left] = await page.evaluate(
        async ({ baseUrl, redirectUrl }) => {
          const sdk = openEffect(baseUrl)
          return [await sdk.complete(), await sdk.leave(redirectUrl)]
        },
        { baseUrl, redirectUrl: `${origin}/returned` }
      )
      assert.strictEqual(completed, "UnexpectedState")
      assert.match(left ?? "", /^StoreUnavailable: .*sessionStorage: use a window/)
    })
  )
})
