/**
 * `context.http` of exported applications' functions: requests to other servers.
 *
 * Functions are as trusted as the server's own code, so a request may go to any address that this machine reaches,
 * including loopback and private networks; only `http:` and `https:` are supported. Redirects are followed only with
 * `followRedirects: true`.
 */
import { Binary, EJSON } from "bson"
import * as HttpDigest from "./HttpDigest.ts"

interface Host {
  /** The time limit of a request, its answer included. */
  readonly timeoutMillis: number
  readonly fetch: typeof fetch
  /** Marks a request as in flight until the returned function is called. */
  readonly pending: () => () => void
}

type Fields = Readonly<Record<string, unknown>>

const methods = ["get", "post", "put", "patch", "delete", "head", "options"]

/** The maximum size of an answer, in bytes. */
const answerLimit = 64 * 1024 * 1024

/**
 * The object `context.http`: `get`, `post`, `put`, `patch`, `delete`, `head` and `options`.
 *
 * Each takes an object with a `url` (or `scheme`, `host`, `path`, `query`, `fragment`), and returns a promise of `{
 * status, statusCode, contentLength, headers, cookies, body }`. Errors name method, host and reason, and nothing of
 * what was sent.
 */
export const make = (host: Host): object =>
  Object.fromEntries(
    methods.map((name) => [
      name,
      async (argument: unknown) => {
        const done = host.pending()
        try {
          return await send(name.toUpperCase(), argument, host)
        } finally {
          done()
        }
      }
    ])
  )

const send = async (method: string, argument: unknown, { fetch, timeoutMillis }: Host): Promise<unknown> => {
  if (!isRecord(argument)) throw new Error(`http.${method.toLowerCase()} takes an object with a "url"`)
  const { credentials, url } = target(argument)
  const headers = requestHeaders(argument["headers"])
  const signal = AbortSignal.timeout(timeoutMillis)
  const redirect = argument["followRedirects"] === true ? "follow" : "manual"
  const fetchFrom = async (to: URL, init: RequestInit): Promise<Response> => {
    try {
      return await fetch(to, { ...init, signal })
    } catch (cause) {
      throw failed(init.method ?? method, to, cause, timeoutMillis)
    }
  }

  const cookies = { ...record("cookies", argument["cookies"]) }
  if (typeof argument["authUrl"] === "string") {
    const authUrl = parseUrl(argument["authUrl"])
    const granted = await fetchFrom(authUrl, { method: "GET", redirect: "follow" })
    await granted.body?.cancel()
    Object.assign(cookies, cookiesOf(granted))
  }
  const pairs = Object.entries(cookies).map(([name, value]) => `${name}=${String(value)}`)
  if (pairs.length > 0) headers.append("cookie", pairs.join("; "))

  const digest = argument["digestAuth"] === true
  if (digest && credentials === undefined) throw new Error('"digestAuth" needs a "username" and a "password"')
  if (credentials !== undefined && !digest && !headers.has("authorization")) {
    const { password, username } = credentials
    headers.set("authorization", `Basic ${Buffer.from(`${username}:${password}`).toString("base64")}`)
  }

  const init = { method, headers, redirect, body: requestBody(method, argument, headers) } satisfies RequestInit
  let response = await fetchFrom(url, init)
  if (digest && credentials !== undefined && response.status === 401) {
    const challenge = response.headers.get("www-authenticate") ?? ""
    const uri = url.pathname + url.search
    const authorization = HttpDigest.answer(challenge, { method, uri, ...credentials })
    if (authorization !== undefined) {
      await response.body?.cancel()
      headers.set("authorization", authorization)
      response = await fetchFrom(url, init)
    }
  }
  return await answerOf(method, url, response, timeoutMillis)
}

const isRecord = (u: unknown): u is Fields => typeof u === "object" && u !== null && !Array.isArray(u)

const record = (name: string, value: unknown): Fields => {
  if (value === undefined || value === null) return {}
  if (isRecord(value)) return value
  throw new Error(`"${name}" must be an object`)
}

