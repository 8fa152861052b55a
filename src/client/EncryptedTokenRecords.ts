/**
 * Encrypts the records of a token store: a decorator for any `TokenRecords`.
 *
 * Records are encrypted with AES-256-GCM under a random nonce and bound to their application and user: a record that was
 * changed, or swapped with another, is set aside as damaged. A record whose key is missing, or was replaced under the same
 * id, is kept: operations that need it fail with `StoreUnavailable` until the key is back.
 *
 * The first key encrypts, all keys decrypt. To rotate keys while several instances run, first add the new key behind the
 * current one in every instance, then move it to the front in every instance. Remove the old key once every record was
 * written again; a record moves to the first key when it is next written.
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
import * as Digest from "effect/crypto/Digest"
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
 * An encryption key and its id, which the encrypted records name. Never reuse an id for another key.
 *
 * @category models
 * @since 0.1.0
 */
export interface Key {
  /** Letters, digits, `-` and `_`. */
  readonly id: string
  /** 32 random bytes, as base64: `openssl rand -base64 32`. */
  readonly key: Redacted.Redacted
}

/**
 * The keys, and what to do with records that are not encrypted.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options {
  /** The first key encrypts, all keys decrypt. */
  readonly keys: readonly [Key, ...ReadonlyArray<Key>]
  /**
   * Read records that are not encrypted, and encrypt them when they are next written.
   *
   * @default false
   */
  readonly allowUnencrypted?: boolean | undefined
}

const nonceLength = 12
const utf8 = {
  encode: (text: string) => new TextEncoder().encode(text),
  decode: (bytes: Uint8Array) => new TextDecoder().decode(bytes)
}

/**
 * Encrypts the records of the `TokenRecords` that it is given. Fails with `TokenStoreError` at an invalid key or id.
 *
 * @category layers
 * @since 0.1.0
 */
export const layer = (options: Options): Layer.Layer<TokenRecords, TokenStoreError, TokenRecords> =>
  Layer.effect(TokenRecords, make(options)).pipe(
    Layer.provide(
      Layer.merge(Aead.layerWebCrypto, Digest.layerWebCrypto).pipe(Layer.provideMerge(SecureRandom.layerWebCrypto))
    )
  )

const make = Effect.fnUntraced(function* ({ allowUnencrypted = false, keys }: Options) {
  const inner = yield* TokenRecords
  const aead = yield* Aead.Aead
  const digest = yield* Digest.Digest
  const random = yield* SecureRandom.SecureRandom

  const imported = yield* Effect.forEach(keys, ({ id, key }) => importKey(digest, id, key))
  const [current] = imported
  if (current === undefined || new Set(keys.map(({ id }) => id)).size < keys.length) {
    return yield* new TokenStoreError({ message: "duplicate id of an encryption key: each key must have its own id" })
  }

  const seal = Effect.fnUntraced(function* (owner: Uint8Array, text: string) {
    const nonce = yield* random.randomBytes(nonceLength)
    const sealed = yield* aead.encrypt(current.key, utf8.encode(text), { nonce, aad: owner })
    return `sealed.${current.id}~${current.fingerprint}.${Base64Url.encode(nonce)}.${Base64Url.encode(sealed)}`
  })

  /** The keys that may have encrypted a record: the one with its fingerprint, or any if it has no fingerprint. */
  const keysOf = (id: string, fingerprint: string | undefined): ReadonlyArray<Imported> =>
    imported
      .filter((key) => fingerprint === undefined || key.fingerprint === fingerprint)
      .toSorted((a, b) => Number(b.id === id) - Number(a.id === id))

  /** Decrypts a record; `none` if it is damaged. */
  const open = Effect.fnUntraced(function* (owner: Uint8Array, record: string) {
    const [mark, name = "", ...rest] = record.split(".")
    if (mark !== "sealed") {
      if (allowUnencrypted) return Option.some({ text: record, outdated: true })
      return record.startsWith("{") ? yield* unencrypted() : Option.none()
    }
    const [nonce, sealed] = rest.map((part) => Base64Url.decode(part))
    const [id = "", fingerprint] = name.split("~")
    const fitting = keysOf(id, fingerprint)
    if (nonce === undefined || Result.isFailure(nonce) || sealed === undefined || Result.isFailure(sealed)) {
      return Option.none()
    }
    for (const { key } of fitting) {
      const opened = yield* Effect.option(aead.decrypt(key, sealed.success, { nonce: nonce.success, aad: owner }))
      if (Option.isSome(opened)) {
        return Option.some({ text: utf8.decode(opened.value), outdated: fingerprint !== current.fingerprint })
      }
    }
    // a record whose key is known is damaged; any other waits for its key
    if (fingerprint !== undefined && fitting.length > 0) return Option.none()
    return yield* imported.some((key) => key.id === id) ? changedKey(id) : unknownKey(id)
  })

  return TokenRecords.of({
    ...inner,
    read: Effect.fnUntraced(function* (appId, id) {
      const record = yield* inner.read(appId, id)
      if (Option.isNone(record)) return record
      const opened = yield* open(ownerOf(appId, id), record.value.text)
      const { outdated, text } = Option.getOrElse(opened, () => ({ text: "", outdated: false }))
      return Option.some({ text, outdated, revision: record.value.revision })
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

interface Imported {
  readonly id: string
  readonly key: Aead.Key
  /** Tells apart keys that were used under the same id; it reveals nothing of the key. */
  readonly fingerprint: string
}

const importKey = Effect.fnUntraced(function* (
  digest: Digest.Digest["Service"],
  id: string,
  secret: Redacted.Redacted
): Effect.fn.Return<Imported, TokenStoreError> {
  const bytes = Base64.decode(Redacted.value(secret))
  if (Result.isFailure(bytes) || bytes.success.length !== 32) {
    return yield* new TokenStoreError({ message: `invalid encryption key "${id}": expected 32 bytes as base64` })
  }
  if (!/^[\w-]+$/.test(id)) {
    return yield* new TokenStoreError({
      message: `invalid id "${id}" of an encryption key: expected letters, digits, - and _`
    })
  }
  const key = yield* Effect.mapError(Aead.key(Aead.aes256Gcm, bytes.success), failed)
  const labelled = utf8.encode(`effect-app-services token records ${Base64.encode(bytes.success)}`)
  const hash = yield* digest.digest(Digest.sha256, labelled)
  return { id, key, fingerprint: Base64Url.encode(hash.subarray(0, 9)) }
})

const unencrypted = () =>
  new TokenStoreError({
    message: "a record is not encrypted: set allowUnencrypted to read it, and to encrypt it when it is next written"
  })

const changedKey = (id: string) =>
  new TokenStoreError({
    message: `a record is encrypted with another key under the id "${id}": add that key behind the current one, under its own id`
  })

const unknownKey = (id: string) =>
  new TokenStoreError({
    message: `a record is encrypted with the unknown key "${id}": add that key behind the current one`
  })

const failed = (cause: TokenStoreError | { readonly _tag: string }): TokenStoreError =>
  cause instanceof TokenStoreError ? cause : new TokenStoreError({ message: "encryption failed", cause })
