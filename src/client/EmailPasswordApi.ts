/**
 * Accounts with e-mail and password: everything that needs no logged-in user.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import * as Ejson from "../protocol/Ejson.ts"
import { path, routes } from "../protocol/Routes.ts"
import { AppServicesError, InvalidArguments } from "./AppServicesError.ts"
import { redacted } from "./Credentials.ts"
import type { Secret } from "./Credentials.ts"
import { leavesOf } from "./internal/leaves.ts"
import { ProtocolClient } from "./ProtocolClient.ts"

/**
 * What a link in a confirmation or reset e-mail carries.
 *
 * @category models
 * @since 0.1.0
 */
export interface EmailToken {
  readonly token: Secret
  readonly tokenId: string
}

/**
 * @category services
 * @since 0.1.0
 */
export class EmailPasswordApi extends Context.Service<
  EmailPasswordApi,
  {
    /**
     * Registers an account. Passwords have 6 to 128 characters. Where the application confirms e-mails, the account
     * cannot log in before that has happened. Fails with `AccountNameInUse`.
     */
    registerUser(account: { readonly email: string; readonly password: Secret }): Effect.Effect<void, AppServicesError>
    /** Confirms an e-mail with what the link in the confirmation e-mail carries; it is good for 30 minutes. */
    confirmUser(link: EmailToken): Effect.Effect<void, AppServicesError>
    /** Sends the confirmation e-mail again. Fails with `UserNotFound`. */
    resendConfirmationEmail(account: { readonly email: string }): Effect.Effect<void, AppServicesError>
    /** Runs the application's confirmation function again. Fails with `UserNotFound`. */
    retryCustomConfirmation(account: { readonly email: string }): Effect.Effect<void, AppServicesError>
    /** Sends an e-mail with a link to choose a new password. */
    sendResetPasswordEmail(account: { readonly email: string }): Effect.Effect<void, AppServicesError>
    /** Sets a new password with what the link in the reset e-mail carries; it is good for 30 minutes. */
    resetPassword(link: EmailToken & { readonly password: Secret }): Effect.Effect<void, AppServicesError>
    /**
     * Asks the application's reset function for a new password, with arguments of its own. Whether the password is set at
     * once, later or not at all is up to the function.
     */
    callResetPasswordFunction(
      account: { readonly email: string; readonly password: Secret },
      ...args: ReadonlyArray<unknown>
    ): Effect.Effect<void, AppServicesError>
  }
>()("effect-app-services/client/EmailPasswordApi") {
  static readonly layer: Layer.Layer<EmailPasswordApi, never, ProtocolClient> = Layer.effect(
    this,
    Effect.gen(function* () {
      const client = yield* ProtocolClient

      const send = (
        name: string,
        route: EmailPasswordRoute,
        fields: Readonly<Record<string, unknown>>,
        secrets: Readonly<Record<string, Secret>> = {}
      ) =>
        Effect.gen(function* () {
          const hidden = Object.entries(secrets).map(([field, secret]) => [field, redacted(secret)] as const)
          const revealed = hidden.map(([field, secret]) => [field, Redacted.value(secret)] as const)
          const body = Ejson.stringify({ ...fields, ...Object.fromEntries(revealed) })
          if (Result.isFailure(body)) {
            const reason = new InvalidArguments({ problem: body.failure.message })
            return yield* new AppServicesError({ operation: name, reason })
          }
          yield* client.execute({
            operation: { name, kind: "general" },
            method: "POST",
            path: path(routes[route], { appId: client.appId }),
            body: Redacted.make(body.success),
            secrets: [...hidden.map(([, secret]) => secret), ...leavesOf(fields["arguments"])]
          })
        }).pipe(Effect.withSpan(name))

      return {
        registerUser: ({ email, password }) =>
          send("EmailPasswordApi.registerUser", "register", { email }, { password }),
        confirmUser: ({ token, tokenId }) => send("EmailPasswordApi.confirmUser", "confirm", { tokenId }, { token }),
        resendConfirmationEmail: ({ email }) =>
          send("EmailPasswordApi.resendConfirmationEmail", "confirmSend", { email }),
        retryCustomConfirmation: ({ email }) =>
          send("EmailPasswordApi.retryCustomConfirmation", "confirmCall", { email }),
        sendResetPasswordEmail: ({ email }) => send("EmailPasswordApi.sendResetPasswordEmail", "resetSend", { email }),
        resetPassword: ({ password, token, tokenId }) =>
          send("EmailPasswordApi.resetPassword", "reset", { tokenId }, { token, password }),
        callResetPasswordFunction: ({ email, password }, ...args) =>
          send("EmailPasswordApi.callResetPasswordFunction", "resetCall", { email, arguments: args }, { password })
      }
    })
  )
}

type EmailPasswordRoute = "register" | "confirm" | "confirmSend" | "confirmCall" | "reset" | "resetSend" | "resetCall"
