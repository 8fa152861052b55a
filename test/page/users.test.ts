import { assert, layer } from "@effect/vitest"
import { App } from "effect-app-services/server"
import { client } from "./client.ts"
import { logIn, site, visit } from "./support.ts"

const app = App.make({
  id: "shop",
  providers: {
    anonymous: true,
    emailPassword: { emailConfirmationUrl: "http://x.test/confirm", resetPasswordUrl: "http://x.test/reset" }
  },
  customUserData: ({ data }) => ({ theme: data["email"] === "ada@b.c" ? "dark" : "light" })
})

const password = "correct horse"

layer(site([app]), { excludeTestServices: true })("the page for people", (it) => {
  it.effect("logs in with the token only, stays logged in after a reload, and logs out", () =>
    visit(
      async ({ context, page }) => {
        const field = page.getByLabel("Administration token")
        await field.fill("not the token of the server, at all")
        await page.keyboard.press("Enter")
        await page.getByRole("alert").getByText("This is not the token of the server.").waitFor()
        await logIn(page)
        assert.notInclude(page.url(), "token")
        assert.deepStrictEqual(await context.cookies(), [])
        await page.reload()
        await page.getByRole("heading", { name: "Log" }).waitFor()
        await page.getByRole("button", { name: "Log out" }).click()
        await field.waitFor()
        await page.reload()
        await field.waitFor()
      },
      { fresh: true }
    )
  )

  it.effect("creates, finds, disables, enables and deletes a user", () =>
    visit(async ({ baseUrl, page }) => {
      await page.getByRole("link", { name: "Users" }).click()
      await page.getByRole("button", { name: "New user" }).click()
      await page.getByLabel("E-mail address", { exact: true }).fill("ada@b.c")
      await page.getByLabel("Password").fill("short")
      await page.getByRole("button", { name: "Create" }).click()
      await page
        .getByRole("alert")
        .getByText(/between 6 and 128 characters/)
        .waitFor()
      await page.getByLabel("Password").fill(password)
      await page.getByRole("button", { name: "Create" }).click()
      await page.getByRole("heading", { name: "ada@b.c" }).waitFor()
      await page.getByRole("region", { name: "Custom data" }).getByText('"dark"').waitFor()
      assert.strictEqual((await client(baseUrl).logIn("ada@b.c")).status, 200)
      await page.getByRole("button", { name: /End the session/ }).click()
      await page.getByText("Not logged in anywhere.").waitFor()

      await page.getByRole("link", { name: "All users" }).click()
      await page.getByRole("searchbox", { name: "Search users" }).fill("nothing like this")
      await page.getByText('No user or account matches "nothing like this"').waitFor()
      await page.getByRole("searchbox", { name: "Search users" }).fill("ADA@")
      await page.getByRole("link", { name: "ada@b.c" }).click()

      await page.getByRole("button", { name: "Disable" }).click()
      await page.getByRole("button", { name: "Enable" }).waitFor()
      assert.strictEqual((await client(baseUrl).logIn("ada@b.c")).status, 401)
      await page.getByRole("button", { name: "Enable" }).click()
      await page.getByRole("button", { name: "Disable" }).waitFor()
      assert.strictEqual((await client(baseUrl).logIn("ada@b.c")).status, 200)

      await page.getByRole("button", { name: "Set password" }).click()
      await page.getByLabel("New password").fill("another horse")
      await page.getByRole("dialog").getByRole("button", { name: "Set password" }).click()
      await page.getByRole("dialog").waitFor({ state: "detached" })
      assert.strictEqual((await client(baseUrl).logIn("ada@b.c")).status, 401)
      assert.strictEqual((await client(baseUrl).logIn("ada@b.c", "another horse")).status, 200)

      await page.getByRole("button", { name: "Delete" }).click()
      await page.getByRole("dialog").getByRole("button", { name: "Cancel" }).click()
      await page.getByRole("button", { name: "Delete" }).click()
      await page.getByRole("button", { name: "Delete user" }).click()
      await page.getByRole("heading", { name: "Users" }).waitFor()
      await page.getByText("No users yet").waitFor()
      assert.strictEqual((await client(baseUrl).logIn("ada@b.c", "another horse")).status, 401)
    })
  )

  it.effect("shows a registration by itself, with a link to click, and confirms it without one", () =>
    visit(async ({ baseUrl, page }) => {
      await page.getByRole("link", { name: "Inbox" }).click()
      await page.getByText("No messages yet").waitFor()
      assert.strictEqual((await client(baseUrl).register("bob@b.c")).status, 201)
      const link = page.getByRole("link", { name: "Open the link" })
      await link.waitFor()
      assert.match((await link.getAttribute("href")) ?? "", /^http:\/\/x\.test\/confirm\?token=[0-9a-f]+&tokenId=/)
      assert.strictEqual(await link.getAttribute("rel"), "noopener noreferrer")
      await page.getByText("Text", { exact: true }).click()
      await page
        .getByRole("region", { name: "Text to bob@b.c" })
        .getByText(/http:\/\/x\.test\/confirm/)
        .waitFor()

      await page.getByRole("link", { name: "Users" }).click()
      await page.getByText("not confirmed").waitFor()
      assert.strictEqual((await client(baseUrl).logIn("bob@b.c")).status, 401)
      await page.getByRole("button", { name: "Confirm bob@b.c" }).click()
      await page.getByText("confirmed", { exact: true }).waitFor()
      assert.strictEqual((await client(baseUrl).logIn("bob@b.c")).status, 200)
      await page.getByRole("link", { name: "bob@b.c" }).waitFor()
    })
  )

  it.effect("shows what became of sending an e-mail, and why it failed", () =>
    visit(async ({ page }) => {
      await page.route("**/_admin/inbox?*", (route) => {
        const message = (tokenId: string, delivery: object) => ({
          app: "shop",
          to: "bob@b.c",
          kind: "reset",
          subject: "New password",
          text: "open",
          token: "1",
          tokenId,
          at: "2026-01-01T00:00:00.000Z",
          delivery: { attempts: 1, ...delivery }
        })
        const failed = { state: "failed", error: "the mailbox is full" }
        return route.fulfill({ json: [message("1", { state: "sent" }), message("2", failed)] })
      })
      await page.getByRole("link", { name: "Inbox" }).click()
      const messages = page.getByRole("list", { name: "Messages" }).getByRole("listitem")
      await messages.first().getByText("failed", { exact: true }).waitFor()
      await messages.first().getByRole("alert").getByText("the mailbox is full").waitFor()
      await messages.last().getByText("sent", { exact: true }).waitFor()
      assert.strictEqual(await messages.last().getByRole("alert").count(), 0)
    })
  )

  it.effect("lists at most as many users as the API does at once, and says how to find the others", () =>
    visit(async ({ page }) => {
      const limits = new Set<number>()
      await page.route("**/apps/shop/users?*", (route) => {
        limits.add(Number(new URL(route.request().url()).searchParams.get("limit")))
        const user = { id: "1", disabled: false, identities: [], createdAt: "2026-01-01T00:00:00.000Z" }
        return route.fulfill({ json: { items: [user], next: "1" } })
      })
      await page.getByRole("link", { name: "Users" }).click()
      const more = page.getByRole("button", { name: "Show more" })
      const end = page.getByText("There are more than 1000. Search for the others.")
      while (!(await end.isVisible())) {
        await more.or(end).waitFor()
        if (await more.isVisible()) await more.click()
      }
      assert.strictEqual(Math.max(...limits), 1000)
    })
  )

  it.effect("asks to log in again when the server does not accept the token any longer", () =>
    visit(async ({ page }) => {
      await page.evaluate(() => sessionStorage.setItem("administration token", "the token of an earlier start"))
      await page.getByText("The server has another token now, as after a restart. Log in again.").waitFor()
    })
  )
})
