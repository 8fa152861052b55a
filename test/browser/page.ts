/** What the pages of the tests run: both entry points, as a program would use them. */
import { BrowserAppServices, OAuth } from "effect-app-services/browser"
import { AuthApi, Credentials, Sessions } from "effect-app-services"
import * as Sdk from "effect-app-services/promise"
import { Effect, ManagedRuntime, Option } from "effect"

/** The application of the page with promises. */
const openApp = (baseUrl: string) => {
  const app = new Sdk.App({ id: "my-app", baseUrl })
  const events: Array<string> = []
  app.addListener(() => events.push(app.currentUser?.id ?? "none"))
  return { app, events }
}

/** The same with Effect. */
const openEffect = (baseUrl: string) => {
  const runtime = ManagedRuntime.make(BrowserAppServices.layer({ appId: "my-app", baseUrl }))
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
    logOut: (id: string) => runtime.runPromise(auth.logOut(id)),
    popUp: (redirectUrl: string) =>
      runtime.runPromise(Effect.map(OAuth.logInByPopup({ provider: "oauth2-google", redirectUrl }), (user) => user.id)),
    leave: (redirectUrl: string) =>
      void runtime.runPromise(OAuth.logInByRedirect({ provider: "oauth2-google", redirectUrl })),
    complete: () =>
      runtime.runPromise(
        OAuth.completeRedirect.pipe(
          Effect.map(Option.match({ onNone: () => "none", onSome: (user) => user.id })),
          Effect.catchTag("OAuthError", (error) => Effect.succeed(error.kind))
        )
      ),
    current: () => runtime.runPromise(Effect.map(auth.currentUser, (user) => user._tag))
  }
}

const exposed = { Sdk, openApp, openEffect }
export type Exposed = typeof exposed
Object.assign(globalThis, exposed)
