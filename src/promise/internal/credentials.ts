import * as Redacted from "effect/Redacted"
import type * as Internal from "../../client/Credentials.ts"
import { leavesOf } from "../../client/internal/leaves.ts"
import type { Login } from "../../web/internal/oauthFlow.ts"
import type { Credentials } from "../Credentials.ts"

/**
 * What the services of the SDK take. Any value may be a secret, apart from an e-mail address.
 *
 * @internal
 */
export const toInternal = ({ payload, providerType, reuse }: Credentials): Internal.Credentials => ({
  providerType,
  payload: Redacted.make(payload),
  secrets: leavesOf(providerType === "local-userpass" ? payload["password"] : payload),
  reuse
})

/**
 * The login in a window that the credentials ask for.
 *
 * @internal
 */
export const redirectOf = ({ payload: { redirectUrl }, providerType }: Credentials): Login | undefined =>
  providerType.startsWith("oauth2") && typeof redirectUrl === "string"
    ? { provider: providerType, redirectUrl }
    : undefined
