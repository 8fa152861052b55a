import { AppServicesError, SessionExpired } from "../AppServicesError.ts"
import type { Reason } from "../AppServicesError.ts"

/**
 * Whether a new access token may mend a refusal: the code of the protocol, or the text some hosts send instead.
 *
 * @internal
 */
export const isStaleToken = ({ reason }: AppServicesError): boolean =>
  reason._tag === "Unauthorized" && (reason.code === "InvalidSession" || reason.serverMessage === "unauthorized")

/**
 * Whether the host has spoken about the refresh token itself; a proxy's page in its place has not.
 *
 * @internal
 */
export const isVerdict = ({ reason }: AppServicesError): boolean =>
  (reason._tag === "Unauthorized" || (reason._tag === "RequestRejected" && reason.status === 403)) &&
  (reason.code !== undefined || reason.serverMessage !== undefined)

/**
 * Whether there is nothing to refresh any more.
 *
 * @internal
 */
export const isOver = ({ reason }: AppServicesError): boolean =>
  reason._tag === "SessionExpired" || reason._tag === "NotLoggedIn" || reason._tag === "UnknownUser"

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
