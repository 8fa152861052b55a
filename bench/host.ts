/** A host of the protocol in this process, behind the global `fetch` that both clients use. */

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")

let serial = 0

/** Tokens of about the length of the hosted service's; the access token names its user. */
export const accessToken = (user: string, lifetime = 1800): string => {
  const iat = Math.floor(Date.now() / 1000)
  const claims = {
    baas_device_id: "000000000000000000000000",
    baas_domain_id: "5cdb5bb0a0b5b5b5b5b5b5b5",
    exp: iat + lifetime,
    iat,
    iss: `session-${user}`,
    n: ++serial,
    stitch_devId: "000000000000000000000000",
    stitch_domainId: "5cdb5bb0a0b5b5b5b5b5b5b5",
    sub: user,
    typ: "access"
  }
  return `${encode({ alg: "HS256", typ: "JWT" })}.${encode(claims)}.${"s".repeat(43)}`
}

export const subject = (authorization: string): string => {
  const claims: { readonly sub: string } = JSON.parse(
    Buffer.from(authorization.split(".")[1] ?? "", "base64url").toString()
  )
  return claims.sub
}

export interface Options {
  /** Milliseconds before an answer. */
  readonly latency?: (path: string) => number
  /** Lifetime of the access token of a login, in seconds; refreshed ones live 1800. */
  readonly firstLifetime?: number
  /** Which access tokens are rejected: those of logins, as if they had expired, or all. */
  readonly refuses?: "logins" | "all"
  /** Stops answering after this many requests. */
  readonly giveUpAfter?: number
  /** Called with each function call. */
  readonly onCall?: (user: string, body: string) => void
}

/** Counters of requests. */
export interface Counts {
  login: number
  refresh: number
  call: number
  other: number
}

/** Replaces the global `fetch`; returns the counters. */
export const install = (options: Options = {}): Counts => {
  const counts: Counts = { login: 0, refresh: 0, call: 0, other: 0 }
  const json = (body: unknown, status = 200) =>
    new Response(typeof body === "string" ? body : JSON.stringify(body), {
      status,
      headers: { "content-type": "application/json" }
    })
  const invalidSession = () => json({ error: "invalid session", error_code: "InvalidSession" }, 401)
  const fromLogin = new Set<string>()
  let users = 0
  let requests = 0

  const answer = (path: string, method: string, authorization: string, body: string): Response => {
    if (path.endsWith("/location")) {
      counts.other++
      return json({
        hostname: "http://host.test",
        ws_hostname: "ws://host.test",
        location: "US-VA",
        deployment_model: "GLOBAL"
      })
    }
    if (path.endsWith("/login")) {
      counts.login++
      const user = (++users).toString(16).padStart(24, "0")
      const first = accessToken(user, options.firstLifetime)
      fromLogin.add(`Bearer ${first}`)
      return json({
        access_token: first,
        refresh_token: accessToken(user),
        user_id: user,
        device_id: "000000000000000000000000"
      })
    }
    if (path.endsWith("/session") && method === "POST") {
      counts.refresh++
      return json({ access_token: accessToken(subject(authorization)) }, 201)
    }
    if (path.endsWith("/functions/call")) {
      counts.call++
      if (options.refuses === "all" || (options.refuses === "logins" && fromLogin.has(authorization)))
        return invalidSession()
      options.onCall?.(subject(authorization), body)
      return json('{"$numberInt":"42"}')
    }
    counts.other++
    return path.endsWith("/profile")
      ? json({ identities: [], data: {}, type: "normal" })
      : new Response(null, { status: 204 })
  }

  current = async (input, init) => {
    if (++requests > (options.giveUpAfter ?? Infinity)) throw new TypeError("the host has given up")
    const { pathname } = new URL(String(input instanceof Request ? input.url : input))
    const wait = options.latency?.(pathname) ?? 0
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait))
    const headers = new Headers(init?.headers)
    const body =
      init?.body instanceof Uint8Array
        ? Buffer.from(init.body).toString()
        : typeof init?.body === "string"
          ? init.body
          : ""
    return answer(pathname, init?.method ?? "GET", headers.get("authorization") ?? "", body)
  }
  return counts
}

let current: typeof globalThis.fetch = globalThis.fetch

// once, and before importing modules that keep a reference to `fetch`
globalThis.fetch = (input, init) => current(input, init)
