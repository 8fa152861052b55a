/**
 * Session tokens: JSON Web Tokens signed with HS256 and a key of the application, whose id is in the header.
 *
 * The claims name the application, and the signature proves it. A token of another application or type is therefore
 * invalid.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Mac from "effect/crypto/Mac"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Base64Url from "effect/encoding/Base64Url"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Schema from "effect/Schema"
import * as Lru from "../../core/lru.ts"
import { RefreshTokenClaims } from "../../protocol/internal/refreshToken.ts"
import { AccessTokenClaims } from "../../protocol/internal/token.ts"
import { Apps, type HostedApp } from "../model/Apps.ts"
import * as Digest from "./Digest.ts"
import { isCompact } from "./internal/compactToken.ts"
import { SigningKeys } from "./SigningKeys.ts"
import type { Session } from "./UserStore.ts"

/** Why a token is rejected. `type` and `expired` are used only for tokens with a valid signature. */
export class TokenRejected extends Schema.TaggedError<TokenRejected>("effect-app-services/server/users/TokenRejected")(
  "TokenRejected",
  { why: Schema.Literals(["malformed", "signature", "type", "expired"]) }
) {}

/** A verified token, with its application. */
export interface Verified<Claims> {
  readonly hosted: HostedApp
  readonly claims: Claims
}

const AccessClaims = AccessTokenClaims.mapFields((fields) => ({
  ...fields,
  sub: Schema.String,
  iss: Schema.String,
  typ: Schema.Literal("access")
}))

/** Claims of an access token of this server. */
export type AccessClaims = typeof AccessClaims.Type

/** The shape of {@link Tokens}. */
export interface Service {
  /** Issues an access token. `userData` is canonical Extended JSON; if it is undefined, the claim is absent. */
  readonly access: (hosted: HostedApp, session: Session, userData: unknown) => Effect.Effect<Redacted.Redacted>
  readonly refresh: (hosted: HostedApp, session: Session) => Effect.Effect<Redacted.Redacted>
  readonly verifyAccess: (token: Redacted.Redacted) => Effect.Effect<Verified<AccessClaims>, TokenRejected>
  readonly verifyRefresh: (token: Redacted.Redacted) => Effect.Effect<Verified<RefreshTokenClaims>, TokenRejected>
}

