/** `effect-app-services init`: writes a small application that runs. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as FileSystem from "effect/FileSystem"
import * as Option from "effect/Option"
import * as Path from "effect/Path"
import type * as PlatformError from "effect/PlatformError"
import { idOf } from "./applications.ts"
import { problem } from "./connection.ts"
import { starter } from "./internal/starter.ts"

/** The command. */
export const init = Command.make(
  "init",
  {
    directory: Argument.String("directory").pipe(
      Argument.withDescription("The directory of the new application: a new or an empty one")
    ),
    appId: Flag.String("app-id").pipe(
      Flag.withDescription("The id by which clients name the application (default: the name of the directory)"),
      Flag.optional
    )
  },
  ({ appId, directory }) =>
    Effect.gen(function* () {
      const fs = yield* FileSystem.FileSystem
      const path = yield* Path.Path
      const id = Option.getOrElse(appId, () => idOf(path.basename(path.resolve(directory))))
      if (!/^[\w-]+$/.test(id)) {
        return yield* problem(`invalid --app-id "${id}": expected letters, digits, hyphens and underscores`)
      }
      yield* fs.makeDirectory(directory, { recursive: true })
      const [first] = yield* fs.readDirectory(directory)
      if (first !== undefined) {
        return yield* problem(
          `${directory} is not empty (it has ${first}): choose a new directory, or an empty one; nothing was written`
        )
      }
      const files = Object.entries(starter(id))
      for (const [file, content] of files) {
        const target = path.join(directory, file)
        yield* fs.makeDirectory(path.dirname(target), { recursive: true })
        yield* fs.writeFileString(target, content, { flag: "wx" })
      }
      yield* Console.log(
        nextSteps(
          directory,
          id,
          files.map(([file]) => file)
        )
      )
    }).pipe(Effect.catchTag("PlatformError", (error) => Effect.fail(unwritable(directory, error))))
).pipe(
  Command.withDescription(
    "Write a small application that runs: logins, a function, a collection, a value, an endpoint"
  ),
  Command.withExamples([{ command: "effect-app-services init ./my-app", description: "Then serve it" }])
)

const unwritable = (directory: string, error: PlatformError.PlatformError) =>
  problem(`${directory} cannot be written: ${error.reason._tag}`, error)

const nextSteps = (directory: string, id: string, files: ReadonlyArray<string>): string =>
  [
    `${id}  (${directory})`,
    ...files.map((file) => `  ${file}`),
    "",
    `serve it     npx effect-app-services serve ${directory} --watch`,
    `call it      curl http://127.0.0.1:9090/app/${id}/endpoint/status`,
    "change it    functions/greet.js: with --watch, the next call runs the new version"
  ].join("\n")
