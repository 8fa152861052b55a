/**
 * As much of a browser as a login by redirect needs: cookies, redirects, forms that submit themselves, and windows that share
 * `localStorage`, in which the unmodified browser bundle of `realm-web` runs.
 */
import { readFileSync } from "node:fs"
import { createRequire } from "node:module"
import { createContext, Script } from "node:vm"
import type * as Realm from "realm-web"

interface Cookie {
  readonly value: string
  readonly host: string
  readonly path: string
}

export interface Browser {
  /** `fetch` of a page, with the cookies if it asks for credentials. */
  readonly fetch: (url: string, init?: RequestInit) => Promise<Response>
  /** Follows redirects and submits forms until `isPage`, or an answer that is neither. */
  readonly navigate: (
    url: string,
    isPage: (url: string) => boolean
  ) => Promise<{ url: string; text: string; status: number }>
  /** The `Set-Cookie` headers so far. */
  readonly setCookies: ReadonlyArray<string>
}

export const makeBrowser = (): Browser => {
  const cookies = new Map<string, Cookie>()
  const setCookies: Array<string> = []

  const cookieHeader = (url: URL) =>
    [...cookies]
      .filter(([, { host, path }]) => host === url.hostname && url.pathname.startsWith(path))
      .map(([name, { value }]) => `${name}=${value}`)
      .join("; ")

  const keep = (url: URL, response: Response) => {
    for (const header of response.headers.getSetCookie()) {
      setCookies.push(header)
      const [pair = "", ...attributes] = header.split(/; */)
      const [name = "", value = ""] = pair.split("=")
      const attribute = (called: string) =>
        attributes.find((it) => it.toLowerCase().startsWith(`${called}=`))?.split("=")[1]
      if (attribute("max-age") === "0") cookies.delete(name)
      else cookies.set(name, { value: decodeURIComponent(value), host: url.hostname, path: attribute("path") ?? "/" })
    }
    return response
  }

  const request = async (url: string, init: RequestInit = {}) => {
    const target = new URL(url)
    const headers = new Headers(init.headers)
    const sent = cookieHeader(target)
    if (sent !== "") headers.set("cookie", sent)
    return keep(target, await fetch(url, { redirect: "manual", ...init, headers }))
  }

  return {
    setCookies,
    fetch: (url, init) =>
      init?.credentials === "include" ? request(url, { redirect: "follow", ...init }) : fetch(url, init),
    navigate: async (start, isPage) => {
      let url = start
      let init: RequestInit = {}
      for (let hops = 0; hops < 10; hops++) {
        if (isPage(url)) return { url, text: "", status: 200 }
        const response = await request(url, init)
        const text = await response.text()
        const location = response.headers.get("location")
        const form = /<form method="post" action="([^"]*)">(.*)<\/form>/.exec(text)
        if (location !== null) {
          url = new URL(location, url).href
          init = {}
        } else if (form !== null) {
          url = (form[1] ?? "").replaceAll("&amp;", "&")
          const inputs = [...(form[2] ?? "").matchAll(/<input name="([^"]*)" value="([^"]*)">/g)]
          const pairs = inputs.map(([, name = "", value = ""]): [string, string] => [
            name,
            value.replaceAll("&amp;", "&")
          ])
          init = { method: "POST", body: new URLSearchParams(pairs) }
        } else return { url, text, status: response.status }
      }
      throw new Error(`more than ten redirects, the last one to ${url}`)
    }
  }
}

type BrowserBundle = Omit<typeof Realm, "handleAuthRedirect"> & {
  readonly handleAuthRedirect: (location: { readonly hash: string }) => void
}

/** realm-web in a page. Its pop-up windows end at `redirectUrl`, a page that calls `handleAuthRedirect`. */
export const realmWebIn = (browser: Browser, redirectUrl: string): BrowserBundle => {
  const require = createRequire(import.meta.url)
  const file = require.resolve("realm-web/dist/bundle.dom.cjs.js")
  const values = new Map<string, string>()
  const listeners = new Set<() => void>()
  const page: Record<string, unknown> = {
    localStorage: {
      getItem: (key: string) => values.get(key) ?? null,
      setItem: (key: string, value: string) => values.set(key, value),
      removeItem: (key: string) => values.delete(key),
      key: (index: number) => [...values.keys()][index],
      get length() {
        return values.size
      }
    },
    addEventListener: (_: string, listener: () => void) => listeners.add(listener),
    removeEventListener: (_: string, listener: () => void) => listeners.delete(listener),
    open: (url: string) => {
      const popUp = { closed: false, close: () => (popUp.closed = true) }
      void browser
        .navigate(url, (it) => it.split("#")[0] === redirectUrl)
        .then((reached) => {
          if (reached.url.split("#")[0] !== redirectUrl) {
            popUp.closed = true
            return
          }
          realm.handleAuthRedirect({ hash: new URL(reached.url).hash })
          for (const listener of listeners) listener()
        })
      return popUp
    },
    fetch: browser.fetch,
    console: { ...console, warn: () => {} },
    require,
    exports: {},
    URL,
    URLSearchParams,
    TextDecoder,
    TextEncoder,
    AbortController,
    setInterval,
    clearInterval,
    setTimeout,
    clearTimeout,
    navigator: { userAgent: "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0.0.0 Safari/537.36" }
  }
  page["window"] = page
  page["self"] = page
  new Script(readFileSync(file, "utf8"), { filename: file }).runInContext(createContext(page))
  const realm = page["exports"] as BrowserBundle
  return realm
}
