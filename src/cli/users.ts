/** `effect-app-services users`: shows and changes the users of an application. */
import * as Command from "effect/cli/Command"
import * as UserActions from "./userActions.ts"
import { exportUsers, importUsers } from "./userFiles.ts"
import * as UserLists from "./userLists.ts"

/** The command. */
export const users = Command.make("users").pipe(
  Command.withDescription("Show and change the users of an application"),
  Command.withSubcommands([
    UserLists.list,
    UserLists.accounts,
    UserLists.show,
    UserActions.create,
    UserActions.confirm,
    UserActions.password,
    UserActions.revoke,
    UserActions.disable,
    UserActions.enable,
    UserActions.remove,
    exportUsers,
    importUsers
  ])
)
