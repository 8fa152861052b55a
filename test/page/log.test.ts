import { assert, layer } from "@effect/vitest"
import { Effect } from "effect"
import { App, Applications } from "effect-app-services/server"
import { administer, client } from "./client.ts"
import { shopServer } from "./exportedApp.ts"
import { site, token, visit } from "./support.ts"

const fail = () => {
  throw new Error("nothing in stock")
}
const two = ["shop", "blog"].map((id) => App.make({ id, providers: { anonymous: true }, functions: { fail } }))

layer(site(two), { excludeTestServices: true })("the log of two applications on the page", (it) => {
  it.effect("has the request of an error's link, whichever application it was sent to", () =>
    visit(async ({ baseUrl, page }) => {
      for (const app of ["shop", "blog"]) {
        const { anonymous, call } = client(baseUrl, app)
        const { body } = await call((await anonymous()).body["access_token"], "fail")
        await page.goto(body["link"] ?? "")
        await page.getByRole("option", { name: /400 POST .*functions\/call fail/ }).waitFor()
        assert.strictEqual(await page.getByRole("option", { name: /POST/ }).count(), 1)
      }
    })
  )

  it.effect("shows what is logged about files that are watched", () =>
    Effect.gen(function* () {
      const { logged } = yield* Applications.Applications
      const mistake = Effect.logError("functions/f.js:2: the function does not parse\n  2 | return oops oops")
      yield* logged(Effect.annotateLogs(mistake, { app: "shop" }))
      yield* visit(async ({ page }) => {
        await page.getByRole("option", { name: /error functions\/f\.js:2: the function does not parse/ }).click()
        await page.getByText("2 | return oops oops").waitFor()
      })
    })
  )

  it.effect("shows entries after a restart, which count from 1 again, in a view that was cleared before", () =>
    visit(async ({ page }) => {
      let run = "one"
      await page.route("**/_admin/log?*", (route) => {
        const after = Number(new URL(route.request().url()).searchParams.get("after"))
        const entries = Array.from({ length: run === "one" ? 3 : 1 }, (_, at) => ({
          kind: "message",
          level: "info",
          seq: at + 1,
          at: Date.now(),
          text: `line ${at + 1} of run ${run}`
        })).filter(({ seq }) => seq > after)
        return route.fulfill({ json: { run, entries, more: false, evicted: false } })
      })
      await page.reload()
      await page.getByText("line 3 of run one").waitFor()
      await page.getByRole("button", { name: "Clear the view" }).click()
      await page.getByText("Nothing in the log yet").waitFor()
      run = "two"
      await page.getByText("line 1 of run two").waitFor()
    })
  )
})

layer(shopServer, { excludeTestServices: true })("the log on the page", (it) => {
  it.effect("shows requests and lines as they happen, with the stack of a failure", () =>
    visit(async ({ baseUrl, page }) => {
      await page.getByText("Nothing in the log yet").waitFor()
      const { anonymous, call } = client(baseUrl)
      const { body } = await anonymous()
      await call(body["access_token"], "sum", 20, 22)
      const failed = await call(body["access_token"], "buy", "tea")
      assert.strictEqual(failed.status, 400)

      const log = page.getByRole("listbox", { name: "Log" })
      await log.getByRole("option", { name: /200 POST .*functions\/call sum/ }).waitFor()
      await log.getByRole("option", { name: /400 POST .*functions\/call buy/ }).waitFor()
      await log.getByRole("option", { name: /error buy: the function "buy" failed/ }).click()
      const details = page.getByRole("region", { name: "The chosen entry" })
      await details.getByText(/Cannot read properties of undefined[^]*buy\.js:5/).waitFor()
      assert.notInclude(await page.content(), body["access_token"])

      // the request and its lines have one id, and so does the link that the client gets
      const logId = new URL(failed.body["link"] ?? "").searchParams.get("co_id") ?? ""
      await details.getByRole("link", { name: logId }).click()
      await log.locator('[aria-setsize="2"]').first().waitFor()
      assert.strictEqual(await page.getByRole("searchbox", { name: "Text" }).inputValue(), logId)
      await page.goto(failed.body["link"] ?? "")
      await log.getByRole("option", { name: /400 POST .*functions\/call buy/ }).waitFor()
    })
  )

  it.effect("filters by user, function, status and kind", () =>
    visit(async ({ baseUrl, page }) => {
      const { anonymous, call } = client(baseUrl)
      const [one, two] = [(await anonymous()).body, (await anonymous()).body]
      await call(one["access_token"], "sum", 1, 2)
      await call(two["access_token"], "sum", 1, 2)
      await call(two["access_token"], "buy", "tea")
      const options = page.getByRole("listbox", { name: "Log" }).getByRole("option")
      const shows = (count: number) => page.locator(`[role=option][aria-setsize="${count}"]`).first().waitFor()

      await page.getByRole("searchbox", { name: "User id" }).fill(two["user_id"] ?? "")
      await page.getByRole("searchbox", { name: "Function" }).fill("buy")
      await shows(2)
      assert.deepStrictEqual(
        (await options.allTextContents()).map((text) => /error|400/.test(text)),
        [true, true]
      )
      await page.getByRole("combobox", { name: "Kind" }).selectOption("Requests")
      await shows(1)
      await page.getByRole("searchbox", { name: "Function" }).fill("")
      await page.getByRole("combobox", { name: "Status" }).selectOption("2xx")
      await shows(2)
      await page.getByRole("searchbox", { name: "Text" }).fill("no such thing")
      await page.getByText("Nothing in the log matches").waitFor()
      await page.getByRole("button", { name: "Show everything" }).click()
      await options.first().waitFor()
    })
  )

  it.effect("scrolls through 10,000 lines, of which only those in view are elements", () =>
    visit(async ({ baseUrl, page }) => {
      // in bursts, as many as the server keeps
      for (let round = 0; round < 105; round++) {
        await Promise.all(Array.from({ length: 100 }, () => fetch(`${baseUrl}/api/client/v2.0/app/shop/location`)))
      }
      const log = page.getByRole("listbox", { name: "Log" })
      const count = () => log.getByRole("option").count()
      // what the server keeps is bounded, whatever was sent
      const { text } = await administer(baseUrl, "GET", "/log?limit=10000", token)
      const { entries } = JSON.parse(text) as { readonly entries: ReadonlyArray<{ readonly seq: number }> }
      assert.strictEqual(entries.length, 10_000)
      // from the newest on nothing comes, and the view stays where it is
      await page.locator(`#row-${entries.at(-1)?.seq}`).waitFor()
      assert.isAtLeast(Number(await log.getByRole("option").last().getAttribute("aria-setsize")), 10_000)
      assert.isBelow(await count(), 100)
      await log.focus()
      await page.keyboard.press("Home")
      await page.locator('[role=option][aria-posinset="1"][aria-selected=true]').waitFor()
      for (const top of [70_000, 140_000, 210_000]) {
        await log.evaluate((list, top) => (list.scrollTop = top), top)
        await page.locator(`[role=option][aria-posinset="${top / 28 + 1}"]`).waitFor()
        assert.isBelow(await count(), 100)
      }
      await page.keyboard.press("End")
      await page.locator("[role=option][aria-selected=true]").last().waitFor()
    })
  )
})