/** Issues and verifies tokens. */
export class Tokens extends Context.Service<Tokens, Service>()("effect-app-services/server/users/Tokens") {
  /** Builds the service. */
  static readonly make: Effect.Effect<Service, never, Apps | SigningKeys | Mac.Mac> = Effect.gen(function* () {
    const mac = yield* Mac.Mac
    const apps = yield* Apps
    const keys = yield* SigningKeys

    const sign = Effect.fnUntraced(function* (hosted: HostedApp, claims: object) {
      const { id: kid, key } = yield* keys.current(hosted)
      const header = Base64Url.encode(yield* Effect.orDie(toJson({ alg: "HS256", kid, typ: "JWT" })))
      const signed = `${header}.${Base64Url.encode(yield* Effect.orDie(toJson(claims)))}`
      const tag = yield* Effect.orDie(mac.sign(key, encoder.encode(signed)))
      return Redacted.make(`${signed}.${Base64Url.encode(tag)}`)
    })

    /** The content of a token whose signature is valid. */
    const prove = Effect.fnUntraced(function* (token: Redacted.Redacted, now: number) {
      const text = Redacted.value(token)
      if (!isCompact(text)) return yield* new TokenRejected({ why: "malformed" })
      const parts = text.split(".")
      const [head, payload, tag] = [readJson(parts[0]), readJson(parts[1]), readBytes(parts[2])]
      if (payload === undefined || tag === undefined) return yield* new TokenRejected({ why: "malformed" })
      const unverified = Option.getOrUndefined(decodeUnverified(payload))
      const hosted = unverified === undefined ? undefined : apps.byDomainId.get(unverified.baas_domain_id)
      // the header does not decide how the token is verified, but another algorithm in it makes the token invalid
      const header = Option.getOrUndefined(decodeHeader(head))
      if (hosted === undefined || unverified === undefined || header === undefined) {
        return yield* new TokenRejected({ why: "signature" })
      }
      const { exp, typ } = unverified
      const claims = { access: decodeAccess(payload), refresh: decodeRefresh(payload) }
      const proof: Proof = { hosted, kid: header.kid, typ, exp, ...claims }
      const key = yield* keyOf(proof, now)
      if (key === undefined) return yield* new TokenRejected({ why: "signature" })
      const valid = yield* Effect.orDie(mac.verify(key.key, tag, encoder.encode(`${parts[0]}.${parts[1]}`)))
      return valid ? proof : yield* new TokenRejected({ why: "signature" })
    })

    // the type is taken from the claims to find the key, which then verifies them
    const keyOf = ({ hosted, kid, typ }: Proof, now: number) =>
      keys.find(hosted, kid, typ === "refresh" ? "refresh" : "access", now)

    /**
     * Cache of verified tokens by digest, since a client sends one token many times. It contains nothing that depends
     * on the time.
     */
    const proofs = new Map<string, Proof>()

    const verify = <Claims>(
      token: Redacted.Redacted,
      type: "access" | "refresh",
      claimsOf: (proof: Proof) => Option.Option<Claims>
    ): Effect.Effect<Verified<Claims>, TokenRejected> => {
      const digest = Digest.of(token)
      return Clock.clockWith((clock) => {
        const now = clock.currentTimeMillisUnsafe()
        const accept = (proof: Proof): Effect.Effect<Verified<Claims>, TokenRejected> => {
          if (proof.typ !== type) return Effect.fail(new TokenRejected({ why: "type" }))
          if (proof.exp * 1000 <= now) return Effect.fail(new TokenRejected({ why: "expired" }))
          const claims = Option.getOrUndefined(claimsOf(proof))
          return claims === undefined
            ? Effect.fail(new TokenRejected({ why: "malformed" }))
            : // the application may have been replaced since the token was verified
              Effect.succeed({ hosted: apps.byDomainId.get(proof.hosted.domainId) ?? proof.hosted, claims })
        }
        const known = proofs.get(digest)
        if (known !== undefined) {
          Lru.put(proofs, digest, known, mostProofs)
          // the key may have been revoked since
          return Effect.flatMapEager(keyOf(known, now), (key) =>
            key === undefined ? Effect.fail(new TokenRejected({ why: "signature" })) : accept(known)
          )
        }
        return Effect.flatMap(prove(token, now), (proof) => {
          Lru.put(proofs, digest, proof, mostProofs)
          return accept(proof)
        })
      })
    }

    return Tokens.of({
      access: Effect.fn("Tokens.access")(function* (hosted: HostedApp, session: Session, userData: unknown) {
        const iat = Math.floor((yield* Clock.currentTimeMillis) / 1000)
        return yield* sign(hosted, {
          ...device(session),
          ...domain(hosted),
          sub: session.userId,
          iat,
          exp: iat + Math.floor(Duration.toSeconds(hosted.app.tokens.accessTokenLifetime)),
          iss: session.id,
          typ: "access",
          ...(userData === undefined ? undefined : { user_data: userData })
        })
      }),
      refresh: Effect.fn("Tokens.refresh")(function* (hosted: HostedApp, session: Session) {
        const { id, providerId, providerType } = session.identity
        const identity = { id, provider_type: providerType, provider_id: providerId }
        return yield* sign(hosted, {
          baas_data: null,
          ...device(session),
          ...domain(hosted),
          baas_id: session.id,
          baas_identity: identity,
          sub: session.userId,
          iat: Math.floor(session.createdAt / 1000),
          exp: Math.floor(session.expiresAt / 1000),
          stitch_data: null,
          stitch_id: session.id,
          stitch_ident: identity,
          typ: "refresh"
        })
      }),
      verifyAccess: (token) => verify(token, "access", ({ access }) => access),
      verifyRefresh: (token) => verify(token, "refresh", ({ refresh }) => refresh)
    })
  })

  static readonly layer: Layer.Layer<Tokens, never, Apps | SigningKeys | Mac.Mac> = Layer.effect(Tokens, Tokens.make)
}

const toJson = Schema.encodeEffect(Schema.fromJsonString(Schema.Unknown))
const encoder = new TextEncoder()
const decoder = new TextDecoder("utf-8", { fatal: true })

const Header = Schema.Struct({ alg: Schema.Literal("HS256"), kid: Schema.String })
const Unverified = Schema.Struct({ baas_domain_id: Schema.String, typ: Schema.String, exp: Schema.Int })
const decodeHeader = Schema.decodeUnknownOption(Header)
const decodeUnverified = Schema.decodeUnknownOption(Unverified)
const decodeAccess = Schema.decodeUnknownOption(AccessClaims)
const decodeRefresh = Schema.decodeUnknownOption(RefreshTokenClaims)

/** The cached result of verifying a signature. Expiry and the validity of the key are checked each time. */
interface Proof {
  readonly hosted: HostedApp
  readonly kid: string
  readonly typ: string
  readonly exp: number
  readonly access: Option.Option<AccessClaims>
  readonly refresh: Option.Option<RefreshTokenClaims>
}

/** The capacity of the cache, some 10 MB. */
const mostProofs = 10_000

const device = ({ deviceId }: Session) => ({ baas_device_id: deviceId, stitch_devId: deviceId })
const domain = ({ domainId }: HostedApp) => ({ baas_domain_id: domainId, stitch_domainId: domainId })

const readBytes = (text: string | undefined): Uint8Array | undefined =>
  text === undefined ? undefined : Result.getOrElse(Base64Url.decode(text), () => undefined)

const readJson = (text: string | undefined): unknown => {
  const bytes = readBytes(text)
  if (bytes === undefined) return undefined
  try {
    return JSON.parse(decoder.decode(bytes))
  } catch {
    return undefined
  }
}
