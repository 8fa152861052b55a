import { assert } from "@effect/vitest"
import { Effect, Redacted } from "effect"
import { HttpClient, HttpClientRequest } from "effect/http"
import type { HttpMethod } from "effect/http"
import type { App } from "effect-app-services/server"
import { AppServicesServer } from "effect-app-services/server"
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { dirname, join } from "node:path"

interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, string | undefined>>
  readonly text: string
  /** The link of an error, which its body is shown without. */
  readonly link: string | undefined
  // what a test looks at is what it knows is there
  readonly body: Record<string, string>
}

export interface Asked {
  readonly token?: string | undefined
  readonly body?: unknown
  readonly raw?: string
  readonly headers?: Record<string, string>
}

export const root = "/api/client/v2.0"
const base = "http://127.0.0.1:1234"
const linkForm = /^http:\/\/[\w.:-]+\/logs\?co_id=[0-9a-f]{24}$/

const parse = (text: string): Record<string, string> => {
  try {
    return JSON.parse(text) as Record<string, string>
  } catch {
    return {}
  }
}

/** One request to the server in process. */
export const ask = (method: HttpMethod.HttpMethod, path: string, { body, headers, raw, token }: Asked = {}) =>
  Effect.gen(function* () {
    const client = yield* HttpClient.HttpClient
    let request = HttpClientRequest.make(method)(base + path)
    if (body !== undefined) request = HttpClientRequest.bodyJsonUnsafe(request, body)
    if (raw !== undefined) request = HttpClientRequest.bodyText(request, raw, "application/json")
    if (token !== undefined) request = HttpClientRequest.bearerToken(request, token)
    if (headers !== undefined) request = HttpClientRequest.setHeaders(request, headers)
    const response = yield* client.execute(request)
    const text = yield* response.text
    const parsed = parse(text)
    const { link, ...rest } = parsed ?? {}
    if (response.status >= 400 && path.startsWith(root)) assert.match(link ?? "no link", linkForm, text)
    const answer: Answer = {
      status: response.status,
      headers: response.headers,
      text,
      link,
      body: link === undefined ? parsed : rest
    }
    return answer
  })

export const path = (appId: string, rest: string) => `${root}/app/${appId}/${rest}`
export const loginPath = (appId: string, provider: string) => path(appId, `auth/providers/${provider}/login`)

export const anonymous = (appId = "my-app") =>
  Effect.map(ask("POST", loginPath(appId, "anon-user")), ({ body }) => body)

export const register = (email: string, password: string, appId = "my-app") =>
  ask("POST", path(appId, "auth/providers/local-userpass/register"), { body: { email, password } })

export const emailPassword = (username: string, password: string, appId = "my-app") =>
  ask("POST", loginPath(appId, "local-userpass"), { body: { username, password } })

export const callFunction = (
  token: string | undefined,
  name: string,
  args: ReadonlyArray<unknown> = [],
  appId = "my-app"
) => ask("POST", path(appId, "functions/call"), { token, body: { name, arguments: args } })

/** The same bytes of a token in other spellings, which lenient decoders take for it. */
export const respelled = (token: string): ReadonlyArray<string> => {
  const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
  // 32 bytes leave two bits of the last digit over, 256 bytes four
  const last = digits[digits.indexOf(token.at(-1) ?? "") + 1] ?? ""
  const other = token.slice(0, -1) + last
  const bytes = (text: string) => Buffer.from(text.split(".")[2] ?? "", "base64url").toString("hex")
  if (last === "" || bytes(other) !== bytes(token)) throw new Error("the signature has no other spelling")
  const [head, payload, signature = ""] = token.split(".")
  return [
    other,
    `${token}=`,
    `${token}\n`,
    `${token} `,
    ` ${token}`,
    `${head}.${payload}=.${signature}`,
    `${head}=.${payload}.${signature}`,
    `${head}.${payload}.${signature.slice(0, 4)}\n${signature.slice(4)}`,
    `${token}.`
  ]
}

export const claims = (token: string | undefined): Record<string, unknown> =>
  JSON.parse(Buffer.from(token!.split(".")[1], "base64url").toString()) as Record<string, unknown>

export const inProcess = (apps: App.App | ReadonlyArray<App.App>, options?: AppServicesServer.Options) =>
  AppServicesServer.layerHttpClient(apps, { passwordHashing: "testing", ...options })

export const signingKey = Redacted.make("a signing key of tests, long enough")

/** A directory with these files, removed at the end of the test. */
export const directory = (files: Record<string, unknown>) =>
  Effect.acquireRelease(
    Effect.sync(() => {
      const folder = mkdtempSync(join(tmpdir(), "app-"))
      for (const [file, content] of Object.entries(files)) {
        const target = join(folder, file)
        mkdirSync(dirname(target), { recursive: true })
        writeFileSync(target, typeof content === "string" ? content : JSON.stringify(content))
      }
      return folder
    }),
    (folder) => Effect.sync(() => rmSync(folder, { recursive: true }))
  )

export const withApps = (apps: App.App | ReadonlyArray<App.App>, options?: AppServicesServer.Options) =>
  Effect.provide(inProcess(apps, options))
