import { type AppServicesError, AuthApi, Credentials, FunctionContract } from "effect-app-services"
import type { User } from "effect-app-services"
import { Context, Effect, Layer, Schema } from "effect"
import { HttpRouter, HttpServerRequest, HttpServerResponse } from "effect/http"

/** The user who sent the request. */
// @effect-diagnostics-next-line deterministicKeys:off -- the name that it has in a backend of yours
export class RequestUser extends Context.Service<RequestUser, User>()("my-backend/RequestUser") {}

/** The status to answer when the SDK fails. The type requires every reason, so a new one is a compile error. */
export const statuses: Record<AppServicesError["reason"]["_tag"], number> = {
  NotLoggedIn: 401,
  UnknownUser: 401,
  SessionExpired: 401,
  InvalidCredentials: 401,
  UserDisabled: 403,
  InvalidArguments: 400,
  RequestRejected: 400,
  UserNotFound: 404,
  ApiKeyNotFound: 404,
  AccountNameInUse: 409,
  DuplicateKey: 409,
  LinkRefused: 409,
  RateLimited: 429,
  FunctionFailed: 500,
  FunctionNotFound: 500,
  AppNotFound: 500,
  InvalidConfiguration: 500,
  Redirected: 500,
  InvalidResponse: 502,
  UnexpectedValue: 502,
  Unauthorized: 502,
  TransportError: 503,
  ServerUnavailable: 503,
  StoreUnavailable: 503,
  RequestTimeout: 504
}

export const answerFor = ({ reason, retryAfterMillis }: AppServicesError) =>
  HttpServerResponse.jsonUnsafe(
    { error: reason._tag },
    {
      status: statuses[reason._tag],
      headers: retryAfterMillis === undefined ? {} : { "retry-after": `${Math.ceil(retryAfterMillis / 1000)}` }
    }
  )

/** Admits users with a valid session, and answers when an operation of the SDK fails in a handler. */
export const WithUser = HttpRouter.middleware<{ provides: RequestUser; handles: AppServicesError }>()(
  Effect.gen(function* () {
    const auth = yield* AuthApi
    return (handler) =>
      Effect.gen(function* () {
        const { headers } = yield* HttpServerRequest.HttpServerRequest
        // here a header; in your backend, what authenticates the request: a signed cookie, a session
        const user = yield* auth.loggedInUser(headers["x-user"] ?? "")
        return yield* Effect.provideService(handler, RequestUser, user)
      }).pipe(Effect.catchTag("AppServicesError", (error) => Effect.succeed(answerFor(error))))
  })
)

const Shop = FunctionContract.make({
  sum: { args: [Schema.Finite, Schema.Finite], returns: Schema.Finite }
})

/** Acts for the user of the request. Its type says that it needs one, and how it fails. */
const total = Effect.gen(function* () {
  const user = yield* RequestUser
  return HttpServerResponse.jsonUnsafe({ user: user.id, sum: yield* user.functionsOf(Shop).sum(20, 22) })
})

const me = Effect.gen(function* () {
  const user = yield* RequestUser
  const { email } = yield* user.profile
  return HttpServerResponse.jsonUnsafe({ user: user.id, email: email ?? null })
})

const logOut = Effect.gen(function* () {
  const user = yield* RequestUser
  yield* user.logOut
  return HttpServerResponse.jsonUnsafe({ bye: true })
})

const ForUsers = Layer.mergeAll(
  HttpRouter.add("GET", "/total", total),
  HttpRouter.add("GET", "/me", me),
  HttpRouter.add("POST", "/logout", logOut)
).pipe(Layer.provide(WithUser.layer))

const Account = Schema.Struct({ email: Schema.String, password: Schema.RedactedFromValue(Schema.String) })

/** Services that all requests share are acquired when the routes are built. */
const LogIn = Layer.unwrap(
  Effect.map(AuthApi, (auth) =>
    HttpRouter.add(
      "POST",
      "/login",
      Effect.gen(function* () {
        const account = yield* HttpServerRequest.schemaBodyJson(Account)
        const user = yield* auth.logIn(Credentials.emailPassword(account))
        return HttpServerResponse.jsonUnsafe({ user: user.id })
      }).pipe(
        Effect.catchTag("AppServicesError", (error) => Effect.succeed(answerFor(error))),
        Effect.catchTag("SchemaError", () => Effect.succeed(HttpServerResponse.empty({ status: 400 })))
      )
    )
  )
)

export const Routes = Layer.mergeAll(ForUsers, LogIn)
