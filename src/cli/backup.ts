/**
 * `effect-app-services backup` and `restore`: the data directory of a server that runs, or of one that is stopped, as one file,
 * and such a file as a new data directory.
 */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import * as Schema from "effect/Schema"
import * as Stream from "effect/Stream"
import * as Backup from "../server/storage/Backup.ts"
import { RowStore } from "../server/storage/RowStore.ts"
import { administer, flags, problem } from "./connection.ts"
import { refuse, withRowStore } from "./dataDirectory.ts"

const Report = Schema.Struct({
  event: Schema.Literals(["backup", "restored"]),
  path: Schema.String,
  bytes: Schema.Int,
  users: Schema.Int,
  documents: Schema.Int
})
const encodeReport = Schema.encodeEffect(Schema.fromJsonString(Report))

const report = (
  event: (typeof Report.Type)["event"],
  path: string,
  { size, tables }: Backup.Summary,
  json: boolean
) => {
  const rowsOf = (prefix: string) =>
    Array.from(tables).reduce((sum, [table, rows]) => (table.startsWith(prefix) ? sum + rows : sum), 0)
  const [users, documents] = [rowsOf("users/user/"), rowsOf("documents/")]
  return json
    ? Effect.flatMap(Effect.orDie(encodeReport({ event, path, bytes: size, users, documents })), (line) =>
        Console.log(line)
      )
    : Console.log(
        `${path}: ${event === "backup" ? "complete and checked" : "restored"}, ${users} users, ${documents} documents`
      )
}

const file = Argument.String("file").pipe(Argument.withDescription("The backup"))

/** Backs up a data directory. */
export const backup = Command.make(
  "backup",
  {
    url: flags.url,
    json: flags.json,
    file,
    data: Flag.String("data").pipe(
      Flag.withDescription("The data directory of a server that is stopped (default: ask the server that runs)"),
      Flag.optional
    )
  },
  ({ data, file, json, url }) =>
    Effect.gen(function* () {
      const written = Option.isSome(data)
        ? yield* ofDirectory(data.value, file)
        : yield* administer(url, (client) =>
            Effect.flatMap(client.server.backup(), (content) =>
              toFile(
                file,
                Stream.mapError(content, (cause) =>
                  problem("the server stopped in the middle of the backup: nothing was written", cause)
                )
              )
            )
          )
      yield* report("backup", file, written, json)
    })
).pipe(
  Command.withDescription("Copy users, documents and keys of a server into one file, while it runs"),
  Command.withExamples([
    { command: "effect-app-services backup ./shop-2026-11-29.backup", description: "Of the server on port 9090" },
    { command: "effect-app-services backup ./shop.backup --data ./data", description: "Of a server that is stopped" }
  ])
)

const ofDirectory = (data: string, file: string) =>
  Effect.gen(function* () {
    const { snapshot } = yield* RowStore
    if (snapshot === undefined) return yield* refuse(`the data directory ${data} keeps nothing`)
    return yield* toFile(file, yield* snapshot)
  }).pipe(Effect.scoped, withRowStore(data, { create: false }))

const toFile = <E>(file: string, content: Stream.Stream<Uint8Array, E>) =>
  Effect.catchIf(
    Backup.write(file, content),
    (error) => error instanceof Backup.DataDirectoryError,
    (error) => refuse(error.message, error)
  )

/** Restores a backup. */
export const restore = Command.make(
  "restore",
  {
    file,
    directory: Argument.String("directory").pipe(
      Argument.withDescription("The new data directory, missing or empty, for serve --data")
    ),
    json: flags.json
  },
  ({ directory, file, json }) =>
    Effect.gen(function* () {
      const restored = yield* Effect.catch(Backup.restore(file, directory), (error) => refuse(error.message, error))
      yield* report("restored", directory, restored, json)
    })
).pipe(
  Command.withDescription("Check a backup, and make a data directory of it"),
  Command.withExamples([
    { command: "effect-app-services restore ./shop-2026-11-29.backup ./data", description: "For serve --data ./data" }
  ])
)
