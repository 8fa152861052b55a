/** The `users` commands that change users on a running server. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Prompt from "effect/cli/Prompt"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { administer, appOf, type Client, flags, problem } from "./connection.ts"
import { printable } from "./terminal.ts"
import { findUser, userArgument } from "./userLists.ts"

const email = Argument.String("email").pipe(Argument.withDescription("The e-mail address, as it was registered"))

const Done = Schema.Struct({ event: Schema.String, app: Schema.String, subject: Schema.String })
const encodeDone = Schema.encodeEffect(Schema.fromJsonString(Done))

const report = (json: boolean, app: string, event: string, subject: string) =>
  json
    ? Effect.flatMap(Effect.orDie(encodeDone({ event, app, subject })), (line) => Console.log(line))
    : Console.log(`${event} ${printable(subject)}`)

/** Reads a password from a prompt, or from the first line of standard input, since others can see arguments of processes. */
const readPassword = Effect.gen(function* () {
  const stdio = yield* Stdio.Stdio
  if (yield* stdio.stdinIsTerminal) return yield* Prompt.run(Prompt.Password({ message: "password" }))
  const text = yield* Effect.orDie(Stream.mkString(Stream.decodeText(stdio.stdin)))
  return Redacted.make(text.split(/\r?\n/, 1)[0] ?? "")
})

type UserRequest = { readonly params: { readonly app: string; readonly userId: string } }

/** Makes a command on one user. */
const onUser = (
  name: string,
  done: string,
  description: string,
  act: (client: Client, request: UserRequest) => ReturnType<Client["users"]["disable"]>
) =>
  Command.make(name, { ...flags, user: userArgument }, ({ app, json, url, user }) =>
    administer(url, (client) =>
      Effect.gen(function* () {
        const appId = yield* appOf(client, app)
        // an unknown user fails with the server's message
        const userId = (yield* findUser(client, appId, user))?.id ?? user
        yield* act(client, { params: { app: appId, userId } })
        yield* report(json, appId, done, userId)
      })
    )
  ).pipe(Command.withDescription(description))

export const disable = onUser(
  "disable",
  "disabled",
  "Disable a user: ends all sessions, and rejects logins until enabled",
  (client, request) => client.users.disable(request)
)

export const enable = onUser("enable", "enabled", "Let a disabled user log in again", (client, request) =>
  client.users.enable(request)
)

/** Ends sessions of a user. */
export const revoke = Command.make(
  "revoke",
  {
    ...flags,
    user: userArgument,
    session: Flag.String("session").pipe(
      Flag.withDescription("End only the session with this id, as shown by `show`"),
      Flag.optional
    )
  },
  ({ app, json, session, url, user }) =>
    administer(url, (client) =>
      Effect.gen(function* () {
        const appId = yield* appOf(client, app)
        const params = { app: appId, userId: (yield* findUser(client, appId, user))?.id ?? user }
        yield* Option.isSome(session)
          ? client.users.revoke({ params: { ...params, sessionId: session.value } })
          : client.users.revokeAll({ params })
        yield* report(
          json,
          appId,
          "revoked",
          Option.getOrElse(session, () => params.userId)
        )
      })
    )
).pipe(Command.withDescription("End the sessions of a user, or one of them; the user has to log in again"))

/** Deletes a user, or an account without a login yet. */
export const remove = Command.make("delete", { ...flags, user: userArgument }, ({ app, json, url, user }) =>
  administer(url, (client) =>
    Effect.gen(function* () {
      const appId = yield* appOf(client, app)
      const found = yield* findUser(client, appId, user)
      if (found === undefined && user.includes("@")) {
        yield* client.accounts.remove({ params: { app: appId }, payload: { email: user } })
      } else yield* client.users.remove({ params: { app: appId, userId: found?.id ?? user } })
      yield* report(json, appId, "deleted", found?.id ?? user)
    })
  )
).pipe(Command.withDescription("Delete a user with all sessions and API keys, or an address without a login yet"))

/** Confirms an e-mail address. */
export const confirm = Command.make("confirm", { ...flags, email }, ({ app, email, json, url }) =>
  administer(url, (client) =>
    Effect.gen(function* () {
      const appId = yield* appOf(client, app)
      yield* client.accounts.confirm({ params: { app: appId }, payload: { email } })
      yield* report(json, appId, "confirmed", email)
    })
  )
).pipe(Command.withDescription("Confirm an e-mail address on behalf of its owner"))

/** Creates a user with e-mail address and password. */
export const create = Command.make("create", { ...flags, email }, ({ app, email, json, url }) =>
  administer(url, (client) =>
    Effect.gen(function* () {
      const appId = yield* appOf(client, app)
      const password = yield* promptedPassword
      const { id } = yield* client.users.create({ params: { app: appId }, payload: { email, password } })
      yield* report(json, appId, "created", id)
    })
  )
).pipe(
  Command.withDescription(
    "Create a user with a confirmed e-mail address; reads the password from a prompt or standard input"
  )
)

/** Sets a password. */
export const password = Command.make("password", { ...flags, email }, ({ app, email, json, url }) =>
  administer(url, (client) =>
    Effect.gen(function* () {
      const appId = yield* appOf(client, app)
      const password = yield* promptedPassword
      yield* client.accounts.setPassword({ params: { app: appId }, payload: { email, password } })
      yield* report(json, appId, "changed the password of", email)
    })
  )
).pipe(
  Command.withDescription("Set a password, which ends the user's sessions; reads it from a prompt or standard input")
)

const promptedPassword = Effect.catchTag(readPassword, "QuitError", (error) =>
  Effect.fail(problem("cancelled: no password was entered", error))
)
