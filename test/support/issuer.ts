/**
 * The providers of accounts that tests log in with, in this process or on a socket: OpenID Connect issuers in place of Google
 * (below `/google`) and Apple (`/apple`), and Facebook's login dialog and Graph API (`/facebook`). Consent is always given, by
 * the person that the test says.
 */
import { createHash, createHmac, generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto"
import { createServer, type IncomingMessage } from "node:http"
import type { AddressInfo } from "node:net"

export type Site = "google" | "apple" | "facebook"

/** An account: its id and what the provider tells of it. */
export interface Person {
  readonly id: string
  readonly [claim: string]: unknown
}

/** An answer in place of the usual one. */
export interface Fault {
  readonly status: number
  readonly body?: string
}

interface Grant {
  readonly site: Site
  readonly person: Person
  readonly redirect: string
  readonly nonce: string | undefined
  readonly challenge: string | undefined
}

export interface Issuer {
  readonly urls: Readonly<Record<Site, string>>
  /** The person who gives consent. */
  person: Person
  /** Seconds since the epoch, for id tokens. */
  now: () => number
  /** Claims that id tokens have besides the usual ones, or instead. */
  claims: Record<string, unknown>
  /** What a provider answers instead of consent. */
  denies: string | undefined
  /** Faults by path, such as `/google/token`. */
  readonly faults: Map<string, Fault>
  /** The requests, as `GET /google/keys`, without their queries. */
  readonly requests: Array<string>
  /** The parameters of the last request of a path. */
  readonly last: Map<string, URLSearchParams>
  /** An id token for a client. */
  readonly idToken: (site: Site, claims?: object, header?: object, key?: KeyObject) => string
  /** An access token of Facebook. */
  readonly accessToken: (person: Person, appId?: string) => string
  /** A code as the SDKs of Google get it, without a redirect. */
  readonly code: (redirect: "" | "postmessage") => string
  readonly publicKey: KeyObject
  /** Replaces the signing key. */
  readonly rotate: () => void
  /** Answers a request without a socket. */
  readonly fetch: typeof globalThis.fetch
}

/** The client of every provider. */
export const client = { id: "client-1", secret: "client-secret-of-tests" }

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")

const keyPair = () => generateKeyPairSync("rsa", { modulusLength: 2048 })

const read = async (request: IncomingMessage) => {
  let text = ""
  for await (const chunk of request) text += String(chunk)
  return text
}

const escaped = (text: string) => text.replaceAll("&", "&amp;").replaceAll('"', "&quot;")

interface Asked {
  readonly method: string
  readonly url: URL
  readonly authorization: string
  readonly form: URLSearchParams
}

const json = (value: unknown, status = 200) => Response.json(value, { status })

/** The providers in this process, as if at a URL. */
export const makeIssuer = (base = "http://127.0.0.1:4321"): Issuer => {
  let { privateKey, publicKey } = keyPair()
  let kid = "key-1"
  const grants = new Map<string, Grant>()
  const accessTokens = new Map<string, { readonly person: Person; readonly appId: string }>()
  const random = () => randomBytes(12).toString("base64url")

  const urls = { google: `${base}/google`, apple: `${base}/apple`, facebook: `${base}/facebook` }

  const issuer: Issuer = {
    urls,
    person: { id: "person-1" },
    now: () => Math.floor(Date.now() / 1000),
    claims: {},
    denies: undefined,
    faults: new Map(),
    requests: [],
    last: new Map(),
    idToken: (site, claims = {}, header = {}, key = privateKey) => {
      const iat = issuer.now()
      const { id, ...told } = issuer.person
      const body = {
        iss: urls[site],
        aud: client.id,
        sub: id,
        iat,
        exp: iat + 3600,
        ...told,
        ...issuer.claims,
        ...claims
      }
      const signed = `${encode({ alg: "RS256", kid, typ: "JWT", ...header })}.${encode(body)}`
      return `${signed}.${sign("sha256", Buffer.from(signed), key).toString("base64url")}`
    },
    accessToken: (person, appId = client.id) => {
      const token = `facebook-${random()}`
      accessTokens.set(token, { person, appId })
      return token
    },
    code: (redirect) =>
      grant({ site: "google", person: issuer.person, redirect, nonce: undefined, challenge: undefined }),
    get publicKey() {
      return publicKey
    },
    rotate: () => {
      ;({ privateKey, publicKey } = keyPair())
      kid = `key-${random()}`
    },
    fetch: async (input, init) => {
      const request = new Request(input, init)
      return handle({
        method: request.method,
        url: new URL(request.url),
        authorization: request.headers.get("authorization") ?? "",
        form: new URLSearchParams(await request.text())
      })
    }
  }

  const grant = (granted: Grant) => {
    const code = `code-${random()}`
    grants.set(code, granted)
    return code
  }

  const consent = (site: Site, query: URLSearchParams): Response => {
    const redirect = query.get("redirect_uri") ?? ""
    const back: Record<string, string> = { state: query.get("state") ?? "" }
    if (issuer.denies === undefined) {
      back["code"] = grant({
        site,
        person: issuer.person,
        redirect,
        nonce: query.get("nonce") ?? undefined,
        challenge: query.get("code_challenge") ?? undefined
      })
    } else back["error"] = issuer.denies
    if (site === "google") back["iss"] = urls.google
    if (query.get("response_mode") === "form_post") {
      const inputs = Object.entries(back).map(([name, value]) => `<input name="${name}" value="${escaped(value)}">`)
      const html = `<form method="post" action="${escaped(redirect)}">${inputs.join("")}</form>`
      return new Response(html, { headers: { "content-type": "text/html" } })
    }
    const target = new URL(redirect)
    for (const [name, value] of Object.entries(back)) target.searchParams.set(name, value)
    return Response.redirect(target)
  }

  const exchange = (site: Site, form: URLSearchParams): Response => {
    const refuse = (error: string) => json({ error, error_description: `no: ${form.get("code")}` }, 400)
    const found = grants.get(form.get("code") ?? "")
    if (form.get("client_id") !== client.id || form.get("client_secret") !== client.secret)
      return refuse("invalid_client")
    if (found === undefined || found.site !== site) return refuse("invalid_grant")
    if (found.redirect !== form.get("redirect_uri")) return refuse("redirect_uri_mismatch")
    grants.delete(form.get("code") ?? "")
    const challenge = createHash("sha256")
      .update(form.get("code_verifier") ?? "")
      .digest("base64url")
    if (found.challenge !== undefined && found.challenge !== challenge) return refuse("invalid_grant")
    const access = `access-${random()}`
    accessTokens.set(access, { person: found.person, appId: client.id })
    if (site === "facebook") return json({ access_token: access, token_type: "bearer", expires_in: 5000 })
    const { id, ...told } = found.person
    const claims = { sub: id, ...told, ...issuer.claims, ...(found.nonce !== undefined && { nonce: found.nonce }) }
    return json({
      access_token: access,
      token_type: "Bearer",
      expires_in: 3600,
      ...("noIdToken" in found.person ? {} : { id_token: issuer.idToken(site, { ...claims, ...issuer.claims }) })
    })
  }

  const graph = (path: string, query: URLSearchParams): Response => {
    if (path === "/facebook/debug_token") {
      if (query.get("access_token") !== `${client.id}|${client.secret}`) {
        return json({ error: { type: "OAuthException", code: 101 } }, 400)
      }
      const found = accessTokens.get(query.get("input_token") ?? "")
      return json({
        data:
          found === undefined
            ? { is_valid: false, error: { message: "Malformed access token" } }
            : { app_id: found.appId, is_valid: true, user_id: found.person.id, type: "USER", expires_at: 0 }
      })
    }
    const token = query.get("access_token") ?? ""
    const found = accessTokens.get(token)
    const proof = createHmac("sha256", client.secret).update(token).digest("hex")
    if (found === undefined || query.get("appsecret_proof") !== proof) return json({ error: { code: 190 } }, 400)
    const names = (query.get("fields") ?? "").split(",")
    return json(Object.fromEntries(names.map((name) => [name, found.person[name]])))
  }

  const handle = ({ authorization, form, method, url }: Asked): Response => {
    const { pathname: path, searchParams: query } = url
    issuer.requests.push(`${method} ${path}`)
    issuer.last.set(path, method === "POST" ? form : query)
    const fault = issuer.faults.get(path)
    if (fault !== undefined) {
      const headers = { "content-type": "application/json", location: `${base}/elsewhere` }
      return new Response(fault.body ?? null, { status: fault.status, headers })
    }
    const site = (["google", "apple", "facebook"] as const).find((it) => path.startsWith(`/${it}/`))
    if (site === undefined) return json({}, 404)
    switch (path.slice(site.length + 1)) {
      case "/.well-known/openid-configuration":
        return json({
          issuer: urls[site],
          authorization_endpoint: `${urls[site]}/authorize`,
          token_endpoint: `${urls[site]}/token`,
          userinfo_endpoint: `${urls[site]}/userinfo`,
          jwks_uri: `${urls[site]}/keys`,
          ...(site === "google" && {
            code_challenge_methods_supported: ["plain", "S256"],
            authorization_response_iss_parameter_supported: true
          })
        })
      case "/keys":
        return json({ keys: [{ ...publicKey.export({ format: "jwk" }), kid, alg: "RS256", use: "sig" }] })
      case "/authorize":
      case "/dialog/oauth":
        return consent(site, query)
      case "/token":
      case "/oauth/access_token":
        return exchange(site, form)
      case "/userinfo": {
        const found = accessTokens.get(authorization.replace("Bearer ", ""))
        if (found === undefined) return json({ error: "invalid_token" }, 401)
        const { id, ...told } = found.person
        return json({ sub: id, ...told })
      }
      default:
        return site === "facebook" ? graph(path, query) : json({}, 404)
    }
  }

  return issuer
}

/** The providers on a socket. */
export const startIssuer = async (): Promise<Issuer & { readonly stop: () => Promise<void> }> => {
  const server = createServer((request, response) => {
    void (async () => {
      const body = await read(request)
      const answer = await issuer.fetch(base + (request.url ?? ""), {
        method: request.method ?? "GET",
        headers: { authorization: request.headers.authorization ?? "" },
        ...(request.method === "POST" && { body })
      })
      response.writeHead(answer.status, Object.fromEntries(answer.headers))
      response.end(await answer.text())
    })()
  })
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))
  const base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`
  const issuer = makeIssuer(base)
  return Object.assign(issuer, {
    stop: () =>
      new Promise<void>((resolve) => {
        server.closeAllConnections()
        server.close(() => resolve())
      })
  })
}
