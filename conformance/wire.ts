/**
 * Requests exactly as other SDKs send them, over `node:http`, which adds and changes nothing.
 *
 * Every answer is checked against the rules that hold for all answers (§15.1, 1 to 3).
 */
import assert from "node:assert/strict"
import { request as httpRequest } from "node:http"

export const root = "/api/client/v2.0"
export const appPath = (path: string, app = "conform-main") => `${root}/app/${app}/${path}`
export const loginPath = (provider: string, app?: string) => appPath(`auth/providers/${provider}/login`, app)
export const userpassPath = (path: string, app?: string) => appPath(`auth/providers/local-userpass/${path}`, app)

/** The content headers of realm-core, with or without a body (§0.5). */
export const coreHeaders = { accept: "application/json", "content-type": "application/json;charset=utf-8" }

export interface Send {
  readonly token?: string | undefined
  readonly headers?: Readonly<Record<string, string>>
  /** Text is sent as it is. */
  readonly body?: unknown
}

export type Json = Readonly<Record<string, unknown>>

export interface Reply {
  readonly status: number
  readonly headers: Readonly<Record<string, string | Array<string> | undefined>>
  readonly text: string
  /** The body of any form. */
  readonly value: unknown
  /** The body as an object; an empty one if it is not an object. */
  readonly json: Json
}

const isJson = (value: unknown): value is Json => typeof value === "object" && value !== null && !Array.isArray(value)

const exchange = (baseUrl: string, method: string, path: string, { body, headers, token }: Send) =>
  new Promise<Omit<Reply, "value" | "json">>((resolve, reject) => {
    const { hostname, port } = new URL(baseUrl)
    const request = httpRequest(
      {
        hostname,
        port,
        method,
        path,
        headers: { ...(token === undefined ? {} : { authorization: `Bearer ${token}` }), ...headers }
      },
      (response) => {
        const chunks: Array<Buffer> = []
        response.on("data", (chunk: Buffer) => chunks.push(chunk))
        response.on("error", reject)
        response.on("end", () =>
          resolve({
            status: response.statusCode ?? 0,
            headers: response.headers,
            text: Buffer.concat(chunks).toString()
          })
        )
      }
    )
    request.on("error", reject)
    request.end(typeof body === "string" || body === undefined ? body : JSON.stringify(body))
  })

export const send = async (baseUrl: string, method: string, path: string, what: Send = {}): Promise<Reply> => {
  const reply = await exchange(baseUrl, method, path, what)
  const type = reply.headers["content-type"]
  const place = `${method} ${path}: ${reply.status} ${reply.text}`
  if (type === "text/event-stream") return { ...reply, value: undefined, json: {} }
  if (method !== "HEAD") {
    assert.equal(type, reply.text === "" ? undefined : "application/json", `content type of ${place}`)
  }
  const value: unknown = reply.text === "" ? undefined : JSON.parse(reply.text)
  const json = isJson(value) ? value : {}
  if (reply.status >= 400 && method !== "HEAD") {
    assert.equal(typeof json["error"], "string", `no error text in ${place}`)
    assert.notEqual(json["error"], "", `an empty error text in ${place}`)
  }
  return { ...reply, value, json }
}

/** Asserts that the reply is this failure; `undefined` as code means that it has to be absent. */
export const fails = (
  reply: Reply,
  status: number | ReadonlyArray<number>,
  code: string | undefined,
  text: string | RegExp
): void => {
  const statuses = typeof status === "number" ? [status] : status
  assert.ok(statuses.includes(reply.status), `status ${reply.status} instead of ${statuses.join("/")}: ${reply.text}`)
  assert.equal(reply.json["error_code"], code, `code of ${reply.text}`)
  assert.match(String(reply.json["link"]), /^http:\/\/[^/]+\/logs\?co_id=\w+$/, `link of ${reply.text}`)
  if (typeof text === "string") assert.equal(reply.json["error"], text)
  else assert.match(String(reply.json["error"]), text)
}

export const succeeds = (reply: Reply, status = 200): Reply => {
  assert.equal(reply.status, status, reply.text)
  return reply
}

export interface LoggedIn {
  readonly id: string
  readonly access: string
  readonly refresh: string
  readonly device: string
}

export const loggedIn = (reply: Reply): LoggedIn => {
  const { access_token: access, device_id: device, refresh_token: refresh, user_id: id } = succeeds(reply).json
  if (
    typeof access !== "string" ||
    typeof refresh !== "string" ||
    typeof id !== "string" ||
    typeof device !== "string"
  ) {
    return assert.fail(`no answer to a login: ${reply.text}`)
  }
  return { access, refresh, id, device }
}

export const logIn = async (baseUrl: string, provider = "anon-user", body?: unknown, app?: string) =>
  loggedIn(await send(baseUrl, "POST", loginPath(provider, app), { body }))

/** Logs in a new user of the custom function. */
export const someone = (baseUrl: string) => logIn(baseUrl, "custom-function", { id: unique("someone") })

let serial = 0

/** A unique name. */
export const unique = (name: string): string => `${name}-${++serial}`

export const call = (baseUrl: string, { access }: LoggedIn, name: string, ...args: ReadonlyArray<unknown>) =>
  send(baseUrl, "POST", appPath("functions/call"), { token: access, body: { name, arguments: args } })

/** The claims of a token, after checking that every client can read it (§5.5). */
export const claimsOf = (token: string): Json => {
  const parts = token.split(".")
  assert.equal(parts.length, 3, "a token has three parts")
  for (const part of parts) assert.match(part, /^[\w-]+$/, "a part of a token is base64url without padding")
  const claims: unknown = JSON.parse(Buffer.from(parts[1] ?? "", "base64url").toString())
  return isJson(claims) ? claims : assert.fail("the claims are an object")
}
