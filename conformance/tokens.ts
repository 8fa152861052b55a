/** JSON Web Tokens of an issuer that the application trusts (§3.4, custom-token). */
import { createHmac } from "node:crypto"

const key = "a key that is only good for the conformance run"
const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")
const now = () => Math.floor(Date.now() / 1000)

/** Claims of a valid login. */
export const good = (sub: string) => ({ aud: "conform-main", sub, exp: now() + 600, email: `${sub}@example.com` })

export interface Made {
  readonly header?: object
  readonly key?: string
}

export const jwt = (
  claims: object,
  { header = { alg: "HS256", typ: "JWT" }, key: secret = key }: Made = {}
): string => {
  const signed = `${encode(header)}.${encode(claims)}`
  return `${signed}.${createHmac("sha256", secret).update(signed).digest("base64url")}`
}

export const inThePast = (): number => now() - 3600
export const inTheFuture = (): number => now() + 3600
