/** Prints e-mails, a line each: for people, or as JSON for scripts. */
import * as Console from "effect/Console"
import * as Effect from "effect/Effect"
import * as Redacted from "effect/Redacted"
import * as Schema from "effect/Schema"
import { Message } from "../server/users/Inbox.ts"
import { printable } from "./terminal.ts"

/** For people, with the link to open. */
export const show = ({ app, kind, subject, to, token, tokenId, url }: Message) =>
  Console.log(
    `e-mail to ${printable(to)} (${app}, ${kind}): ${subject}: ` +
      (url === undefined ? `token ${Redacted.value(token)} tokenId ${tokenId}` : Redacted.value(url))
  )

const encode = Schema.encodeEffect(
  Schema.fromJsonString(Schema.Struct({ event: Schema.Literal("mail"), ...Message.fields }))
)

/** For scripts. */
export const showJson = (message: Message) =>
  Effect.flatMap(Effect.orDie(encode({ event: "mail", ...message })), (line) => Console.log(line))
