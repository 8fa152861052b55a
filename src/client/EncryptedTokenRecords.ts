/**
 * Encrypts what a token store keeps: a decorator for any `TokenRecords`.
 *
 * Records are sealed with AES-256-GCM under a random nonce, bound to the application and user they belong to: one that is
 * changed, or put in another's place, is set aside as damaged. The first key encrypts, all decrypt: to rotate, put a new
 * key in front; a record moves to it when it is next written.
 *
 * @example
 * ```ts
 * import { EncryptedTokenRecords, TokenRecords, TokenStore } from "effect-app-services"
 * import { Layer, Redacted } from "effect"
 *
 * const Encrypted = TokenStore.layerRecords.pipe(
 *   Layer.provide(EncryptedTokenRecords.layer({ keys: [{ id: "2026-11", key: Redacted.make("base64 of 32 random bytes") }] })),
 *   Layer.provide(TokenRecords.layerKeyValueStore)
 * )
 * ```
 *
 * @since 0.1.0
 */
import * as Aead from "effect/crypto/Aead"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as Effect from "effect/Effect"
import * as Base64 from "effect/encoding/Base64"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import { TokenRecords, TokenStoreError } from "./TokenRecords.ts"

/**
 * A key and its name, which the records it encrypts carry.
 *
 * @category models
 * @since 0.1.0
 */
export interface Key {
  /** Letters, digits, `-` and `_`. */
  readonly id: string
  /** 32 random bytes, as base64. */
  readonly key: Redacted.Redacted
}

/**
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** The first one encrypts, all decrypt. */
  readonly keys: readonly [Key, ...ReadonlyArray<Key>]
  /** Read records that are not encrypted, and encrypt them when they are next written. Default: `false`. */
  readonly allowUnencrypted?: boolean | undefined
}

const nonceLength = 12
const utf8 = {
  encode: (text: string) => new TextEncoder().encode(text),
  decode: (bytes: Uint8Array) => new TextDecoder().decode(bytes)
}

/**
 * Encrypts the records of the `TokenRecords` below. Fails when a key is no key.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<TokenRecords, TokenStoreError, TokenRecords> =>
  Layer.effect(TokenRecords, make(options)).pipe(
    Layer.provide(Aead.layerWebCrypto.pipe(Layer.provideMerge(SecureRandom.layerWebCrypto)))
  )

const make = Effect.fnUntraced(function* ({ allowUnencrypted = false, keys }: Options) {
  const inner = yield* TokenRecords
  const aead = yield* Aead.Aead
  const random = yield* SecureRandom.SecureRandom

  const imported = new Map<string, Aead.Key>()
  for (const { id, key } of keys) {
    const bytes = Base64.decode(Redacted.value(key))
    if (Result.isFailure(bytes) || bytes.success.length !== 32) {
      return yield* new TokenStoreError({ message: `encryption key "${id}" must be 32 bytes as base64` })
    }
    if (!/^[\w-]+$/.test(id) || imported.has(id)) {
      return yield* new TokenStoreError({
        message: `encryption key id "${id}" must be unique, of letters, digits, - and _`
      })
    }
    imported.set(id, yield* Effect.mapError(Aead.key(Aead.aes256Gcm, bytes.success), failed))
  }
  const [{ id: current }] = keys

  const seal = Effect.fnUntraced(function* (owner: Uint8Array, text: string) {
    const key = imported.get(current)
    if (key === undefined) return yield* unknownKey(current)
    const nonce = yield* random.randomBytes(nonceLength)
    const sealed = yield* aead.encrypt(key, utf8.encode(text), { nonce, aad: owner })
    return `sealed.${current}.${Base64Url.encode(nonce)}.${Base64Url.encode(sealed)}`
  })

  /** The text of a record; none when it was damaged. */
  const open = Effect.fnUntraced(function* (owner: Uint8Array, record: string) {
    const [mark, id, nonce, sealed] = record.split(".")
    if (mark !== "sealed") return allowUnencrypted ? Option.some(record) : Option.none()
    const key = imported.get(id ?? "")
    if (key === undefined) return yield* unknownKey(id ?? "")
    const bytes = [Base64Url.decode(nonce ?? ""), Base64Url.decode(sealed ?? "")] as const
    if (Result.isFailure(bytes[0]) || Result.isFailure(bytes[1])) return Option.none()
    const opened = aead.decrypt(key, bytes[1].success, { nonce: bytes[0].success, aad: owner })
    return Option.map(yield* Effect.option(opened), utf8.decode)
  })

  return TokenRecords.of({
    ...inner,
    read: Effect.fnUntraced(function* (appId, id) {
      const record = yield* inner.read(appId, id)
      if (Option.isNone(record)) return record
      const text = yield* open(ownerOf(appId, id), record.value.text)
      return Option.some({ text: Option.getOrElse(text, () => ""), revision: record.value.revision })
    }),
    replace: Effect.fnUntraced(function* (appId, id, revision, text, note) {
      const sealed = Option.isSome(text)
        ? Option.some(yield* Effect.mapError(seal(ownerOf(appId, id), text.value), failed))
        : text
      return yield* inner.replace(appId, id, revision, sealed, note)
    })
  })
})

const ownerOf = (appId: string, id: string): Uint8Array => utf8.encode(JSON.stringify([appId, id]))

const unknownKey = (id: string) =>
  new TokenStoreError({
    message: `a record is encrypted with key "${id}", which is not among the keys: add it behind the current one`
  })

const failed = (cause: TokenStoreError | { readonly _tag: string }): TokenStoreError =>
  cause instanceof TokenStoreError ? cause : new TokenStoreError({ message: "encryption failed", cause })
