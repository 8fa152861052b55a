/**
 * The caller of a function or of the database, which rules decide by, and the caller's request.
 *
 * @since 0.1.0
 */

/**
 * The caller: a user of the application, or the system where the server itself makes the call (an authentication function,
 * a user creation function).
 *
 * @category models
 * @since 0.1.0
 */
export interface FunctionUser {
  /** Empty for the system. */
  readonly id: string
  /** `"normal"` for users who log in. */
  readonly type: "normal" | "server" | "system"
  /** The profile data of the user's identities. */
  readonly data: Readonly<Record<string, unknown>>
  /** The custom user data that the access token carries. */
  readonly customData: Readonly<Record<string, unknown>>
  /** The providers that the user can log in with. */
  readonly identities: ReadonlyArray<{ readonly id: string; readonly providerType: string }>
}

/**
 * The HTTP request behind a call, as functions read it from `context.request`.
 *
 * @category models
 * @since 0.1.0
 */
export interface FunctionRequest {
  /** The client's address: behind a trusted proxy, the one that the proxy names. */
  readonly remoteIPAddress: string | undefined
  readonly httpMethod: string
  readonly httpUserAgent: string | undefined
  readonly httpReferrer: string | undefined
  /** The query of the URL, without the question mark. */
  readonly rawQueryString: string
  /** The headers of a request to an endpoint, by their names in lower case. Other calls do not have them. */
  readonly requestHeaders?: Readonly<Record<string, ReadonlyArray<string>>> | undefined
  /** A header of any request, by its name in lower case. For rules only: it is not enumerable. */
  readonly header?: ((name: string) => string | undefined) | undefined
  /** The route of the endpoint that is called, with a slash in front. */
  readonly webhookUrl?: string | undefined
  /** The service of the incoming webhook that is called, and its name. */
  readonly service?: string | undefined
  readonly action?: string | undefined
}
