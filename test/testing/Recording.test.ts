import { readFileSync } from "node:fs"
import { assert, describe, expectTypeOf, it } from "@effect/vitest"
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
interface Card {
  readonly owner: string
  readonly codes: ReadonlyArray<unknown>
}

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
        /^POST \/api\/client\/v2\.0\/app\/my-app\/functions\/call with these values is once in the recording, and was sent again\. .*Not replayed yet: POST .*api_keys/
      )
    })
  )

  it("rejects text of another format", () => {
    assert.throws(() => Recording.parse("{}"))
  })
})

describe("a recording of 0.1.0", () => {
  const file = readFileSync(new URL("fixtures/recording-0.1.0.json", import.meta.url), "utf8")
  const pin = "4321"
  const order = Effect.fnUntraced(function* (item: object) {
    const auth = yield* AuthApi
    const user = yield* auth.logIn(Credentials.function({ pin }))
    return yield* user.functions.quote(item)
  })
  const replay = (text: string, item: object) =>
    order(item).pipe(
      Effect.provide(AppServices.layer(options).pipe(Layer.provide(Recording.layer(Recording.parse(text)))))
    )
  const refusal = (text: string, item: object) =>
    Effect.map(Effect.exit(replay(text, item)), (exit) => {
      const defect = Exit.isFailure(exit) ? Cause.squash(exit.cause) : undefined
      assert.instanceOf(defect, Recording.NotRecorded)
      return defect.message
    })
  const changed = (from: string, to: string) => {
    assert.include(file, from)
    return file.replace(from, to)
  }
  const quoted = { item: "pen", total: 42 }

  it.effect("is replayed by this release, with the keys of arguments in any order", () =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* replay(file, { item: "pen", count: 2 }), quoted)
      assert.deepStrictEqual(yield* replay(file, { count: 2, item: "pen" }), quoted)
    })
  )

  it.effect.each([
    [String.raw`\"platformVersion\":\"24.21.0\"`, String.raw`\"platformVersion\":\"22.19.0\"`],
    [String.raw`\"sdkVersion\":\"0.1.0\"`, String.raw`\"sdkVersion\":\"7.0.0\"`],
    [String.raw`\"platform\":\"node\"`, String.raw`\"platform\":\"bun\",\"deviceId\":\"x\"`],
    [
      String.raw`{\"name\":\"quote\",\"arguments\":[{\"item\":\"pen\",\"count\":{\"$numberInt\":\"2\"}}]}`,
      String.raw`{ \"arguments\": [{\"count\":{\"$numberInt\":\"2\"},\"item\":\"pen\"}], \"name\": \"quote\" }`
    ]
  ] as const)("is replayed where it says %s as %s", ([from, to]) =>
    Effect.gen(function* () {
      assert.deepStrictEqual(yield* replay(changed(from, to), { item: "pen", count: 2 }), quoted)
    })
  )

  it.effect("names what differs, with what is expected", () =>
    Effect.gen(function* () {
      assert.match(
        yield* refusal(file, { item: "ink", count: 2, gift: true }),
        /functions\/call differs from the recorded request: body\.arguments\[0\]\.item: expected "pen", got "ink"; body\.arguments\[0\]\.gift: expected nothing, got true\. .*Not replayed yet: POST .*functions\/call$/
      )
      assert.match(
        yield* refusal(changed("/providers/custom-function/", "/providers/other/"), {}),
        /^POST .*\/custom-function\/login is not in the recording\. /
      )
      const other = yield* refusal(changed(String.raw`\"pin\":\"1234\"`, String.raw`\"code\":\"1234\"`), {})
      assert.include(other, 'body.code: expected "recorded", got nothing; body.pin: expected nothing, got "recorded"')
      for (const secret of [pin, "1234"]) assert.notInclude(other, secret)
    })
  )
})

it.effect("a recording holds nothing of what a custom function is sent for a login", () =>
  Effect.gen(function* () {
    const pins = App.make({ id: "my-app", providers: { customFunction: ({ card }: { card: Card }) => card.owner } })
    const [, recording] = yield* AuthApi.use((auth) =>
      auth.logIn(Credentials.function({ card: { owner: "ada", codes: ["k1ngfisher", 4711] } }))
    ).pipe(
      Effect.provide(
        AppServices.layer({ ...options, transformClient: Recording.watch }).pipe(
          Layer.provide(AppServicesServer.layerHttpClient(pins))
        )
      ),
      Recording.record
    )
    const login = recording.exchanges.find(({ request }) => request.path.endsWith("/login"))?.request.body ?? ""
    assert.deepStrictEqual(JSON.parse(login).card, {
      owner: "recorded",
      codes: ["recorded", { $numberInt: "recorded" }]
    })
    assert.notInclude(login, "k1ngfisher")
  })
)

it("the type of recording names what it yields", () => {
  const [program, recording] = [AuthApi.use((auth) => auth.currentUser), Recording.record]
  expectTypeOf(recording(program)).toEqualTypeOf<
    Effect.Effect<
      readonly [result: Effect.Success<typeof program>, recording: Recording.Recording],
      Effect.Error<typeof program>,
      AuthApi
    >
  >()
})
