/**
 * `effect-app-services users export` and `users import`: users leave as lines of JSON, and arrive as such. The format is
 * that of `UserFile`.
 */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Equal from "effect/Equal"
import * as Stdio from "effect/Stdio"
import * as Stream from "effect/Stream"
import { noPassword } from "../server/users/PasswordHasher.ts"
import type { Account, Service as Users } from "../server/users/UserStore.ts"
import * as UserFile from "../server/users/UserFile.ts"
import { refuse } from "./dataDirectory.ts"
import { place, withStorage } from "./userStorage.ts"

const app = Flag.String("app").pipe(Flag.withDescription("The id of the application"))

/** Writes the users of an application to standard output. */
export const exportUsers = Command.make("export", { app, ...place }, ({ app, ...place }) =>
  Effect.gen(function* () {
    const stdio = yield* Stdio.Stdio
    const records = yield* withStorage(place, { create: false }, ({ name, userApps, users }) =>
      Effect.gen(function* () {
        const records = yield* (yield* users).records(app)
        if (records.length > 0) return records
        const known = yield* userApps
        return yield* refuse(
          `${name} has no users of "${app}": ` +
            (known.length === 0 ? "it has no users at all" : `it has users of ${known.join(", ")}`)
        )
      })
    )
    const lines = yield* UserFile.write(records)
    yield* Stream.fromIterable(lines).pipe(
      Stream.map((line) => `${line}\n`),
      Stream.run(stdio.stdout({ endOnDone: false })),
      Effect.catch((error) => refuse(`cannot write to standard output: ${error.message}`, error))
    )
    yield* Console.error(`${records.length} users of ${app}; the output has their password hashes`)
  })
).pipe(
  Command.withDescription("Write users as lines of JSON, with password hashes and digests of API keys"),
  Command.withExamples([
    { command: "effect-app-services users export ./data --app shop > users.jsonl", description: "Into a file" }
  ])
)

/** Adds users from standard input to an application, all or none: lines of JSON, or a listing of the hosted service. */
export const importUsers = Command.make(
  "import",
  {
    app,
    ...place,
    skipExisting: Flag.Boolean("skip-existing").pipe(
      Flag.withDescription("Skip users who exist already by id, identity or address, instead of failing"),
      Flag.withDefault(false)
    )
  },
  ({ app, skipExisting, ...place }) =>
    Effect.gen(function* () {
      const { stdin, stdinIsTerminal } = yield* Stdio.Stdio
      if (yield* stdinIsTerminal)
        return yield* refuse("users are read from standard input: append < users.jsonl to the command")
      const text = yield* Effect.catch(Stream.mkString(Stream.decodeText(stdin)), (error) =>
        refuse(`cannot read standard input: ${error.message}`, error)
      )
      const lines = yield* Effect.catch(UserFile.read(app, text), (error) =>
        refuse(`nothing was imported: ${error.message}`, error)
      )
      if (lines.length === 0) return yield* refuse("nothing was imported: standard input has no users")
      const added = yield* withStorage(place, {}, ({ users }) =>
        Effect.flatMap(users, (store) => addAll(store, app, lines, skipExisting))
      )
      const skipped = lines.length - added
      const open = lines.filter(({ record: { account } }) => account !== undefined && hasNoPassword(account)).length
      if (open > 0) yield* Console.error(`users without a password, who reset it before they log in: ${open}`)
      yield* Console.log(`${added} users imported into ${app}${skipped === 0 ? "" : `, ${skipped} existed already`}`)
    })
).pipe(
  Command.withDescription("Add users from lines of JSON or a listing of the hosted service, all or none"),
  Command.withExamples([
    { command: "effect-app-services users import ./data --app shop < users.jsonl", description: "From a file" },
    { command: "effect-app-services users import ./data --app shop < listing.json", description: "From a listing" }
  ])
)

const addAll = Effect.fnUntraced(function* (
  store: Users,
  app: string,
  lines: Effect.Success<ReturnType<typeof UserFile.read>>,
  skipExisting: boolean
) {
  return yield* Effect.catch(
    store.addRecords(
      app,
      lines.map(({ record }) => record),
      { skipExisting }
    ),
    ({ index, twice, what }) =>
      refuse(
        `nothing was imported: line ${lines[index]?.line}: ${names[what]} ` +
          (twice
            ? "is in an earlier line too: remove one of them"
            : `exists already${what === "apiKey" ? "" : ": use --skip-existing to skip such users"}`)
      )
  )
})

const hasNoPassword = ({ passwordHash }: Account): boolean => Equal.equals(passwordHash, noPassword)

const names = { user: "the user's id", identity: "an identity", account: "the address", apiKey: "an API key" }
