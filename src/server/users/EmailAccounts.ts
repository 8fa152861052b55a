/**
 * Accounts with e-mail address and password: registration, confirmation, password reset.
 *
 * Confirmation and reset use a token that an e-mail or a function of the application delivers to the user. Tokens are
 * random, stored as digests, and valid for one use within 30 minutes.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as SecureRandom from "effect/crypto/SecureRandom"
import * as DateTime from "effect/DateTime"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import * as Hex from "effect/encoding/Hex"
import * as Layer from "effect/Layer"
import * as Option from "effect/Option"
import * as Redacted from "effect/Redacted"
import { BadRequest, body, Conflict, NotFound, unsupportedProvider } from "../model/ApiErrors.ts"
import type { App, AppFunction } from "../model/App.ts"
import type { HostedApp } from "../model/Apps.ts"
import * as Digest from "./Digest.ts"
import { type FunctionRequest, systemUser } from "../model/FunctionContext.ts"
import { FunctionRunner } from "../model/FunctionRunner.ts"
import * as Ids from "../model/Ids.ts"
import * as MailTemplate from "../model/MailTemplate.ts"
import { PublicUrl } from "../model/PublicUrl.ts"
import { Inbox } from "./Inbox.ts"
import { PasswordHasher } from "./PasswordHasher.ts"
import { type Account, type EmailTokenKind, UserStore } from "./UserStore.ts"

/** The application of a request, and the request data that functions see. */
export interface RequestOrigin {
  readonly hosted: HostedApp
  readonly request: FunctionRequest | undefined
}

export interface EmailPassword {
  readonly email: string
  readonly password: Redacted.Redacted
}

/** The token of an e-mail's link. */
export interface LinkToken {
  readonly token: Redacted.Redacted
  readonly tokenId: string
}

/** The decision of a function: `pending` waits for the token. */
export type Decision = "success" | "pending"

/** The shape of {@link EmailAccounts}. */
export interface Service {
  readonly register: (origin: RequestOrigin, account: EmailPassword) => Effect.Effect<void, BadRequest | Conflict>
  /** Creates an account with a confirmed address. */
  readonly create: (hosted: HostedApp, account: EmailPassword) => Effect.Effect<Account, BadRequest | Conflict>
  /** Sets the password of an account, and ends its user's sessions. */
  readonly setPassword: (hosted: HostedApp, account: EmailPassword) => Effect.Effect<void, BadRequest | NotFound>
  readonly confirm: (origin: RequestOrigin, token: LinkToken) => Effect.Effect<void, BadRequest>
  readonly sendConfirmation: (origin: RequestOrigin, email: string) => Effect.Effect<void, BadRequest | NotFound>
  readonly callConfirmation: (origin: RequestOrigin, email: string) => Effect.Effect<Decision, BadRequest | NotFound>
  readonly reset: (
    origin: RequestOrigin,
    token: LinkToken,
    password: Redacted.Redacted
  ) => Effect.Effect<void, BadRequest>
  readonly sendReset: (origin: RequestOrigin, email: string) => Effect.Effect<void, BadRequest | NotFound>
  readonly callReset: (
    origin: RequestOrigin,
    account: EmailPassword,
    args: ReadonlyArray<unknown>
  ) => Effect.Effect<Decision, BadRequest | NotFound>
}

