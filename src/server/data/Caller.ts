/**
 * The caller that rules and functions decide by, and the caller's request.
 *
 * @since 0.1.0
 */

/**
 * Who calls: an application's user, or the system where the server itself calls (an authentication function, a user
 * creation function).
 *
 * @category models
 * @since 0.1.0
 */
export interface FunctionUser {
  readonly id: string
  readonly type: "normal" | "server" | "system"
  readonly data: Readonly<Record<string, unknown>>
  readonly customData: Readonly<Record<string, unknown>>
  readonly identities: ReadonlyArray<{ readonly id: string; readonly providerType: string }>
}

/**
 * The HTTP request behind a call.
 *
 * @category models
 * @since 0.1.0
 */
export interface FunctionRequest {
  readonly remoteIPAddress: string | undefined
  readonly httpMethod: string
  readonly httpUserAgent: string | undefined
  readonly httpReferrer: string | undefined
  readonly rawQueryString: string
}
