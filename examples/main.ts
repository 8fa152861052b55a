/**
 * Serves the application in `examples/shop` on a free port and acts as a user of it: `npm start`.
 */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import { Long, ObjectId } from "bson"
import { Console, Effect, Layer, Option, Redacted, Schema } from "effect"
import { AuthApi, Credentials, EmailPasswordApi } from "effect-app-services"
import { NodeAppServices, NodeAppServicesServer } from "effect-app-services/node"
import { AppDirectory } from "effect-app-services/server"
import { fileURLToPath } from "node:url"

const show = (what: string, value: unknown) => Console.log(what.padEnd(24), value)

/** The custom user data of this application. */
const Customer = Schema.Struct({ theme: Schema.Literals(["light", "dark"]), points: Schema.Int, since: Schema.Date })

const walk = Effect.gen(function* () {
  const accounts = yield* EmailPasswordApi
  const auth = yield* AuthApi

  yield* Console.log("\n— a user registers and logs in")
  const account = { email: "ada@example.com", password: Redacted.make("correct horse") }
  yield* accounts.registerUser(account)
  const user = yield* auth.logIn(Credentials.emailPassword(account))
  yield* show("user", user.id)
  yield* show("profile", yield* user.profile)
  yield* show("identities", yield* user.identities)

  yield* Console.log("\n— calls functions")
  yield* show("sum(20, 22)", yield* user.functions.sum(20, 22))
  yield* show("greeting()", yield* user.functions.greeting())
  yield* show("order(...)", yield* user.functions.order({ item: "tea", count: 2 }))
  yield* show("echo(ObjectId)", yield* user.functions.echo(new ObjectId("5f1d7f3e9c1b2a0012345678")))
  yield* show("echo(Date)", yield* user.functions.echo(new Date(0)))
  yield* show("echo(Long)", yield* user.functions.echo(Long.fromString("9007199254740993")))

  yield* Console.log("\n— and sees what a failure looks like")
  const oops = user.functions.fail("the kettle is broken").pipe(
    Effect.catchReasons("AppServicesError", {
      FunctionFailed: (reason) => Effect.succeed(`${reason.name} said: ${reason.serverMessage}`)
    })
  )
  yield* show("fail(...)", yield* oops)
  const refused = yield* Effect.flip(auth.logIn(Credentials.emailPassword({ ...account, password: "wrong" })))
  yield* show("a wrong password", refused.message)

  yield* Console.log("\n— has custom data, typed, that comes with the access token")
  yield* show("custom data", yield* user.customDataAs(Customer))
  yield* user.functions.setTheme("dark")
  yield* user.refreshCustomData
  yield* show("after a refresh", yield* user.customDataAs(Customer))
  yield* show("access token", yield* user.accessToken)

  yield* Console.log("\n— is one of many")
  yield* auth.logIn(Credentials.anonymous())
  yield* auth.logIn(Credentials.function({ card: "card-17" }))
  for (const { id, state } of yield* auth.allUsers) {
    yield* show(id, (yield* state)._tag)
  }

  yield* Console.log("\n— and logs out")
  yield* user.logOut
  yield* show("state", (yield* user.state)._tag)
  yield* show("access token", Option.isNone(yield* user.accessToken) ? "none" : "still there")
  const loggedOut = yield* Effect.flip(user.functions.sum(1, 2))
  yield* show("sum(1, 2)", loggedOut.message)
})

/** The server, and the SDK that talks to it over a socket. */
const Live = Layer.unwrap(
  Effect.gen(function* () {
    const app = yield* AppDirectory.load(fileURLToPath(new URL("shop", import.meta.url)))
    const Client = Layer.unwrap(
      Effect.gen(function* () {
        const baseUrl = yield* NodeAppServicesServer.baseUrl
        yield* Console.log(`serving ${app.id} at ${baseUrl}`)
        return NodeAppServices.layer({ appId: app.id, baseUrl })
      })
    )
    return Client.pipe(Layer.provide(NodeAppServicesServer.layer(app)))
  })
).pipe(Layer.provide(NodeServices.layer))

walk.pipe(Effect.provide(Live), NodeRuntime.runMain)
