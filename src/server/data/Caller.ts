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
  /** The headers of a request to an endpoint, by their names in lower case. Other calls do not have them. */
  readonly requestHeaders?: Readonly<Record<string, ReadonlyArray<string>>> | undefined
  /** The route of the endpoint that is called, with a slash in front. */
  readonly webhookUrl?: string | undefined
  /** The service of the incoming webhook that is called, and its name. */
  readonly service?: string | undefined
  readonly action?: string | undefined
}