/** Registers accounts, confirms their addresses and resets their passwords. */
export class EmailAccounts extends Context.Service<EmailAccounts, Service>()(
  "effect-app-services/server/users/EmailAccounts"
) {
  /** Builds the service. */
  static readonly make: Effect.Effect<
    Service,
    never,
    UserStore | Inbox | FunctionRunner | PasswordHasher | SecureRandom.SecureRandom
  > = Effect.gen(function* () {
    const store = yield* UserStore
    const inbox = yield* Inbox
    const functions = yield* FunctionRunner
    const hasher = yield* PasswordHasher
    const random = yield* SecureRandom.SecureRandom
    const newId = Effect.provideService(Ids.objectId, SecureRandom.SecureRandom, random)

    const issue = Effect.fnUntraced(function* (app: App, { email, id: accountId }: Account, kind: EmailTokenKind) {
      const token = Redacted.make(Hex.encode(yield* random.randomBytes(tokenBytes)))
      const id = yield* newId
      const expiresAt = (yield* Clock.currentTimeMillis) + tokenLifetime
      yield* store.createEmailToken(app.id, { id, kind, accountId, email, digest: Digest.of(token), expiresAt })
      return { token, tokenId: id }
    })

    const take = Effect.fnUntraced(function* (app: App, kind: EmailTokenKind, { token, tokenId }: LinkToken) {
      const wellFormed = new RegExp(`^[0-9a-f]{${tokenBytes * 2}}$`).test(Redacted.value(token))
      if (!wellFormed || !Ids.isObjectId(tokenId))
        return yield* new BadRequest(body("invalid token data", "BadRequest"))
      const found = yield* store.takeEmailToken(app.id, { id: tokenId, kind, digest: Digest.of(token) })
      if (Option.isNone(found) || found.value.expiresAt <= (yield* Clock.currentTimeMillis)) return yield* spentToken
      return found.value
    })

    const mail = Effect.fnUntraced(function* (app: App, account: Account, kind: EmailTokenKind) {
      const { emailConfirmationUrl, mails, resetPasswordUrl } = yield* providerOf(app)
      const { token, tokenId } = yield* issue(app, account, kind)
      const page = kind === "confirmation" ? emailConfirmationUrl : resetPasswordUrl
      const base = page?.startsWith("/") === true ? ((yield* PublicUrl) ?? "") : ""
      const url = page === undefined || page === "" ? undefined : link(`${base}${page}`, { token, tokenId })
      const { email } = account
      const { html, subject, text } = MailTemplate.render(mails[kind], {
        app: app.name,
        email,
        url: url ?? Redacted.make(""),
        token,
        tokenId
      })
      yield* inbox.deliver({
        app: app.id,
        to: email,
        kind,
        subject,
        ...(url === undefined ? undefined : { url }),
        token,
        tokenId,
        text,
        ...(html === undefined ? undefined : { html }),
        at: yield* DateTime.now
      })
    })

    /** Calls a function of the application; its token stays valid only if the function answers `pending`. */
    const ask = Effect.fnUntraced(function* (
      { hosted: { app }, request }: RequestOrigin,
      fn: AppFunction,
      account: Account,
      kind: EmailTokenKind,
      more: Readonly<Record<string, unknown>> = {},
      args: ReadonlyArray<unknown> = []
    ) {
      const issued = yield* issue(app, account, kind)
      const token = Redacted.value(issued.token)
      const question = { username: account.email, ...more, token, tokenId: issued.tokenId }
      const decision = yield* functions.run({ app, user: systemUser, request }, fn, [question, ...args]).pipe(
        Effect.map(decisionOf),
        Effect.mapError((error) => new BadRequest(body(error.message, error.code)))
      )
      if (decision !== "pending") {
        yield* store.takeEmailToken(app.id, { id: issued.tokenId, kind, digest: Digest.of(issued.token) })
      }
      return decision
    })

    const askToConfirm = Effect.fnUntraced(function* (origin: RequestOrigin, fn: AppFunction, account: Account) {
      const decision = yield* ask(origin, fn, account, "confirmation")
      if (decision === "fail") {
        return yield* new BadRequest(body(`failed to confirm user "${account.email}"`, "BadRequest"))
      }
      if (decision === "success")
        yield* store.updateAccount(origin.hosted.app.id, { ...nameOf(account), confirmed: true })
      return decision
    })

    const find = Effect.fnUntraced(function* (app: App, email: string) {
      const account = Option.getOrUndefined(yield* store.account(app.id, email))
      return account ?? (yield* new NotFound(body("user not found", "UserNotFound")))
    })

    /** Sets a password, and ends all sessions that began with the old one. */
    const setPassword = Effect.fnUntraced(function* (
      app: App,
      account: Pick<Account, "id" | "email">,
      password: Redacted.Redacted
    ) {
      const passwordHash = yield* hasher.hash(password)
      if (!(yield* store.updateAccount(app.id, { ...nameOf(account), passwordHash }))) return yield* spentToken
      const user = yield* store.userByIdentity(app.id, "local-userpass", account.id)
      if (Option.isSome(user)) yield* store.deleteSessions(app.id, user.value.id)
    })

    /** An account to be saved; a concurrent registration of the address may win. */
    const newAccount = Effect.fnUntraced(function* (app: App, { email, password }: EmailPassword, confirmed: boolean) {
      if (!isAddress(email)) return yield* new BadRequest(body("email invalid", "BadRequest"))
      yield* checkPassword(password)
      if (Option.isSome(yield* store.account(app.id, email))) return yield* taken
      const passwordHash = yield* hasher.hash(password)
      const account: Account = { id: yield* newId, email, passwordHash, confirmed }
      return account
    })

    const save = (app: App, account: Account) => Effect.mapError(store.createAccount(app.id, account), () => taken)

    return EmailAccounts.of({
      register: Effect.fn("EmailAccounts.register")(function* (origin, input) {
        const { app } = origin.hosted
        const { autoConfirm, confirmationFunction } = yield* providerOf(app)
        const account = yield* newAccount(app, input, autoConfirm)
        const saved = save(app, account)
        if (autoConfirm) return yield* saved
        if (confirmationFunction === undefined) {
          return yield* Effect.uninterruptible(Effect.andThen(saved, mail(app, account, "confirmation")))
        }
        // an address is not registered if the function rejects it, or the client disconnects before the decision
        const decided = askToConfirm(origin, confirmationFunction, account)
        yield* Effect.uninterruptibleMask((restore) =>
          Effect.andThen(
            saved,
            Effect.onError(restore(decided), () => store.deleteAccount(app.id, account.email))
          )
        )
      }),
      create: Effect.fn("EmailAccounts.create")(function* ({ app }, input) {
        yield* providerOf(app)
        const account = yield* newAccount(app, input, true)
        yield* save(app, account)
        return account
      }),
      setPassword: Effect.fn("EmailAccounts.setPassword")(function* ({ app }, { email, password }) {
        yield* providerOf(app)
        yield* checkPassword(password)
        yield* setPassword(app, yield* find(app, email), password)
      }, Effect.uninterruptible),
      confirm: Effect.fn("EmailAccounts.confirm")(function* ({ hosted: { app } }, token) {
        yield* providerOf(app)
        const { accountId, email } = yield* take(app, "confirmation", token)
        if (!(yield* store.updateAccount(app.id, { id: accountId, email, confirmed: true }))) return yield* spentToken
      }, Effect.uninterruptible),
      sendConfirmation: Effect.fn("EmailAccounts.sendConfirmation")(function* ({ hosted: { app } }, email) {
        const { confirmationFunction } = yield* providerOf(app)
        const account = yield* find(app, email)
        if (account.confirmed) return yield* alreadyConfirmed
        if (confirmationFunction !== undefined) {
          return yield* new BadRequest(body("please confirm the email via function", "BadRequest"))
        }
        yield* mail(app, account, "confirmation")
      }),
      callConfirmation: Effect.fn("EmailAccounts.callConfirmation")(function* (origin, email) {
        const { app } = origin.hosted
        const { autoConfirm, confirmationFunction } = yield* providerOf(app)
        const cannot = (why: string) =>
          new BadRequest(body(`cannot run confirmation for ${email}: ${why}`, "BadRequest"))
        if (autoConfirm) return yield* cannot("automatic confirmation is enabled")
        if (confirmationFunction === undefined) return yield* cannot("there is no confirmation function")
        const account = yield* find(app, email)
        if (account.confirmed) return yield* alreadyConfirmed
        return yield* askToConfirm(origin, confirmationFunction, account)
      }),
      reset: Effect.fn("EmailAccounts.reset")(function* ({ hosted: { app } }, token, password) {
        yield* providerOf(app)
        // an invalid password does not use up the token
        yield* checkPassword(password)
        const { accountId, email } = yield* take(app, "reset", token)
        yield* setPassword(app, { id: accountId, email }, password)
      }, Effect.uninterruptible),
      sendReset: Effect.fn("EmailAccounts.sendReset")(function* ({ hosted: { app } }, email) {
        const { resetFunction } = yield* providerOf(app)
        if (resetFunction !== undefined) {
          return yield* new BadRequest(body("please use reset password via function", "BadRequest"))
        }
        yield* mail(app, yield* find(app, email), "reset")
      }),
      callReset: Effect.fn("EmailAccounts.callReset")(function* (origin, { email, password }, args) {
        const { app } = origin.hosted
        const { resetFunction } = yield* providerOf(app)
        if (resetFunction === undefined) {
          return yield* new BadRequest(body("please use reset password via email", "BadRequest"))
        }
        yield* checkPassword(password)
        const account = yield* find(app, email)
        const currentPasswordValid = yield* hasher.verify(password, account.passwordHash)
        const question = { password: Redacted.value(password), currentPasswordValid }
        const decision = yield* ask(origin, resetFunction, account, "reset", question, args)
        if (decision === "fail") return yield* new BadRequest(body(`failed to reset password for user "${email}"`))
        if (decision === "success") yield* Effect.uninterruptible(setPassword(app, account, password))
        return decision
      })
    })
  })

  static readonly layer: Layer.Layer<
    EmailAccounts,
    never,
    UserStore | Inbox | FunctionRunner | PasswordHasher | SecureRandom.SecureRandom
  > = Layer.effect(EmailAccounts, EmailAccounts.make)
}

