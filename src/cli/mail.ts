/** Prints e-mails, a line each: for people, or as JSON for scripts. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import * as Stdio from "effect/Stdio"
import { Message } from "../server/users/Inbox.ts"
import { printable } from "./terminal.ts"

const head = ({ app, kind, subject, to }: Message): string => `e-mail to ${printable(to)} (${app}, ${kind}): ${subject}`

/** For people, with the link to open. */
export const show = (message: Message) =>
  Console.log(
    `${head(message)}: ` +
      (message.url === undefined
        ? `token ${Redacted.value(message.token)} tokenId ${message.tokenId}`
        : Redacted.value(message.url))
  )

const event = { event: Schema.Literal("mail"), ...Message.fields }
const encode = Schema.encodeEffect(Schema.fromJsonString(Schema.Struct(event)))

/** For scripts. */
export const showJson = (message: Message) =>
  Effect.flatMap(Effect.orDie(encode({ event: "mail", ...message })), (line) => Console.log(line))

const { html: _html, text: _text, token: _token, url: _url, ...harmless } = event
const encodeHarmless = Schema.encodeEffect(Schema.fromJsonString(Schema.Struct(harmless)))

/**
 * How `serve` prints e-mails. Their links are worth a password, so they are printed only if that was asked for, and only on a
 * terminal: output that goes elsewhere is read by others, as a journal is.
 */
export const printer = Effect.fnUntraced(function* ({
  json,
  quiet,
  showMail
}: {
  readonly json: boolean
  readonly quiet: boolean
  readonly showMail: boolean
}) {
  const { stdoutIsTerminal } = yield* Stdio.Stdio
  const links = showMail && !quiet && !json && (yield* stdoutIsTerminal)
  if (showMail && !links) {
    yield* Effect.logWarning(
      "--show-mail prints links on a terminal only, and not with --quiet or --json: use the inbox command"
    )
  }
  return (message: Message): Effect.Effect<void> => {
    if (links) return show(message)
    if (json) {
      const line = Effect.orDie(encodeHarmless({ event: "mail", ...message }))
      return Effect.flatMap(line, (line) => Console.log(line))
    }
    return quiet ? Effect.void : Console.log(`${head(message)}: its link is in the inbox`)
  }
})
