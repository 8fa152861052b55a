/** Sessions in IndexedDB, in Chromium, with the server of this package. */
import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import type { Page } from "playwright-core"
import { counting } from "../support/chromium.ts"
import { inProfile, scripts, Server } from "./profile.ts"

interface PageWorker {
  readonly addEventListener: (
    type: "message" | "error",
    listener: (event: { readonly data: unknown; readonly message: string }) => void
  ) => void
  readonly postMessage: (message: string) => void
}

/** Opens the application in a page, as it does after a reload. */
const start = (page: Page, baseUrl: string) =>
  page.evaluate((baseUrl) => void (globalThis.effects = openIndexedDb(baseUrl)), baseUrl)

const scenario = inProfile(start)

const logIn = (page: Page) => page.evaluate(() => effects.logIn("card-1"))
const call = (page: Page, id: string) => page.evaluate((id) => effects.call(id), id)
const currentId = (page: Page) => page.evaluate(() => effects.currentId())

layer(Server, { excludeTestServices: true })("IndexedDB", (it) => {
  it.effect("keeps the contract of token stores", () =>
    scenario(async ({ openTab }) => {
      const [rules, ...failed] = await (await openTab()).evaluate(() => contract())
      assert.deepStrictEqual(failed, [])
      assert.isAbove(rules, 10)
    })
  )

  it.effect("keeps a user logged in after a reload, and leaves nothing in localStorage", () =>
    scenario(async ({ baseUrl, openTab }) => {
      const page = await openTab()
      const id = await logIn(page)
      await page.reload()
      await start(page, baseUrl)
      assert.strictEqual(await currentId(page), id)
      assert.strictEqual(await call(page, id), 42)
      assert.strictEqual(await page.evaluate(() => localStorage.length), 0)
    })
  )

  it.effect("shares users between tabs: the same events, and one refresh for all", () =>
    scenario(async ({ context, openTab }) => {
      const tabs = [await openTab(), await openTab(), await openTab()] as const
      const [one, two] = tabs
      const id = await logIn(one)
      await two.waitForFunction(() => effects.events.includes("LoggedIn"))
      assert.strictEqual(await currentId(two), id)
      const refreshes = counting(context, (method, url) => method === "POST" && url.endsWith("/auth/session"))
      await one.evaluate((id) => effects.spoil(id), id)
      const results = await Promise.all(tabs.flatMap((page) => [call(page, id), call(page, id)]))
      assert.deepStrictEqual(results, [42, 42, 42, 42, 42, 42])
      assert.strictEqual(refreshes(), 1)
      await two.evaluate((id) => effects.logOut(id), id)
      await one.waitForFunction(() => effects.events.includes("LoggedOut"))
      assert.isUndefined(await currentId(one))
    })
  )

  it.effect("shares users with the workers of a page", () =>
    scenario(async ({ baseUrl, openTab }) => {
      const page = await openTab()
      const id = await logIn(page)
      const work = `onmessage = async ({ data }) => {
        const sdk = openIndexedDb(data)
        const id = await sdk.currentId()
        const answer = [id, await sdk.call(id)]
        await sdk.logOut(id)
        postMessage(answer)
      }`
      const script = `${(await Effect.runPromise(scripts))["/"]};${work}`
      const answer = await page.evaluate(
        ({ baseUrl, script }) =>
          new Promise((resolve, reject) => {
            const url = URL.createObjectURL(new Blob([script]))
            const Worker = Reflect.get(globalThis, "Worker") as new (url: string) => PageWorker
            const worker = new Worker(url)
            worker.addEventListener("message", ({ data }) => resolve(data))
            worker.addEventListener("error", ({ message }) => reject(new Error(message)))
            // oxlint-disable-next-line unicorn/require-post-message-target-origin -- a worker has one origin
            worker.postMessage(baseUrl)
          }),
        { baseUrl, script }
      )
      assert.deepStrictEqual(answer, [id, 42])
      await page.waitForFunction(() => effects.events.includes("LoggedOut"))
    })
  )

  it.effect("takes over the sessions in localStorage, once", () =>
    scenario(async ({ baseUrl, context, openTab, origin }) => {
      const before = await context.newPage()
      await before.goto(`${origin}/realm-web`)
      const ids = await before.evaluate(async (baseUrl) => {
        const app = new RealmWeb.App({ id: "my-app", baseUrl })
        const first = await app.logIn(RealmWeb.Credentials.function({ card: "card-1" }))
        const second = await app.logIn(RealmWeb.Credentials.function({ card: "card-2" }))
        return [second.id, first.id]
      }, baseUrl)
      const [one, two] = [await openTab(), await openTab()]
      assert.deepStrictEqual(await Promise.all([currentId(one), currentId(two)]), [ids[0], ids[0]])
      assert.deepStrictEqual(await Promise.all(ids.map((id) => call(one, id))), [42, 42])
      await one.evaluate((id) => effects.logOut(id), ids[0] ?? "")
      const three = await openTab()
      assert.strictEqual(await currentId(three), ids[1])
    })
  )

  const blocked = {
    "throws at its mention": () => {
      Object.defineProperty(globalThis, "indexedDB", {
        get: () => {
          throw new DOMException("IndexedDB is blocked", "SecurityError")
        }
      })
    },
    "refuses to open": () => {
      Object.defineProperty(Reflect.get(globalThis, "IDBFactory").prototype, "open", {
        value: () => {
          const error = new DOMException("private browsing", "InvalidStateError")
          const request = Object.assign(new EventTarget(), { error })
          setTimeout(() => request.dispatchEvent(new Event("error")))
          return request
        }
      })
    }
  }

  it.effect.each(Object.entries(blocked))("keeps sessions in memory where the browser %s", ([, block]) =>
    scenario(async ({ baseUrl, context, openTab }) => {
      await context.addInitScript(block)
      const page = await openTab()
      const id = await logIn(page)
      assert.strictEqual(await call(page, id), 42)
      await page.evaluate((id) => effects.spoil(id), id)
      assert.strictEqual(await call(page, id), 42)
      await page.reload()
      await start(page, baseUrl)
      assert.isUndefined(await currentId(page))
    })
  )

  it.effect("leaves sessions in localStorage where IndexedDB is blocked", () =>
    scenario(async ({ baseUrl, context, origin }) => {
      await context.addInitScript(blocked["refuses to open"])
      const page = await context.newPage()
      await page.goto(origin)
      await page.evaluate((baseUrl) => openEffect(baseUrl).logIn("card-1"), baseUrl)
      await page.reload()
      await start(page, baseUrl)
      assert.isUndefined(await currentId(page))
      assert.strictEqual(await page.evaluate((baseUrl) => openEffect(baseUrl).current(), baseUrl), "Some")
    })
  )

  it.effect("keeps a session in memory where a write is refused, as with a used-up quota, and no older one", () =>
    scenario(async ({ baseUrl, openTab }) => {
      const page = await openTab()
      const id = await logIn(page)
      await page.evaluate(() => {
        // what is more than the quota aborts its transaction
        const full = function (this: { readonly transaction: { readonly abort: () => void } }) {
          this.transaction.abort()
        }
        Object.defineProperty(Reflect.get(globalThis, "IDBObjectStore").prototype, "put", { value: full })
      })
      await page.evaluate((id) => effects.spoil(id), id)
      assert.strictEqual(await call(page, id), 42)
      assert.strictEqual(await currentId(page), id)
      await page.reload()
      await start(page, baseUrl)
      assert.isUndefined(await currentId(page))
      assert.strictEqual(await logIn(page), id)
      await page.reload()
      await start(page, baseUrl)
      assert.strictEqual(await currentId(page), id)
    })
  )

  it.effect("opens the database again after it was closed or deleted", () =>
    scenario(async ({ openTab }) => {
      const page = await openTab()
      const id = await logIn(page)
      await page.evaluate(
        () =>
          new Promise((resolve, reject) => {
            const request = Reflect.get(globalThis, "indexedDB").deleteDatabase("effect-app-services")
            request.addEventListener("success", resolve)
            request.addEventListener("error", reject)
          })
      )
      assert.isUndefined(await currentId(page))
      assert.strictEqual(await logIn(page), id)
      assert.strictEqual(await call(page, id), 42)
    })
  )
})
