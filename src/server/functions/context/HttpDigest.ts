/** HTTP digest authentication (RFC 7616): answers a server's challenge. */
import { createHash, randomBytes } from "node:crypto"

/** The request and credentials to prove. */
export interface Request {
  readonly method: string
  /** Path and query. */
  readonly uri: string
  readonly username: string
  readonly password: string
}

const hashes: Readonly<Record<string, string>> = { MD5: "md5", "SHA-256": "sha256" }

/**
 * The header `authorization` for a `www-authenticate`, or `undefined` if the challenge is not supported. MD5 and
 * SHA-256 are, with `qop=auth` or without.
 */
export const answer = (challenge: string, { method, password, uri, username }: Request): string | undefined => {
  const digest = /(?:^|,\s*)Digest\s+(.*)$/i.exec(challenge)?.[1]
  if (digest === undefined) return undefined
  const given = new Map<string, string>()
  for (const [, name = "", quoted, plain] of digest.matchAll(/(\w+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/g)) {
    given.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, "$1") ?? plain ?? "")
  }
  const nonce = given.get("nonce")
  const algorithm = given.get("algorithm") ?? "MD5"
  const name = hashes[algorithm.toUpperCase()]
  const offered = given.get("qop")
  const qop = offered?.split(",").some((it) => it.trim() === "auth") === true ? "auth" : undefined
  if (nonce === undefined || name === undefined || (offered !== undefined && qop === undefined)) return undefined
  const hash = (text: string) => createHash(name).update(text).digest("hex")
  const realm = given.get("realm") ?? ""
  const cnonce = randomBytes(16).toString("hex")
  const count = "00000001"
  const user = hash(`${username}:${realm}:${password}`)
  const asked = hash(`${method}:${uri}`)
  const response =
    qop === undefined ? hash(`${user}:${nonce}:${asked}`) : hash(`${user}:${nonce}:${count}:${cnonce}:${qop}:${asked}`)
  const opaque = given.get("opaque")
  return [
    `Digest username=${quote(username)}`,
    `realm=${quote(realm)}`,
    `nonce=${quote(nonce)}`,
    `uri=${quote(uri)}`,
    `response="${response}"`,
    `algorithm=${algorithm}`,
    ...(opaque === undefined ? [] : [`opaque=${quote(opaque)}`]),
    ...(qop === undefined ? [] : [`qop=${qop}`, `nc=${count}`, `cnonce="${cnonce}"`])
  ].join(", ")
}

const quote = (text: string): string => `"${text.replace(/["\\]/g, "\\$&")}"`
