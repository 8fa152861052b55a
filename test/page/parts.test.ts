import { assert, layer } from "@effect/vitest"
import { administer, client } from "./client.ts"
import { secret, shopServer } from "./exportedApp.ts"
import { token, visit } from "./support.ts"

layer(shopServer, { excludeTestServices: true })("the parts of an application on the page", (it) => {
  it.effect("runs a trigger now, and shows its failure and the requests of endpoints", () =>
    visit(async ({ baseUrl, page }) => {
      await page.getByRole("link", { name: "Triggers and endpoints" }).click()
      const row = (name: string) => page.getByRole("row", { name: new RegExp(`^${name}`) })
      await row("nightly").getByText("never").waitFor()
      await page.getByRole("button", { name: "Run now: nightly" }).click()
      await row("nightly").getByText("succeeded").waitFor()
      await page.getByRole("button", { name: "Run now: weekly" }).click()
      await row("weekly").getByText("failed", { exact: true }).waitFor()
      await row("weekly")
        .getByText(/the report cannot be written/)
        .waitFor()

      for (const [query, status] of [
        [`secret=${secret}`, 200],
        ["secret=guessed", 401]
      ] as const) {
        const answer = await fetch(`${baseUrl}/app/shop/endpoint/hook?${query}`, { method: "POST", body: "{}" })
        assert.strictEqual(answer.status, status)
      }
      const endpoint = page.getByRole("row", { name: /POST \/app\/shop\/endpoint\/hook/ })
      await endpoint.getByText("401").waitFor()
      assert.deepStrictEqual((await endpoint.getByRole("cell").allTextContents()).slice(1, 5), [
        "hook",
        "secret",
        "2",
        "1"
      ])
      await endpoint.getByRole("link", { name: "in the log" }).click()
      await page.getByRole("option", { name: /401 POST .*hook hook/ }).waitFor()
    })
  )

  it.effect("a trigger with a schedule can be run, and unknown ones and others are refused", () =>
    visit(async ({ baseUrl }) => {
      const run = (name: string, app = "shop") =>
        administer(baseUrl, "POST", `/apps/${app}/triggers/${name}/run`, token)
      assert.strictEqual((await run("nightly")).status, 204)
      assert.strictEqual((await run("none")).status, 404)
      assert.strictEqual((await run("nightly", "none")).status, 404)
    })
  )

  it.effect("shows what the server says about the files of the application", () =>
    visit(async ({ page }) => {
      await page.getByRole("link", { name: "Start report" }).click()
      await page.getByRole("listitem").filter({ hasText: "functions/broken.js" }).waitFor()
    })
  )

  it.effect("counts requests, calls and errors, and draws them over time", () =>
    visit(async ({ baseUrl, page }) => {
      const { anonymous, call } = client(baseUrl)
      const { body } = await anonymous()
      for (let count = 0; count < 8; count++) await call(body["access_token"], "sum", 1, 2)
      await call(body["access_token"], "buy", "tea")
      await page.getByRole("link", { name: "Figures" }).click()
      const tile = (name: string) => page.locator("dl.tiles > div").filter({ hasText: name }).getByRole("definition")
      await tile("Calls")
        .filter({ hasText: /^(?:9|1\d)$/ })
        .waitFor()
      assert.match((await tile("Errors").textContent()) ?? "", /^[1-9]/)
      for (const name of ["Requests and calls per minute", "Errors", "Time until the answer"]) {
        const plot = page.getByRole("figure", { name })
        await plot.getByRole("img").waitFor()
        assert.isAbove(await plot.locator("path.line, rect.fill").count(), 0, name)
        await plot.getByText("As a table").click()
        assert.isAbove(await plot.getByRole("row").count(), 0)
      }
      // a plot that has just begun has each of its few times once
      const memory = page.getByRole("figure", { name: /^Memory/ })
      const [times, samples] = await memory.evaluate((plot) => [
        plot.querySelectorAll(".tick.time").length,
        plot.querySelectorAll("tr").length
      ])
      assert.strictEqual(times, Math.min(3, samples ?? 0))
      assert.isAbove(times ?? 0, 0)
      // the requests of the page are not counted
      const before = await tile("Requests").textContent()
      await page.waitForResponse((answer) => answer.url().endsWith("/figures"))
      assert.strictEqual(await tile("Requests").textContent(), before)
    })
  )

  it.effect("no answer has the secret of an endpoint, a value that is secret, a password, a hash or a token", () =>
    visit(async ({ baseUrl }) => {
      await administer(baseUrl, "POST", "/apps/shop/users", token, { email: "ada@b.c", password: "correct horse" })
      const { body } = await client(baseUrl).logIn("ada@b.c")
      await fetch(`${baseUrl}/app/shop/endpoint/hook?secret=${secret}`, { method: "POST", body: "{}" })
      const answers = await Promise.all(
        [
          "/log",
          "/figures",
          "/apps",
          ...[
            "users",
            `users/${body["user_id"]}`,
            "accounts",
            "triggers",
            "endpoints",
            "functions",
            "notes",
            "collections"
          ].map((part) => `/apps/shop/${part}`)
        ].map((path) => administer(baseUrl, "GET", path, token))
      )
      for (const { status, text } of answers) {
        assert.strictEqual(status, 200)
        for (const hidden of [secret, token, body["access_token"], body["refresh_token"], "correct horse", "scrypt"]) {
          assert.notInclude(text, hidden)
        }
      }
    })
  )
})
