import { assert, describe, it } from "@effect/vitest"
import { ObjectId } from "bson"
import { Cause, Effect, Exit, Layer, Redacted } from "effect"
import { AppServices, AuthApi, Credentials, EmailPasswordApi } from "effect-app-services"
import { App, AppServicesServer } from "effect-app-services/server"
import { Recording } from "effect-app-services/testing"

const app = App.make({
  id: "my-app",
  providers: { emailPassword: true, apiKey: true },
  customUserData: () => ({ account: '4711 "main"' }),
  functions: {
    balance: (account: string) => account.length,
    sum: (a: number, b: number) => a + b,
    owner: () => ({ _id: new ObjectId("64b7a1f2c3d4e5f6a7b8c9d0"), mail: "bob@corp.test", pin: "hunter2" })
  }
})
const account = { email: "ada@corp.test", password: Redacted.make("correct horse battery") }

const secrets = ["hunter2", '4711 "main"', "4711"]

/** A pipeline as a user would record it. */
const program = Effect.gen(function* () {
  const auth = yield* AuthApi
  yield* EmailPasswordApi.use((api) => api.registerUser(account))
  const user = yield* auth.logIn(Credentials.emailPassword(account))
  const key = yield* user.apiKeys.create("ci")
  return {
    user: String(user.id),
    email: (yield* user.profile).email,
    sums: [yield* user.functions.sum(1, 2), yield* user.functions.sum(20, 22)],
    owner: yield* user.functions.owner(),
    balance: yield* user.functions.balance(secrets[1]),
    account: (yield* user.customData)["account"],
    key: key.name
  }
})
const options = { appId: "my-app", baseUrl: "http://in-process.test" }
const Live = AppServices.layer({ ...options, transformClient: Recording.watch }).pipe(
  Layer.provide(AppServicesServer.layerHttpClient(app, { passwordHashing: "testing" }))
)
const recorded = Recording.record(Effect.provide(program, Live), { secrets })
const Replayed = (recording: Recording.Recording) =>
  AppServices.layer(options).pipe(Layer.provide(Recording.layer(recording, { secrets })))

describe("a recording", () => {
  it.effect("is replayed without a host, through a file's text", () =>
    Effect.gen(function* () {
      const [live, recording] = yield* recorded
      const text = Recording.stringify(recording)
      const replayed = yield* Effect.provide(program, Replayed(Recording.parse(text)))
      assert.deepStrictEqual(replayed.sums, live.sums)
      assert.strictEqual(replayed.key, "ci")
      assert.strictEqual(live.account, secrets[1])
      assert.strictEqual(replayed.account, "recorded")
      assert.strictEqual(replayed.balance, live.balance)
      assert.strictEqual(replayed.email, "person-1@example.com")
      assert.match(replayed.user, /^0{20}/)
      assert.notStrictEqual(replayed.user, live.user)
    })
  )

  it.effect("holds no secret, no address and no id of the host's", () =>
    Effect.gen(function* () {
      const [live, recording] = yield* recorded
      const text = Recording.stringify(recording)
      const tokens = Array.from(text.matchAll(/eyJ[\w-]+\.[\w-]+\.[\w-]*/g), ([token]) => token)
      assert.isAbove(tokens.length, 0)
      for (const token of tokens) assert.match(token, /\.recorded$/)
      const claims = tokens.map((token) => Buffer.from(token.split(".")[1] ?? "", "base64url").toString())
      for (const secret of ["correct horse", "hunter2", "4711", "corp.test", live.user, "64b7a1f2c3d4e5f6a7b8c9d0"]) {
        for (const place of [text, ...claims]) assert.notInclude(place, secret)
      }
    })
  )

  it.effect("keeps what belongs together: the id of the login is the one in its token and its profile", () =>
    Effect.gen(function* () {
      const [, { exchanges }] = yield* recorded
      const login = exchanges.find(({ request }) => request.path.endsWith("/login"))
      const answer = JSON.parse(login?.response.body ?? "")
      const claims = JSON.parse(Buffer.from(answer.access_token.split(".")[1], "base64url").toString())
      assert.strictEqual(claims.sub, answer.user_id)
    })
  )

  it.effect("says what is not in it, and what is left of it", () =>
    Effect.gen(function* () {
      const [, recording] = yield* recorded
      const exit = yield* Effect.exit(
        Effect.gen(function* () {
          yield* EmailPasswordApi.use((api) => api.registerUser(account))
          const user = yield* AuthApi.use((auth) => auth.logIn(Credentials.emailPassword(account)))
          yield* user.functions.sum(1, 2)
          return yield* user.functions.sum(1, 2)
        }).pipe(Effect.provide(Replayed(recording)))
      )
      assert.isTrue(Exit.isFailure(exit))
      const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.instanceOf(defect, Recording.NotRecorded)
      assert.match(
        defect.message,
        /^POST \/api\/client\/v2\.0\/app\/my-app\/functions\/call is not recorded with these arguments, or less often: .*Not replayed yet: POST .*api_keys/
      )
    })
  )

  it("of another kind of text is refused", () => {
    assert.throws(() => Recording.parse("{}"))
  })
})
