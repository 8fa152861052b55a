/**
 * `effect-app-services users`: what can be done with the users of an application.
 *
 * @since 0.1.0
 */
import * as Command from "effect/cli/Command"
import { exportUsers, importUsers } from "./userFiles.ts"

/**
 * The commands.
 *
 * @category commands
 * @since 0.1.0
 */
export const users = Command.make("users").pipe(
  Command.withDescription("Take users out of a server, and bring others in"),
  Command.withSubcommands([exportUsers, importUsers])
)
