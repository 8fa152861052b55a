/** Shared by the commands on a data directory. */
import * as Argument from "effect/cli/Argument"
import * as CliError from "effect/cli/CliError"
import * as Effect from "effect/Effect"
import * as DataDirectory from "../server/storage/DataDirectory.ts"
import { isRowStoreError, type RowStore, type RowStoreError } from "../server/storage/RowStore.ts"

/** The data directory, as an argument. */
export const directory = Argument.String("directory").pipe(
  Argument.withDescription("A data directory of serve --data; stop the server that uses it first")
)

/** Runs a command with the row store of a directory. Errors of the directory become messages for the user. */
export const withRowStore =
  (directory: string, options?: DataDirectory.Options) =>
  <A, R>(
    command: Effect.Effect<A, CliError.UserError | RowStoreError, R>
  ): Effect.Effect<A, CliError.UserError, Exclude<R, RowStore>> =>
    command.pipe(
      Effect.provide(DataDirectory.layer(directory, options)),
      // changes of users die with the error of the row store
      Effect.catchDefect((defect) => (isRowStoreError(defect) ? Effect.fail(defect) : Effect.die(defect))),
      Effect.catchTags({
        DataDirectoryError: (error) => refuse(error.message, error),
        RowStoreError: (error) => refuse(`the data directory ${directory}: ${error.message}`, error)
      })
    )

/** Fails a command with a message for its user. */
export const refuse = (userMessage: string, cause?: unknown): Effect.Effect<never, CliError.UserError> =>
  Effect.fail(new CliError.UserError({ cause, userMessage }))
