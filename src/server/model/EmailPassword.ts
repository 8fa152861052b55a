/** The definition of the provider `local-userpass`. */
import type { AppFunction, Handler } from "./AppFunction.ts"
import * as MailTemplate from "./MailTemplate.ts"

/**
 * How e-mail addresses are confirmed and passwords reset. E-mails are in the server's inbox; a `Mailer` sends them.
 *
 * An address is confirmed at registration (`autoConfirm`), by a function, or by the link of an e-mail. Without any of
 * these settings it is confirmed at registration.
 *
 * @category models
 * @since 0.1.0
 */
export interface EmailPasswordOptions {
  /**
   * Whether an address is confirmed at registration. It takes precedence over the other two ways.
   *
   * @default true, if there are neither a `confirmationFunction` nor an `emailConfirmationUrl`
   */
  readonly autoConfirm?: boolean | undefined
  /** Receives `{ token, tokenId, username }` and returns `{ status: "success" | "pending" | "fail" }`. */
  readonly confirmationFunction?: string | Handler | undefined
  /**
   * Receives `{ username, password, token, tokenId, currentPasswordValid }` and the caller's arguments, and returns
   * `{ status: "success" | "pending" | "fail" }`.
   */
  readonly resetFunction?: string | Handler | undefined
  /** The page that e-mails for confirmation link to, with `token` and `tokenId` in the query. */
  readonly emailConfirmationUrl?: string | undefined
  /** The page that e-mails for a new password link to, with `token` and `tokenId` in the query. */
  readonly resetPasswordUrl?: string | undefined
  /**
   * The subjects and texts of the e-mails, with variables such as `{{url}}`.
   *
   * @default the subjects "Please confirm your email address" and "Reset your password", and a text with the link
   */
  readonly mails?:
    | { readonly [Kind in MailTemplate.MailKind]?: MailTemplate.MailTemplateOptions | undefined }
    | undefined
}

/**
 * The provider `local-userpass` as the server runs it. `autoConfirm` comes before a confirmation function.
 *
 * @category models
 * @since 0.1.0
 */
export interface EmailPassword {
  readonly autoConfirm: boolean
  readonly confirmationFunction: AppFunction | undefined
  readonly resetFunction: AppFunction | undefined
  readonly emailConfirmationUrl: string | undefined
  readonly resetPasswordUrl: string | undefined
  readonly mails: { readonly [Kind in MailTemplate.MailKind]: MailTemplate.MailTemplate }
}

/** Completes the options; `find` finds a function by its name. */
export const makeEmailPassword = (
  {
    autoConfirm,
    confirmationFunction,
    emailConfirmationUrl,
    mails,
    resetFunction,
    resetPasswordUrl
  }: EmailPasswordOptions,
  find: (name: string, definition: string | Handler | undefined) => AppFunction | undefined
): EmailPassword => ({
  autoConfirm: autoConfirm ?? (confirmationFunction === undefined && emailConfirmationUrl === undefined),
  confirmationFunction: find("confirmation", confirmationFunction),
  resetFunction: find("reset", resetFunction),
  emailConfirmationUrl,
  resetPasswordUrl,
  mails: makeMails({ confirmation: emailConfirmationUrl, reset: resetPasswordUrl }, mails)
})

/** The templates of the e-mails; `pages` are the pages that they link to. */
export const makeMails = (
  pages: { readonly [Kind in MailTemplate.MailKind]: string | null | undefined },
  options: EmailPasswordOptions["mails"]
): EmailPassword["mails"] => {
  const template = (kind: MailTemplate.MailKind) => MailTemplate.make(kind, (pages[kind] ?? "") !== "", options?.[kind])
  return { confirmation: template("confirmation"), reset: template("reset") }
}
