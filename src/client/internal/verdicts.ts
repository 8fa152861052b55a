import { AppServicesError, SessionExpired } from "../AppServicesError.ts"
import type { ErrorCode } from "../../protocol/ErrorCode.ts"
import type { Reason } from "../AppServicesError.ts"

/** The codes by which a host of the protocol refuses a refresh token, or its user. */
const verdicts = new Set<string>([
  "InvalidSession",
  "AuthError",
  "UserDisabled",
  "UserNotFound",
  "UserAppDomainMismatch"
] satisfies ReadonlyArray<ErrorCode>)

/**
 * Whether the code of a refused refresh is the host's verdict on the session. A gateway in front of the host sends none of
 * these codes.
 *
 * @internal
 */
export const isVerdictCode = (code: string | undefined): boolean => code !== undefined && verdicts.has(code)

/**
 * Whether the host has refused a disabled user, which ends the session, whichever token was sent.
 *
 * @internal
 */
export const isDisabled = ({ reason }: AppServicesError): boolean => reason._tag === "UserDisabled"

/**
 * Whether an error is the host's verdict on the refresh token or the user.
 *
 * @internal
 */
export const isVerdict = (error: AppServicesError): boolean =>
  isDisabled(error) || (!error.retryable && isVerdictCode(error.code))

/**
 * Whether the host has refused a token, in the form of the protocol.
 *
 * @internal
 */
export const isRefusedToken = ({ reason }: AppServicesError): boolean =>
  reason._tag === "Unauthorized" && reason.code === "InvalidSession"

/**
 * Whether a new access token may help: the host has refused the token by code, or by the text that some hosts send instead.
 *
 * @internal
 */
export const isStaleToken = (error: AppServicesError): boolean =>
  isRefusedToken(error) || (error.reason._tag === "Unauthorized" && error.reason.serverMessage === "unauthorized")

/**
 * Whether the session has ended, so that there is nothing left to refresh.
 *
 * @internal
 */
export const isOver = ({ reason }: AppServicesError): boolean =>
  reason._tag === "SessionExpired" ||
  reason._tag === "UserDisabled" ||
  reason._tag === "NotLoggedIn" ||
  reason._tag === "UnknownUser"

/**
 * `SessionExpired`, with the details of the answer that ended the session.
 *
 * @internal
 */
export const expired = (operation: string, userId: string, { reason }: { readonly reason: Reason }): AppServicesError =>
  new AppServicesError({
    operation,
    reason: new SessionExpired({
      userId,
      status: "status" in reason ? reason.status : 401,
      ...("code" in reason && reason.code !== undefined && { code: reason.code }),
      ...("serverMessage" in reason && reason.serverMessage !== undefined && { serverMessage: reason.serverMessage }),
      ...("link" in reason && reason.link !== undefined && { link: reason.link })
    })
  })
