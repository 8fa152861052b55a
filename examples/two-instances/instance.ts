/** One instance of a backend; its sessions are in the shared store, and a header names the user. Started by `run.ts`. */
import * as NodeHttpServer from "@effect/platform-node/NodeHttpServer"
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import { Config, Console, Effect, Layer } from "effect"
import { FetchHttpClient, HttpRouter, HttpServer, HttpServerRequest, HttpServerResponse } from "effect/http"
import { AppServices, type AppServicesError, AuthApi, Credentials } from "effect-app-services"
import { createServer } from "node:http"
import * as Sessions from "./sessions.ts"

const answerFor = ({ message, reason }: AppServicesError) =>
  HttpServerResponse.jsonUnsafe(
    { error: message },
    {
      status:
        reason._tag === "SessionExpired" || reason._tag === "NotLoggedIn" || reason._tag === "UnknownUser" ? 401 : 503
    }
  )

const Routes = Layer.unwrap(
  Effect.gen(function* () {
    const auth = yield* AuthApi
    const user = Effect.flatMap(HttpServerRequest.HttpServerRequest, ({ headers }) =>
      auth.loggedInUser(headers["x-user"] ?? "")
    )
    const route = <R>(
      method: "GET" | "POST",
      path: `/${string}`,
      answer: Effect.Effect<unknown, AppServicesError, R>
    ) =>
      HttpRouter.add(
        method,
        path,
        Effect.match(answer, { onSuccess: (body) => HttpServerResponse.jsonUnsafe(body), onFailure: answerFor })
      )
    return Layer.mergeAll(
      route(
        "POST",
        "/login",
        Effect.map(
          auth.logIn(Credentials.emailPassword({ email: "ada@example.com", password: "correct horse" })),
          ({ id }) => ({ user: id })
        )
      ),
      route(
        "GET",
        "/sum",
        Effect.flatMap(user, ({ functions }) => functions.sum(20, 22))
      ),
      route(
        "POST",
        "/logout",
        Effect.flatMap(user, ({ logOut }) => Effect.as(logOut, { bye: true }))
      )
    )
  })
)

const Announce = Layer.effectDiscard(
  Effect.flatMap(HttpServer.HttpServer, ({ address }) =>
    Console.log("port" in address ? `listening on ${address.port}` : "listening")
  )
)

const Instance = Layer.unwrap(
  Effect.gen(function* () {
    const url = yield* Config.Redacted("SESSIONS_URL")
    const options = { appId: "shop-abcde", baseUrl: yield* Config.String("APP_URL") }
    const Serve = HttpRouter.serve(Routes, { disableLogger: true, disableListenLog: true }).pipe(
      Layer.provide(AppServices.layerNoDeps(options)),
      Layer.provide([Sessions.layer(url), FetchHttpClient.layer])
    )
    // announced when it answers
    return Announce.pipe(
      Layer.provide(Serve),
      Layer.provide(NodeHttpServer.layer(createServer, { host: "127.0.0.1", port: 0 }))
    )
  })
)

Layer.launch(Instance).pipe(NodeRuntime.runMain)