const tokenLifetime = Duration.toMillis(Duration.minutes(MailTemplate.lifetimeMinutes))
const tokenBytes = 64

const providerOf = ({ providers: { emailPassword } }: App) =>
  emailPassword === undefined ? Effect.fail(unsupportedProvider("local-userpass")) : Effect.succeed(emailPassword)

/** Accepts any string of an address's length: an invalid address does not receive mail. */
const isAddress = (email: string): boolean => email !== "" && email.length <= 320

const checkPassword = (password: Redacted.Redacted) => {
  const { length } = Redacted.value(password)
  return length < 6 || length > 128
    ? Effect.fail(new BadRequest(body("password must be between 6 and 128 characters", "BadRequest")))
    : Effect.void
}

const nameOf = ({ email, id }: Pick<Account, "id" | "email">) => ({ email, id })

const taken = new Conflict(body("name already in use", "AccountNameInUse"))
const spentToken = new BadRequest(body("userpass token is expired or invalid", "UserpassTokenInvalid"))
const alreadyConfirmed = new BadRequest(body("already confirmed", "UserAlreadyConfirmed"))

const decisionOf = (result: unknown): Decision | "fail" => {
  const status = typeof result === "object" && result !== null && "status" in result ? result.status : undefined
  return status === "success" || status === "pending" ? status : "fail"
}

/** The URL of a page with the token in its query. */
const link = (page: string, { token, tokenId }: LinkToken): Redacted.Redacted => {
  const [, address = "", fragment = ""] = /^([^#]*)(.*)$/s.exec(page) ?? []
  const query = `token=${Redacted.value(token)}&tokenId=${tokenId}`
  return Redacted.make(`${address}${address.includes("?") ? "&" : "?"}${query}${fragment}`)
}
