/** `utils.jwt` of exported applications' functions: encodes and decodes JSON Web Tokens synchronously. */
import { EJSON } from "bson"
import {
  constants,
  createHmac,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  sign,
  timingSafeEqual,
  verify
} from "node:crypto"

interface Host {
  /** Decodes Extended JSON; throws if it is malformed. */
  readonly parse: (text: string) => unknown
  /** Milliseconds since the epoch. */
  readonly now: () => number
}

type Method =
  | { readonly kind: "secret"; readonly hash: string }
  | { readonly kind: "rsa"; readonly hash: string; readonly padding: Padding }
  | { readonly kind: "ec"; readonly hash: string; readonly curve: string }

type Padding = "pkcs1" | "pss"

const rsa = (hash: string, padding: Padding): Method => ({ kind: "rsa", hash, padding })

const methods: ReadonlyMap<string, Method> = new Map<string, Method>([
  ["HS256", { kind: "secret", hash: "sha256" }],
  ["HS384", { kind: "secret", hash: "sha384" }],
  ["HS512", { kind: "secret", hash: "sha512" }],
  ["RS256", rsa("sha256", "pkcs1")],
  ["RS384", rsa("sha384", "pkcs1")],
  ["RS512", rsa("sha512", "pkcs1")],
  ["PS256", rsa("sha256", "pss")],
  ["PS384", rsa("sha384", "pss")],
  ["PS512", rsa("sha512", "pss")],
  ["ES256", { kind: "ec", hash: "sha256", curve: "prime256v1" }],
  ["ES384", { kind: "ec", hash: "sha384", curve: "secp384r1" }],
  ["ES512", { kind: "ec", hash: "sha512", curve: "secp521r1" }]
])

const known = [...methods.keys()].join(", ")

/**
 * The object `utils.jwt`. Errors contain no key and no token.
 *
 * Decoding verifies the signature, `exp` and `nbf`. A PEM key is not accepted as an HMAC secret, so that a public key
 * cannot be used to forge tokens.
 */
export const make = ({ now, parse }: Host): object => {
  const encode = (name: unknown, payload: unknown, secret: unknown, header: unknown = {}): string => {
    const method = typeof name === "string" ? methods.get(name) : undefined
    if (typeof name !== "string" || method === undefined) {
      throw new Error(`utils.jwt.encode: the signing method must be one of ${known}`)
    }
    if (!isRecord(payload)) throw new Error("utils.jwt.encode: the payload must be an object")
    if (typeof secret !== "string" || secret === "") throw new Error("utils.jwt.encode: the secret must be a string")
    if (header !== null && !isRecord(header)) {
      throw new Error("utils.jwt.encode: the custom header fields must be an object")
    }
    const data = `${part(Object.assign({ alg: name, typ: "JWT" }, header, { alg: name }))}.${part(payload)}`
    const signature = attempt(() => signed(method, data, secret))
    if (signature === undefined) {
      const kind = method.kind === "ec" ? `a private key of the curve ${method.curve}` : "an RSA private key"
      throw new Error(`utils.jwt.encode: ${name} needs ${kind} in PEM`)
    }
    return `${data}.${signature.toString("base64url")}`
  }

  const decode = (token: unknown, key: unknown, returnHeader?: unknown, accepted?: unknown) => {
    const refuse = (problem: string) => new Error(`utils.jwt.decode: ${problem}`)
    if (typeof token !== "string") throw refuse("the token must be a string")
    if (typeof key !== "string" || key === "") throw refuse("the key must be a string")
    if (accepted !== undefined && accepted !== null && !Array.isArray(accepted)) {
      throw refuse("the accepted signing methods must be an array")
    }
    const parts = token.split(".")
    const [header64 = "", payload64 = "", signature64 = ""] = parts
    if (parts.length !== 3 || parts.some((it) => !/^[\w-]*$/.test(it))) throw refuse("the token is malformed")
    const read = (text: string) => attempt(() => parse(Buffer.from(text, "base64url").toString("utf8")))
    const header = read(header64)
    const payload = read(payload64)
    if (!isRecord(header) || !isRecord(payload)) throw refuse("the token is malformed")
    const name = header["alg"]
    const method = typeof name === "string" ? methods.get(name) : undefined
    if (method === undefined) throw refuse(`the signing method of the token is not one of ${known}`)
    if (Array.isArray(accepted) && !accepted.includes(name)) {
      throw refuse("the signing method of the token is not accepted")
    }
    // a public key must not be used as an HMAC secret
    if (method.kind === "secret" && key.includes("-----BEGIN")) {
      throw refuse("the key is not one for the signing method of the token")
    }
    if (!matches(method, `${header64}.${payload64}`, key, Buffer.from(signature64, "base64url"))) {
      throw refuse("the signature is invalid")
    }
    const seconds = now() / 1000
    const { exp, nbf } = payload
    if (exp !== undefined && !(Number(exp) > seconds)) throw refuse("the token is expired")
    if (nbf !== undefined && !(Number(nbf) <= seconds)) throw refuse("the token is not valid yet")
    return returnHeader === true ? { header, payload } : payload
  }

  return { encode, decode }
}

const isRecord = (u: unknown): u is Readonly<Record<string, unknown>> =>
  typeof u === "object" && u !== null && !Array.isArray(u)

const part = (value: object): string => Buffer.from(EJSON.stringify(value, { relaxed: true })).toString("base64url")

const options = (method: Exclude<Method, { kind: "secret" }>, key: KeyObject) =>
  method.kind === "rsa"
    ? {
        key,
        padding: method.padding === "pss" ? constants.RSA_PKCS1_PSS_PADDING : constants.RSA_PKCS1_PADDING,
        saltLength: constants.RSA_PSS_SALTLEN_DIGEST
      }
    : { key, dsaEncoding: "ieee-p1363" as const }

const suits = (method: Method, key: KeyObject): boolean =>
  method.kind === "ec"
    ? key.asymmetricKeyType === "ec" && key.asymmetricKeyDetails?.namedCurve === method.curve
    : key.asymmetricKeyType === "rsa" || key.asymmetricKeyType === "rsa-pss"

const signed = (method: Method, data: string, secret: string): Buffer | undefined => {
  if (method.kind === "secret") return createHmac(method.hash, secret).update(data).digest()
  const key = createPrivateKey(secret)
  return suits(method, key) ? sign(method.hash, Buffer.from(data), options(method, key)) : undefined
}

const matches = (method: Method, data: string, key: string, signature: Buffer): boolean => {
  if (method.kind === "secret") {
    const expected = createHmac(method.hash, key).update(data).digest()
    return signature.length === expected.length && timingSafeEqual(signature, expected)
  }
  const checked = attempt(() => {
    const publicKey = createPublicKey(key)
    return suits(method, publicKey) && verify(method.hash, Buffer.from(data), options(method, publicKey), signature)
  })
  return checked === true
}

/** Drops exceptions of Node, whose messages may contain a part of a key. */
const attempt = <A>(run: () => A): A | undefined => {
  try {
    return run()
  } catch {
    return undefined
  }
}
