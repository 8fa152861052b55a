/**
 * Routes of an application that run one of its functions: HTTPS endpoints, and the incoming webhooks that came before
 * them.
 */
import type * as Redacted from "effect/Redacted"
import type { AppFunction } from "./AppFunction.ts"

/**
 * The methods that a route may name; `"*"` answers requests of any method that no other endpoint of the route names.
 */
export const methods = ["GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "*"] as const

/**
 * What a request has to prove before anything runs. A secret that the operator did not supply refuses every request.
 *
 * - `Secret`: the query has the secret as `secret`.
 * - `Signature`: the header `Endpoint-Signature`, or `X-Hook-Signature`, is `sha256=` and the HMAC-SHA-256 of the body in
 *   hexadecimal digits.
 * - `GitHub`: as GitHub signs its deliveries, in the header `X-Hub-Signature-256` or `X-Hub-Signature`.
 */
export type Validation =
  | { readonly _tag: "None" }
  | { readonly _tag: "Secret" | "Signature" | "GitHub"; readonly secret: Redacted.Redacted | undefined }

/** An endpoint. */
export interface Endpoint {
  readonly kind: "Endpoint" | "Webhook"
  /** The path below `/endpoint/`, without the slash in front; of a webhook, `SERVICE/NAME`. */
  readonly route: string
  readonly method: (typeof methods)[number]
  readonly fn: AppFunction
  readonly validation: Validation
  /** Whether the result of the function is the body of the response, where the function set none. */
  readonly respondsWithResult: boolean
  /** The form of the result, where the request does not accept the other one only. */
  readonly returnType: "JSON" | "EJSON"
  /** Whether `context.user.custom_data` is read. */
  readonly fetchesCustomData: boolean
  /** Whether credentials of a user who never logged in make a user. */
  readonly createsUsers: boolean
  /** The first argument of the function: the request, or the values that its body holds as JSON or as a form. */
  readonly argument: "Request" | "Json" | "Form"
}
