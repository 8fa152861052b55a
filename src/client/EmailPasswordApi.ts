/**
 * Accounts with e-mail address and password: everything that needs no logged-in user.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Record from "effect/Record"
import { routes } from "../protocol/internal/routes.ts"
import type { AppServicesError } from "./AppServicesError.ts"
import { redacted } from "./Credentials.ts"
import type { Secret } from "./Credentials.ts"
import { leavesOf } from "./internal/leaves.ts"
import * as Requests from "./internal/requests.ts"
import { ProtocolClient } from "./ProtocolClient.ts"

/**
 * The parameters of the link in a confirmation or password reset e-mail: `token` and `tokenId` of its query.
 *
 * @category models
 * @since 0.1.0
 */
export interface EmailToken {
  readonly token: Secret
  readonly tokenId: string
}

/**
 * The shape of {@link EmailPasswordApi}. A refusal for a reason that is not named here is `RequestRejected`, whose `code` says
 * which, or `RateLimited`.
 *
 * @category models
 * @since 0.1.0
 */
export interface Service {
  /**
   * Registers an account. Passwords have 6 to 128 characters. Where the application confirms e-mail addresses, the account
   * cannot log in until it is confirmed. Fails with `AccountNameInUse`.
   */
  readonly registerUser: (account: {
    readonly email: string
    readonly password: Secret
  }) => Effect.Effect<void, AppServicesError>
  /** Confirms an e-mail address with the parameters of the link in the confirmation e-mail, which is valid for 30 minutes. */
  readonly confirmUser: (link: EmailToken) => Effect.Effect<void, AppServicesError>
  /** Sends the confirmation e-mail again. Fails with `UserNotFound`. */
  readonly resendConfirmationEmail: (account: { readonly email: string }) => Effect.Effect<void, AppServicesError>
  /** Runs the application's confirmation function again. Fails with `UserNotFound`. */
  readonly retryCustomConfirmation: (account: { readonly email: string }) => Effect.Effect<void, AppServicesError>
  /** Sends an e-mail with a link for choosing a new password. */
  readonly sendResetPasswordEmail: (account: { readonly email: string }) => Effect.Effect<void, AppServicesError>
  /** Sets a new password with the parameters of the link in the reset e-mail, which is valid for 30 minutes. */
  readonly resetPassword: (link: EmailToken & { readonly password: Secret }) => Effect.Effect<void, AppServicesError>
  /**
   * Calls the application's password reset function with arguments of your own. The function decides whether the password
   * is set at once, later or not at all. Every text and number in the arguments counts as a secret: errors show `<redacted>`
   * in its place.
   */
  readonly callResetPasswordFunction: (
    account: { readonly email: string; readonly password: Secret },
    ...args: ReadonlyArray<unknown>
  ) => Effect.Effect<void, AppServicesError>
}

/**
 * Registers, confirms and resets accounts with e-mail address and password.
 *
 * @example
 * ```ts
 * import { AuthApi, Credentials, EmailPasswordApi } from "effect-app-services"
 * import { Effect, Redacted } from "effect"
 *
 * const signUp = Effect.fn("signUp")(function*(email: string, password: Redacted.Redacted) {
 *   const accounts = yield* EmailPasswordApi
 *   yield* accounts.registerUser({ email, password })
 *   const auth = yield* AuthApi
 *   return yield* auth.logIn(Credentials.emailPassword({ email, password }))
 * })
 * ```
 *
 * @see `Credentials.emailPassword` for logging in, `User.linkCredentials` for adding an account to a user
 *
 * @category services
 * @since 0.1.0
 */
export class EmailPasswordApi extends Context.Service<EmailPasswordApi, Service>()(
  "effect-app-services/client/EmailPasswordApi"
) {
  /** Builds the service. */
  static readonly make: Effect.Effect<Service, never, ProtocolClient> = Effect.gen(function* () {
    const client = yield* ProtocolClient

    const post = (
      member: keyof Service,
      route: EmailPasswordRoute,
      body: Readonly<Record<string, unknown>>,
      secrets: Readonly<Record<string, Secret>> = {}
    ) =>
      Requests.send(client, {
        operation: { name: `EmailPasswordApi.${member}`, kind: "general" },
        method: "POST",
        route: routes[route],
        parameters: { appId: client.appId },
        body,
        secretFields: Record.map(secrets, redacted),
        secrets: leavesOf(body["arguments"]),
        decode: Requests.ignoreAnswer
      }).pipe(Effect.withSpan(`EmailPasswordApi.${member}`))

    return {
      registerUser: ({ email, password }) => post("registerUser", "register", { email }, { password }),
      confirmUser: ({ token, tokenId }) => post("confirmUser", "confirm", { tokenId }, { token }),
      resendConfirmationEmail: ({ email }) => post("resendConfirmationEmail", "confirmSend", { email }),
      retryCustomConfirmation: ({ email }) => post("retryCustomConfirmation", "confirmCall", { email }),
      sendResetPasswordEmail: ({ email }) => post("sendResetPasswordEmail", "resetSend", { email }),
      resetPassword: ({ password, token, tokenId }) => post("resetPassword", "reset", { tokenId }, { token, password }),
      callResetPasswordFunction: ({ email, password }, ...args) =>
        post("callResetPasswordFunction", "resetCall", { email, arguments: args }, { password })
    }
  })

  /** The service over the wire client. */
  static readonly layer: Layer.Layer<EmailPasswordApi, never, ProtocolClient> = Layer.effect(this, this.make)
}

type EmailPasswordRoute = "register" | "confirm" | "confirmSend" | "confirmCall" | "reset" | "resetSend" | "resetCall"
