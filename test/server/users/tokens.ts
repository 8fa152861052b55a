import { createHmac, type KeyObject, sign } from "node:crypto"

export const secret = "a secret of an issuer, long enough"

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString("base64url")

/** A token of any header, signed by whatever says how. */
export const token = (header: object, claims: object, tag: (signed: string) => Buffer) => {
  const signed = `${encode(header)}.${encode(claims)}`
  return `${signed}.${tag(signed).toString("base64url")}`
}

export const hs256 = (claims: object, key: string = secret, header: object = {}) =>
  token({ alg: "HS256", typ: "JWT", ...header }, claims, (signed) => createHmac("sha256", key).update(signed).digest())

export const rs256 = (claims: object, key: KeyObject, header: object = {}) =>
  token({ alg: "RS256", typ: "JWT", ...header }, claims, (signed) => sign("sha256", Buffer.from(signed), key))