const parseUrl = (text: string): URL => {
  const url = URL.parse(text)
  if (url === null) throw new Error("invalid URL of the request: it needs a scheme and a host")
  if (url.protocol === "http:" || url.protocol === "https:") return url
  throw new Error(`a request cannot go to "${url.protocol}": only http: and https: are supported`)
}

interface Target {
  readonly url: URL
  readonly credentials: { readonly username: string; readonly password: string } | undefined
}

/** The target of a request. Credentials are removed from the URL, where `fetch` does not accept them. */
const target = (argument: Fields): Target => {
  const text = (name: string) => (typeof argument[name] === "string" ? argument[name] : undefined)
  const host = text("host") ?? text("domain")
  const given = text("url")
  if (given === undefined && host === undefined) throw new Error('a request needs a "url", or a "host"')
  const url = given === undefined ? parseUrl(`${text("scheme") ?? "http"}://${host ?? ""}`) : parseUrl(given)
  if (given === undefined) {
    url.pathname = text("path") ?? ""
    url.hash = text("fragment") ?? ""
    const { port } = argument
    if (typeof port === "number" || typeof port === "string") url.port = `${port}`
  }
  for (const [name, value] of Object.entries(record("query", argument["query"]))) {
    for (const item of list(value)) url.searchParams.append(name, item)
  }
  const username = text("username") ?? decodeURIComponent(url.username)
  const password = text("password") ?? decodeURIComponent(url.password)
  url.username = ""
  url.password = ""
  return { url, credentials: username === "" && password === "" ? undefined : { username, password } }
}

const list = (value: unknown): ReadonlyArray<string> => {
  const items: ReadonlyArray<unknown> = Array.isArray(value) ? value : [value]
  return items.map(String)
}

/** Each header is an array of values, or a value. */
const requestHeaders = (given: unknown): Headers => {
  const headers = new Headers()
  for (const [name, value] of Object.entries(record("headers", given))) {
    for (const item of list(value)) {
      try {
        headers.append(name, item)
      } catch {
        // the value may be a secret
        throw new Error(`invalid header "${name}": its name or value has characters that cannot be sent`)
      }
    }
  }
  // headers of the connection cannot be set by a request
  for (const name of ["connection", "content-length", "host", "keep-alive", "transfer-encoding"]) headers.delete(name)
  return headers
}

const requestBody = (method: string, argument: Fields, headers: Headers): NonNullable<RequestInit["body"]> | null => {
  const { body, encodeBodyAsJSON, form } = argument
  const hasBody = body !== undefined && body !== null
  if (form !== undefined && form !== null) {
    if (hasBody) throw new Error('a request has a "body" or a "form", not both')
    const fields = Object.entries(record("form", form)).flatMap(([name, value]) =>
      list(value).map((item): [string, string] => [name, item])
    )
    if (headers.get("content-type")?.startsWith("application/x-www-form-urlencoded") === true) {
      return new URLSearchParams(fields)
    }
    // the content type contains the generated boundary
    headers.delete("content-type")
    const data = new FormData()
    for (const [name, value] of fields) data.append(name, value)
    return data
  }
  if (!hasBody) return null
  if (method === "GET" || method === "HEAD") throw new Error(`a ${method} request cannot have a "body"`)
  if (encodeBodyAsJSON === true || Array.isArray(body) || (isRecord(body) && isPlain(body) && !("_bsontype" in body))) {
    if (!headers.has("content-type")) headers.set("content-type", "application/json")
    // undefined fields are left out, as by JSON.stringify and unlike EJSON.stringify
    const plain: unknown = isRecord(body) || Array.isArray(body) ? withoutUndefined(body) : body
    return EJSON.stringify(plain, { relaxed: true })
  }
  if (typeof body === "string") return body
  if (body instanceof Binary) return Uint8Array.from(body.value())
  if (ArrayBuffer.isView(body)) return Uint8Array.from(Buffer.from(body.buffer, body.byteOffset, body.byteLength))
  throw new Error(
    'a "body" is a string, a BSON.Binary, an object or an array; "encodeBodyAsJSON: true" sends any other value'
  )
}

