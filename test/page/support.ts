/** An application, its server, and the page for people in a browser. */
import { Effect, Layer, Logger, Redacted } from "effect"
import { NodeAppServicesServer } from "effect-app-services/node"
import type { App } from "effect-app-services/server"
import type { BrowserContext, BrowserContextOptions, Page } from "playwright-core"
import { Chromium, profile } from "../support/chromium.ts"
import { rawRequest } from "../support/rawRequest.ts"

export const token = "an administration token of tests"
export const host = "app-services-admin.localhost"

export const server = (apps: ReadonlyArray<App.App>) =>
  Layer.suspend(() =>
    NodeAppServicesServer.layer(apps, { adminToken: Redacted.make(token), passwordHashing: "testing" })
  ).pipe(
    // what functions write is looked at on the page
    Layer.provide(Logger.layer([]))
  )

/** The applications, and a browser for {@link visit}. */
export const site = (apps: ReadonlyArray<App.App>) => Layer.merge(server(apps), Chromium.layer)

/** A request with any headers, also those that `fetch` does not allow, to the server's address. */
export const send = (method: string, path: string, headers?: Record<string, string>, body?: string) =>
  Effect.flatMap(NodeAppServicesServer.baseUrl, (baseUrl) => rawRequest(baseUrl, method, path, headers, body))

/** A page in a browser of its own, logged in unless `fresh` is set, with what it complained about. */
export interface Visit {
  readonly page: Page
  readonly context: BrowserContext
  /** The URL of the page's origin. */
  readonly origin: string
  /** The server's own URL. */
  readonly baseUrl: string
  readonly complaints: ReadonlyArray<string>
}

interface VisitOptions extends BrowserContextOptions {
  readonly fresh?: boolean
}

export const logIn = async (page: Page): Promise<void> => {
  await page.getByLabel("Administration token").fill(token)
  await page.getByRole("button", { name: "Log in" }).click()
  await page.getByRole("navigation").waitFor()
}

/** Uses the page, which must send no request to another origin, and cause no error in the browser. */
export const visit = (use: (visit: Visit) => Promise<void>, { fresh = false, ...options }: VisitOptions = {}) =>
  Effect.scoped(
    Effect.gen(function* () {
      const baseUrl = yield* NodeAppServicesServer.baseUrl
      const origin = `http://${host}:${new URL(baseUrl).port}`
      const context = yield* profile(options)
      yield* Effect.promise(async () => {
        context.setDefaultTimeout(30_000)
        const page = await context.newPage()
        const complaints: Array<string> = []
        page.on("console", (message) => {
          if (message.type() === "error" && !/status of 4\d\d/.test(message.text())) complaints.push(message.text())
        })
        page.on("pageerror", (error) => complaints.push(error.message))
        page.on("request", (sent) => {
          const isOwn = [`${origin}/`, `${baseUrl}/logs?`, "data:"].some((start) => sent.url().startsWith(start))
          if (!isOwn) complaints.push(sent.url())
        })
        await page.goto(`${origin}/`)
        if (!fresh) await logIn(page)
        await use({ page, context, origin, baseUrl, complaints })
        if (complaints.length > 0) throw new Error(complaints.join("\n"))
      })
    })
  )
