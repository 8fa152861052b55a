/** What the commands that work on a data directory share. */
import * as Argument from "effect/cli/Argument"
import * as CliError from "effect/cli/CliError"
import * as Effect from "effect/Effect"
import * as DataDirectory from "../server/storage/DataDirectory.ts"
import { isRowStoreError, type RowStore, type RowStoreError } from "../server/storage/RowStore.ts"

/** The directory that a command works on. */
export const directory = Argument.String("directory").pipe(
  Argument.withDescription("A data directory, as made by serve --data; no server may be using it")
)

/** Runs a command with the row store of a directory; whatever is wrong with that is told to the user. */
export const withRowStore =
  (directory: string, options?: DataDirectory.Options) =>
  <A, R>(
    command: Effect.Effect<A, CliError.UserError | RowStoreError, R>
  ): Effect.Effect<A, CliError.UserError, Exclude<R, RowStore>> =>
    command.pipe(
      Effect.provide(DataDirectory.layer(directory, options)),
      // of what changes users, a row store that fails is the defect
      Effect.catchDefect((defect) => (isRowStoreError(defect) ? Effect.fail(defect) : Effect.die(defect))),
      Effect.catchTags({
        DataDirectoryError: (error) => refuse(error.message, error),
        RowStoreError: (error) => refuse(`the data directory ${directory}: ${error.message}`, error)
      })
    )

/** Ends a command with a message for its user. */
export const refuse = (userMessage: string, cause?: unknown): Effect.Effect<never, CliError.UserError> =>
  Effect.fail(new CliError.UserError({ cause, userMessage }))
