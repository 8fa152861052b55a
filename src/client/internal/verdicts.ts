import { AppServicesError, SessionExpired } from "../AppServicesError.ts"
import type { ErrorCode } from "../../protocol/ErrorCode.ts"
import type { Reason } from "../AppServicesError.ts"

/** What a host of the protocol says of a refresh token, or of its user, that is good no more. */
const verdicts = new Set<string>([
  "InvalidSession",
  "AuthError",
  "UserDisabled",
  "UserNotFound",
  "UserAppDomainMismatch"
] satisfies ReadonlyArray<ErrorCode>)

/**
 * Whether a code of a refused refresh is the host's verdict on the session. A gateway in front of it has no such code,
 * whatever else it says.
 *
 * @internal
 */
export const isVerdictCode = (code: string | undefined): boolean => code !== undefined && verdicts.has(code)

/**
 * Whether the host has said that the user is disabled, which ends every session, whichever token was refused.
 *
 * @internal
 */
export const isDisabled = ({ reason }: AppServicesError): boolean => reason._tag === "UserDisabled"

/**
 * Whether the host has spoken about the refresh token itself.
 *
 * @internal
 */
export const isVerdict = (error: AppServicesError): boolean =>
  isDisabled(error) || (!error.retryable && isVerdictCode(error.code))

/**
 * Whether the host has said that a token is good no more, in its own form.
 *
 * @internal
 */
export const isRefusedToken = ({ reason }: AppServicesError): boolean =>
  reason._tag === "Unauthorized" && reason.code === "InvalidSession"

/**
 * Whether a new access token may mend a refusal: the code of the protocol, or the text some hosts send instead.
 *
 * @internal
 */
export const isStaleToken = (error: AppServicesError): boolean =>
  isRefusedToken(error) || (error.reason._tag === "Unauthorized" && error.reason.serverMessage === "unauthorized")

/**
 * Whether there is nothing to refresh any more.
 *
 * @internal
 */
export const isOver = ({ reason }: AppServicesError): boolean =>
  reason._tag === "SessionExpired" ||
  reason._tag === "UserDisabled" ||
  reason._tag === "NotLoggedIn" ||
  reason._tag === "UnknownUser"

/**
 * The end of a session, as the answer that ended it says.
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
