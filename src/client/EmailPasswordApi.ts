/**
 * Accounts with e-mail and password: everything that needs no logged-in user.
 *
 * @since 0.1.0
 */
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { RegisterPayload } from "../protocol/Provider.ts"
import { path, routes } from "../protocol/Routes.ts"
import type { AppServicesError } from "./AppServicesError.ts"
import type { Secret } from "./Credentials.ts"
import { ProtocolClient } from "./ProtocolClient.ts"

const encodeRegistration = Schema.encodeEffect(Schema.fromJsonString(RegisterPayload))

/**
 * @category services
 * @since 0.1.0
 */
export class EmailPasswordApi extends Context.Service<
  EmailPasswordApi,
  {
    /**
     * Registers an account. Passwords have 6 to 128 characters. Where the application confirms e-mails, the account cannot
     * log in before that has happened.
     */
    registerUser(account: { readonly email: string; readonly password: Secret }): Effect.Effect<void, AppServicesError>
  }
>()("effect-app-services/client/EmailPasswordApi") {
  static readonly layer: Layer.Layer<EmailPasswordApi, never, ProtocolClient> = Layer.effect(
    this,
    Effect.gen(function* () {
      const client = yield* ProtocolClient
      return {
        registerUser: Effect.fn("EmailPasswordApi.registerUser")(function* ({ email, password }) {
          const secret = typeof password === "string" ? Redacted.make(password) : password
          yield* client.execute({
            operation: { name: "EmailPasswordApi.registerUser", kind: "general" },
            method: "POST",
            path: path(routes.register, { appId: client.appId }),
            body: Redacted.make(yield* Effect.orDie(encodeRegistration({ email, password: secret }))),
            secrets: [secret]
          })
        })
      }
    })
  )
}
