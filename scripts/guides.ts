/**
 * Follows the guides with the packed package: the programs of "In a browser" and "From realm-web in ten
 * minutes" in Node and in Chromium, `examples/react` as its README says, and a smoke test in Node, Deno and Bun.
 */
import { Effect } from "effect"
import { build } from "esbuild"
import { copyFileSync, cpSync, existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs"
import { createServer } from "node:http"
import { extname, join } from "node:path"
import type { Browser } from "playwright-core"
import { Chromium } from "../test/support/chromium.ts"
import { drive } from "../test/support/widgets.ts"
import { expectedOf, programOf } from "./snippetFiles.ts"
import { asHere, check, manifest, npmIn, root, run, withShop } from "./stranger.ts"

const types: Record<string, string> = { ".html": "text/html; charset=utf-8", ".js": "text/javascript" }

/** Serves a folder of pages while `use` runs. */
const serving = async (folder: string, use: (origin: string) => Promise<void>) => {
  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? "/", "http://h")
    const file = join(folder, pathname === "/" ? "index.html" : pathname)
    const type = types[extname(file)]
    if (type === undefined || !existsSync(file)) return void response.writeHead(404).end()
    response.writeHead(200, { "content-type": type }).end(readFileSync(file))
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  try {
    const address = server.address()
    check(typeof address === "object", "the server has no port")
    await use(`http://127.0.0.1:${Object(address).port}`)
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

/** The limit of waiting for a program's output in a page, in milliseconds; one that works needs a second. */
const limit = 60_000

const checkPrinted = (where: string, printed: ReadonlyArray<string>, expected: ReadonlyArray<string>) =>
  check(
    printed.join("\n") === expected.join("\n"),
    `${where} printed\n${printed.join("\n")}\nexpected\n${expected.join("\n")}`
  )

/** Runs the program of a guide in Node and in a page. */
const follow = async (folder: string, guide: string, chromium: Browser, baseUrl: string) => {
  const text = readFileSync(join(folder, "node_modules", manifest.name, "docs", guide), "utf8")
  const [, install = ""] = /^```sh\n(.*)\n```$/m.exec(text) ?? []
  check(install === `npm install ${manifest.name} effect`, `${guide} installs by "${install}"`)
  const program = programOf(text).replaceAll("http://127.0.0.1:9090", baseUrl)
  const expected = expectedOf(program)
  check(expected.length > 3, `${guide} prints only ${expected.length} lines`)

  const name = guide.replace(".md", "")
  writeFileSync(join(folder, `${name}.ts`), program)
  checkPrinted(`${guide} in Node`, run(process.execPath, [`${name}.ts`], folder).split("\n"), expected)

  const site = join(folder, name)
  mkdirSync(site)
  const bundled = { bundle: true, format: "esm", platform: "browser", logLevel: "silent" } as const
  await build({ ...bundled, entryPoints: [join(folder, `${name}.ts`)], outfile: join(site, "page.js") })
  writeFileSync(join(site, "index.html"), `<!doctype html><script type="module" src="/page.js"></script>`)
  await serving(site, async (origin) => {
    const page = await chromium.newPage()
    const printed: Array<string> = []
    const failures: Array<string> = []
    page.on("pageerror", (error) => failures.push(String(error)))
    const done = new Promise<void>((resolve) => {
      page.on("console", (message) => {
        // of requests that the guide expects to be refused
        if (message.type() !== "log") return
        printed.push(message.text())
        if (printed.length === expected.length) resolve()
      })
      page.once("pageerror", () => resolve())
    })
    await page.goto(origin)
    await Promise.race([done, new Promise((resolve) => setTimeout(resolve, limit).unref())])
    check(failures.length === 0, `${guide} in a page: ${failures.join("\n")}`)
    checkPrinted(`${guide} in a page`, printed, expected)
    await page.close()
  })
  console.log(`${guide}: ${expected.length} lines of output, in Node and in a page`)
}

/** Builds `examples/react` with the packages that it names, and drives it. */
const tryReact = async (folder: string, chromium: Browser, baseUrl: string) => {
  const copy = join(folder, "react")
  cpSync(join(folder, "node_modules", manifest.name, "examples/react"), copy, { recursive: true })
  // found in the folder above, where they are installed
  run(join(folder, "node_modules/.bin/tsc"), [], copy)
  run("env", [`VITE_BASE_URL=${baseUrl}`, join(folder, "node_modules/.bin/vite"), "build"], copy)
  await serving(join(copy, "dist"), async (origin) => {
    const context = await chromium.newContext()
    await drive(context, origin)
    await context.close()
  })
  console.log("examples/react: built, and driven in two tabs")
}

/** The program of a runtime's npm package: in that of the platform, or moved by the install script. */
const programIn = (...patterns: ReadonlyArray<string>): string => {
  const [found] = patterns.flatMap((pattern) => globSync(pattern, { cwd: join(root, "node_modules") }))
  check(found !== undefined, `none of ${patterns.join(", ")} is in node_modules: run npm ci`)
  return join(root, "node_modules", found ?? "")
}

const runtimes = {
  node: [process.execPath],
  deno: [programIn("@deno/*/deno", "deno/deno"), "run", "--allow-all", "--node-modules-dir=manual", "--no-lock"],
  bun: [programIn("@oven/*/bin/bun", "bun/bin/bun.exe"), "run"]
}

/** Follows the guides in a folder in which the packed package is installed. */
export const followGuides = async (folder: string): Promise<void> => {
  const { dependencies, devDependencies } = JSON.parse(readFileSync(join(root, "examples/react/package.json"), "utf8"))
  const others = Object.keys({ ...dependencies, ...devDependencies }).filter((name) => name !== manifest.name)
  npmIn(folder)("install", ...asHere("@effect/platform-node", ...others))
  copyFileSync(join(root, "test/support/smoke.ts"), join(folder, "smoke.ts"))

  await withShop(folder, async (baseUrl) => {
    for (const [name, [command = "", ...args]] of Object.entries(runtimes)) {
      const printed = run(command, [...args, "smoke.ts", baseUrl, join(folder, name)], folder)
      check(printed === "ok", `${name} printed ${printed}`)
    }
    console.log(`the smoke test passes in ${Object.keys(runtimes).join(", ")}`)
    await Effect.runPromise(
      Effect.flatMap(Chromium, (chromium) =>
        Effect.promise(async () => {
          await follow(folder, "browser.md", chromium, baseUrl)
          await follow(folder, "from-realm-web.md", chromium, baseUrl)
          await tryReact(folder, chromium, baseUrl)
        })
      ).pipe(Effect.provide(Chromium.layer))
    )
  })
}
