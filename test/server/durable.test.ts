import { assert, describe, it } from "@effect/vitest"
import { Effect, Logger, Redacted, type Scope } from "effect"
import type { HttpClient } from "effect/http"
import { TestClock } from "effect/testing"
import { Admin, App, type AppServicesServer, Inbox } from "effect-app-services/server"
import { renameSync } from "node:fs"
import { join } from "node:path"
import {
  anonymous,
  ask,
  callFunction,
  directory,
  emailPassword,
  loginPath,
  path,
  register,
  root,
  withApps
} from "./support.ts"

const app = App.make({
  id: "my-app",
  providers: {
    anonymous: true,
    apiKey: true,
    customFunction: ({ name }: { readonly name: string }) => ({ id: name, name }),
    emailPassword: {
      autoConfirm: false,
      emailConfirmationUrl: "https://x.test/c",
      resetPasswordUrl: "https://x.test/r"
    }
  },
  functions: { whoami: (_: unknown) => "somebody" }
})
const other = App.make({ id: "other-app", providers: { anonymous: true } })

type InServer = HttpClient.HttpClient | AppServicesServer.Services | Scope.Scope

/** One life of a server on a directory. */
const serving = <A, E>(dataDirectory: string, use: Effect.Effect<A, E, InServer>) =>
  Effect.scoped(use).pipe(withApps([app, other], { dataDirectory }))

const refresh = (token: string) => ask("POST", `${root}/auth/session`, { token })
const lastMail = Effect.gen(function* () {
  const messages = yield* (yield* Inbox.Inbox).messages()
  const { token, tokenId } = messages.at(-1)!
  return { token: Redacted.value(token), tokenId }
})
const confirm = (body: object) => ask("POST", path("my-app", "auth/providers/local-userpass/confirm"), { body })

