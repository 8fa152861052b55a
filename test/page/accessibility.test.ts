import { assert, layer } from "@effect/vitest"
import axe, { type AxeResults } from "axe-core"
import type { Page } from "playwright-core"
import { administer, client } from "./client.ts"
import { shopServer } from "./exportedApp.ts"
import { logIn, token, visit } from "./support.ts"

/** What the rules of WCAG 2.2 AA, and axe's own best practices, find wrong. */
const violations = async (page: Page): Promise<ReadonlyArray<string>> => {
  // past the policy of the page, which allows no script of a test
  await page.evaluate(axe.source)
  const { violations } = await page.evaluate<AxeResults>("axe.run(document)")
  return violations.flatMap(({ help, id, nodes }) =>
    nodes.map(({ failureSummary, html }) => `${id}: ${help}: ${html} ${failureSummary}`)
  )
}

const screens = [
  ["light, on a desk", { colorScheme: "light", viewport: { width: 1280, height: 800 } }],
  ["dark, on a desk", { colorScheme: "dark", viewport: { width: 1280, height: 800 } }],
  ["light, on a phone", { colorScheme: "light", viewport: { width: 375, height: 740 } }],
  ["dark, on a phone", { colorScheme: "dark", viewport: { width: 375, height: 740 } }]
] as const

/** Goes to a view by its link, and waits for what shows that its data is there. */
const views: ReadonlyArray<readonly [string, (page: Page) => Promise<void>]> = [
  ["Log", (page) => page.getByRole("listbox", { name: "Log" }).getByRole("option").last().click()],
  ["Users", (page) => page.getByRole("link", { name: "ada@b.c" }).waitFor()],
  [
    "Users",
    (page) =>
      page
        .getByRole("link", { name: "ada@b.c" })
        .click()
        .then(() => page.getByRole("heading", { name: "Identities" }).waitFor())
  ],
  ["Users", (page) => page.getByRole("button", { name: "New user" }).click()],
  ["Inbox", (page) => page.getByRole("link", { name: "Open the link" }).waitFor()],
  [
    "Functions",
    async (page) => {
      await page.getByRole("link", { name: "greet" }).click()
      await page.getByRole("button", { name: "Run" }).click()
      await page.getByRole("region", { name: "Outcome" }).waitFor()
    }
  ],
  [
    "Documents",
    async (page) => {
      await page.getByRole("link", { name: /^orders/ }).click()
      await page
        .getByRole("region", { name: /^Document/ })
        .first()
        .waitFor()
    }
  ],
  [
    "Documents",
    (page) =>
      page
        .getByRole("link", { name: /^widgets/ })
        .click()
        .then(() => page.getByText("No documents match").waitFor())
  ],
  ["Triggers and endpoints", (page) => page.getByRole("region", { name: "Endpoints" }).waitFor()],
  ["Figures", (page) => page.getByRole("figure", { name: "Errors" }).getByRole("img").waitFor()],
  ["Start report", (page) => page.getByRole("listitem").first().waitFor()]
]

const order = {
  service: "mongodb-atlas",
  database: "shop",
  collection: "orders",
  document: '{"owner": "ada", "price": 12.5, "at": {"$date": "2026-01-02T03:04:05Z"}, "open": true, "note": null}'
}

layer(shopServer, { excludeTestServices: true })("the page for people", (it) => {
  for (const [name, options] of screens) {
    it.effect(`breaks no rule of accessibility, and fits the screen: ${name}`, () =>
      visit(
        async ({ baseUrl, page }) => {
          const { anonymous, call, register } = client(baseUrl)
          await administer(baseUrl, "POST", "/apps/shop/users", token, { email: "ada@b.c", password: "correct horse" })
          await administer(baseUrl, "POST", "/apps/shop/documents/insert", token, order)
          await register("bob@b.c")
          await call((await anonymous()).body["access_token"], "buy", "tea")
          assert.deepStrictEqual(await violations(page), [])
          await logIn(page)
          for (const [view, open] of views) {
            await page.getByRole("navigation").getByRole("link", { name: view }).click()
            await open(page)
            assert.deepStrictEqual(await violations(page), [], view)
            const wider = await page.evaluate(
              "document.documentElement.scrollWidth - document.documentElement.clientWidth"
            )
            assert.strictEqual(wider, 0, view)
            await page.keyboard.press("Escape")
          }
        },
        { ...options, fresh: true }
      )
    )
  }

  it.effect("a user is created and disabled with the keyboard alone", () =>
    visit(async ({ page }) => {
      /** Presses Tab until an element with the name has the focus. */
      const reach = async (name: string) => {
        for (let presses = 0; presses < 60; presses++) {
          await page.keyboard.press("Tab")
          const focused = await page.evaluate<ReadonlyArray<string | undefined>>(`(() => {
            const { activeElement: it } = document
            const labels = Array.from(it.labels ?? [], (label) => label.textContent)
            return [it.getAttribute("aria-label"), it.textContent, ...labels].map((text) => text?.trim())
          })()`)
          if (focused.includes(name)) return
        }
        throw new Error(`Tab does not reach ${name}`)
      }
      await reach("Users")
      await page.keyboard.press("Enter")
      await page.getByRole("heading", { name: "Users" }).and(page.locator(":focus")).waitFor()
      await reach("New user")
      await page.keyboard.press("Enter")
      await reach("E-mail address")
      await page.keyboard.type("keys@b.c")
      await reach("Password")
      await page.keyboard.type("correct horse")
      await page.keyboard.press("Enter")
      await page.getByRole("heading", { name: "keys@b.c" }).waitFor()
      await reach("Disable")
      await page.keyboard.press("Space")
      await page.getByRole("button", { name: "Enable" }).waitFor()
      // Escape closes a dialog, and the focus is where it was
      await reach("Delete")
      await page.keyboard.press("Enter")
      await page.getByRole("dialog").waitFor()
      await page.keyboard.press("Escape")
      await page.getByRole("dialog").waitFor({ state: "detached" })
      await page.getByRole("button", { name: "Delete" }).and(page.locator(":focus")).waitFor()
    })
  )
})