const withoutUndefined = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map((item: unknown) => (item === undefined ? null : withoutUndefined(item)))
  if (!isRecord(value) || "_bsontype" in value || !isPlain(value)) return value
  return Object.fromEntries(
    Object.entries(value).flatMap(([key, item]) => (item === undefined ? [] : [[key, withoutUndefined(item)]]))
  )
}

/** Whether a value is a plain object of any realm; dates and binaries are not. */
const isPlain = (value: object): boolean => Object.prototype.toString.call(value) === "[object Object]"

const answerOf = async (method: string, url: URL, response: Response, timeoutMillis: number): Promise<unknown> => {
  const bytes = await read(method, url, response, timeoutMillis)
  const headers: Record<string, ReadonlyArray<string>> = {}
  for (const [name, value] of response.headers) headers[canonical(name)] = [value]
  const setCookies = response.headers.getSetCookie()
  if (setCookies.length > 0) headers["Set-Cookie"] = setCookies
  // fetch has already decompressed the body
  if (response.headers.has("content-encoding")) {
    delete headers["Content-Encoding"]
    delete headers["Content-Length"]
  }
  return {
    status: `${response.status} ${response.statusText}`.trim(),
    statusCode: response.status,
    contentLength: method === "HEAD" ? Number(response.headers.get("content-length") ?? -1) : bytes.length,
    headers,
    cookies: cookiesOf(response),
    body: new Binary(bytes)
  }
}

const read = async (method: string, url: URL, response: Response, timeoutMillis: number): Promise<Buffer> => {
  const chunks: Array<Uint8Array> = []
  let length = 0
  if (response.body === null) return Buffer.alloc(0)
  try {
    for await (const chunk of response.body) {
      length += chunk.length
      if (length > answerLimit) break
      chunks.push(chunk)
    }
  } catch (cause) {
    throw failed(method, url, cause, timeoutMillis)
  }
  if (length <= answerLimit) return Buffer.concat(chunks)
  throw new Error(`${method} ${url.origin} failed: the answer is larger than ${answerLimit / 1024 / 1024} MiB`)
}

/** Header names in the form that functions expect: `content-type` becomes `Content-Type`. */
const canonical = (name: string): string => name.replace(/(^|-)([a-z])/g, (text) => text.toUpperCase())

const cookiesOf = (response: Response): Record<string, string> => {
  const cookies: Record<string, string> = {}
  for (const cookie of response.headers.getSetCookie()) {
    const [, name, value] = /^\s*([^=;]+?)\s*=\s*([^;]*)/.exec(cookie) ?? []
    if (name !== undefined && value !== undefined && name !== "__proto__") cookies[name] = value.trim()
  }
  return cookies
}

/** Names the origin and the reason of a failure; path and query may contain secrets. */
const failed = (method: string, url: URL, cause: unknown, timeoutMillis: number): Error => {
  const text =
    cause instanceof Error && cause.name === "TimeoutError"
      ? `no complete answer within ${timeoutMillis} ms`
      : reason(cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause)
  return new Error(`${method} ${url.origin} failed: ${text}`)
}

const reasons: Readonly<Record<string, string>> = {
  ECONNREFUSED: "connection refused",
  ENOTFOUND: "unknown host",
  EAI_AGAIN: "the host's name cannot be resolved at the moment",
  ECONNRESET: "the connection was closed",
  UND_ERR_SOCKET: "the connection was closed",
  UND_ERR_CONNECT_TIMEOUT: "connection timeout"
}

const reason = (cause: unknown): string => {
  const code = cause instanceof Error && "code" in cause ? String(cause.code) : ""
  const said = reasons[code]
  if (said !== undefined) return `${said} (${code})`
  return code === "" ? (cause instanceof Error ? cause.message : String(cause)) : code
}
