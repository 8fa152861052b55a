/** Logins by redirect in MongoDB, so that any server can finish what another one began. */
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import type { PendingService } from "../../../users/RedirectLogins.ts"
import { dateOf, stringOf, textOf } from "./documents.ts"
import { ask, type Place } from "./place.ts"

/** Creates the storage. */
export const make = (place: Place): PendingService => ({
  put: (_id, { appId, browser, callback, deviceId, expiresAt, link, nonce, provider, redirect, state, verifier }) =>
    Effect.asVoid(
      ask(() =>
        place.in("redirectLogins").insertOne({
          _id,
          app: appId,
          provider,
          redirect,
          state: textOf(state),
          deviceId: deviceId === undefined ? undefined : textOf(deviceId),
          link,
          callback: textOf(callback),
          nonce: Redacted.value(nonce),
          verifier: Redacted.value(verifier),
          browser,
          expiresAt: dateOf(expiresAt)
        })
      )
    ),
  take: (_id) =>
    Effect.map(
      ask(() => place.in("redirectLogins").findOneAndDelete({ _id })),
      (found) =>
        found === null
          ? undefined
          : {
              appId: found.app,
              provider: found.provider,
              redirect: found.redirect,
              state: stringOf(found.state),
              deviceId: found.deviceId === undefined ? undefined : stringOf(found.deviceId),
              link: found.link,
              callback: stringOf(found.callback),
              nonce: Redacted.make(found.nonce),
              verifier: Redacted.make(found.verifier),
              browser: found.browser,
              expiresAt: found.expiresAt.getTime()
            }
    )
})
