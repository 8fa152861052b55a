/**
 * Takes the pictures of `docs/page.md`: serves the sample application, uses it as a few users would, and photographs the
 * views of the page for people. Needs a build, and Chromium.
 */
import { spawn } from "node:child_process"
import { existsSync, mkdirSync } from "node:fs"
import { join, resolve } from "node:path"
import { createInterface } from "node:readline"
import { chromium, type Page } from "playwright-core"

const root = resolve(import.meta.dirname, "..")
const target = join(root, "docs/images")
const token = "the administration token of the pictures"

const executablePath = [process.env["CHROMIUM"], "/usr/bin/chromium"].find((it) => it !== undefined && existsSync(it))
if (executablePath === undefined)
  throw new Error("Chromium is missing: apt-get install chromium, or set CHROMIUM to its path")

const server = spawn(process.execPath, ["dist/bin.js", "serve", "examples/shop", "--port", "0", "--json"], {
  cwd: root,
  env: { ...process.env, APP_SERVICES_ADMIN_TOKEN: token },
  stdio: ["ignore", "pipe", "ignore"]
})

const ready = async (): Promise<string> => {
  for await (const line of createInterface(server.stdout)) return String(JSON.parse(line).baseUrl)
  throw new Error("the server did not start: run npm run build")
}

const send = async (url: string, body: unknown, bearer?: string): Promise<Readonly<Record<string, string>>> => {
  const answer = await fetch(url, {
    method: "POST",
    headers: { "content-type": "application/json", ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }) },
    body: JSON.stringify(body)
  })
  const text = await answer.text()
  return text === "" ? {} : JSON.parse(text)
}

/** Users, documents and calls, so that each view has something to show. */
const use = async (baseUrl: string): Promise<void> => {
  const app = "shop-abcde"
  const client = `${baseUrl}/api/client/v2.0/app/${app}`
  const password = "correct horse"
  const names = ["ada", "grace", "edsger", "barbara"]
  for (const name of names) {
    const email = `${name}@example.com`
    await send(`${client}/auth/providers/local-userpass/register`, { email, password })
    const { access_token } = await send(`${client}/auth/providers/local-userpass/login`, { username: email, password })
    for (let count = 0; count < 6; count++) {
      await send(`${client}/functions/call`, { name: "sum", arguments: [count, 2] }, access_token)
      await send(`${client}/functions/call`, { name: "greeting", arguments: [name] }, access_token)
    }
    await send(`${client}/functions/call`, { name: "fail", arguments: ["no stock"] }, access_token)
  }
  await send(`${client}/auth/providers/local-userpass/reset/send`, { email: "grace@example.com" })
  const documents = [
    { _id: 1, name: "teapot", price: 24.5, tags: ["kitchen", "porcelain"], stock: { $numberLong: "12" } },
    { _id: 2, name: "kettle", price: 39.9, tags: ["kitchen"], since: { $date: "2026-03-14T09:00:00Z" } },
    { _id: 3, name: "cup", price: 6.25, tags: ["porcelain"], maker: { name: "Meissen", country: "DE" } }
  ]
  for (const document of documents) {
    const widgets = { service: "mongodb-atlas", database: "shop", collection: "widgets" }
    await send(
      `${baseUrl}/_admin/apps/${app}/documents/insert`,
      { ...widgets, document: JSON.stringify(document) },
      token
    )
  }
}

interface Shot {
  readonly file: string
  readonly view: string
  readonly prepare?: (page: Page) => Promise<unknown>
}

const shots: ReadonlyArray<Shot> = [
  {
    file: "log",
    view: "Log",
    prepare: (page) =>
      page
        .getByRole("option", { name: /error fail: / })
        .last()
        .click()
  },
  {
    file: "user",
    view: "Users",
    prepare: async (page) => {
      await page.getByRole("link", { name: "ada@example.com" }).click()
      await page.getByRole("heading", { name: "Sessions" }).waitFor()
    }
  },
  {
    file: "documents",
    view: "Documents",
    prepare: async (page) => {
      await page.getByRole("link", { name: /^widgets/ }).click()
      await page.getByRole("region", { name: "Document 1" }).waitFor()
    }
  },
  {
    file: "functions",
    view: "Functions",
    prepare: async (page) => {
      await page.getByRole("link", { name: "whoAmI" }).click()
      await page.getByLabel("As", { exact: true }).fill("ada@example.com")
      await page.getByRole("button", { name: "Run" }).click()
      await page.getByRole("region", { name: "Outcome" }).waitFor()
    }
  },
  { file: "figures", view: "Figures", prepare: (page) => page.waitForTimeout(6000) }
]

const take = async (page: Page, { file, prepare, view }: Shot, suffix = ""): Promise<void> => {
  await page.getByRole("navigation").getByRole("link", { name: view }).click()
  await page.getByRole("heading", { name: view }).waitFor()
  await prepare?.(page)
  // the answers that the view waits for
  await page.waitForTimeout(800)
  await page.screenshot({ path: join(target, `page-${file}${suffix}.png`) })
}

mkdirSync(target, { recursive: true })
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] })
try {
  const baseUrl = await ready()
  await use(baseUrl)
  const open = async (colorScheme: "light" | "dark", width: number, height: number) => {
    const page = await browser.newPage({ colorScheme, viewport: { width, height } })
    await page.goto(`http://app-services-admin.localhost:${new URL(baseUrl).port}/`)
    await page.getByLabel("Administration token").fill(token)
    await page.getByRole("button", { name: "Log in" }).click()
    return page
  }
  const light = await open("light", 1120, 700)
  for (const shot of shots) await take(light, shot)
  const dark = await open("dark", 1120, 700)
  const phone = await open("light", 390, 760)
  for (const shot of shots) {
    if (shot.file === "documents") await take(dark, shot, "-dark")
    if (shot.file === "log") await take(phone, shot, "-phone")
  }
} finally {
  await browser.close()
  server.kill("SIGTERM")
}
