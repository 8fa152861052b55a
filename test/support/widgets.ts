/** Drives the page of `examples/react` in two tabs, as a person would. */
import assert from "node:assert/strict"
import type { BrowserContext, Page } from "playwright-core"

const signIn = async (page: Page, password: string, button: "Register" | "Sign in") => {
  await page.getByLabel("E-mail").fill("ada@example.com")
  await page.getByLabel("Password").fill(password)
  await page.getByRole("button", { name: button }).click()
}

const add = async (page: Page, name: string, price: string) => {
  await page.getByLabel("name", { exact: true }).fill(name)
  await page.getByLabel("price").fill(price)
  await page.getByRole("button", { name: "Add", exact: true }).click()
}

/** Goes through everything that the page can do. Each step waits for what it expects. */
export const drive = async (context: BrowserContext, url: string): Promise<void> => {
  const tabs = [await context.newPage(), await context.newPage()] as const
  const problems: Array<string> = []
  for (const page of tabs) page.on("pageerror", (error) => problems.push(String(error)))
  try {
    await visit(tabs, url)
    assert.deepEqual(problems, [])
  } catch (error) {
    const shown = await Promise.all(tabs.map((page) => page.locator("body").innerText()))
    throw new Error(`the tabs show\n${shown.join("\n---\n")}\nwith the errors ${problems.join("\n")}`, { cause: error })
  }
}

/** Answers the first watch of a page with a stream that ends at once, as a host does that stops. */
const endFirstWatch = (page: Page) =>
  page.route(
    /functions\/call\?/,
    (route) =>
      route.fulfill({
        status: 200,
        headers: { "content-type": "text/event-stream", "access-control-allow-origin": "*" },
        body: ""
      }),
    { times: 1 }
  )

const visit = async ([one, two]: readonly [Page, Page], url: string) => {
  await one.goto(url)
  await two.goto(url)

  await signIn(one, "wrong-password", "Sign in")
  await one.getByRole("alert").getByText("unauthorized", { exact: true }).waitFor()
  await signIn(one, "correct horse", "Register")
  for (const page of [one, two]) await page.getByText("Signed in as ada@example.com").waitFor()

  await one.getByLabel("first number").fill("19")
  await one.getByRole("button", { name: "Add up" }).click()
  await one.getByRole("status").getByText("41").waitFor()

  // once the list is there the changes are heard
  for (const page of [one, two]) await page.getByRole("list").waitFor({ state: "attached" })
  await add(one, "cog", "12")
  await two.getByText("cog, 12").waitFor()
  await two.getByRole("button", { name: "Remove cog" }).click()
  await one.getByText("cog, 12").waitFor({ state: "detached" })
  await add(two, "bolt", "3")
  await one.getByText("bolt, 3").waitFor()

  await endFirstWatch(one)
  await one.reload()
  await one.getByText("Signed in as ada@example.com").waitFor()
  await one.getByText("bolt, 3").waitFor()
  await add(two, "nut", "1")
  await one.getByText("nut, 1").waitFor()

  await two.getByRole("button", { name: "Sign out" }).click()
  await one.getByRole("button", { name: "Continue as a guest" }).click()
  for (const page of [one, two]) await page.getByText("Signed in as a guest").waitFor()
  await two.getByText("bolt, 3").waitFor()
}
