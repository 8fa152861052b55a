/** SMTP URLs, e-mails and errors for `nodemailer`. */
import * as Predicate from "effect/Predicate"
import * as DateTime from "effect/DateTime"
import * as Redacted from "effect/Redacted"
import * as Result from "effect/Result"
import type { SendMailOptions } from "nodemailer"
import type { Message } from "../../server/users/Inbox.ts"
import { MailerError } from "../../server/users/Mailer.ts"

/** A server, as its URL describes it. */
export interface Settings {
  readonly host: string
  readonly port: number
  /** Whether TLS begins at once, by STARTTLS, or not at all. */
  readonly tls: "immediate" | "required" | "off"
  readonly user: string
  readonly password: Redacted.Redacted
}

const expected = "expected smtp://USER:PASSWORD@HOST:PORT or smtps://..."

/** Reads a URL. The error does not repeat it, since it has a password. */
export const read = (text: Redacted.Redacted): Result.Result<Settings, string> => {
  const raw = Redacted.value(text)
  const url = URL.canParse(raw) ? new URL(raw) : undefined
  if (url === undefined || (url.protocol !== "smtp:" && url.protocol !== "smtps:") || url.hostname === "") {
    return Result.fail(`invalid SMTP URL: ${expected}`)
  }
  if (url.pathname.length > 1 || url.hash !== "") return Result.fail(`invalid SMTP URL with a path: ${expected}`)
  const { tls, ...others } = Object.fromEntries(url.searchParams)
  const [unknown] = Object.keys(others)
  if (unknown !== undefined) return Result.fail(`unknown parameter of the SMTP URL: the only one is "tls"`)
  if (tls !== undefined && tls !== "off" && tls !== "required") {
    return Result.fail('invalid parameter "tls" of the SMTP URL: expected "required" or "off"')
  }
  const immediate = url.protocol === "smtps:"
  if (immediate && tls === "off") return Result.fail('the SMTP URL has both smtps: and "tls=off": choose one')
  const host = url.hostname.replace(/^\[|\]$/g, "")
  const local = host === "localhost" || host === "::1" || host.startsWith("127.")
  const decoded = Result.try(() => [url.username, url.password].map(decodeURIComponent))
  if (Result.isFailure(decoded)) return Result.fail(`invalid escapes in the SMTP URL: write "%" as "%25"`)
  const [user = "", password = ""] = decoded.success
  return Result.succeed({
    host,
    port: url.port === "" ? (immediate ? 465 : 587) : Number(url.port),
    tls: immediate ? "immediate" : (tls ?? (local ? "off" : "required")),
    user,
    password: Redacted.make(password)
  })
}

/** An e-mail has no attachments: nothing is read for it from files or URLs. */
export const closed = { disableFileAccess: true, disableUrlAccess: true } as const

/** How `nodemailer` connects. */
export const transportOptions = (
  { host, password, port, tls, user }: Settings,
  ca: string | ReadonlyArray<string> | undefined
) => ({
  host,
  port,
  secure: tls === "immediate",
  requireTLS: tls === "required",
  ignoreTLS: tls === "off",
  ...(user === "" ? undefined : { auth: { user, pass: Redacted.value(password) } }),
  ...(ca === undefined ? undefined : { tls: { ca: typeof ca === "string" ? ca : [...ca] } }),
  connectionTimeout: 10_000,
  greetingTimeout: 10_000,
  socketTimeout: 30_000,
  ...closed
})

/** An e-mail. Its id is that of the token, so that a repeated one is recognised by those who receive it. */
export const mail = ({ at, html, subject, text, to, tokenId }: Message, from: string): SendMailOptions => ({
  from,
  to: { name: "", address: to },
  subject,
  text: Redacted.value(text),
  ...(html === undefined ? undefined : { html: Redacted.value(html) }),
  date: DateTime.toDateUtc(at),
  messageId: `<${tokenId}@${/@([^\s<>@]+?)>?$/.exec(from)?.[1] ?? "localhost"}>`,
  headers: { "Auto-Submitted": "auto-generated" }
})

/** What `nodemailer` calls refusals of the sender, the recipient and the content. */
const ofMail = new Set(["EENVELOPE", "EMESSAGE"])

/** The server refuses the credentials, which its operator may correct, and not the e-mail. */
const ofCredentials = new Set([530, 534, 535, 538])

/** What went wrong, without the password. */
export const failure = (cause: unknown, { host, password, port }: Settings): MailerError => {
  const text = Predicate.hasProperty(cause, "message") ? String(cause.message) : String(cause)
  const code = Predicate.hasProperty(cause, "responseCode") ? Number(cause.responseCode) : 0
  const kind = Predicate.hasProperty(cause, "code") ? String(cause.code) : ""
  const final = ofMail.has(kind) && code >= 500 && code <= 599 && !ofCredentials.has(code)
  const secret = Redacted.value(password)
  return new MailerError({
    message: `${host}:${port}: ${secret === "" ? text : text.replaceAll(secret, "***")}`,
    retryable: !final
  })
}
