/** `utils.crypto` of exported applications' functions: hashes, HMACs, AES and RSA, all synchronous. */
import * as B from "bson"
import {
  constants,
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  type KeyObject,
  randomBytes,
  sign,
  verify
} from "node:crypto"

const hashes = ["sha1", "sha256", "sha512", "md5"]
const hmacHashes = ["sha1", "sha256", "sha512"]
/** AES-GCM: nonce, ciphertext, authentication tag. */
const ciphers: Readonly<Record<number, "aes-128-gcm" | "aes-192-gcm" | "aes-256-gcm">> = {
  16: "aes-128-gcm",
  24: "aes-192-gcm",
  32: "aes-256-gcm"
}
const nonceLength = 12
const tagLength = 16

/** The object `utils.crypto`. Errors contain no key and no plaintext. */
export const make = (): object => {
  const call = (name: string, problem: string) => new Error(`utils.crypto.${name}: ${problem}`)

  const oneOf = (name: string, what: string, value: unknown, known: ReadonlyArray<string>): string => {
    const found = known.find((it) => it === value)
    if (found !== undefined) return found
    throw call(name, `${what} must be ${known.map((it) => `"${it}"`).join(" or ")}`)
  }
  const text = (name: string, what: string, value: unknown): string => {
    if (typeof value === "string") return value
    throw call(name, `${what} must be a string`)
  }
  const bytes = (name: string, what: string, value: unknown): Uint8Array => {
    if (typeof value === "string") return Buffer.from(value, "utf8")
    if (value instanceof B.Binary) return value.value()
    if (ArrayBuffer.isView(value)) return new Uint8Array(value.buffer, value.byteOffset, value.byteLength)
    throw call(name, `${what} must be a string or a BSON.Binary`)
  }
  const binary = (name: string, what: string, value: unknown): Uint8Array => {
    if (typeof value !== "string") return bytes(name, what, value)
    throw call(name, `${what} must be a BSON.Binary: BSON.Binary.fromBase64(text) makes one`)
  }

  const cipher = (name: string, type: unknown, key: unknown) => {
    oneOf(name, "the type of encryption", type, ["aes"])
    const secret = Buffer.from(text(name, "the key", key), "utf8")
    const algorithm = ciphers[secret.length]
    if (algorithm === undefined) throw call(name, "the key must be 16, 24 or 32 bytes long")
    return { algorithm, secret }
  }

  const key = (name: string, what: string, parse: () => KeyObject): KeyObject => {
    const parsed = attempt(parse)
    if (parsed === undefined) throw call(name, `${what} must be an RSA key in PEM`)
    if (parsed.asymmetricKeyType === "rsa" || parsed.asymmetricKeyType === "rsa-pss") return parsed
    throw call(name, `${what} must be an RSA key`)
  }

  const padding = (name: string, scheme: unknown, saltLength: number) =>
    oneOf(name, "the signature scheme", scheme, ["pss", "pkcs1v15"]) === "pss"
      ? { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength }
      : { padding: constants.RSA_PKCS1_PADDING }

  return {
    hash: (algorithm: unknown, input: unknown) =>
      new B.Binary(
        createHash(oneOf("hash", "the hash function", algorithm, hashes))
          .update(bytes("hash", "the input", input))
          .digest()
      ),
    hmac: (input: unknown, secret: unknown, algorithm: unknown, format: unknown) =>
      createHmac(
        oneOf("hmac", "the hash function", algorithm, hmacHashes),
        Buffer.from(text("hmac", "the secret", secret), "utf8")
      )
        .update(bytes("hmac", "the input", input))
        .digest(oneOf("hmac", "the output format", format, ["base64", "hex"]) === "hex" ? "hex" : "base64"),
    encrypt: (type: unknown, message: unknown, secretKey: unknown) => {
      const { algorithm, secret } = cipher("encrypt", type, secretKey)
      const nonce = randomBytes(nonceLength)
      const encryption = createCipheriv(algorithm, secret, nonce)
      const encrypted = encryption.update(bytes("encrypt", "the message", message))
      return new B.Binary(Buffer.concat([nonce, encrypted, encryption.final(), encryption.getAuthTag()]))
    },
    decrypt: (type: unknown, message: unknown, secretKey: unknown) => {
      const { algorithm, secret } = cipher("decrypt", type, secretKey)
      const encrypted = binary("decrypt", "the encrypted message", message)
      const decrypted =
        encrypted.length < nonceLength + tagLength
          ? undefined
          : attempt(() => {
              const decryption = createDecipheriv(algorithm, secret, encrypted.subarray(0, nonceLength))
              decryption.setAuthTag(encrypted.subarray(-tagLength))
              return Buffer.concat([decryption.update(encrypted.subarray(nonceLength, -tagLength)), decryption.final()])
            })
      if (decrypted === undefined) throw call("decrypt", "the message was not encrypted with this key")
      return new B.Binary(decrypted)
    },
    sign: (type: unknown, message: unknown, privateKey: unknown, scheme: unknown = "pss") => {
      oneOf("sign", "the type of encryption", type, ["rsa"])
      const pem = text("sign", "the private key", privateKey)
      const parsed = key("sign", "the private key", () => createPrivateKey(pem))
      const options = padding("sign", scheme, constants.RSA_PSS_SALTLEN_MAX_SIGN)
      const signed = attempt(() => sign("sha256", bytes("sign", "the message", message), { key: parsed, ...options }))
      if (signed === undefined) throw call("sign", "the message cannot be signed with this key: it may be too short")
      return new B.Binary(signed)
    },
    verify: (type: unknown, message: unknown, publicKey: unknown, signature: unknown, scheme: unknown = "pss") => {
      oneOf("verify", "the type of encryption", type, ["rsa"])
      const pem = text("verify", "the public key", publicKey)
      const parsed = key("verify", "the public key", () => createPublicKey(pem))
      const options = padding("verify", scheme, constants.RSA_PSS_SALTLEN_AUTO)
      const signed = binary("verify", "the signature", signature)
      const checked = attempt(() =>
        verify("sha256", bytes("verify", "the message", message), { key: parsed, ...options }, signed)
      )
      return checked === true
    }
  }
}

/** Drops exceptions of Node, whose messages may contain a part of a key. */
const attempt = <A>(run: () => A): A | undefined => {
  try {
    return run()
  } catch {
    return undefined
  }
}