describe("a server with a data directory", () => {
  it.effect("has its e-mails after a restart, with what became of them", () =>
    Effect.gen(function* () {
      const data = yield* directory({})
      yield* serving(
        data,
        Effect.gen(function* () {
          const { messages, record } = yield* Inbox.Inbox
          yield* register("a@b.c", "correct horse")
          yield* register("d@e.f", "correct horse")
          const [first] = yield* messages()
          yield* record(first.tokenId, { state: "failed", attempts: 2, error: "550 unknown" })
        })
      )
      yield* serving(
        data,
        Effect.gen(function* () {
          const messages = yield* (yield* Inbox.Inbox).messages()
          assert.deepStrictEqual(
            messages.map(({ delivery, to }) => [to, delivery]),
            [
              ["a@b.c", { state: "failed", attempts: 2, error: "550 unknown" }],
              ["d@e.f", undefined]
            ]
          )
          assert.strictEqual((yield* confirm(yield* lastMail)).status, 204)
        })
      )
    })
  )

  it.effect("has its users, sessions, keys and mailed tokens after a restart", () =>
    Effect.gen(function* () {
      const data = yield* directory({})
      const [mail, guest, key, function_] = yield* serving(
        data,
        Effect.gen(function* () {
          yield* register("a@b.c", "correct horse")
          const guest = yield* anonymous()
          const key = yield* ask("POST", `${root}/auth/api_keys`, {
            token: guest["refresh_token"],
            body: { name: "ci" }
          })
          const function_ = yield* ask("POST", loginPath("my-app", "custom-function"), { body: { name: "Ada" } })
          return [yield* lastMail, guest, key.body, function_.body] as const
        })
      )
      yield* TestClock.adjust("29 minutes")
      const userId = yield* serving(
        data,
        Effect.gen(function* () {
          assert.strictEqual((yield* emailPassword("a@b.c", "correct horse")).status, 401)
          assert.strictEqual((yield* confirm(mail)).status, 204)
          assert.strictEqual((yield* confirm(mail)).status, 400)
          assert.strictEqual((yield* refresh(guest["refresh_token"])).status, 201)
          assert.strictEqual((yield* callFunction(guest["access_token"], "whoami")).status, 200)
          const byKey = yield* ask("POST", loginPath("my-app", "api-key"), { body: { key: key["key"] } })
          assert.strictEqual(byKey.body["user_id"], guest["user_id"])
          const again = yield* ask("POST", loginPath("my-app", "custom-function"), { body: { name: "Ada" } })
          assert.strictEqual(again.body["user_id"], function_["user_id"])
          yield* (yield* Admin.Admin).disableUser("my-app", function_["user_id"])
          return (yield* emailPassword("a@b.c", "correct horse")).body["user_id"]
        })
      )
      yield* serving(
        data,
        Effect.gen(function* () {
          assert.strictEqual((yield* emailPassword("a@b.c", "correct horse")).body["user_id"], userId)
          assert.strictEqual((yield* refresh(function_["refresh_token"])).status, 401)
          const users = yield* (yield* Admin.Admin).users("my-app")
          assert.deepStrictEqual(
            users.map(({ disabled, id }) => [id, disabled]),
            [
              [guest["user_id"], false],
              [function_["user_id"], true],
              [userId, false]
            ]
          )
          assert.deepStrictEqual(yield* (yield* Admin.Admin).users("other-app"), [])
        })
      )
    })
  )

  it.effect("ends sessions and mailed tokens when the clock of its callers says so", () =>
    Effect.gen(function* () {
      const data = yield* directory({})
      const [mail, session] = yield* serving(
        data,
        Effect.gen(function* () {
          yield* register("a@b.c", "correct horse")
          const { body } = yield* ask("POST", loginPath("my-app", "custom-function"), { body: { name: "Ada" } })
          return [yield* lastMail, body] as const
        })
      )
      yield* TestClock.adjust("30 minutes")
      assert.strictEqual((yield* serving(data, confirm(mail))).status, 400)
      yield* TestClock.adjust("59 days")
      assert.strictEqual((yield* serving(data, refresh(session["refresh_token"]))).status, 201)
      yield* TestClock.adjust("1 day")
      assert.strictEqual((yield* serving(data, refresh(session["refresh_token"]))).status, 401)
    })
  )

  it.effect("answers 500 while it cannot write, does nothing of it, and goes on when it can", () => {
    const logged: Array<string> = []
    const logger = Logger.make(({ cause, message }) => void logged.push(`${String(message)} ${JSON.stringify(cause)}`))
    return Effect.gen(function* () {
      const data = yield* directory({})
      const file = join(data, "data.sqlite")
      yield* serving(
        data,
        Effect.gen(function* () {
          const guest = yield* anonymous()
          renameSync(file, `${file}.away`)
          for (const answer of [
            yield* register("a@b.c", "correct horse"),
            yield* ask("POST", `${root}/auth/api_keys`, { token: guest["refresh_token"], body: { name: "ci" } }),
            yield* ask("POST", loginPath("my-app", "anon-user")),
            yield* ask("DELETE", `${root}/auth/session`, { token: guest["refresh_token"] })
          ]) {
            assert.strictEqual(answer.status, 500)
            assert.deepStrictEqual(answer.body, {
              error: "the server cannot write changes at the moment: nothing was changed",
              error_code: "InternalServerError"
            })
          }
          assert.strictEqual(logged.filter((line) => line.startsWith("a change could not be written")).length, 4)
          assert.include(logged.join(), "was removed")
          assert.notInclude(logged.join(), "correct horse")
          // what only reads goes on
          assert.strictEqual((yield* refresh(guest["refresh_token"])).status, 201)
          renameSync(`${file}.away`, file)
          const keys = yield* ask("GET", `${root}/auth/api_keys`, { token: guest["refresh_token"] })
          assert.strictEqual(keys.text, "[]")
          assert.strictEqual((yield* register("a@b.c", "correct horse")).status, 201)
          assert.strictEqual((yield* (yield* Admin.Admin).users("my-app")).length, 1)
        })
      )
    }).pipe(Effect.provide(Logger.layer([logger])))
  })

  it.effect("is the only one, and says so", () =>
    Effect.gen(function* () {
      const data = yield* directory({})
      const exit = yield* serving(data, Effect.exit(serving(data, Effect.void)))
      assert.include(JSON.stringify(exit), "is in use by process")
      yield* serving(data, Effect.void)
    })
  )
})
