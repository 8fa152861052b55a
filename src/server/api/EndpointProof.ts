/** What a request to an endpoint proves before anything runs: a secret in its query, or a signature of its body. */
import * as Effect from "effect/Effect"
import type * as HttpServerRequest from "effect/http/HttpServerRequest"
import * as Redacted from "effect/Redacted"
import { createHash, createHmac, timingSafeEqual } from "node:crypto"
import { body, Unauthorized } from "../model/ApiErrors.ts"
import type { Endpoint } from "../model/Endpoint.ts"

/** Compares without telling by its time how much is the same; digests have one length. */
const isSame = (a: string, b: string): boolean =>
  timingSafeEqual(createHash("sha256").update(a).digest(), createHash("sha256").update(b).digest())

/** Headers that may hold a signature, and what is in front of it. An old page of the manual had a second colon. */
const signatures = {
  Signature: [
    ["endpoint-signature", "sha256"],
    ["x-hook-signature", "sha256"]
  ],
  GitHub: [
    ["x-hub-signature-256", "sha256"],
    ["x-hub-signature", "sha1"]
  ]
} as const

const isSigned = (
  kind: keyof typeof signatures,
  secret: Redacted.Redacted,
  { headers }: HttpServerRequest.HttpServerRequest,
  bytes: Uint8Array
): boolean => {
  for (const [name, algorithm] of signatures[kind]) {
    const header = headers[name]
    if (header === undefined) continue
    const signature = new RegExp(`^:?${algorithm}=([\\da-f]+)$`, "i").exec(header.trim())?.[1] ?? ""
    const right = createHmac(algorithm, Redacted.value(secret)).update(bytes).digest("hex")
    return isSame(signature.toLowerCase(), right)
  }
  return false
}

const refusal = new Unauthorized(
  body("the request does not have the secret, or the signature, that this route needs", "IncomingWebhookAuthFailed")
)

/** Fails with 401 where a request does not prove what its endpoint asks for. */
export const check = (
  { validation }: Pick<Endpoint, "validation">,
  request: HttpServerRequest.HttpServerRequest,
  query: URLSearchParams,
  bytes: Uint8Array
): Effect.Effect<void, Unauthorized> => {
  if (validation._tag === "None") return Effect.void
  const { secret } = validation
  const proven =
    secret !== undefined &&
    (validation._tag === "Secret"
      ? isSame(query.get("secret") ?? "", Redacted.value(secret))
      : isSigned(validation._tag, secret, request, bytes))
  return proven ? Effect.void : Effect.fail(refusal)
}
