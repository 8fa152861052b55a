import { assert, layer } from "@effect/vitest"
import { administer, client } from "./client.ts"
import { shopServer } from "./exportedApp.ts"
import { token, visit } from "./support.ts"

const orders = { service: "mongodb-atlas", database: "shop", collection: "orders" }

layer(shopServer, { excludeTestServices: true })("documents on the page", (it) => {
  it.effect("inserts, finds, edits and deletes one, and no edit changes the type of a value", () =>
    visit(async ({ baseUrl, page }) => {
      const stored = async () => {
        const { body } = await administer(baseUrl, "POST", "/apps/shop/documents/find", token, orders)
        return (body["documents"] as unknown as ReadonlyArray<string>).map((text) => JSON.parse(text) as unknown)
      }
      await page.getByRole("link", { name: "Documents" }).click()
      await page.getByRole("link", { name: /^orders/ }).click()
      await page.getByText("No documents match").waitFor()
      await page.getByRole("button", { name: "Insert" }).click()
      const editor = page.getByLabel("Document", { exact: true })
      const insert = page.getByRole("dialog").getByRole("button", { name: "Insert" })
      await editor.fill('{"_id": 1, "n": }')
      await insert.click()
      await page
        .getByRole("alert")
        .getByText(/document: /)
        .waitFor()
      const values = {
        int: { $numberInt: "5" },
        double: { $numberDouble: "5.0" },
        half: { $numberDouble: "0.5" },
        long: { $numberLong: "9007199254740993" },
        decimal: { $numberDecimal: "1.50" },
        at: { $date: { $numberLong: "1700000000000" } },
        old: { $date: { $numberLong: "-62135596800001" } },
        id: { $oid: "507f1f77bcf86cd799439011" }
      }
      await editor.fill(JSON.stringify({ _id: { $numberInt: "1" }, ...values, name: "tea" }))
      await insert.click()
      const document = page.getByRole("region", { name: /^Document/ })
      await document.getByText('"tea"').waitFor()
      // plain where that is the same type
      assert.match(
        (await document.textContent()) ?? "",
        /"int": 5,[^]*"double": \{\s*"\$numberDouble": "5.0"[^]*"half": 0.5/
      )

      await page.getByRole("button", { name: /^Edit/ }).click()
      await editor.fill((await editor.inputValue()).replace('"tea"', '"coffee"'))
      await page.getByRole("button", { name: "Save" }).click()
      await document.getByText('"coffee"').waitFor()
      // what the page reads is not in the log, what it changes is
      const { text: log } = await administer(baseUrl, "GET", "/log", token)
      assert.include(log, "/apps/shop/documents/insert")
      assert.notInclude(log, "/apps/shop/documents/find")
      assert.deepStrictEqual(await stored(), [{ _id: { $numberInt: "1" }, ...values, name: "coffee" }])

      await page.getByLabel("Filter").fill('{"name": {"$regex": "^te"}}')
      await page.keyboard.press("Enter")
      await page.getByText("No documents match").waitFor()
      await page.getByLabel("Filter").fill('{"$nope": 1}')
      await page.keyboard.press("Enter")
      await page
        .getByRole("alert")
        .getByText(/\$nope/)
        .waitFor()
      await page.getByLabel("Filter").fill('{"int": {"$gte": 5}}')
      await page.keyboard.press("Enter")
      await page.getByText("1 to 1 of 1").waitFor()

      await page.getByRole("button", { name: /^Delete/ }).click()
      await page.getByRole("button", { name: "Delete document" }).click()
      await page.getByText("No documents match").waitFor()
      assert.deepStrictEqual(await stored(), [])
    })
  )

  it.effect("shows and changes what a chosen user may through the rules, and nothing else", () =>
    visit(async ({ baseUrl, page }) => {
      const ids: Array<string> = []
      for (const email of ["ada@b.c", "bob@b.c"]) {
        const { body } = await administer(baseUrl, "POST", "/apps/shop/users", token, {
          email,
          password: "correct horse"
        })
        const owner = body["id"] ?? ""
        ids.push(owner)
        for (const what of ["first", "second"]) {
          await administer(baseUrl, "POST", "/apps/shop/documents/insert", token, {
            ...orders,
            document: JSON.stringify({ _id: `${email} ${what}`, owner })
          })
        }
      }
      await page.getByRole("link", { name: "Documents" }).click()
      await page.getByRole("link", { name: /^orders/ }).click()
      await page.getByText("1 to 4 of 4").waitFor()
      await page.getByLabel("Seen by").fill("ada@b.c")
      await page.getByText("1 to 2 of 2, as ada@b.c sees them").waitFor()
      assert.strictEqual(await page.getByText(/bob@b\.c (first|second)/).count(), 0)

      await page.getByRole("button", { name: "Insert" }).click()
      const editor = page.getByLabel("Document", { exact: true })
      await editor.fill(JSON.stringify({ _id: "stolen", owner: ids[1] }))
      await page.getByRole("dialog").getByRole("button", { name: "Insert" }).click()
      await page.getByRole("dialog").getByRole("alert").waitFor()
      await page.keyboard.press("Escape")

      await page.getByLabel("Seen by").fill("stranger@b.c")
      await page.getByRole("button", { name: "Find" }).click()
      await page.getByRole("alert").getByText('The id or the address "stranger@b.c" names no user').waitFor()
      await page.getByLabel("Seen by").fill("")
      await page.getByText("1 to 4 of 4").waitFor()
      // beyond the page: what the user may not see cannot be replaced or deleted as that user
      const other = { ...orders, user: ids[0], id: '"bob@b.c first"' }
      for (const [action, body] of [
        ["delete", other],
        ["replace", { ...other, document: `{"owner": "${ids[0]}"}` }]
      ] as const) {
        assert.strictEqual(
          (await administer(baseUrl, "POST", `/apps/shop/documents/${action}`, token, body)).status,
          404
        )
      }
    })
  )

  it.effect("edits a document whole when a projection shows a part of it, and none without its _id", () =>
    visit(async ({ baseUrl, page }) => {
      const document = { _id: { $numberInt: "7" }, name: "tea", price: { $numberInt: "3" } }
      const body = { ...orders, collection: "parts", document: JSON.stringify(document) }
      await administer(baseUrl, "POST", "/apps/shop/documents/insert", token, body)
      await page.getByRole("link", { name: "Documents" }).click()
      await page.getByRole("link", { name: /^parts/ }).click()
      const shown = page.getByRole("region", { name: "Document 7" })
      await page.getByLabel("Projection").fill('{"name": 1}')
      await page.keyboard.press("Enter")
      await shown.filter({ hasNotText: "price" }).waitFor()
      await page.getByRole("button", { name: "Edit 7" }).click()
      const editor = page.getByLabel("Document", { exact: true })
      await editor.fill((await editor.inputValue()).replace('"tea"', '"coffee"'))
      await page.getByRole("button", { name: "Save" }).click()
      await shown.getByText('"coffee"').waitFor()
      const found = await administer(baseUrl, "POST", "/apps/shop/documents/find", token, {
        ...orders,
        collection: "parts"
      })
      const [text = ""] = found.body["documents"] ?? []
      assert.deepStrictEqual<unknown>(JSON.parse(text), { ...document, name: "coffee" })

      await page.getByLabel("Projection").fill('{"_id": 0, "name": 1}')
      await page.keyboard.press("Enter")
      await page.getByRole("region", { name: "Document without its _id" }).waitFor()
      assert.strictEqual(await page.getByRole("button", { name: /^(Edit|Delete)/ }).count(), 0)
      const cleared = { ...orders, collection: "parts", id: '{"$numberInt":"7"}' }
      await administer(baseUrl, "POST", "/apps/shop/documents/delete", token, cleared)
    })
  )

  it.effect("says as whom documents are shown when answers come late, and writes as no other user", () =>
    visit(async ({ page }) => {
      let release = (): void => {}
      const released = new Promise<void>((resolve) => (release = resolve))
      await page.route("**/documents/find", async (route) => {
        // the search as the system, which is the first
        if (!/"user"/.test(route.request().postData() ?? "")) await released
        await route.continue()
      })
      await page.getByRole("link", { name: "Documents" }).click()
      await page.getByRole("link", { name: /^orders/ }).click()
      await page.getByLabel("Seen by").fill("ada@b.c")
      await page.getByText("1 to 2 of 2, as ada@b.c sees them").waitFor()
      const answered = page.waitForResponse((answer) => answer.url().endsWith("/documents/find"))
      release()
      await answered
      await page.getByLabel("Seen by").fill("stranger@b.c")
      await page.getByRole("button", { name: "Insert" }).click()
      await page.getByRole("alert").getByText('The id or the address "stranger@b.c" names no user').waitFor()
      await page.getByText("1 to 2 of 2, as ada@b.c sees them").waitFor()
      assert.strictEqual(await page.getByRole("dialog").count(), 0)
    })
  )

  it.effect("the administration API has no document of users, passwords or sessions", () =>
    visit(async ({ baseUrl }) => {
      const { logIn } = client(baseUrl)
      assert.strictEqual((await logIn("ada@b.c")).status, 200)
      const { text } = await administer(baseUrl, "GET", "/apps/shop/collections", token)
      const listed = (JSON.parse(text) as ReadonlyArray<Record<string, string>>).map(
        ({ collection, database }) => `${database}.${collection}`
      )
      assert.deepStrictEqual(listed, ["shop.orders", "shop.widgets"])
      for (const collection of ["users", "accounts", "sessions", "apiKeys", "signingKeys"]) {
        const query = { ...orders, database: "app", collection }
        const { body } = await administer(baseUrl, "POST", "/apps/shop/documents/find", token, query)
        assert.deepStrictEqual<unknown>(body["documents"], [], collection)
      }
    })
  )
})
