/** The `effect-app-services` command. */
import * as NodeRuntime from "@effect/platform-node/NodeRuntime"
import * as NodeServices from "@effect/platform-node/NodeServices"
import * as Cause from "effect/Cause"
import * as Command from "effect/cli/Command"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Logger from "effect/Logger"
import manifest from "../../package.json" with { type: "json" }
import { backup, restore } from "./backup.ts"
import { documents } from "./documents.ts"
import { functions } from "./functions.ts"
import { init } from "./init.ts"
import { inbox } from "./inbox.ts"
import { install } from "./install.ts"
import { problem } from "./connection.ts"
import { keys } from "./keys.ts"
import * as NodeVersion from "./nodeVersion.ts"
import * as Presenter from "./presenter.ts"
import { serve } from "./serve.ts"
import { triggers } from "./triggers.ts"
import { users } from "./users.ts"

const command = Command.make("effect-app-services").pipe(
  Command.withDescription("Run App Services applications without the hosted service"),
  Command.withSubcommands([serve, init, install, inbox, users, triggers, backup, restore, documents, keys, functions])
)

const outdated = NodeVersion.problem(process.versions, manifest.engines.node)

const run =
  outdated === undefined
    ? Command.run(command, { version: manifest.version })
    : Effect.andThen(Console.error(`\nERROR\n  ${outdated}`), Effect.fail(problem(outdated)))

run.pipe(
  // standard output is for results that scripts read
  Effect.provideService(Logger.LogToStderr, true),
  Effect.provide([NodeServices.layer, Presenter.layer]),
  NodeRuntime.runMain({
    disableErrorReporting: true,
    teardown: (exit, onExit) => {
      // a signal is the normal end of a server
      onExit(Exit.isSuccess(exit) || Cause.hasInterruptsOnly(exit.cause) ? 0 : 1)
    }
  })
)
