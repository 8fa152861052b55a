import { assert, describe, it } from "@effect/vitest"
import { Effect } from "effect"
import { Admin, App, FunctionError } from "effect-app-services/server"
import { anonymous, ask, inProcess, type Asked, root } from "../support.ts"

const apps = [
  App.make({
    id: "my-app",
    providers: { anonymous: true },
    functions: {
      sum: (a: number, b: number) => a + b,
      fails: () => Effect.fail(new FunctionError({ code: "FunctionExecutionError", message: "boom" })),
      hidden: { private: true, handler: () => 1 }
    },
    mongodb: { "mongodb-atlas": "open" }
  }),
  App.make({ id: "another-app", providers: { anonymous: true } })
]

const answerOf = (path: string, asked: Asked) =>
  Effect.map(ask("POST", `${root}/app/${path}`, asked), ({ headers, link, status, text }) => ({
    status,
    // each request has a link of its own
    text: link === undefined ? text : text.replace(link, "link"),
    type: headers["content-type"],
    origin: headers["access-control-allow-origin"]
  }))

/** The answer to a call in the form that clients send, which must be that to the same call in a form only the router knows. */
const answered = Effect.fnUntraced(function* (asked: Asked, appId = "my-app") {
  const straight = yield* answerOf(`${appId}/functions/call`, asked)
  assert.deepStrictEqual(straight, yield* answerOf(`${appId}//functions/call`, asked))
  return straight
})

const service = { service: "mongodb-atlas", name: "findOne" }

describe("a call is answered past the router as by the router", () => {
  it.effect("answers a successful call alike", () =>
    Effect.gen(function* () {
      const { access_token: token } = yield* anonymous()
      const sum = { token, body: { name: "sum", arguments: [20, { $numberInt: "22" }] } }
      assert.deepStrictEqual(yield* answered(sum), {
        status: 200,
        text: '{"$numberInt":"42"}',
        type: "application/json",
        origin: undefined
      })
      const { origin } = yield* answered({ ...sum, headers: { origin: "http://shop.test" } })
      assert.strictEqual(origin, "http://shop.test")
      const place = { database: "shop", collection: "widgets", query: {} }
      const { status, text } = yield* answered({ token, body: { ...service, arguments: [place] } })
      assert.deepStrictEqual([status, text], [200, "null"])
    }).pipe(Effect.provide(inProcess(apps)))
  )

  it.effect("answers a rejected call alike", () =>
    Effect.gen(function* () {
      const { access_token: token } = yield* anonymous()
      const { access_token: disabled, user_id } = yield* anonymous()
      yield* Admin.Admin.use((admin) => admin.disableUser("my-app", user_id ?? ""))
      const body = { name: "sum", arguments: [1, 2] }
      const cases: ReadonlyArray<readonly [status: number, asked: Asked, appId?: string]> = [
        [401, { body }],
        [401, { body, token: "" }],
        [401, { body, token: "nonsense" }],
        [401, { body, headers: { authorization: "Basic abc" } }],
        [403, { body, token: disabled }],
        [403, { body, token }, "another-app"],
        [404, { body, token }, "no-app"],
        [404, { token, body: { name: "nope" } }],
        [400, { token, body: { name: "fails" } }],
        [400, { token, body: { name: "hidden" } }],
        [400, { token, body: {} }],
        [400, { token, body: { name: "sum", arguments: 1 } }],
        [400, { token, body: { name: "sum", arguments: [{ $oid: "x" }] } }],
        [400, { token, raw: "{" }],
        [400, { token, raw: "[]" }],
        [404, { token, body: { service: "nope", name: "find" } }],
        [400, { token, body: { ...service, arguments: [] } }],
        [413, { token, body, headers: { "content-length": String(2 ** 30) } }]
      ]
      for (const [status, asked, appId] of cases) {
        const answer = yield* answered(asked, appId)
        assert.strictEqual(answer.status, status, JSON.stringify(asked))
        assert.match(answer.text, /^\{"error":"/)
      }
    }).pipe(Effect.provide(inProcess(apps)))
  )
})
