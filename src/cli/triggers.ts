/** `effect-app-services triggers`: shows the triggers of an application, and resumes those that are suspended. */
import * as Argument from "effect/cli/Argument"
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as DateTime from "effect/DateTime"
import * as Effect from "effect/Effect"
import * as Schema from "effect/Schema"
import { TriggerInfo } from "../server/triggers/TriggerModels.ts"
import { administer, appOf, flags } from "./connection.ts"
import { printable, table } from "./terminal.ts"

const encode = Schema.encodeEffect(Schema.fromJsonString(TriggerInfo))

const Resumed = Schema.Struct({ event: Schema.Literal("resumed"), app: Schema.String, trigger: Schema.String })
const encodeResumed = Schema.encodeEffect(Schema.fromJsonString(Resumed))

const time = (at: DateTime.Utc): string => DateTime.formatIso(at).replace(/\.\d+Z$/, "Z")

/** One line of a text that may have several. */
const short = (text: string): string => text.replace(/\s+/gu, " ").replace(/\p{C}/gu, "?").slice(0, 100)

const rowOf = ({ failures, lastFailure, lastRun, name, reason, runs, status, type, function: fn }: TriggerInfo) => [
  printable(name),
  type,
  printable(fn),
  status,
  String(runs),
  String(failures),
  lastRun === undefined ? "" : time(lastRun.at),
  short(reason ?? lastFailure?.message ?? "")
]

const list = Command.make("list", flags, ({ app, json, url }) =>
  administer(url, (client) =>
    Effect.gen(function* () {
      const found = yield* client.triggers.list({ params: { app: yield* appOf(client, app) } })
      if (json) for (const trigger of found) yield* Console.log(yield* Effect.orDie(encode(trigger)))
      else {
        const head = [
          "NAME",
          "TYPE",
          "FUNCTION",
          "STATUS",
          "RUNS",
          "FAILURES",
          "LAST RUN",
          "SUSPENDED OR FAILED BECAUSE"
        ]
        yield* Console.log(found.length === 0 ? "none" : table(head, found.map(rowOf)))
      }
    })
  )
).pipe(Command.withDescription("List the triggers with their status, their last run and their last failure"))

const resume = Command.make(
  "resume",
  {
    ...flags,
    name: Argument.String("trigger").pipe(Argument.withDescription("The name of a suspended trigger")),
    skip: Flag.Boolean("skip-events").pipe(
      Flag.withDescription("Skip the events since the suspension, also the one at which it was suspended"),
      Flag.withDefault(false)
    )
  },
  ({ app, json, name, skip, url }) =>
    administer(url, (client) =>
      Effect.gen(function* () {
        const appId = yield* appOf(client, app)
        const params = { app: appId, trigger: name }
        yield* client.triggers.resume({ params, payload: { from: skip ? "now" : "position" } })
        yield* json
          ? Effect.flatMap(Effect.orDie(encodeResumed({ event: "resumed", app: appId, trigger: name })), (line) =>
              Console.log(line)
            )
          : Console.log(`resumed ${printable(name)}`)
      })
    )
).pipe(Command.withDescription("Resume a suspended trigger, with the event at which it was suspended"))

/** The command. */
export const triggers = Command.make("triggers").pipe(
  Command.withDescription("Show the triggers of an application, and resume those that are suspended"),
  Command.withSubcommands([list, resume])
)
