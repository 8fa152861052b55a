/** What the tests of sessions in Chromium have in common: a server, and profiles of the browser with tabs. */
import { Effect, Layer } from "effect"
import { NodeAppServicesServer } from "effect-app-services/node"
import { App } from "effect-app-services/server"
import type { BrowserContext, Page } from "playwright-core"
import { bundle, Chromium, profile, serve } from "../support/chromium.ts"

const app = App.make({
  id: "my-app",
  providers: { anonymous: true, customFunction: ({ card }: { card: string }) => card },
  functions: { sum: (a: number, b: number) => a + b }
})

export const Server = Layer.suspend(() =>
  Layer.merge(NodeAppServicesServer.layer(app, { passwordHashing: "testing" }), Chromium.layer)
)

export const scripts = Effect.cached(
  Effect.promise(async () => ({
    "/": await bundle("test/browser/page.ts"),
    "/realm-web": await bundle("test/browser/realmWeb.ts")
  }))
).pipe(Effect.runSync)

export interface Profile {
  readonly baseUrl: string
  readonly origin: string
  readonly context: BrowserContext
  /** A tab with the application opened in it. */
  readonly openTab: () => Promise<Page>
}

/** Runs a test with a browser profile of its own, given how to open the application in a page. */
export const inProfile =
  (start: (page: Page, baseUrl: string) => Promise<void>) => (use: (profile: Profile) => Promise<void>) =>
    Effect.gen(function* () {
      const origin = yield* serve(yield* scripts)
      const baseUrl = yield* NodeAppServicesServer.baseUrl
      const context = yield* profile()
      yield* Effect.promise(async () => {
        const openTab = async () => {
          const page = await context.newPage()
          await page.goto(origin)
          await start(page, baseUrl)
          return page
        }
        await use({ baseUrl, origin, context, openTab })
      })
    }).pipe(Effect.scoped)
