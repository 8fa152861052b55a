/** What the pages of the tests run: both entry points, as a program would use them. */
import { BrowserAppServices, IndexedDb, OAuth } from "effect-app-services/browser"
import { AuthApi, Credentials, Sessions, TokenStore } from "effect-app-services"
import * as Sdk from "effect-app-services/promise"
import * as TokenStoreContract from "effect-app-services/testing/TokenStoreContract"
import { Config, Effect, ManagedRuntime, Option, Redacted } from "effect"

/** The application of the page with promises. */
const openApp = (baseUrl: string) => {
  const app = new Sdk.App({ id: "my-app", baseUrl })
  const events: Array<string> = []
  app.addListener(() => events.push(app.currentUser?.id ?? "none"))
  return { app, events }
}

/** The same with Effect, with sessions in either storage. */
const openEffect = (baseUrl: string, layer: typeof BrowserAppServices.layerConfig = BrowserAppServices.layerConfig) => {
  const runtime = ManagedRuntime.make(layer({ appId: Config.succeed("my-app"), baseUrl }))
  const events: Array<string> = []
  runtime.runSync(AuthApi.useSync((auth) => auth.addListener((event) => events.push(event._tag))))
  const auth = runtime.runSync(AuthApi)
  return {
    events,
    logIn: (card: string) =>
      runtime.runPromise(Effect.map(auth.logIn(Credentials.function({ card })), (user) => user.id)),
    call: (id: string) => runtime.runPromise(Effect.flatMap(auth.user(id), (user) => user.functions.sum(20, 22))),
    refresh: (id: string) =>
      runtime.runPromise(Sessions.use((sessions) => Effect.asVoid(sessions.refresh("page", id)))),
    spoil: (id: string) =>
      runtime.runPromise(
        TokenStore.use((store) =>
          store.forApp("my-app").modify(id, (user) => [
            undefined,
            Option.map(user, ({ session, ...user }) => ({
              ...user,
              ...(session && { session: { ...session, accessToken: Redacted.make("spoiled") } })
            }))
          ])
        )
      ),
    logOut: (id: string) => runtime.runPromise(auth.logOut(id)),
    popUp: (redirectUrl: string) =>
      runtime.runPromise(Effect.map(OAuth.logInByPopup({ provider: "oauth2-google", redirectUrl }), (user) => user.id)),
    leave: (redirectUrl: string) =>
      runtime.runPromise(
        Effect.catch(OAuth.logInByRedirect({ provider: "oauth2-google", redirectUrl }), ({ message, reason }) =>
          Effect.succeed(`${reason._tag}: ${message}`)
        )
      ),
    linkPopUp: (id: string, redirectUrl: string) =>
      runtime.runPromise(
        OAuth.linkByPopup(id, { provider: "oauth2-google", redirectUrl }).pipe(
          Effect.as("linked"),
          Effect.catch((error) => Effect.succeed(error._tag === "OAuthError" ? error.message : error.reason._tag))
        )
      ),
    linkLeave: (id: string, redirectUrl: string) =>
      void runtime.runPromise(OAuth.linkByRedirect(id, { provider: "oauth2-google", redirectUrl })),
    complete: () =>
      runtime.runPromise(
        OAuth.completeRedirect.pipe(
          Effect.map(Option.match({ onNone: () => "none", onSome: (user) => user.id })),
          Effect.catchTag("OAuthError", (error) => Effect.succeed(error.kind))
        )
      ),
    current: () => runtime.runPromise(Effect.map(auth.currentUser, (user) => user._tag)),
    currentId: () =>
      runtime.runPromise(
        Effect.map(auth.currentUser, (user) => Option.getOrUndefined(Option.map(user, ({ id }) => String(id))))
      )
  }
}

/** The same with sessions in IndexedDB. */
const openIndexedDb = (baseUrl: string) => openEffect(baseUrl, IndexedDb.layerConfig)

/** Runs the contract of token stores over IndexedDB; returns what failed, after the number of rules. */
const contract = async () => {
  const rules = new Map<string, () => Promise<void>>()
  TokenStoreContract.suite("IndexedDB", IndexedDb.layerTokenStore({ database: "contract" }), (name, run) =>
    rules.set(name, run)
  )
  const failed: Array<string> = []
  for (const [name, run] of rules) await run().catch((error: unknown) => failed.push(`${name}: ${String(error)}`))
  return [rules.size, ...failed] as const
}

const exposed = { Sdk, openApp, openEffect, openIndexedDb, contract }
type Exposed = typeof exposed
Object.assign(globalThis, exposed)

declare global {
  var Sdk: Exposed["Sdk"]
  var openApp: Exposed["openApp"]
  var openEffect: Exposed["openEffect"]
  var openIndexedDb: Exposed["openIndexedDb"]
  var contract: Exposed["contract"]
  /** What the tests keep in a page. */
  var tab: ReturnType<Exposed["openApp"]>
  var effects: ReturnType<Exposed["openEffect"]>
}
