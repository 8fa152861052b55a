/** The texts of e-mails: templates with variables such as `{{url}}`. */
import * as Redacted from "effect/Redacted"

/** The kinds of e-mails. */
export type MailKind = "confirmation" | "reset"

/**
 * The template of an e-mail. `{{url}}` is the page with the token in its query, `{{email}}` the user's address, `{{app}}` the
 * application's name, `{{token}}` and `{{tokenId}}` are for pages that ask for them, and `{{minutes}}` is how long they are
 * valid. Values are escaped in HTML, and are one line in the subject.
 *
 * @category models
 * @since 0.1.0
 */
export interface MailTemplate {
  readonly subject: string
  /** The plain text. */
  readonly text: string
  /** The same in HTML; without it, the e-mail has the plain text only. */
  readonly html: string | undefined
}

/** Templates in place of the default ones. */
export type MailTemplateOptions = { readonly [Key in keyof MailTemplate]?: MailTemplate[Key] | undefined }

/** How long the token of an e-mail is valid, in minutes. */
export const lifetimeMinutes = 30

const subjects = {
  confirmation: "Please confirm your email address",
  reset: "Reset your password"
} as const

const requests = {
  confirmation: "To confirm {{email}} for {{app}},",
  reset: "To choose a new password of {{email}} for {{app}},"
} as const

const validity = "valid once, for {{minutes}} minutes. If you did not ask for this e-mail, ignore it."

const texts = (kind: MailKind, hasPage: boolean): Pick<MailTemplate, "text" | "html"> =>
  hasPage
    ? {
        text: `${requests[kind]} open this page:\n\n{{url}}\n\nThe link is ${validity}\n`,
        html: `<p>${requests[kind]} <a href="{{url}}">open this page</a>.</p>\n<p>The link is ${validity}</p>\n`
      }
    : {
        text: `${requests[kind]} enter this token:\n\n{{token}}\n\nand this id:\n\n{{tokenId}}\n\nThey are ${validity}\n`,
        html: `<p>${requests[kind]} enter the token <code>{{token}}</code> and the id <code>{{tokenId}}</code>.</p>\n<p>They are ${validity}</p>\n`
      }

/** Completes a template. One that has a text and no HTML is an e-mail without HTML. */
export const make = (
  kind: MailKind,
  hasPage: boolean,
  { html, subject, text }: MailTemplateOptions = {}
): MailTemplate => {
  const otherwise = texts(kind, hasPage)
  return {
    subject: subject ?? subjects[kind],
    text: text ?? otherwise.text,
    html: html ?? (text === undefined ? otherwise.html : undefined)
  }
}

/** What the variables of a template stand for. */
export interface Variables {
  readonly app: string
  readonly email: string
  /** Empty if no page is configured. */
  readonly url: Redacted.Redacted
  readonly token: Redacted.Redacted
  readonly tokenId: string
}

const variable = /\{\{\s*(\w+)\s*\}\}/g
const names = new Set(["app", "email", "url", "token", "tokenId", "minutes"])

/** The names of unknown variables in a template; they stay as they are. */
export const unknownVariables = (template: string): ReadonlyArray<string> => [
  ...new Set([...template.matchAll(variable)].flatMap(([, name = ""]) => (names.has(name) ? [] : [name])))
]

/** Fills in a template. */
export const render = (template: MailTemplate, { app, email, token, tokenId, url }: Variables) => {
  const values: Readonly<Record<string, string>> = {
    app,
    email,
    url: Redacted.value(url),
    token: Redacted.value(token),
    tokenId,
    minutes: String(lifetimeMinutes)
  }
  const fill = (text: string, escape: (value: string) => string) =>
    text.replace(variable, (whole, name: string) => (names.has(name) ? escape(values[name] ?? "") : whole))
  return {
    subject: oneLine(fill(template.subject, oneLine)),
    text: Redacted.make(fill(template.text, oneLine)),
    html: template.html === undefined ? undefined : Redacted.make(fill(template.html, (it) => escapeHtml(oneLine(it))))
  }
}

/** An address is what a client registered: without control characters it cannot add lines or headers. */
const oneLine = (text: string): string => text.replace(/[\p{C}\u2028\u2029]+/gu, " ").trim()

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;"
}

const escapeHtml = (text: string): string => text.replace(/[&<>"']/g, (character) => entities[character] ?? character)
