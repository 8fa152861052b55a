/** A real browser for tests: Debian's Chromium, pages that are bundled from the sources, and an origin that serves them. */
import { Context, Effect, Layer } from "effect"
import { build } from "esbuild"
import { existsSync } from "node:fs"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"
import { join } from "node:path"
import { chromium, type Browser, type BrowserContext, type BrowserContextOptions } from "playwright-core"

const root = join(import.meta.dirname, "../..")

const executablePath = (): string => {
  const found = [process.env["CHROMIUM"], "/usr/bin/chromium", "/usr/bin/google-chrome"].find(
    (path) => path !== undefined && existsSync(path)
  )
  if (found === undefined) throw new Error("Chromium is missing: apt-get install chromium, or set CHROMIUM to its path")
  return found
}

/** The script of a page, bundled for browsers. */
export const bundle = async (entry: string): Promise<string> => {
  const { outputFiles } = await build({
    entryPoints: [join(root, entry)],
    bundle: true,
    format: "iife",
    platform: "browser",
    write: false,
    logLevel: "silent",
    tsconfig: join(root, "tsconfig.json")
  })
  return outputFiles.map(({ text }) => text).join("")
}

const browser = Effect.acquireRelease(
  Effect.promise(() =>
    chromium.launch({
      executablePath: executablePath(),
      args: ["--no-sandbox", "--test-third-party-cookie-phaseout"]
    })
  ),
  (browser) => Effect.promise(() => browser.close())
)

/** One browser for the tests of a file: each test has a profile of its own in it. */
export class Chromium extends Context.Service<Chromium, Browser>()("effect-app-services/test/support/chromium") {
  static readonly layer = Layer.effect(Chromium, browser)
}

/** A profile that shares nothing with others, until the scope closes. */
export const profile = (options?: BrowserContextOptions) =>
  Effect.flatMap(Chromium, (chromium) =>
    Effect.acquireRelease(
      Effect.promise(() => chromium.newContext(options)),
      (context) => Effect.promise(() => context.close())
    )
  )

/** An origin whose pages run the scripts, by path, until the scope closes. */
export const serve = (scripts: Readonly<Record<string, string>>) =>
  Effect.acquireRelease(
    Effect.promise(
      () =>
        new Promise<{ readonly origin: string; readonly close: () => void }>((resolve) => {
          const server = createServer((request, response) => {
            const { pathname } = new URL(request.url ?? "/", "http://h")
            const script = scripts[pathname]
            response.writeHead(script === undefined ? 404 : 200, { "content-type": "text/html; charset=utf-8" })
            // a closing tag in a string of the script would end it
            response.end(
              `<!doctype html><title>test</title><script>${(script ?? "").replaceAll("</script", "<\\/script")}</script>`
            )
          }).listen(0, "127.0.0.1", () =>
            resolve({
              origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
              close: () => {
                server.closeAllConnections()
                server.close()
              }
            })
          )
        })
    ),
    ({ close }) => Effect.sync(close)
  ).pipe(Effect.map(({ origin }) => origin))

/** Counts the requests of all tabs that match. */
export const counting = (context: BrowserContext, matches: (method: string, url: string) => boolean) => {
  let count = 0
  context.on("request", (request) => {
    if (matches(request.method(), request.url())) count++
  })
  return () => count
}
