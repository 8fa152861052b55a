/** `effect-app-services inbox`: the e-mails of a running server. */
import * as Command from "effect/cli/Command"
import * as Flag from "effect/cli/Flag"
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Option from "effect/Option"
import type { Message } from "../server/users/Inbox.ts"
import { administer, appOf, flags } from "./connection.ts"
import { show, showJson } from "./mail.ts"

/** How long one request waits for an e-mail, in seconds. */
const wait = 30

/** The command. */
export const inbox = Command.make(
  "inbox",
  {
    ...flags,
    to: Flag.String("to").pipe(Flag.withDescription("Only e-mails to this address"), Flag.optional),
    follow: Flag.Boolean("follow").pipe(Flag.withDescription("Wait for further e-mails"), Flag.withDefault(false))
  },
  ({ app, follow, json, to, url }) =>
    administer(url, (client) =>
      Effect.gen(function* () {
        const query = {
          ...(Option.isSome(app) ? { app: yield* appOf(client, app) } : undefined),
          ...(Option.isSome(to) ? { to: to.value } : undefined)
        }
        let messages: ReadonlyArray<Message> = yield* client.server.inbox({ query })
        if (messages.length === 0 && !json) yield* Console.error(follow ? "no e-mail yet" : "no e-mail")
        let after: string | undefined
        while (true) {
          yield* Effect.forEach(messages, json ? showJson : show, { discard: true })
          if (!follow) return
          after = messages.at(-1)?.tokenId ?? after
          messages = yield* client.server.inbox({
            query: { ...query, wait, ...(after === undefined ? undefined : { after }) }
          })
        }
      })
    )
).pipe(
  Command.withDescription("Show the e-mails of a server on this machine, the newest last"),
  Command.withExamples([
    { command: "effect-app-services inbox --follow", description: "The links of all e-mails, as they arrive" },
    { command: "effect-app-services inbox --to ada@example.com --json", description: "For a script" }
  ])
)
