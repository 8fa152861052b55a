/** The `users` commands that show users, e-mail accounts, and everything about one user. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import { Account, User, UserDetails } from "../server/users/AdminModels.ts"
import { administer, appOf, type Client, flags, problem } from "./connection.ts"
import { printable, table } from "./terminal.ts"

/** The default number of lines for people; scripts get all. */
const screenful = 100

const listFlags = {
  ...flags,
  search: Flag.String("search").pipe(
    Flag.withDescription("Select by a part of the id or e-mail address"),
    Flag.optional
  ),
  after: Flag.String("after").pipe(Flag.withDescription("The last item of the previous list"), Flag.optional),
  limit: Flag.Int("limit").pipe(
    Flag.withDescription(`The most items (default: ${screenful}, with --json all)`),
    Flag.withSchema(Schema.Int.check(Schema.isBetween({ minimum: 1, maximum: 1000 }))),
    Flag.optional
  )
}

interface Listed {
  readonly url: string
  readonly app: Option.Option<string>
  readonly json: boolean
  readonly search: Option.Option<string>
  readonly after: Option.Option<string>
  readonly limit: Option.Option<number>
}

interface Query {
  readonly search?: string
  readonly after?: string
  readonly limit: number
}

/** Prints one page for people, and by default all pages for scripts. */
const listing = <A, I>(
  schema: Schema.Codec<A, I>,
  pageOf: (
    client: Client,
    request: { readonly params: { readonly app: string }; readonly query: Query }
  ) => Effect.Effect<{ readonly items: ReadonlyArray<A>; readonly next?: string }, Failure>,
  head: ReadonlyArray<string>,
  row: (item: A) => ReadonlyArray<string>
) => {
  const encode = Schema.encodeEffect(Schema.fromJsonString(schema))
  return ({ after, app, json, limit, search, url }: Listed) =>
    administer(url, (client) =>
      Effect.gen(function* () {
        const params = { app: yield* appOf(client, app) }
        const all = json && Option.isNone(limit)
        let from = Option.getOrUndefined(after)
        do {
          const { items, next } = yield* pageOf(client, {
            params,
            query: {
              limit: Option.getOrElse(limit, () => (json ? 1000 : screenful)),
              ...(Option.isSome(search) ? { search: search.value } : undefined),
              ...(from === undefined ? undefined : { after: from })
            }
          })
          if (json) {
            for (const item of items) yield* Console.log(yield* Effect.orDie(encode(item)))
          } else {
            yield* Console.log(items.length === 0 ? "none" : table(head, items.map(row)))
            if (next !== undefined) yield* Console.error(`there are more: continue with --after ${printable(next)}`)
          }
          from = all ? next : undefined
        } while (from !== undefined)
      })
    )
}

type Failure = Effect.Error<ReturnType<Client["users"]["list"]>>

const time = (at: DateTime.Utc): string => DateTime.formatIso(at).replace(/\.\d+Z$/, "Z")

const emailsOf = ({ identities }: Pick<User, "identities">): ReadonlyArray<string> => [
  ...new Set(identities.flatMap(({ data: { email } }) => (typeof email === "string" ? [email] : [])))
]

const providersOf = ({ identities }: Pick<User, "identities">): string =>
  [...new Set(identities.map(({ providerType }) => providerType))].join(", ")

/** The users of an application. */
export const list = Command.make(
  "list",
  listFlags,
  listing(
    User,
    (client, request) => client.users.list(request),
    ["ID", "SINCE", "LOGS IN WITH", "E-MAIL", ""],
    (user) => [
      user.id,
      time(user.createdAt),
      providersOf(user),
      emailsOf(user).map(printable).join(", "),
      user.disabled ? "disabled" : ""
    ]
  )
).pipe(Command.withDescription("List users in the order of their creation"))

/** The accounts with e-mail address and password. */
export const accounts = Command.make(
  "accounts",
  listFlags,
  listing(
    Account,
    (client, request) => client.accounts.list(request),
    ["E-MAIL", "CONFIRMED", "USER"],
    ({ confirmed, email, userId }) => [printable(email), confirmed ? "yes" : "no", userId ?? "never logged in"]
  )
).pipe(Command.withDescription("List registered e-mail addresses, also those without a login yet"))

/** Finds a user by id, or by an e-mail address if it is unique. */
export const findUser = Effect.fnUntraced(function* (client: Client, app: string, name: string) {
  const { items } = yield* client.users.list({ params: { app }, query: { search: name, limit: 1000 } })
  const found = items.filter((user) => user.id === name || emailsOf(user).includes(name))
  const [user, ...others] = found
  if (user === undefined) return undefined
  return others.length === 0
    ? user
    : yield* problem(
        `several users have the address "${printable(name)}", use an id: ${found.map(({ id }) => id).join(", ")}`
      )
})

/** @internal */
export const userArgument = Argument.String("user").pipe(Argument.withDescription("A user's id or e-mail address"))

const encodeDetails = Schema.encodeEffect(Schema.fromJsonString(UserDetails))
const encodeJson = Schema.encodeEffect(Schema.fromJsonString(Schema.Unknown))

/** Everything about a user. */
export const show = Command.make("show", { ...flags, user: userArgument }, ({ app, json, url, user: name }) =>
  administer(url, (client) =>
    Effect.gen(function* () {
      const appId = yield* appOf(client, app)
      const found = yield* findUser(client, appId, name)
      const params = { app: appId, userId: found?.id ?? name }
      const user = yield* client.users.show({ params })
      if (json) return yield* Console.log(yield* Effect.orDie(encodeDetails(user)))
      const lines = [
        `user         ${user.id}${user.disabled ? "  (disabled)" : ""}`,
        `since        ${time(user.createdAt)}`,
        ...user.identities.map(({ id, providerType }) => `identity     ${providerType} ${printable(id)}`),
        ...emailsOf(user).map((email) => `e-mail       ${printable(email)}`),
        ...(user.account === undefined ? [] : [`confirmed    ${user.account.confirmed ? "yes" : "no"}`]),
        ...user.sessions.map(
          ({ createdAt, deviceId, expiresAt, id, providerType }) =>
            `session      ${id} ${providerType} from ${time(createdAt)} to ${time(expiresAt)} on device ${deviceId}`
        ),
        ...user.apiKeys.map(({ disabled, id, name }) => `API key      ${id} ${name}${disabled ? " (disabled)" : ""}`),
        ...user.pushRegistrations.map(({ deviceId, service }) => `push         ${service} on device ${deviceId}`),
        ...(user.customData === undefined
          ? []
          : [`custom data  ${printableLine(yield* Effect.orDie(encodeJson(user.customData)))}`])
      ]
      yield* Console.log(lines.join("\n"))
    })
  )
).pipe(Command.withDescription("Show everything about a user: identities, sessions, API keys, devices, custom data"))

/** JSON without control characters. */
const printableLine = (text: string): string => text.replace(/\p{C}/gu, "?")
