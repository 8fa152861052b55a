/** Tabs, storage and the network in Chromium, with the server of this package. */
import { assert, layer } from "@effect/vitest"
import type { Page } from "playwright-core"
import { counting } from "../support/chromium.ts"
import { inProfile, Server } from "./profile.ts"

const isRefresh = (method: string, url: string) => method === "POST" && url.endsWith("/auth/session")

const start = (page: Page, baseUrl: string) =>
  page.evaluate((baseUrl) => {
    globalThis.tab = openApp(baseUrl)
    globalThis.effects = openEffect(baseUrl)
  }, baseUrl)

const logIn = (page: Page, card = "card-1") =>
  page.evaluate(async (card) => (await tab.app.logIn(Sdk.Credentials.function({ card }))).id, card)

const call = (page: Page) => page.evaluate(() => tab.app.currentUser?.callFunction("sum", 20, 22))

/** Makes the stored access token one that the host rejects. */
const spoilToken = (page: Page) =>
  page.evaluate(() => {
    const user = tab.app.currentUser
    if (user !== null) user.accessToken = "spoiled"
  })

const stateOf = (page: Page) => page.evaluate(() => tab.app.currentUser?.state ?? "none")

const scenario = inProfile(start)

layer(Server, { excludeTestServices: true })("in Chromium", (it) => {
  it.effect("a user is still logged in after a reload", () =>
    scenario(async ({ baseUrl, openTab }) => {
      const page = await openTab()
      const id = await logIn(page)
      assert.strictEqual(await call(page), 42)
      await page.reload()
      await start(page, baseUrl)
      assert.strictEqual(await page.evaluate(() => globalThis.tab.app.currentUser?.id), id)
      assert.strictEqual(await call(page), 42)
      assert.strictEqual(await page.evaluate((id) => effects.call(id), id), 42)
    })
  )

  it.effect("a session that realm-web left is taken over", () =>
    scenario(async ({ baseUrl, context, origin, openTab }) => {
      const before = await context.newPage()
      await before.goto(`${origin}/realm-web`)
      const id = await before.evaluate(async (baseUrl) => {
        const app = new RealmWeb.App({ id: "my-app", baseUrl })
        return (await app.logIn(RealmWeb.Credentials.anonymous())).id
      }, baseUrl)
      const page = await openTab()
      assert.strictEqual(await page.evaluate(() => globalThis.tab.app.currentUser?.id), id)
      assert.strictEqual(await call(page), 42)
      assert.strictEqual(await page.evaluate((id) => effects.call(id), id), 42)
    })
  )

  it.effect("a login, a logout and a switch in one tab are events in the others, with either entry point", () =>
    scenario(async ({ openTab }) => {
      const [one, two] = [await openTab(), await openTab()]
      const first = await logIn(one)
      await two.waitForFunction((id) => globalThis.tab.events.includes(id), first)
      await two.waitForFunction(() => effects.events.includes("LoggedIn"))
      assert.strictEqual(await call(two), 42)
      const second = await two.evaluate(() => effects.logIn("card-2"))
      await one.waitForFunction((id) => globalThis.tab.app.currentUser?.id === id, second)
      await one.evaluate((id) => globalThis.tab.app.switchUser(globalThis.tab.app.allUsers[id]), first)
      await two.waitForFunction(() => effects.events.includes("Switched"))
      await two.evaluate((id) => effects.logOut(id), first)
      await one.waitForFunction((id) => globalThis.tab.app.allUsers[id]?.state === "logged-out", first)
      await one.evaluate((id) => effects.logOut(id), second)
      await two.waitForFunction(() => globalThis.tab.app.currentUser === null)
    })
  )

  it.effect("one tab refreshes a session for all of them", () =>
    scenario(async ({ context, openTab }) => {
      const tabs = [await openTab(), await openTab(), await openTab()]
      await logIn(tabs[0])
      const refreshes = counting(context, isRefresh)
      await spoilToken(tabs[0])
      const results = await Promise.all(tabs.flatMap((page) => [call(page), call(page)]))
      assert.deepStrictEqual(results, [42, 42, 42, 42, 42, 42])
      assert.strictEqual(refreshes(), 1)
    })
  )

  it.effect("a tab that is closed in the middle of a refresh holds no other one up", () =>
    scenario(async ({ openTab }) => {
      const [one, two] = [await openTab(), await openTab()]
      await logIn(one)
      await spoilToken(one)
      let held = () => {}
      const holding = new Promise<void>((resolve) => (held = resolve))
      // the request of the first tab is never answered
      await one.route("**/auth/session", () => held())
      void one.evaluate(() => tab.app.currentUser?.callFunction("sum", 1, 2)).catch(() => {})
      await holding
      const waiting = call(two)
      await one.close()
      assert.strictEqual(await waiting, 42)
    })
  )

  it.effect("a tab that sleeps in the middle of a refresh holds another one up for ten seconds at most", () =>
    scenario(async ({ context, openTab }) => {
      const [one, two] = [await openTab(), await openTab()]
      await logIn(one)
      await spoilToken(one)
      let held = () => {}
      const holding = new Promise<void>((resolve) => (held = resolve))
      await one.route("**/auth/session", () => held())
      void one.evaluate(() => tab.app.currentUser?.callFunction("sum", 1, 2)).catch(() => {})
      await holding
      const devtools = await context.newCDPSession(one)
      await devtools.send("Page.setWebLifecycleState", { state: "frozen" })
      assert.strictEqual(await call(two), 42)
    })
  )

  it.effect("refreshes in each tab where locks are missing, and tells the other tabs without a channel", () =>
    scenario(async ({ context, openTab }) => {
      await context.addInitScript(() => {
        Reflect.deleteProperty(globalThis, "BroadcastChannel")
        Object.defineProperty(navigator, "locks", { value: undefined })
      })
      const [one, two] = [await openTab(), await openTab()]
      const id = await logIn(one)
      await two.waitForFunction((id) => globalThis.tab.events.includes(id), id)
      await spoilToken(one)
      assert.deepStrictEqual(await Promise.all([call(one), call(two)]), [42, 42])
      await one.evaluate((id) => effects.logOut(id), id)
      await two.waitForFunction(() => globalThis.tab.app.currentUser === null)
    })
  )

  it.effect("a session survives the loss of the network", () =>
    scenario(async ({ context, openTab }) => {
      const page = await openTab()
      await logIn(page)
      await context.setOffline(true)
      const error = await page.evaluate(() =>
        tab.app.currentUser
          ?.callFunction("sum", 1, 2)
          .catch((error: { readonly reason: { readonly _tag: string } }) => error.reason._tag)
      )
      assert.strictEqual(error, "TransportError")
      await spoilToken(page)
      await page.evaluate(() => tab.app.currentUser?.callFunction("sum", 1, 2).catch(() => {}))
      assert.strictEqual(await stateOf(page), "active")
      await context.setOffline(false)
      assert.strictEqual(await call(page), 42)
    })
  )

  const unusable = [
    [
      "blocked",
      () => {
        Object.defineProperty(globalThis, "localStorage", {
          get: () => {
            throw new DOMException("storage is blocked", "SecurityError")
          }
        })
      }
    ],
    [
      "full",
      () => {
        const text = "x".repeat(512)
        for (let size = 10_000; size >= 1; size = Math.floor(size / 2)) {
          try {
            for (let i = 0; ; i++) localStorage.setItem(`fill-${size}-${i}`, text.repeat(size))
          } catch {
            // one smaller
          }
        }
        try {
          for (let i = 0; ; i++) localStorage.setItem(`f${i}`, "")
        } catch {
          // full to the last byte
        }
      }
    ]
  ] as const

  it.effect.each(unusable)("a user can log in where storage is %s", ([, spoil]) =>
    scenario(async ({ baseUrl, context, openTab }) => {
      await context.addInitScript(spoil)
      const page = await openTab()
      await logIn(page)
      assert.strictEqual(await call(page), 42)
      await spoilToken(page)
      assert.strictEqual(await call(page), 42)
      await page.reload()
      await start(page, baseUrl)
      assert.strictEqual(await stateOf(page), "none")
    })
  )

  it.effect.each([2, -2])("a clock that is wrong by %s hours causes no refresh", (hours) =>
    scenario(async ({ context, openTab }) => {
      await context.addInitScript((offset) => {
        const now = Date.now.bind(Date)
        Date.now = () => now() + offset
      }, hours * 3_600_000)
      const refreshes = counting(context, isRefresh)
      const page = await openTab()
      await logIn(page)
      for (let i = 0; i < 5; i++) assert.strictEqual(await call(page), 42)
      assert.strictEqual(refreshes(), 0)
    })
  )

  it.effect("10,000 calls leave nothing behind in a tab", () =>
    scenario(async ({ context, openTab }) => {
      // answers at once: the calls of the page are measured, not those of the server
      await context.addInitScript(() => {
        const real = globalThis.fetch
        globalThis.fetch = (input, init) =>
          (input instanceof URL ? input.pathname : "").endsWith("/functions/call")
            ? Promise.resolve(new Response('{"$numberInt":"42"}', { headers: { "content-type": "application/json" } }))
            : real(input, init)
      })
      const page = await openTab()
      await logIn(page)
      const devtools = await context.newCDPSession(page)
      const calls = (count: number) =>
        page.evaluate(async (count) => {
          const user = globalThis.tab.app.currentUser
          let left = count
          const worker = async () => {
            while (left-- > 0) await user?.callFunction("sum", 20, 22)
          }
          await Promise.all(Array.from({ length: 16 }, worker))
        }, count)
      const heap = async () => {
        await devtools.send("HeapProfiler.collectGarbage")
        return (await devtools.send("Runtime.getHeapUsage")).usedSize
      }
      await calls(1_000)
      const before = await heap()
      await calls(10_000)
      // 50 bytes of a call would show
      assert.isBelow((await heap()) - before, 500_000)
    })
  )
})
