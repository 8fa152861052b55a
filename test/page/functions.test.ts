import { assert, layer } from "@effect/vitest"
import { App } from "effect-app-services/server"
import { administer, client } from "./client.ts"
import { shopServer } from "./exportedApp.ts"
import { site, token, visit } from "./support.ts"

const many = App.make({
  id: "many",
  functions: Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`f${i}`, () => i]))
})

layer(site([many]), { excludeTestServices: true })("the page of an application with 150 functions", (it) => {
  for (const viewport of [
    { width: 1280, height: 800 },
    { width: 375, height: 740 }
  ]) {
    it.effect(`shows the one that is chosen, and where it is in the list: ${viewport.width} pixels wide`, () =>
      visit(
        async ({ page }) => {
          const isInSight = async (role: "link" | "textbox", name: string) => {
            const box = await page.getByRole(role, { name, exact: true }).boundingBox()
            return box !== null && box.y > 0 && box.y + box.height < viewport.height
          }
          await page.getByRole("link", { name: "Functions" }).click()
          await page.getByRole("link", { name: "f120", exact: true }).click()
          await page.getByRole("heading", { name: "f120" }).waitFor()
          assert.isTrue(await isInSight("textbox", "Arguments"))
          assert.isTrue(await isInSight("link", "f120"))
          await page.reload()
          await page.getByRole("heading", { name: "f120" }).waitFor()
          assert.isTrue(await isInSight("textbox", "Arguments"))
          assert.isTrue(await isInSight("link", "f120"))
        },
        { viewport }
      )
    )
  }
})

layer(shopServer, { excludeTestServices: true })("functions on the page", (it) => {
  it.effect("runs one as the system and as a chosen user, and shows result, log and duration", () =>
    visit(async ({ baseUrl, page }) => {
      await administer(baseUrl, "POST", "/apps/shop/users", token, { email: "ada@b.c", password: "correct horse" })
      await page.getByRole("link", { name: "Functions" }).click()
      await page.getByRole("searchbox", { name: "Search functions" }).fill("whoami")
      await page.getByRole("link", { name: "whoAmI" }).click()
      await page.getByRole("button", { name: "Run" }).click()
      const outcome = page.getByRole("region", { name: "Outcome" })
      await outcome.getByText("succeeded").waitFor()
      await outcome.getByText(/in [\d.]+ m?s/).waitFor()
      assert.match((await outcome.getByRole("region", { name: "Result" }).textContent()) ?? "", /"system": true/)
      await page.getByLabel("As", { exact: true }).fill("ada@b.c")
      await page.getByRole("button", { name: "Run" }).click()
      await outcome.getByText('"ada@b.c"').waitFor()
      assert.match((await outcome.textContent()) ?? "", /"system": false/)

      await page.getByRole("searchbox", { name: "Search functions" }).fill("")
      await page.getByRole("link", { name: "greet" }).click()
      await page.getByLabel("Arguments").fill('["Ada"]')
      await page.keyboard.press("Control+Enter")
      await outcome.getByText('"hello Ada"').waitFor()
      // a date and a number show their types, so that they can be copied into a document
      assert.match((await outcome.textContent()) ?? "", /"\$date": "1970-01-01T00:00:00.000Z"[^]*"\$numberLong": "7"/)
      assert.deepStrictEqual(
        (await page.getByRole("list", { name: "Log of the run" }).getByRole("listitem").allTextContents()).map((line) =>
          line.replace(/^[\d:.]+/, "")
        ),
        ["infogreet: greeting Ada", "warninggreet: twice"]
      )
    })
  )

  it.effect("shows why a function failed, and why one cannot be run", () =>
    visit(async ({ page }) => {
      await page.getByRole("link", { name: "Functions" }).click()
      await page.getByRole("link", { name: "buy" }).click()
      const outcome = page.getByRole("region", { name: "Outcome" })
      const run = page.getByRole("button", { name: "Run" })
      await run.click()
      await outcome.getByText("failed", { exact: true }).waitFor()
      await outcome.getByText(/FunctionExecutionError: .*Cannot read properties of undefined/).waitFor()
      await outcome.getByText(/buy\.js:5/).waitFor()
      for (const [text, message] of [
        ['{"a": 1}', /expected an array/],
        ["[1,", /arguments: /],
        ['[{"$oid": "x"}]', /arguments: /]
      ] as const) {
        await page.getByLabel("Arguments").fill(text)
        await run.click()
        await page.getByRole("alert").getByText(message).waitFor()
      }
      await page.getByLabel("Arguments").fill("[]")
      await page.getByLabel("As", { exact: true }).fill("stranger@b.c")
      await run.click()
      await page.getByRole("alert").getByText('The id or the address "stranger@b.c" names no user').waitFor()
      await page.getByRole("link", { name: /^broken/ }).click()
      await page
        .getByRole("alert")
        .getByText(/Calls of it fail/)
        .waitFor()
    })
  )

  it.effect("a private function runs for the administration, and for clients it does not", () =>
    visit(async ({ baseUrl }) => {
      const { anonymous, call } = client(baseUrl)
      const { body } = await anonymous()
      assert.strictEqual((await call(body["access_token"], "priceOf")).status, 400)
      const run = (user?: string) =>
        administer(baseUrl, "POST", "/apps/shop/functions/run", token, {
          name: "priceOf",
          arguments: "[]",
          ...(user !== undefined && { user })
        })
      assert.strictEqual((await run()).body["result"], '{"$numberInt":"7"}')
      assert.strictEqual((await run(body["user_id"])).body["result"], '{"$numberInt":"7"}')
      assert.strictEqual((await run("000000000000000000000000")).status, 404)
    })
  )
})
